//! Room on the filesystems that the node's software writes to: statvfs(3),
//! proc(5) `mountinfo`.

use super::facts::Disk;
use crate::board::Reading;
use nixl_cluster::reason;
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

/// A share of a large disk is room enough, so the share ends at a size.
const LOW: Bound = Bound { percent: 10, least_bytes: 1 << 30, most_bytes: 5 << 30 };
const FULL: Bound = Bound { percent: 2, least_bytes: 100 << 20, most_bytes: 1 << 30 };

struct Bound {
    percent: u64,
    least_bytes: u64,
    most_bytes: u64,
}

impl Bound {
    fn passed(&self, disk: &Disk) -> bool {
        let share = disk.size_bytes / 100 * self.percent;
        let bytes = share.clamp(self.least_bytes, self.most_bytes);
        // A disk smaller than that would never have enough.
        disk.available_bytes < bytes.min(disk.size_bytes / 2) || self.inodes_passed(disk)
    }

    fn inodes_passed(&self, disk: &Disk) -> bool {
        disk.inodes > 0 && disk.available_inodes < disk.inodes / 100 * self.percent
    }
}

/// Filesystems made to be read only.
const IMAGES: [&str; 3] = ["squashfs", "erofs", "iso9660"];

/// Looks at the filesystems below these folders, each once; `root` is `/` on a
/// node. Folders that are not there are left out.
///
/// # Errors
/// If one that is there cannot be looked at.
pub fn read(root: &Path, folders: &[&Path]) -> io::Result<Vec<Disk>> {
    let mounts = std::fs::read_to_string(root.join("proc/self/mountinfo")).unwrap_or_default();
    let mut found: Vec<(u64, Disk)> = Vec::new();
    for folder in folders {
        let path = root.join(folder.strip_prefix("/").unwrap_or(folder));
        let device = match std::fs::metadata(&path) {
            Ok(metadata) => metadata.dev(),
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            Err(error) => return Err(error),
        };
        let name = folder.display().to_string();
        if let Some((_, disk)) = found.iter_mut().find(|(known, _)| *known == device) {
            disk.paths.push(name);
            continue;
        }
        let room = rustix::fs::statvfs(&path)?;
        let used = room.f_blocks.saturating_sub(room.f_bfree);
        let disk = Disk {
            paths: vec![name],
            size_bytes: (used + room.f_bavail) * room.f_frsize,
            available_bytes: room.f_bavail * room.f_frsize,
            inodes: room.f_files,
            available_inodes: room.f_favail,
            read_only: read_only(&mounts, device),
        };
        found.push((device, disk));
    }
    Ok(found.into_iter().map(|(_, disk)| disk).collect())
}

/// Whether the superblock of this device is read-only. The mounts that the
/// daemon's own sandbox sees are, without meaning anything.
fn read_only(mountinfo: &str, device: u64) -> bool {
    let number = format!("{}:{}", rustix::fs::major(device), rustix::fs::minor(device));
    mountinfo.lines().any(|line| {
        let Some((mount, filesystem)) = line.split_once(" - ") else { return false };
        let mut filesystem = filesystem.split(' ');
        let kind = filesystem.next().unwrap_or_default();
        let options = filesystem.nth(1).unwrap_or_default();
        mount.split(' ').nth(2) == Some(number.as_str())
            && !IMAGES.contains(&kind)
            && options.split(',').next() == Some("ro")
    })
}

/// Whether one is worth a look at what fills it.
pub fn low(disk: &Disk) -> bool {
    LOW.passed(disk)
}

/// What is left on one; `filler` is what takes most of it, if that was found.
pub fn judge(disk: &Disk, filler: Option<&str>) -> Reading {
    let about = disk.paths.first().cloned().unwrap_or_default();
    let paths = disk.paths.join(", ");
    if disk.read_only {
        let evidence = format!("the filesystem of {paths} has become read-only");
        return Reading::bad(&reason::DISK_READ_ONLY, evidence).about(about);
    }
    let reason = if FULL.passed(disk) {
        &reason::DISK_FULL
    } else if LOW.passed(disk) {
        &reason::DISK_LOW
    } else {
        return Reading::good(disk.available_bytes).unit("By").about(about);
    };
    let percent = |part: u64, whole: u64| part.saturating_mul(100) / whole.max(1);
    let mut evidence = format!(
        "{} MiB of {} MiB ({} %) are left on the filesystem of {paths}",
        disk.available_bytes >> 20,
        disk.size_bytes >> 20,
        percent(disk.available_bytes, disk.size_bytes),
    );
    if LOW.inodes_passed(disk) {
        let left = percent(disk.available_inodes, disk.inodes);
        evidence = format!("{evidence}, and {} inodes ({left} %)", disk.available_inodes);
    }
    if let Some(filler) = filler {
        evidence = format!("{evidence}; {filler}");
    }
    Reading::bad(reason, evidence)
        .field("available_bytes", disk.available_bytes)
        .field("size_bytes", disk.size_bytes)
        .field("available_inodes", disk.available_inodes)
        .value(disk.available_bytes)
        .unit("By")
        .about(about)
}

