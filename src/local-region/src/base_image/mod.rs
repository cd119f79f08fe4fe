//! The root filesystem behind the region's public Debian image: made once by
//! mmdebstrap(1) into the cache, then customised to what an EC2 image has.

mod customise;

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use sha2::{Digest, Sha256};

use crate::backend::RootFs;

/// Release of the image.
const SUITE: &str = "bookworm";
/// What an EC2 Debian image has and this project uses.
const PACKAGES: [&str; 11] = [
    "systemd",
    "systemd-sysv",
    "dbus",
    "cloud-init",
    "iproute2",
    "curl",
    "ca-certificates",
    "procps",
    "libnss-myhostname",
    "locales",
    // Without it `cloud-init schema` accepts anything.
    "python3-jsonschema",
];

/// A base image that could not be made.
#[derive(Debug, thiserror::Error)]
pub enum BaseImageError {
    /// A file or folder.
    #[error("base image, {what}: {source}")]
    Io {
        /// What was tried.
        what: String,
        /// Why it failed.
        source: std::io::Error,
    },
    /// mmdebstrap failed.
    #[error("base image: mmdebstrap ended with {status}: {last_line} (whole output: {log})")]
    Bootstrap {
        /// Its exit status.
        status: String,
        /// Its last line.
        last_line: String,
        /// Where all of it is.
        log: String,
    },
}

fn io_error(what: impl Into<String>) -> impl FnOnce(std::io::Error) -> BaseImageError {
    let what = what.into();
    move |source| BaseImageError::Io { what, source }
}

/// Where the image is or will be; the name tells its content.
pub fn location(cache_dir: &Path) -> PathBuf {
    let mut hash = Sha256::new();
    hash.update(SUITE);
    for package in PACKAGES {
        hash.update([0]);
        hash.update(package);
    }
    for (path, content) in customise::FILES {
        hash.update([1]);
        hash.update(path);
        hash.update([0]);
        hash.update(content);
    }
    let digest = hex::encode(hash.finalize());
    cache_dir.join(format!("base-{SUITE}-{}", &digest[..12]))
}

/// The image, made if it is not in the cache; `progress` gets a line for
/// people now and then.
pub fn ensure(cache_dir: &Path, progress: &dyn Fn(&str)) -> Result<RootFs, BaseImageError> {
    let target = location(cache_dir);
    if !target.is_dir() {
        std::fs::create_dir_all(cache_dir)
            .map_err(io_error(format!("make {}", cache_dir.display())))?;
        // Beside the target, so that the last step is one rename.
        let temporary = tempfile::Builder::new()
            .prefix(".base-")
            .tempdir_in(cache_dir)
            .map_err(io_error("make a temporary folder"))?;
        let root = temporary.path().join("root");
        progress("base image: Debian is being installed into the cache (about a minute, once)");
        bootstrap(&root, &cache_dir.join("base-image.log"), progress)?;
        customise::apply(&root).map_err(io_error("customise"))?;
        match std::fs::rename(&root, &target) {
            // Another region was faster; both are the same.
            Err(_) if target.is_dir() => {}
            result => result.map_err(io_error(format!("move to {}", target.display())))?,
        }
        progress("base image: ready");
    }
    Ok(RootFs { layers: vec![target] })
}

fn bootstrap(root: &Path, log: &Path, progress: &dyn Fn(&str)) -> Result<(), BaseImageError> {
    use std::io::{BufRead, Write};
    let mut log_file =
        std::fs::File::create(log).map_err(io_error(format!("make {}", log.display())))?;
    let (reader, writer) = std::io::pipe().map_err(io_error("make a pipe"))?;
    let mut command = Command::new("mmdebstrap");
    command
        .args(["--variant=minbase", "--format=directory"])
        .arg(format!("--include={}", PACKAGES.join(",")))
        .arg(SUITE)
        .arg(root)
        .stdin(Stdio::null())
        .stdout(writer.try_clone().map_err(io_error("make a pipe"))?)
        .stderr(writer);
    let mut child = command.spawn().map_err(io_error("start mmdebstrap"))?;
    // The command still holds the pipe's writing end.
    drop(command);
    let mut last_line = String::from("no output");
    for line in std::io::BufReader::new(reader).lines() {
        let line = line.map_err(io_error("read from mmdebstrap"))?;
        writeln!(log_file, "{line}").map_err(io_error("write the log"))?;
        if let Some(step) = line.strip_prefix("I: ") {
            progress(&format!("base image: {step}"));
        }
        if !line.trim().is_empty() {
            last_line = line;
        }
    }
    let status = child.wait().map_err(io_error("wait for mmdebstrap"))?;
    if status.success() {
        return Ok(());
    }
    Err(BaseImageError::Bootstrap {
        status: status.to_string(),
        last_line,
        log: log.display().to_string(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_is_stable_and_an_image_in_the_cache_is_taken() {
        let cache = tempfile::tempdir().unwrap();
        let place = location(cache.path());
        assert_eq!(place, location(cache.path()));
        std::fs::create_dir(&place).unwrap();
        let image = ensure(cache.path(), &|line| panic!("nothing to do, but: {line}")).unwrap();
        assert_eq!(image.layers, [place]);
    }
}
