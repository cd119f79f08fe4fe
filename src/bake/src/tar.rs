//! A tar archive that is the same bytes for the same content: sorted by name,
//! no times, no owners, modes reduced to "may it be executed".
//!
//! Source: ustar interchange format, POSIX.1-2017 pax(1). Only files and
//! symbolic links are in it; folders come into being when it is unpacked.

use crate::error::{BakeError, Result};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

const BLOCK: usize = 512;
/// `name` and `linkname` fields; the `prefix` field is not needed so far.
const MAX_NAME: usize = 100;

/// Packs everything below `root`.
pub fn pack(root: &Path) -> Result<Vec<u8>> {
    let mut entries = Vec::new();
    walk(root, &mut entries)?;
    let mut named = entries
        .into_iter()
        .map(|path| {
            let name = path.strip_prefix(root).unwrap_or(&path).as_os_str().as_bytes().to_vec();
            (name, path)
        })
        .collect::<Vec<_>>();
    named.sort();

    let mut archive = Vec::new();
    for (name, path) in named {
        if name.len() > MAX_NAME {
            return Err(BakeError::NotPackable { path, why: "its name has more than 100 bytes" });
        }
        let about = std::fs::symlink_metadata(&path).map_err(|e| unreadable(&path, e))?;
        if about.is_symlink() {
            let target = std::fs::read_link(&path).map_err(|e| unreadable(&path, e))?;
            let target = target.as_os_str().as_bytes();
            if target.len() > MAX_NAME {
                return Err(BakeError::NotPackable {
                    path,
                    why: "its target has more than 100 bytes",
                });
            }
            archive.extend(header(&name, 0o777, 0, b'2', target));
        } else {
            let content = std::fs::read(&path).map_err(|e| unreadable(&path, e))?;
            let mode = if about.permissions().mode() & 0o100 == 0 { 0o644 } else { 0o755 };
            archive.extend(header(&name, mode, content.len() as u64, b'0', b""));
            archive.extend(&content);
            archive.resize(archive.len().next_multiple_of(BLOCK), 0);
        }
    }
    archive.resize(archive.len() + 2 * BLOCK, 0);
    Ok(archive)
}

fn walk(folder: &Path, found: &mut Vec<PathBuf>) -> Result<()> {
    for entry in std::fs::read_dir(folder).map_err(|e| unreadable(folder, e))? {
        let entry = entry.map_err(|e| unreadable(folder, e))?;
        let path = entry.path();
        let kind = entry.file_type().map_err(|e| unreadable(&path, e))?;
        if kind.is_dir() {
            walk(&path, found)?;
        } else if kind.is_file() || kind.is_symlink() {
            found.push(path);
        } else {
            return Err(BakeError::NotPackable { path, why: "it is neither file nor link" });
        }
    }
    Ok(())
}

fn header(name: &[u8], mode: u32, size: u64, kind: u8, target: &[u8]) -> [u8; BLOCK] {
    let mut block = [0; BLOCK];
    let mut put = |at: usize, bytes: &[u8]| block[at..at + bytes.len()].copy_from_slice(bytes);
    put(0, name);
    put(100, format!("{mode:07o}\0").as_bytes());
    put(108, b"0000000\0"); // uid
    put(116, b"0000000\0"); // gid
    put(124, format!("{size:011o}\0").as_bytes());
    put(136, b"00000000000\0"); // mtime
    put(148, b"        "); // checksum counts as spaces
    put(156, &[kind]);
    put(157, target);
    put(257, b"ustar\x0000");
    put(265, b"root\0");
    put(297, b"root\0");
    let sum: u32 = block.iter().map(|byte| u32::from(*byte)).sum();
    block[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    block
}

fn unreadable(path: &Path, source: std::io::Error) -> BakeError {
    BakeError::Unreadable { path: path.to_owned(), source }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    fn tree(names: &[&str]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for name in names {
            let path = folder.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(&path, name).unwrap();
        }
        folder
    }

    #[test]
    fn order_times_and_group_bits_do_not_matter() {
        let one = tree(&["usr/lib/a", "usr/lib/b", "etc/c"]);
        let other = tree(&["etc/c", "usr/lib/b", "usr/lib/a"]);
        let file = fs::File::options().write(true).open(other.path().join("etc/c")).unwrap();
        file.set_modified(std::time::UNIX_EPOCH).unwrap();
        file.set_permissions(fs::Permissions::from_mode(0o600)).unwrap();
        assert_eq!(pack(one.path()).unwrap(), pack(other.path()).unwrap());
    }

    #[test]
    fn content_and_the_executable_bit_do() {
        let folder = tree(&["a"]);
        let first = pack(folder.path()).unwrap();
        fs::write(folder.path().join("a"), "b").unwrap();
        let second = pack(folder.path()).unwrap();
        fs::set_permissions(folder.path().join("a"), fs::Permissions::from_mode(0o755)).unwrap();
        let third = pack(folder.path()).unwrap();
        assert!(first != second && second != third);
    }

    #[test]
    fn tar_itself_unpacks_it() {
        let folder = tree(&["usr/lib/systemd/system/a.service"]);
        fs::create_dir(folder.path().join("etc")).unwrap();
        std::os::unix::fs::symlink("/dev/null", folder.path().join("etc/masked")).unwrap();
        let to = tempfile::tempdir().unwrap();
        let archive = to.path().join("x.tar");
        fs::write(&archive, pack(folder.path()).unwrap()).unwrap();
        let status = std::process::Command::new("tar")
            .args(["--extract", "--no-same-owner", "--directory"])
            .arg(to.path())
            .arg("--file")
            .arg(&archive)
            .status()
            .unwrap();
        assert!(status.success());
        assert_eq!(
            fs::read_to_string(to.path().join("usr/lib/systemd/system/a.service")).unwrap(),
            "usr/lib/systemd/system/a.service"
        );
        assert_eq!(fs::read_link(to.path().join("etc/masked")).unwrap(), Path::new("/dev/null"));
    }

    #[test]
    fn long_names_are_refused_by_name() {
        let folder = tree(&[&"a".repeat(101)]);
        assert!(pack(folder.path()).unwrap_err().to_string().contains("100 bytes"));
    }
}
