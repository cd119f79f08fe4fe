//! Whether others than this project's own measuring move bytes over the rails.

use super::Use;
use nixl_cluster::link::LinkDocument;
use nixl_efa::Tree;
use std::collections::BTreeMap;
use std::time::Duration;

/// Heartbeats, SSM, package lists and logs, where the rail is an ordinary
/// interface.
const NOISE_BYTES_PER_SEC: u64 = 1_000_000;
/// Both nodes of a link measure, each within its budget.
const MEASURING_SIDES: u64 = 2;

/// What the rails had counted when last looked at.
#[derive(Debug, Default)]
pub struct Flow {
    last: Option<(Duration, BTreeMap<String, u64>)>,
}

impl Flow {
    /// The mean since the last look; `now` on any clock that only grows.
    pub fn look(&mut self, tree: &Tree, link: &LinkDocument, now: Duration) -> Use {
        let counts: BTreeMap<String, u64> = link
            .rails
            .iter()
            .filter_map(|rail| {
                // libfabric's name of an EFA domain is the device's with its kind.
                let name = rail.domain.strip_suffix("-rdm").unwrap_or(&rail.domain);
                let bytes = tree.byte_counter(name)?.read()?;
                Some((name.to_owned(), bytes.sent.saturating_add(bytes.received)))
            })
            .collect();
        let Some((then, before)) = self.last.replace((now, counts.clone())) else {
            return Use::Unknown("the rails are looked at for the first time".to_owned());
        };
        let grown: u64 = counts
            .iter()
            .filter_map(|(name, count)| count.checked_sub(*before.get(name)?))
            .fold(0, u64::saturating_add);
        let secs = now.saturating_sub(then).as_secs().max(1);
        let peers = link.peers.len().max(1) as u64;
        let measuring = link.budget.bytes_per_sec.saturating_mul(MEASURING_SIDES * peers);
        if grown / secs > measuring.saturating_add(NOISE_BYTES_PER_SEC) {
            return Use::Used(format!("{} MB/s on the fabric", grown / secs / 1_000_000));
        }
        Use::Unused
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use nixl_cluster::link::{OneSided, Rail};

    #[test]
    fn traffic_beyond_measuring_is_use() {
        let root = tempfile::tempdir().unwrap();
        let folder = root.path().join("sys/class/net/eth0/statistics");
        std::fs::create_dir_all(&folder).unwrap();
        let count = |bytes: u64| {
            std::fs::write(folder.join("tx_bytes"), bytes.to_string()).unwrap();
            std::fs::write(folder.join("rx_bytes"), "0").unwrap();
        };
        let mut link = LinkDocument::default();
        link.budget.bytes_per_sec = 1_000_000;
        link.rails = ["eth0", "gone0"]
            .map(|domain| Rail {
                index: 0,
                provider_name: "tcp;ofi_rxm".to_owned(),
                fabric: String::new(),
                domain: domain.to_owned(),
                pci_address: None,
                speed_gbps: None,
                one_sided: OneSided::Emulated,
                numa_node: None,
                gpus: Vec::new(),
            })
            .to_vec();
        let (tree, mut flow) = (Tree::below(root.path()), Flow::default());
        let mut look = |bytes: u64, secs: u64| {
            count(bytes);
            flow.look(&tree, &link, Duration::from_secs(secs))
        };
        assert!(matches!(look(1 << 40, 0), Use::Unknown(_)));
        let base = 1 << 40;
        assert_eq!(look(base + 179_000_000, 60), Use::Unused, "3 MB/s are ours");
        let used = look(base + 479_000_000, 120);
        assert_eq!(used, Use::Used("5 MB/s on the fabric".to_owned()));
        // Counters that begin anew say nothing.
        assert_eq!(look(0, 180), Use::Unused);
    }
}
