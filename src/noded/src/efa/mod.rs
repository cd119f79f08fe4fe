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
#[cfg(test)]
mod tests;
mod watch;

pub use state::{Fabric, Snapshot, State};

use crate::board::{Board, Reading, Settle};
use nixl_cluster::{ProviderChoice, reason};
use nixl_efa::{Inventory, Tree};
use rustix::process::{Resource, getrlimit};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::task::JoinError;
use tokio_util::sync::CancellationToken;
use watch::Watch;

/// What a look costs a device with nothing to do is nothing that matters.
const INTERVAL: Duration = Duration::from_secs(10);
/// While devices may still come.
const STARTING_INTERVAL: Duration = Duration::from_secs(1);
/// A look is a few hundred small reads; a device that does not answer a command
/// holds up its reader for 30 s (efa_com.c).
const HANGS_AFTER: Duration = Duration::from_secs(20);

/// A device that comes or goes is seen twice before it is told.
const DEVICES_SETTLE: Settle = Settle { bad_after: 2, good_after: 2 };
/// A rate that was over its limit in two looks is told until it was below for
/// so long.
const RATES_HOLD: Duration = Duration::from_secs(60);
/// An error is told at once, and until there was none for so long.
const ERRORS_HOLD: Duration = Duration::from_secs(300);

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
        let looked = tokio::select! {
            () = stop.cancelled() => return,
            looked = look(node.tree.clone(), HANGS_AFTER, &board) => looked,
        };
        let now = Instant::now();
        match looked {
            Ok(inventory) => {
                let memlock_bytes = getrlimit(Resource::Memlock).current;
                take(&mut watch, inventory, &state, memlock_bytes, now, &board);
            }
            Err(error) => tracing::error!(%error, "the look at the EFA devices failed"),
        }
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(interval(&watch, now)) => {}
        }
    }
}

fn interval(watch: &Watch, now: Instant) -> Duration {
    if watch.starting(now) { STARTING_INTERVAL } else { INTERVAL }
}

/// A device may hold up its reader, not the runtime, and not without a word.
async fn look(tree: Tree, patience: Duration, board: &Board) -> Result<Inventory, JoinError> {
    let mut look = tokio::task::spawn_blocking(move || tree.look());
    if let Ok(looked) = tokio::time::timeout(patience, &mut look).await {
        return looked;
    }
    let secs = patience.as_secs();
    let evidence = format!("a look at the EFA devices has not ended for {secs} s");
    let hangs = Reading::bad(&reason::EFA_HANGS, evidence);
    board.set_settled(name::DEVICES, vec![hangs], Settle::AT_ONCE);
    look.await
}

/// What was seen goes to all who want to know.
fn take(
    watch: &mut Watch,
    inventory: Inventory,
    state: &State,
    memlock_bytes: Option<u64>,
    now: Instant,
    board: &Board,
) {
    let snapshot = Arc::new(watch.take(inventory, now));
    state.put(snapshot.clone());
    let there = snapshot.inventory.present().next().is_some();
    let one = |reading: Option<Reading>| reading.filter(|_| there).into_iter().collect();
    let hold = |bad_after, hold: Duration| {
        let looks = hold.as_secs() / interval(watch, now).as_secs();
        Settle { bad_after, good_after: u32::try_from(looks).unwrap_or(u32::MAX) }
    };
    let told: [(_, Vec<Reading>, _); 9] = [
        (name::DEVICES, vec![presence::devices(watch, &snapshot, now)], DEVICES_SETTLE),
        (
            name::DRIVER,
            presence::driver(watch, &snapshot, now).into_iter().collect(),
            DEVICES_SETTLE,
        ),
        (name::RAIL, rail::rails(watch.wanted, &snapshot), DEVICES_SETTLE),
        (name::COUNTERS, counting::rates(&snapshot), hold(2, RATES_HOLD)),
        (name::ERRORS, counting::errors(&snapshot), hold(1, ERRORS_HOLD)),
        (name::LIBFABRIC, one(needs::libfabric(state.fabric().as_ref())), Settle::AT_ONCE),
        (name::GPU_DIRECT, one(needs::gpu_direct(&snapshot)), DEVICES_SETTLE),
        (name::MEMLOCK, one(Some(needs::memlock(memlock_bytes))), Settle::AT_ONCE),
        (name::HUGE_PAGES, one(needs::huge_pages(&snapshot)), DEVICES_SETTLE),
    ];
    for (name, readings, settle) in told {
        board.set_settled(name, readings, settle);
    }
}
