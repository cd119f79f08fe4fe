//! `export --lock`: which packages a disk has beside those of its image, each with its
//! version, so that an image gives the same disk as long as the archive has them.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Write as _};
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::ExportError;

const HEAD: &str = "# What a disk has beside its image. `nixl-region export --disk --lock` installs this and nothing else;\n# `--update-lock` takes what the archive has now.\n";

/// Packages and their versions, by name.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DiskLock {
    /// Version of each, as dpkg writes it.
    pub packages: BTreeMap<String, String>,
}

/// Whether a text is a name or version as Debian policy has them, 5.6.1 and 5.6.12: it
/// becomes an argument of apt.
fn plain(text: &str, more: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_alphanumeric())
        && text.chars().all(|c| c.is_ascii_alphanumeric() || more.contains(c))
}

impl DiskLock {
    /// The lock at a path, if there is one.
    ///
    /// # Errors
    /// If it cannot be read, or is no lock.
    pub fn read(path: &Path) -> Result<Option<Self>, ExportError> {
        let text = match std::fs::read_to_string(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            text => text.map_err(super::io_error(format!("read {}", path.display())))?,
        };
        let wrong = |why: String| ExportError::NoLock { path: path.to_owned(), why };
        let lock: Self = toml::from_str(&text).map_err(|error| wrong(error.to_string()))?;
        let odd =
            |(name, version): &(&String, &String)| !plain(name, "+-.") || !plain(version, "+-.~:");
        match lock.packages.iter().find(odd) {
            Some((name, version)) => Err(wrong(format!("{name} {version:?} is no package"))),
            None => Ok(Some(lock)),
        }
    }

    /// Writes it, whole or not at all.
    ///
    /// # Errors
    /// If that fails.
    pub fn write(&self, path: &Path) -> Result<(), ExportError> {
        let failed = |error| super::io_error(format!("write {}", path.display()))(error);
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
        let text = toml::to_string(self).map_err(|error| failed(io::Error::other(error)))?;
        let mut file = tempfile::Builder::new()
            .permissions(std::os::unix::fs::PermissionsExt::from_mode(0o644))
            .tempfile_in(folder.unwrap_or(Path::new(".")))
            .map_err(failed)?;
        file.write_all(HEAD.as_bytes()).map_err(failed)?;
        file.write_all(text.as_bytes()).map_err(failed)?;
        file.as_file().sync_all().map_err(failed)?;
        file.persist(path).map(drop).map_err(|error| failed(error.error))
    }

    /// Packages that are there after an installation, as `dpkg-query` lists them, and were
    /// not there before, or in another version.
    pub(super) fn added(before: &str, after: &str) -> Self {
        let before: BTreeSet<&str> = before.lines().collect();
        let new = after.lines().filter(|line| !before.contains(line));
        let pair = |line: &str| line.split_once(' ').map(|(n, v)| (n.to_owned(), v.to_owned()));
        Self { packages: new.filter_map(pair).collect() }
    }

    /// Arguments of apt that install exactly this.
    pub(super) fn wanted(&self) -> Vec<String> {
        self.packages.iter().map(|(name, version)| format!("{name}={version}")).collect()
    }

    /// What leads from this to another, a line each.
    #[must_use]
    pub fn changes(&self, to: &Self) -> Vec<String> {
        let names: BTreeSet<&String> = self.packages.keys().chain(to.packages.keys()).collect();
        let change = |name: &String| match (self.packages.get(name), to.packages.get(name)) {
            (Some(was), Some(is)) if was == is => None,
            (Some(was), Some(is)) => Some(format!("{name}: {was} -> {is}")),
            (None, Some(is)) => Some(format!("{name}: new, {is}")),
            (was, None) => was.map(|was| format!("{name}: gone, was {was}")),
        };
        names.into_iter().filter_map(change).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn lock(pairs: &[(&str, &str)]) -> DiskLock {
        let pair = |(name, version): &(&str, &str)| ((*name).to_owned(), (*version).to_owned());
        DiskLock { packages: pairs.iter().map(pair).collect() }
    }

    fn read(text: &str) -> Result<Option<DiskLock>, String> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("disk.lock");
        std::fs::write(&path, text).unwrap();
        DiskLock::read(&path).map_err(|error| error.to_string())
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(
            packages in prop::collection::btree_map("[a-z0-9][a-z0-9+.-]{1,20}", "[0-9][0-9a-zA-Z.+~:-]{0,20}", 0..8)
        ) {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("disk.lock");
            let lock = DiskLock { packages };
            lock.write(&path).unwrap();
            prop_assert_eq!(DiskLock::read(&path).unwrap(), Some(lock.clone()));
            prop_assert!(lock.changes(&lock).is_empty());
        }
    }

    #[test]
    fn what_is_new_or_of_another_version_is_added() {
        let added = DiskLock::added("bash 5.2\nudev 252.1", "bash 5.2\nlinux 6.1\nudev 252.2");
        assert_eq!(added, lock(&[("linux", "6.1"), ("udev", "252.2")]));
        assert_eq!(added.wanted(), ["linux=6.1", "udev=252.2"]);
    }

    #[test]
    fn changes_are_told_one_by_one() {
        let (old, new) = (lock(&[("a", "1"), ("b", "1")]), lock(&[("b", "2"), ("c", "1")]));
        assert_eq!(old.changes(&new), ["a: gone, was 1", "b: 1 -> 2", "c: new, 1"]);
    }

    #[test]
    fn what_would_be_more_than_a_package_is_refused() {
        assert_eq!(read("[packages]\nlinux = \"6.1\"\n"), Ok(Some(lock(&[("linux", "6.1")]))));
        for wrong in
            ["[packages]\n\"-o\" = \"1\"", "[packages]\na = \"1 b\"", "packages = 1", "x = 1"]
        {
            assert!(read(wrong).unwrap_err().contains("disk.lock"), "{wrong}");
        }
        let none = Path::new("/nowhere/disk.lock");
        assert_eq!(DiskLock::read(none).unwrap(), None);
    }
}
