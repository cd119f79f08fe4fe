//! Which process a run of the test belongs to, so that a later test can end the
//! run of one that was killed, and no other.

use sha2::{Digest as _, Sha256};
use std::fmt;
use std::path::Path;
use std::str::FromStr;

/// A process of this node: `node:boot:pid:start`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Owner {
    /// Hash of the machine id, which is not to be shown itself (machine-id(5)).
    pub node: String,
    /// The kernel's boot id.
    pub boot: String,
    /// Process id.
    pub pid: u32,
    /// Field 22 of `/proc/PID/stat`: ids of processes come again.
    pub start: u64,
}

/// Hex digits of the hash.
const NODE_CHARS: usize = 16;

impl Owner {
    /// This process; what cannot be read is `unknown` and the same as no other.
    #[must_use]
    pub fn this() -> Self {
        let read = |path| std::fs::read_to_string(path).ok().map(|text| text.trim().to_owned());
        let node = read("/etc/machine-id").filter(|id| !id.is_empty()).map(|id| {
            let hash = Sha256::new().chain_update("nixl mlflow-test ").chain_update(id).finalize();
            hex::encode(hash)[..NODE_CHARS].to_owned()
        });
        let pid = std::process::id();
        let unknown = || "unknown".to_owned();
        Self {
            node: node.unwrap_or_else(unknown),
            boot: read("/proc/sys/kernel/random/boot_id").unwrap_or_else(unknown),
            pid,
            start: start_of(Path::new("/proc"), pid).unwrap_or(0),
        }
    }

    /// Whether the process of `other` is known to be gone; `self` is this one.
    pub(super) fn is_gone(&self, other: &Self, proc: &Path) -> bool {
        let same_node = self.node == other.node && self.node != "unknown";
        let this_boot = self.boot == other.boot;
        same_node && (!this_boot || start_of(proc, other.pid) != Some(other.start))
    }
}

fn start_of(proc: &Path, pid: u32) -> Option<u64> {
    let stat = std::fs::read_to_string(proc.join(pid.to_string()).join("stat")).ok()?;
    // The second field is a name, which may hold anything.
    let (_, rest) = stat.rsplit_once(") ")?;
    rest.split(' ').nth(22 - 3)?.parse().ok()
}

impl fmt::Display for Owner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}:{}", self.node, self.boot, self.pid, self.start)
    }
}

impl FromStr for Owner {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let parts: Vec<&str> = text.split(':').collect();
        let [node, boot, pid, start] = parts[..] else { return Err(()) };
        Ok(Self {
            node: node.to_owned(),
            boot: boot.to_owned(),
            pid: pid.parse().map_err(|_| ())?,
            start: start.parse().map_err(|_| ())?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_process_that_is_gone_for_certain_is_gone() {
        let proc = tempfile::tempdir().unwrap();
        let stat = |start: u64| {
            let folder = proc.path().join("7");
            std::fs::create_dir_all(&folder).unwrap();
            let between = "0 ".repeat(22 - 4);
            std::fs::write(folder.join("stat"), format!("7 (a) b) S {between}{start} 0\n"))
                .unwrap();
        };
        let one = |node: &str, boot: &str, pid| Owner {
            node: node.to_owned(),
            boot: boot.to_owned(),
            pid,
            start: 55,
        };
        let own = one("n", "b", 9);
        let gone = |other: &Owner| own.is_gone(other, proc.path());
        stat(55);
        assert!(!gone(&one("n", "b", 7)), "it lives");
        assert!(gone(&one("n", "b", 8)), "there is none");
        assert!(gone(&one("n", "a", 7)), "the node has booted since");
        assert!(!gone(&one("m", "b", 8)), "of another node nothing is known");
        stat(56);
        assert!(gone(&one("n", "b", 7)), "another one has its id");
        let unknown = one("unknown", "b", 9);
        assert!(!unknown.is_gone(&one("unknown", "b", 8), proc.path()));
    }

    #[test]
    fn this_process_is_alive() {
        let own = Owner::this();
        assert!(own.start > 0);
        assert!(!own.is_gone(&own, Path::new("/proc")));
        assert_eq!(own.to_string().parse(), Ok(own));
        for text in ["", "a:b:c:d", "a:b:1", "a:b:1:2:3"] {
            assert_eq!(text.parse::<Owner>(), Err(()), "{text}");
        }
    }
}
