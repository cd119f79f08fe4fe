//! Where a region keeps its files and what it calls its things.
//!
//! Every name starts with `nixl-region` and carries four hex digits derived
//! from the state folder, so that `down` finds its own by name, also after
//! `kill -9`, and two regions on one computer never touch each other's.

use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

/// Default state folder.
pub const DEFAULT_STATE_DIR: &str = "/var/lib/nixl-region";
/// Default cache folder.
pub const DEFAULT_CACHE_DIR: &str = "/var/cache/nixl-region";
/// Folder of all regions' cgroups, in every hierarchy.
pub const CGROUP_PARENT: &str = "nixl-region";

/// File that marks a folder as ours; without it nothing is ever deleted.
const MARKER: &str = ".nixl-region";

/// Paths and names of one region.
#[derive(Debug, Clone)]
pub struct Layout {
    state_dir: PathBuf,
    short_id: String,
}

impl Layout {
    /// The layout of the region with this state folder (absolute or relative
    /// to the working directory; it need not exist).
    pub fn new(state_dir: &Path) -> std::io::Result<Self> {
        let absolute = std::path::absolute(state_dir)?;
        // One folder is one region, whichever link it was reached by.
        let state_dir = absolute.canonicalize().unwrap_or(absolute);
        if state_dir.to_string_lossy().contains([':', ',', '\\', '"']) {
            return Err(std::io::Error::other(format!(
                "state folder {}: a path with ':', ',', '\\' or '\"' cannot be an overlay layer",
                state_dir.display()
            )));
        }
        let digest = Sha256::digest(state_dir.as_os_str().as_encoded_bytes());
        Ok(Self { short_id: hex::encode(&digest[..2]), state_dir })
    }

    /// Four hex digits that tell this region's names from another's.
    pub fn short_id(&self) -> &str {
        &self.short_id
    }

    /// The state folder.
    pub fn state_dir(&self) -> &Path {
        &self.state_dir
    }

    /// Makes the state folder (0700) and marks it; refuses a folder that has
    /// something else in it, since `down` deletes it.
    pub fn claim(&self) -> std::io::Result<()> {
        use std::os::unix::fs::PermissionsExt;
        std::fs::create_dir_all(&self.state_dir)?;
        let marker = self.state_dir.join(MARKER);
        if !marker.exists() && std::fs::read_dir(&self.state_dir)?.next().is_some() {
            return Err(std::io::Error::other(format!(
                "{} is not empty and not a region's: choose another --state-dir",
                self.state_dir.display()
            )));
        }
        std::fs::write(marker, "a local region's state; `nixl-region down` removes it\n")?;
        std::fs::set_permissions(&self.state_dir, std::fs::Permissions::from_mode(0o700))
    }

    /// Whether the state folder is a region's.
    pub fn claimed(&self) -> bool {
        self.state_dir.join(MARKER).exists()
    }

    /// The region's process.
    pub fn pid_file(&self) -> PathBuf {
        self.state_dir.join("region.pid")
    }

    /// Held by the running region.
    pub fn lock_file(&self) -> PathBuf {
        self.state_dir.join("region.lock")
    }

    /// Says that the region has no machines, and so never made anything beside
    /// this folder.
    pub fn pretend_file(&self) -> PathBuf {
        self.state_dir.join("pretend")
    }

    /// Whether the region has no machines.
    pub fn pretends(&self) -> bool {
        self.pretend_file().exists()
    }

    /// The region's log.
    pub fn region_log(&self) -> PathBuf {
        self.state_dir.join("region.log")
    }

    /// Endpoint and keys, 0600.
    pub fn credentials_file(&self) -> PathBuf {
        self.state_dir.join("credentials.json")
    }

    /// Folder of a machine.
    pub fn machine_dir(&self, instance_id: &str) -> PathBuf {
        self.machines_dir().join(instance_id)
    }

    /// Folder of all machines.
    pub fn machines_dir(&self) -> PathBuf {
        self.state_dir.join("machines")
    }

    /// Console output of a machine.
    pub fn console_log(&self, instance_id: &str) -> PathBuf {
        self.machine_dir(instance_id).join("console.log")
    }

    /// Who runs a machine, for `exec`.
    pub fn machine_record(&self, instance_id: &str) -> PathBuf {
        self.machine_dir(instance_id).join("machine.json")
    }

    /// Folder of a build.
    pub fn build_dir(&self, build_id: &str) -> PathBuf {
        self.state_dir.join("builds").join(build_id)
    }

    /// Folder of exports under way.
    pub fn exports_dir(&self) -> PathBuf {
        self.state_dir.join("exports")
    }

    /// Folder of an MLflow server.
    pub fn mlflow_dir(&self, name: &str) -> PathBuf {
        self.state_dir.join("mlflow").join(name)
    }

    /// Network namespace with the bridge; every other namespace starts so.
    pub fn bridge_netns(&self) -> String {
        format!("nixl-region-{}", self.short_id)
    }

    /// Network namespace of a machine, and its name for nspawn.
    pub fn machine_netns(&self, instance_id: &str) -> String {
        format!("nixl-region-{}-i-{}", self.short_id, tail(instance_id))
    }

    /// The bridge's end of a machine's link; interface names end at 15.
    pub fn veth(&self, instance_id: &str) -> String {
        format!("nr{}{}", self.short_id, tail(instance_id))
    }

    /// What stands in for it on the bridge while the link is slow.
    pub fn tap(&self, instance_id: &str) -> String {
        format!("nt{}{}", self.short_id, tail(instance_id))
    }

    /// cgroup of this region, below a hierarchy's mount point.
    pub fn cgroup(&self) -> String {
        format!("{CGROUP_PARENT}/{}", self.short_id)
    }

    /// cgroup of a machine, a build or a server.
    pub fn cgroup_of(&self, what: &str) -> String {
        format!("{CGROUP_PARENT}/{}/{what}", self.short_id)
    }
}

/// The last eight characters of an id: random, and what a person recognises.
fn tail(instance_id: &str) -> String {
    let chars: Vec<char> = instance_id.chars().filter(char::is_ascii_alphanumeric).collect();
    chars[chars.len().saturating_sub(8)..].iter().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_fit_the_kernel_and_differ_between_regions() {
        let one = Layout::new(Path::new("/var/lib/one")).unwrap();
        let two = Layout::new(Path::new("/var/lib/two")).unwrap();
        let id = "i-0123456789abcdef0";
        assert_eq!(one.short_id().len(), 4);
        assert!(one.veth(id).len() <= 15, "{}", one.veth(id));
        assert_eq!(one.machine_netns(id), format!("nixl-region-{}-i-9abcdef0", one.short_id()));
        assert!(one.machine_netns(id).starts_with(&one.bridge_netns()));
        assert_ne!(one.machine_netns(id), two.machine_netns(id));
    }

    #[test]
    fn a_strange_folder_is_not_claimed() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("thesis.tex"), "x").unwrap();
        let layout = Layout::new(dir.path()).unwrap();
        let error = layout.claim().unwrap_err().to_string();
        assert!(error.contains("not empty"), "{error}");
        assert!(!layout.claimed());
    }

    #[test]
    fn a_path_that_overlayfs_would_split_is_refused() {
        assert!(Layout::new(Path::new("/var/lib/a:b")).is_err());
    }
}
