//! Several machines at once, launched through the API.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use nixl_local_region::machine::sweep;

use crate::ground::Ground;
use crate::region::Whole;

/// Five lines that no two machines have in common.
const SELF: &str = "hostname; cat /etc/machine-id; cat /proc/sys/kernel/random/boot_id; \
                    ip -4 -o addr show dev eth0 | awk '{print $4}'; cat /sys/class/net/eth0/address";

#[tokio::test(flavor = "multi_thread")]
async fn four_machines_at_once_and_two_pairs_side_by_side_leave_nothing() {
    let Some(ground) = Ground::new() else { return };
    let whole = Whole::on(&ground);
    for launches in [&[4][..], &[2, 2]] {
        let begun = Instant::now();
        let mut ids = Vec::new();
        for count in launches {
            ids.extend(whole.launch(*count).await);
        }
        let booted = ids.iter().map(|id| ground.until(id, "systemctl is-active multi-user.target"));
        futures_util::future::join_all(booted).await;
        println!("{launches:?}: at multi-user.target after {:.1?}", begun.elapsed());
        let told =
            futures_util::future::join_all(ids.iter().map(|id| ground.until(id, SELF))).await;
        let distinct: BTreeSet<&str> = told.iter().flat_map(|text| text.lines()).collect();
        assert_eq!(distinct.len(), 5 * ids.len(), "each has its own: {told:#?}");
        whole.turn("TerminateInstances", &ids, "terminated").await;
        let of_machines = |line: &&String| line.contains("-i-") || line.contains("/i-");
        // The kernel forgets a namespace a moment after its last process.
        let deadline = Instant::now() + Duration::from_secs(5);
        while let Some(left) = ground.traces().iter().find(of_machines) {
            assert!(Instant::now() < deadline, "{left}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
    whole.region.shutdown().await;
    assert_eq!(sweep::sweep(&ground.layout), Vec::<String>::new());
    assert_eq!(ground.traces(), Vec::<String>::new());
}
