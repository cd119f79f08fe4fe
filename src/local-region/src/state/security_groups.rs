//! Security groups and their rules.

use super::ids;

/// What a rule lets through to or from.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Peer {
    /// IPv4 range.
    Cidr(String),
    /// IPv6 range.
    Cidr6(String),
    /// Security group.
    Group(String),
}

/// A security group rule.
#[derive(Debug, Clone)]
pub struct Rule {
    /// `sgr-…`
    pub id: String,
    /// Outbound.
    pub egress: bool,
    /// `-1`, `tcp`, `udp`, `icmp` or a number.
    pub protocol: String,
    /// First and last port (or ICMP type and code).
    pub ports: Option<(i32, i32)>,
    /// Other side.
    pub peer: Peer,
    /// Description.
    pub description: Option<String>,
}

impl Rule {
    /// The rule every new group has.
    #[must_use]
    pub fn all_outbound() -> Self {
        Self {
            id: ids::resource("sgr"),
            egress: true,
            protocol: "-1".to_owned(),
            ports: None,
            peer: Peer::Cidr("0.0.0.0/0".to_owned()),
            description: None,
        }
    }

    /// Whether both let the same through.
    #[must_use]
    pub fn same(&self, other: &Self) -> bool {
        (self.egress, &self.protocol, self.ports, &self.peer)
            == (other.egress, &other.protocol, other.ports, &other.peer)
    }
}

/// A security group.
#[derive(Debug, Clone)]
pub struct SecurityGroup {
    /// `sg-…`
    pub id: String,
    /// Name, unique in the VPC.
    pub name: String,
    /// Description.
    pub description: String,
    /// Rules.
    pub rules: Vec<Rule>,
}
