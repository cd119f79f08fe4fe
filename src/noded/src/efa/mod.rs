//! The EFA devices of this node, looked at all the time.
//!
//! ```text
//! nixl_efa::Tree ─ look ─▶ Watch (baselines, what was seen) ─▶ Snapshot ─▶ State (metrics, page, check)
//!                                                                 └─ presence, rail, counting, needs ─▶ Board
//! ```

mod counting;
pub mod name;
mod needs;
mod presence;
mod rail;
mod state;
mod watch;

pub use state::{Fabric, Snapshot, State};

use crate::board::{Board, Reading, Settle};
use nixl_cluster::{ProviderChoice, reason};
use nixl_efa::Tree;
use rustix::process::{Resource, getrlimit};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio_util::sync::CancellationToken;
use watch::Watch;

const INTERVAL: Duration = Duration::from_secs(10);
/// While devices may still come.
const STARTING_INTERVAL: Duration = Duration::from_secs(2);
/// A look is a few hundred small reads. The driver gives a device that does not
/// answer 3 s a command (efa_com.c).
const HANGS_AFTER: Duration = Duration::from_secs(20);

/// A device that comes or goes is seen twice before it is told.
const DEVICES_SETTLE: Settle = Settle { bad_after: 2, good_after: 2 };
/// A rate stays over its limit for two looks, and a minute below it.
const RATES_SETTLE: Settle = Settle { bad_after: 2, good_after: 6 };
/// An error is told at once, and for five minutes.
const ERRORS_SETTLE: Settle = Settle { bad_after: 1, good_after: 30 };

/// What this node is, as far as it matters here.
#[derive(Debug)]
pub struct Node {
    /// Its files.
    pub tree: Tree,
    /// What its fabric should run over.
    pub provider: ProviderChoice,
    /// EC2 instance type.
    pub instance_type: String,
}

/// Looks at the devices until stopped.
pub async fn run(node: Node, state: State, board: Board, stop: CancellationToken) {
    let mut watch = Watch::new(node.provider, &node.instance_type, Instant::now());
    loop {
        let tree = node.tree.clone();
        // A device may hold up its reader, not the runtime.
        let mut look = tokio::task::spawn_blocking(move || tree.look());
        let inventory = tokio::select! {
            () = stop.cancelled() => return,
            looked = async {
                match tokio::time::timeout(HANGS_AFTER, &mut look).await {
                    Ok(looked) => looked,
                    Err(_) => {
                        board.set_settled(name::DEVICES, vec![hangs()], Settle::AT_ONCE);
                        look.await
                    }
                }
            } => looked,
        };
        let now = Instant::now();
        match inventory {
            Ok(inventory) => {
                let snapshot = Arc::new(watch.take(inventory, now));
                state.put(snapshot.clone());
                let fabric = state.fabric();
                let limit = getrlimit(Resource::Memlock).current;
                for (name, readings, settle) in
                    readings(&watch, &snapshot, fabric.as_ref(), limit, now)
                {
                    board.set_settled(name, readings, settle);
                }
            }
            Err(error) => tracing::error!(%error, "the look at the EFA devices failed"),
        }
        let pause = if watch.starting(now) { STARTING_INTERVAL } else { INTERVAL };
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(pause) => {}
        }
    }
}

fn hangs() -> Reading {
    let secs = HANGS_AFTER.as_secs();
    let evidence = format!("a look at the EFA devices has not ended for {secs} s");
    Reading::bad(&reason::EFA_HANGS, evidence)
}

type Named = (&'static str, Vec<Reading>, Settle);

fn readings(
    watch: &Watch,
    snapshot: &Snapshot,
    fabric: Option<&Fabric>,
    memlock_bytes: Option<u64>,
    now: Instant,
) -> Vec<Named> {
    let there = snapshot.inventory.present().next().is_some();
    let one = |reading: Option<Reading>| reading.filter(|_| there).into_iter().collect();
    let mut devices = presence::devices(watch, snapshot, now);
    if devices.reason.is_none() && !snapshot.inventory.unreadable.is_empty() {
        devices =
            Reading { value: devices.value, ..rail::unreadable(&snapshot.inventory.unreadable) };
    }
    vec![
        (name::DEVICES, vec![devices], DEVICES_SETTLE),
        (
            name::DRIVER,
            presence::driver(watch, snapshot, now).into_iter().collect(),
            DEVICES_SETTLE,
        ),
        (name::RAIL, rail::rails(watch.wanted, snapshot), DEVICES_SETTLE),
        (name::COUNTERS, counting::rates(snapshot), RATES_SETTLE),
        (name::ERRORS, counting::errors(snapshot), ERRORS_SETTLE),
        (name::LIBFABRIC, one(needs::libfabric(fabric)), Settle::AT_ONCE),
        (name::GPU_DIRECT, one(needs::gpu_direct(snapshot)), DEVICES_SETTLE),
        (name::MEMLOCK, one(Some(needs::memlock(memlock_bytes))), Settle::AT_ONCE),
        (name::HUGE_PAGES, one(Some(needs::huge_pages(snapshot))), DEVICES_SETTLE),
    ]
}
