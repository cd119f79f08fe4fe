//! SSM agents, one per machine; who plays them is `crate::agents`.

use crate::backend::Platform;
use jiff::Timestamp;
use std::collections::BTreeMap;

/// What is known of one agent.
#[derive(Debug, Clone)]
pub struct Agent {
    /// What its machine said when it booted; `None` before.
    pub platform: Option<Platform>,
    /// First ping ever: from then on its instance is a managed node.
    pub registered: Option<Timestamp>,
    /// Latest ping.
    pub last_ping: Timestamp,
    /// Whether it is heard of.
    pub connected: bool,
    /// Until then it tries nothing.
    pub sleeps_until: Timestamp,
}

impl Default for Agent {
    fn default() -> Self {
        let never = Timestamp::UNIX_EPOCH;
        Self {
            platform: None,
            registered: None,
            last_ping: never,
            connected: false,
            sleeps_until: never,
        }
    }
}

/// Agents by instance.
pub type Agents = BTreeMap<String, Agent>;
