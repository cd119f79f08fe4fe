//! Where `libfabric.so.1` is looked for: the EFA installer's folders before
//! the distribution's, because only the installer's build has a current EFA
//! provider.

use libloading::os::unix::{Library as Handle, RTLD_LOCAL, RTLD_NOW};
use std::ffi::c_void;
use std::fmt;
use std::path::{Path, PathBuf};

/// The EFA installer's folder on Amazon Linux and RHEL, then on Debian and
/// Ubuntu, then whatever the loader finds.
const DEFAULT_PATHS: [&str; 3] = [
    "/opt/amazon/efa/lib64/libfabric.so.1",
    "/opt/amazon/efa/lib/libfabric.so.1",
    "libfabric.so.1",
];

/// A file that was tried and why it was not taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attempt {
    /// Path given to the loader.
    pub path: PathBuf,
    /// The loader's words.
    pub reason: String,
}

impl fmt::Display for Attempt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The loader mostly starts its sentence with the path.
        let path = self.path.display().to_string();
        match self.reason.strip_prefix(&path) {
            Some(rest) => write!(f, "{path}{rest}"),
            None => write!(f, "{path}: {}", self.reason),
        }
    }
}

/// Paths in the order they are tried; a configured one is the only one.
pub(crate) fn candidates(configured: Option<&Path>) -> Vec<PathBuf> {
    match configured {
        Some(path) => vec![path.to_owned()],
        None => DEFAULT_PATHS.iter().map(PathBuf::from).collect(),
    }
}

/// Opens the first candidate that loads and gives its `dlopen` handle.
///
/// The handle is never closed: libfabric starts threads and registers fork
/// handlers, so unloading it is not safe.
pub(crate) fn open(candidates: &[PathBuf]) -> Result<(PathBuf, *mut c_void), Vec<Attempt>> {
    let mut tried = Vec::new();
    for path in candidates {
        // SAFETY: loading runs the library's initialisers; the caller chose
        // the path, or it is libfabric's own soname.
        match unsafe { Handle::open(Some(path), RTLD_NOW | RTLD_LOCAL) } {
            Ok(handle) => return Ok((path.clone(), handle.into_raw())),
            Err(error) => tried.push(Attempt { path: path.clone(), reason: reason(&error) }),
        }
    }
    Err(tried)
}

fn reason(error: &libloading::Error) -> String {
    match error {
        libloading::Error::DlOpen { source } => source.to_string(),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_configured_path_is_the_only_one() {
        assert_eq!(
            candidates(Some(Path::new("/x/libfabric.so"))),
            [PathBuf::from("/x/libfabric.so")]
        );
        assert_eq!(candidates(None).len(), 3);
    }

    #[test]
    fn every_path_tried_is_told() {
        let paths = [PathBuf::from("/nonexistent/a.so"), PathBuf::from("/nonexistent/b.so")];
        let tried = open(&paths).expect_err("neither exists");
        assert_eq!(tried.iter().map(|t| t.path.clone()).collect::<Vec<_>>(), paths);
        let text = tried[0].to_string();
        assert!(text.contains("No such file"), "{text}");
        assert_eq!(text.matches("/nonexistent/a.so").count(), 1, "{text}");
    }
}
