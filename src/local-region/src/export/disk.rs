//! How an exported disk is divided, and what its parts are called.

use sha2::{Digest, Sha256};
use uuid::Builder;

const MIB: u64 = 1 << 20;
/// Partitions start here by custom, and the second table at the end has as much.
const EDGE_BYTES: u64 = MIB;
/// Kernel and initrd take a third of it.
const ESP_BYTES: u64 = 128 * MIB;
/// Below this nothing fits; the files themselves are measured later.
const LEAST_BYTES: u64 = 512 * MIB;

/// The smallest disk there can be, in bytes.
pub(super) const MIN_BYTES: u64 = 2 * EDGE_BYTES + ESP_BYTES + LEAST_BYTES;

/// A GPT disk: EFI system partition, then the root filesystem to the end, so that
/// it can grow with the disk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Disk {
    disk_bytes: u64,
    image_id: String,
}

impl Disk {
    /// Whole MiB of a size that is enough.
    pub(super) fn new(bytes: u64, image_id: &str) -> Option<Self> {
        let disk_bytes = bytes / MIB * MIB;
        (disk_bytes >= MIN_BYTES).then(|| Self { disk_bytes, image_id: image_id.to_owned() })
    }

    /// Where the root filesystem starts, and its size.
    fn root(&self) -> (u64, u64) {
        let start = EDGE_BYTES + ESP_BYTES;
        (start, self.disk_bytes - start - EDGE_BYTES)
    }

    /// Size of the root filesystem.
    pub(super) fn root_bytes(&self) -> u64 {
        self.root().1
    }

    /// The same image gives the same ids.
    fn hash(&self, what: &str) -> [u8; 16] {
        let mut hash = Sha256::new();
        hash.update(what);
        hash.update([0]);
        hash.update(&self.image_id);
        let mut bytes = [0; 16];
        bytes.copy_from_slice(&hash.finalize()[..16]);
        bytes
    }

    /// Arguments of `assemble.sh` behind root and file.
    pub(super) fn arguments(&self) -> Vec<String> {
        let uuid = |what| Builder::from_custom_bytes(self.hash(what)).into_uuid().to_string();
        let (root_start, root_bytes) = self.root();
        let serial = hex::encode(&self.hash("fat")[..4]);
        let numbers = [self.disk_bytes, EDGE_BYTES, ESP_BYTES, root_start, root_bytes];
        let ids = [uuid("disk"), uuid("esp"), uuid("root"), uuid("ext4"), serial];
        numbers.iter().map(ToString::to_string).chain(ids).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn parts_are_aligned_and_leave_room_for_both_tables(bytes in MIN_BYTES..1 << 44) {
            let disk = Disk::new(bytes, "ami-1").unwrap();
            let (start, size) = disk.root();
            prop_assert_eq!(start % MIB, 0);
            prop_assert_eq!(size % MIB, 0);
            prop_assert!(size >= LEAST_BYTES);
            prop_assert_eq!(start + size + EDGE_BYTES, disk.disk_bytes);
            prop_assert!(disk.disk_bytes <= bytes && bytes - disk.disk_bytes < MIB);
        }
    }

    #[test]
    fn ids_are_the_images_own() {
        let disk = |id| Disk::new(8 << 30, id).unwrap().arguments();
        assert_eq!(disk("ami-1"), disk("ami-1"));
        let differing = disk("ami-1").iter().zip(disk("ami-2")).filter(|(a, b)| *a != b).count();
        assert_eq!(differing, 5);
        assert_eq!(Disk::new(MIN_BYTES - 1, "ami-1"), None);
    }
}
