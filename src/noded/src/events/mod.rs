//! What an operator should know, as journal entries with fields and stable
//! message ids.
//!
//! `journalctl -x` explains them from `systemd/usr/lib/systemd/catalog`,
//! which `nixl-noded explain --catalog` prints, and `nixl-noded events` reads
//! them back. Every reason of the table has an id of its own too, made from
//! its code. The fields, in the journal's capitals:
//!
//! | field | |
//! |---|---|
//! | `MESSAGE_ID` | kind of the entry |
//! | `STAGE` | where in its life the node was, see [`Stage`] |
//! | `REASON` | code of the table, if there is a reason |
//! | `PEER_ID`, `PEER_RANK` | the peer it is about |
//! | `PAIR_ID` | the pair, alike on both nodes: [`nixl_cluster::pair_id`] |
//! | `RAIL` | index of the rail it is about |
//! | `CHECK`, `ABOUT` | name and componentId in `/health` |

mod check;
mod daemon;
pub mod kind;
mod peer;
mod stage;

pub use check::{Check, acknowledged, check_bad, check_good, taken_back};
pub use daemon::{
    confined, ending, environment_written, known, mlflow_denied, phase, port_taken, power_off,
    rail_open, ranked, reason, registered, slow_stop, ssm_restart, started, state_file, stopping,
    stuck, worker_died,
};
pub use kind::{KINDS, Kind, reason_id};
pub use peer::{Peer, link_bad, link_good, peer_changed, peer_reason, tag_unusable};
pub use stage::Stage;

/// An entry as severe as its reason: the level must be known where an entry is
/// written down.
macro_rules! at {
    ($severity:expr, $($entry:tt)*) => {
        match $severity {
            nixl_cluster::Severity::Info => tracing::info!($($entry)*),
            nixl_cluster::Severity::Warning => tracing::warn!($($entry)*),
            nixl_cluster::Severity::Error => tracing::error!($($entry)*),
        }
    };
}
use at;
