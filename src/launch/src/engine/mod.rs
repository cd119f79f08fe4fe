//! Carrying a plan out, and taking it back.
//!
//! Every step makes sure of something and may be repeated; what is there is
//! read from AWS each time. Calls that change something are never dropped half
//! way: they are joined, not raced.

mod addresses;
mod arrival;
mod clock;
mod clusters;
mod doctor;
mod down;
mod evidence;
mod extend;
mod hold;
mod idle_stop;
mod inventory;
mod inventory_mlflow;
mod known;
mod launch;
mod lifetime;
mod links;
mod memory;
mod mlflow;
mod mlflow_life;
mod names;
mod node_role;
mod pace;
mod placement;
mod prices;
mod read;
mod read_mlflow;
mod reap;
mod record;
pub mod remote;
mod search;
mod security_group;
mod send;
mod status;
mod stop;
mod terminate;
mod tracking;
mod tracking_app;
mod tracking_power;
mod tracking_removal;
mod up;
mod wait;

pub use clock::Clock;
pub use down::{Removal, Removed};
pub use extend::{Consent, Extended};
pub use pace::Pace;
pub use reap::Look;
pub use stop::Stop;
pub use tracking_power::Power;
pub use up::Patience;
pub use wait::Goal;

use crate::progress::Progress;
use crate::services::Services;
use nixl_cluster::ClusterName;
use std::time::{SystemTime, UNIX_EPOCH};

/// One cluster in one region.
pub struct Engine<'a> {
    /// The services.
    pub services: &'a Services,
    /// Where progress is told.
    pub progress: &'a dyn Progress,
    /// Cluster.
    pub cluster: ClusterName,
    /// Region.
    pub region: String,
    /// How long and how often.
    pub pace: Pace,
}

pub(crate) fn now_secs() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

#[cfg(test)]
mod tests;