/// Whether a folder takes files.
pub fn judge_folder(folder: &Path, tried: &io::Result<()>) -> Reading {
    match tried {
        Ok(()) => Reading::good(folder.display().to_string()),
        Err(error) => {
            let evidence = format!("a file in {} could not be written: {error}", folder.display());
            Reading::bad(&reason::STATE_UNWRITABLE, evidence)
        }
    }
}

/// Writes a file and removes it.
///
/// # Errors
/// What stands against it.
pub fn try_folder(folder: &Path) -> io::Result<()> {
    use std::io::Write as _;
    let mut file = tempfile::Builder::new().prefix(".try-").tempfile_in(folder)?;
    // A full disk still has room for an empty file.
    file.write_all(&[0; 4096])?;
    file.as_file().sync_data()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn disk(size: u64, available: u64) -> Disk {
        Disk {
            paths: vec!["/".to_owned(), "/var/log".to_owned()],
            size_bytes: size << 20,
            available_bytes: available << 20,
            inodes: 0,
            available_inodes: 0,
            read_only: false,
        }
    }

    #[test]
    fn low_and_full_are_shares_within_bounds() {
        let code = |size, available| judge(&disk(size, available), None).code();
        let (low, full) = (Some("system.disk_low"), Some("system.disk_full"));
        assert_eq!(code(40_000, 4_100), None);
        assert_eq!(code(40_000, 3_900), low);
        assert_eq!(code(40_000, 790), full);
        assert_eq!((code(8_000_000, 5_200), code(8_000_000, 1_000)), (None, full));
        assert_eq!((code(4_000, 1_100), code(4_000, 900), code(4_000, 90)), (None, low, full));
        assert_eq!(code(8, 5), None, "a small one has its half");
    }

    #[test]
    fn inodes_run_out_too() {
        let mut disk = disk(100_000, 50_000);
        (disk.inodes, disk.available_inodes) = (1_000, 90);
        let told = judge(&disk, Some("/var/log holds 3 MiB"));
        assert_eq!(told.code(), Some("system.disk_low"));
        let (_, evidence) = told.reason.unwrap();
        assert!(evidence.contains("90 inodes (9 %)"), "{evidence}");
        assert!(evidence.ends_with("; /var/log holds 3 MiB"), "{evidence}");
    }

    #[test]
    fn only_the_superblock_tells_of_a_read_only_filesystem() {
        let mounts = "\
            21 1 254:1 / / rw - ext4 /dev/vda1 rw,discard\n\
            22 21 254:1 / /usr ro - ext4 /dev/vda1 rw,discard\n\
            23 21 254:2 / /data rw - ext4 /dev/vdb ro,errors=remount-ro\n\
            24 21 7:1 / /snap/x ro shared:1 - squashfs /dev/loop1 ro\n";
        let is = |major, minor| read_only(mounts, rustix::fs::makedev(major, minor));
        assert!(!is(254, 1) && is(254, 2) && !is(7, 1) && !is(9, 9));
    }

    #[test]
    fn a_filesystem_is_told_once_and_what_is_missing_never() {
        let root = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(root.path().join("var/log")).unwrap();
        let folders = ["/", "/var/log", "/var/lib/nixl"].map(Path::new);
        let found = read(root.path(), &folders).unwrap();
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].paths, ["/", "/var/log"]);
        assert!(found[0].size_bytes > found[0].available_bytes);
    }

    #[test]
    fn a_folder_is_tried() {
        let folder = tempfile::tempdir().unwrap();
        let good = try_folder(folder.path());
        assert_eq!(judge_folder(folder.path(), &good).code(), None);
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
        let gone = folder.path().join("gone");
        let told = judge_folder(&gone, &try_folder(&gone));
        assert_eq!(told.code(), Some("system.state_unwritable"));
    }
}
