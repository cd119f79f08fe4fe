//! What is known of the node around the daemon, for whoever shows it.

use crate::boot;
use jiff::Timestamp;
use serde::Serialize;
use std::sync::{Arc, Mutex, PoisonError};

/// The node as it was last seen; what was not seen yet is absent.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Facts {
    /// Kernel and boot.
    pub host: Option<Host>,
    /// What this instance is.
    pub instance: Option<Instance>,
    /// The kernel's clock; absent where the kernel does not tell, as in a container.
    pub clock: Option<Clock>,
    /// Filesystems that the node's software writes to, each once.
    pub disks: Vec<Disk>,
    /// Memory of the node.
    pub memory: Option<Memory>,
    /// Whether the metadata service refuses requests without a session token.
    pub tokens_required: Option<bool>,
    /// Credentials of the instance's role, without the credentials.
    pub credentials: Option<Credentials>,
    /// The SSM agent.
    pub ssm_agent: Option<SsmAgent>,
    /// How far cloud-init is.
    pub cloud_init: Option<CloudInit>,
    /// What AWS announces.
    pub notices: Notices,
    /// `nixl:expires-at`: after it the cluster may be removed.
    pub expires_at: Option<Timestamp>,
}

/// Kernel and boot.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Host {
    /// Release of the kernel, as `uname -r`.
    pub kernel: String,
    /// UUID that the kernel makes once a boot.
    pub boot_id: String,
    /// When it booted, by the calendar clock of now.
    pub booted_at: Timestamp,
}

impl Host {
    /// Seconds since the boot.
    #[must_use]
    pub fn uptime_secs(&self) -> u64 {
        let since = Timestamp::now().duration_since(self.booted_at).as_secs();
        u64::try_from(since).unwrap_or(0)
    }
}

/// What this instance is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Instance {
    /// `i-…`
    pub id: String,
    /// Type name.
    pub instance_type: String,
    /// Zone name.
    pub zone: String,
}

impl Instance {
    /// What the metadata service said at boot.
    #[must_use]
    pub fn of(instance: &boot::Instance) -> Self {
        Self {
            id: instance.id.clone(),
            instance_type: instance.instance_type.clone(),
            zone: instance.zone.clone(),
        }
    }
}

/// The kernel's clock, adjtimex(2).
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Clock {
    /// Something keeps it to the time of others.
    pub synchronised: bool,
    /// Error as that something estimates it, if the kernel could be asked for it.
    pub estimated_error_secs: Option<f64>,
    /// Largest error there can be.
    pub max_error_secs: Option<f64>,
}

/// A filesystem.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Disk {
    /// Folders that are on it, the first names it.
    pub paths: Vec<String>,
    /// What can be used by all, without what is kept for root.
    pub size_bytes: u64,
    /// What is left of that.
    pub available_bytes: u64,
    /// Number of inodes; 0 where the filesystem makes them as needed.
    pub inodes: u64,
    /// What is left of them.
    pub available_inodes: u64,
    /// The filesystem itself takes no writes, whatever a mount of it says.
    pub read_only: bool,
}

/// Memory of the node, proc(5).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Memory {
    /// `MemTotal`.
    pub total_bytes: u64,
    /// `MemAvailable`: what can be had without swapping.
    pub available_bytes: u64,
    /// Processes that the kernel has killed for memory since the boot.
    pub oom_kills: u64,
}

/// Credentials of the instance's role, without the credentials.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Credentials {
    /// Name of the role; absent where the instance has none.
    pub role: Option<String>,
    /// `Success`, or why EC2 could not get any.
    pub code: Option<String>,
    /// When EC2 got them.
    pub updated_at: Option<Timestamp>,
    /// When they end.
    pub expires_at: Option<Timestamp>,
}

/// The SSM agent, by which Session Manager and Run Command reach the node.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SsmAgent {
    /// Its unit; absent where none is installed.
    pub unit: Option<String>,
    /// `active`, `inactive`, `failed`, … as systemd says.
    pub state: Option<String>,
    /// It was restarted in this boot because the role's credentials came late.
    pub restarted: bool,
}

/// How far cloud-init is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case", tag = "state")]
pub enum CloudInit {
    /// It is not there, or switched off.
    Absent,
    /// It runs.
    Running {
        /// Name of the stage.
        stage: String,
        /// Since when it is in that stage.
        since: Option<Timestamp>,
    },
    /// It has ended.
    Done {
        /// What went wrong, as it says itself.
        errors: Vec<String>,
        /// What it could get over.
        recovered: Vec<String>,
        /// The line of its log that shows the first failure, if it can be read.
        line: Option<String>,
    },
}

/// What AWS announces of the instance.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Notices {
    /// The Spot instance will be taken back.
    pub spot: Option<SpotNotice>,
    /// When EC2 recommended to leave the Spot instance.
    pub rebalance_at: Option<Timestamp>,
    /// Scheduled events that are active.
    pub maintenance: Vec<Maintenance>,
}

/// Action of a notice that is not understood.
pub const NOT_UNDERSTOOD: &str = "unknown";

/// A Spot instance will be taken back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SpotNotice {
    /// `terminate`, `stop` or `hibernate`; or [`NOT_UNDERSTOOD`].
    pub action: String,
    /// When, about; of one that is not understood since when it is there.
    pub at: Timestamp,
}

/// A scheduled event.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Maintenance {
    /// `instance-event-…`
    pub id: String,
    /// `system-reboot`, `instance-retirement`, …
    pub code: String,
    /// In AWS's words.
    pub description: String,
    /// Begin of its window.
    pub not_before: Option<Timestamp>,
    /// End of its window.
    pub not_after: Option<Timestamp>,
}

/// The last facts; clones share them.
#[derive(Debug, Clone, Default)]
pub struct State(Arc<Mutex<Facts>>);

impl State {
    /// All of them, as of now.
    #[must_use]
    pub fn facts(&self) -> Facts {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Changes some.
    pub fn change<T>(&self, change: impl FnOnce(&mut Facts) -> T) -> T {
        change(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
