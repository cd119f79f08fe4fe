//! Replacing a file as a whole: temp file in its folder, fsync, rename. Mode
//! and owner of the old file are kept.

use anyhow::Context as _;
use std::fs::{self, File, Permissions};
use std::io::{self, Write as _};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

const NEW_FILE_MODE: u32 = 0o644;

/// The file's bytes, `None` if there is none.
pub(super) fn read(path: &Path) -> anyhow::Result<Option<Vec<u8>>> {
    match fs::read(path) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error).with_context(|| format!("cannot read {}", path.display())),
    }
}

/// Writes `bytes` if the file says anything else; whether it did.
pub(super) fn replace(path: &Path, bytes: &[u8]) -> anyhow::Result<bool> {
    if read(path)?.as_deref() == Some(bytes) {
        return Ok(false);
    }
    write(&real(path)?, bytes).with_context(|| format!("cannot write {}", path.display()))?;
    Ok(true)
}

/// Removes the file; whether there was one.
pub(super) fn remove(path: &Path) -> anyhow::Result<bool> {
    match fs::remove_file(path) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error).with_context(|| format!("cannot remove {}", path.display())),
    }
}

/// A link is kept and what it leads to is written.
fn real(path: &Path) -> anyhow::Result<PathBuf> {
    match fs::canonicalize(path) {
        Ok(real) => Ok(real),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(path.to_owned()),
        Err(error) => Err(error).with_context(|| format!("cannot follow {}", path.display())),
    }
}

fn write(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let folder = path.parent().unwrap_or_else(|| Path::new("/"));
    fs::create_dir_all(folder)?;
    let mut temp = tempfile::Builder::new().prefix(".nixl-").tempfile_in(folder)?;
    temp.write_all(bytes)?;
    let (mode, owner) = match fs::metadata(path) {
        Ok(old) => (old.mode() & 0o7777, Some((old.uid(), old.gid()))),
        Err(_) => (NEW_FILE_MODE, None),
    };
    if let Some((uid, gid)) = owner {
        std::os::unix::fs::fchown(temp.as_file(), Some(uid), Some(gid))?;
    }
    temp.as_file().set_permissions(Permissions::from_mode(mode))?;
    temp.as_file().sync_all()?;
    temp.persist(path).map_err(|error| error.error)?;
    // The rename itself is on disk only with its folder.
    File::open(folder)?.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_stays_a_link() {
        let folder = tempfile::tempdir().unwrap();
        let (target, link) = (folder.path().join("target"), folder.path().join("link"));
        fs::write(&target, "old").unwrap();
        std::os::unix::fs::symlink(&target, &link).unwrap();
        assert!(replace(&link, b"new").unwrap());
        assert_eq!(fs::read_to_string(&target).unwrap(), "new");
        assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2, "no temp file is left");
    }

    #[test]
    fn a_new_file_is_readable_by_all() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("sub/file");
        assert!(replace(&path, b"x").unwrap() && !replace(&path, b"x").unwrap());
        assert_eq!(fs::metadata(&path).unwrap().mode() & 0o777, 0o644);
        assert!(remove(&path).unwrap() && !remove(&path).unwrap());
    }
}
