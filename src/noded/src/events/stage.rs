//! Where in its life a node is.

use nixl_cluster::Phase;

/// The way from boot to a measured pair, and the end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// Settings and metadata are read.
    Boot,
    /// The endpoints are opened.
    Open,
    /// Identity and endpoint are written to the tags.
    Register,
    /// The tags of the peers are looked for.
    Discover,
    /// Peers prove who they are.
    Handshake,
    /// Every peer is paired, or was.
    Paired,
    /// A link is measured.
    Measure,
    /// The daemon ends.
    Stop,
}

impl Stage {
    /// The field's value.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Boot => "boot",
            Self::Open => "open",
            Self::Register => "register",
            Self::Discover => "discover",
            Self::Handshake => "handshake",
            Self::Paired => "paired",
            Self::Measure => "measure",
            Self::Stop => "stop",
        }
    }

    /// Where a node of this phase is, for what belongs to no stage of its own.
    #[must_use]
    pub fn of(phase: Phase) -> Self {
        match phase {
            Phase::Booting => Self::Boot,
            // Only what keeps the endpoint from being opened fails a node.
            Phase::Failed => Self::Open,
            Phase::Registered => Self::Discover,
            Phase::Paired | Phase::Degraded => Self::Paired,
        }
    }
}
