//! Capacity Reservations: room for instances, held in a zone, On-Demand or as a
//! Capacity Block.

use super::capacity_blocks::Span;
use super::ec2::Ec2;
use jiff::Timestamp;

/// What makes a reservation a Capacity Block.
#[derive(Debug, Clone)]
pub struct Block {
    /// `cb-…`
    pub id: String,
    /// When it starts.
    pub start: Timestamp,
}

/// A reservation.
#[derive(Debug, Clone)]
pub struct Reservation {
    /// `cr-…`
    pub id: String,
    /// Zone name.
    pub zone: String,
    /// Zone id.
    pub zone_id: String,
    /// Type name.
    pub instance_type: String,
    /// Instances it has room for.
    pub total: u32,
    /// Only launches that name it may use it; else all that match it do.
    pub targeted: bool,
    /// Name of the cluster placement group it was made in.
    pub placement_group: Option<String>,
    /// When it ends by itself.
    pub end: Option<Timestamp>,
    /// It was cancelled.
    pub cancelled: bool,
    /// Creation time.
    pub created: String,
    /// Client token and the request's parameters.
    pub token: Option<(String, String)>,
    /// It is a Capacity Block.
    pub block: Option<Block>,
}

impl Reservation {
    /// State in the API.
    #[must_use]
    pub fn state(&self, now: Timestamp) -> &'static str {
        match self.end {
            _ if self.cancelled => "cancelled",
            Some(end) if end <= now => "expired",
            _ if self.block.as_ref().is_some_and(|block| block.start > now) => "scheduled",
            _ => "active",
        }
    }

    /// When it is there, if it is a Capacity Block.
    #[must_use]
    pub fn span(&self) -> Option<Span> {
        Some(Span { start: self.block.as_ref()?.start, end: self.end? })
    }

    /// Whether it holds room.
    #[must_use]
    pub fn is_active(&self, now: Timestamp) -> bool {
        self.state(now) == "active"
    }

    /// Room left in it.
    #[must_use]
    pub fn available(&self, ec2: &Ec2, now: Timestamp) -> u32 {
        if !self.is_active(now) {
            return 0;
        }
        let inside = ec2.live().filter(|i| i.capacity_reservation.as_ref() == Some(&self.id));
        self.total.saturating_sub(u32::try_from(inside.count()).unwrap_or(u32::MAX))
    }
}
