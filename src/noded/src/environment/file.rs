//! Replacing a file as a whole: temp file in its folder, fsync, rename. Mode
//! and owner of the old file are kept.

use anyhow::Context as _;
use std::fs::{self, File, Permissions};
use std::io::{self, Write as _};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

const NEW_FILE_MODE: u32 = 0o644;
const SECRET_MODE: u32 = 0o640;

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

/// As [`replace`], for what only root and a group may read; whether anything but
/// the bytes was otherwise does not count.
pub(super) fn replace_secret(
    path: &Path,
    bytes: &[u8],
    group: Option<u32>,
) -> anyhow::Result<bool> {
    let differs = read(path)?.as_deref() != Some(bytes);
    let done = write_as(path, bytes, Some((SECRET_MODE, None, group)));
    done.with_context(|| format!("cannot write {}", path.display()))?;
    Ok(differs)
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
    let old = fs::metadata(path).ok();
    write_as(path, bytes, old.map(|old| (old.mode() & 0o7777, Some(old.uid()), Some(old.gid()))))
}

/// With a mode and owners, or as a new file.
fn write_as(
    path: &Path,
    bytes: &[u8],
    kept: Option<(u32, Option<u32>, Option<u32>)>,
) -> io::Result<()> {
    let folder = path.parent().unwrap_or_else(|| Path::new("/"));
    fs::create_dir_all(folder)?;
    let mut temp = tempfile::Builder::new().prefix(".nixl-").tempfile_in(folder)?;
    temp.write_all(bytes)?;
    let (mode, uid, gid) = kept.unwrap_or((NEW_FILE_MODE, None, None));
    if uid.is_some() || gid.is_some() {
        std::os::unix::fs::fchown(temp.as_file(), uid, gid)?;
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

    #[test]
    fn a_secret_is_its_groups_whatever_was_there() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        fs::write(&path, "old").unwrap();
        let own = rustix::process::getegid().as_raw();
        assert!(replace_secret(&path, b"x", Some(own)).unwrap());
        let is = fs::metadata(&path).unwrap();
        assert_eq!((is.mode() & 0o777, is.gid()), (0o640, own));
        assert!(!replace_secret(&path, b"x", None).unwrap());
    }
}
