//! What security groups let pass from machine to machine.
//!
//! AWS judges EFA's traffic by groups alone and everything else by addresses,
//! protocols and ports, too. Here both go over one bridge as TCP and UDP, so
//! they are told apart by the rules of the receiver: what an ingress rule names
//! by protocol and port is ordinary traffic, all else stands for EFA's.
//! [`Firewall::of`] is a pure function of the state; `net` turns the result into
//! a filter on the bridge.

mod groups;
mod keeper;
#[cfg(test)]
mod tests;

pub use keeper::Keeper;

use std::collections::BTreeSet;
use std::net::Ipv4Addr;

/// What the bridge lets pass between machines; the default is nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Firewall {
    /// One entry for each machine that has an address.
    pub inbound: Vec<Inbound>,
    /// Replies to ordinary traffic pass, whatever the rules say.
    pub stateful: bool,
}

/// What reaches one machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Inbound {
    /// The machine's private address.
    pub to: Ipv4Addr,
    /// Ordinary traffic; no two entries overlap.
    pub named: Vec<Named>,
    /// Who reaches it with everything else.
    pub fabric: BTreeSet<Ipv4Addr>,
}

/// Ordinary traffic of one protocol on some ports.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Named {
    /// Number of the protocol.
    pub protocol: u8,
    /// First and last port; for ICMP type × 256 + code; for others all.
    pub ports: (u16, u16),
    /// Who may send it.
    pub from: BTreeSet<Ipv4Addr>,
}
