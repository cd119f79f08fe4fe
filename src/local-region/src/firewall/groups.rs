//! From instances, their groups and rules to what passes.

use super::{Firewall, Inbound, Named};
use crate::rules::{Rules, network as rules};
use crate::state::ec2::{Ec2, Instance, Peer, Rule};
use std::collections::BTreeSet;
use std::net::Ipv4Addr;

/// `tcp`, `udp` and `icmp` by number.
const TCP: u8 = 6;
const UDP: u8 = 17;
const ICMP: u8 = 1;

/// A machine as the rules see it.
struct Node<'a> {
    address: Ipv4Addr,
    /// Groups of the interface that has the address.
    groups: &'a [String],
    /// Groups of each interface that carries EFA traffic.
    fabric: Vec<&'a [String]>,
}

impl<'a> Node<'a> {
    fn of(instance: &'a Instance, in_force: &Rules) -> Option<Self> {
        let primary = instance.interfaces.first()?;
        let mut fabric: Vec<&[String]> = instance
            .interfaces
            .iter()
            .filter(|interface| interface.kind != "interface")
            .map(|interface| interface.group_ids.as_slice())
            .collect();
        // A type without EFA has its fabric on what it has.
        if fabric.is_empty() || !in_force.on(&rules::EACH_EFA) {
            fabric = vec![&primary.group_ids];
        }
        Some(Self { address: primary.private_ip?, groups: &primary.group_ids, fabric })
    }
}

/// Protocol (`None`: all) and ports that a rule covers.
fn span(rule: &Rule) -> Option<(Option<u8>, u16, u16)> {
    let (first, last) = rule.ports.unwrap_or((0, i32::from(u16::MAX)));
    let clamp = |port: i32| u16::try_from(port).ok();
    match rule.protocol.as_str() {
        "-1" => Some((None, 0, u16::MAX)),
        "tcp" => Some((Some(TCP), clamp(first)?, clamp(last)?)),
        "udp" => Some((Some(UDP), clamp(first)?, clamp(last)?)),
        "icmp" => match rule.ports.unwrap_or((-1, -1)) {
            (-1, _) => Some((Some(ICMP), 0, u16::MAX)),
            (kind, -1) => Some((Some(ICMP), clamp(kind * 256)?, clamp(kind * 256 + 255)?)),
            (kind, code) => {
                let both = clamp(kind * 256 + code)?;
                Some((Some(ICMP), both, both))
            }
        },
        number => Some((Some(number.parse().ok()?), 0, u16::MAX)),
    }
}

/// Whether an ingress rule sets its traffic apart from EFA's: it names a
/// protocol, and ports where there are any. All ports of TCP or UDP name none.
fn names(rule: &Rule) -> Option<(u8, u16, u16)> {
    let (protocol, first, last) = span(rule)?;
    let protocol = protocol?;
    let every_port = matches!(protocol, TCP | UDP) && (first, last) == (0, u16::MAX);
    (!rule.egress && !every_port).then_some((protocol, first, last))
}

fn covers(rule: &Rule, protocol: u8, port: u16) -> bool {
    span(rule).is_some_and(|(of, first, last)| {
        of.is_none_or(|of| of == protocol) && (first..=last).contains(&port)
    })
}

fn contains(range: &str, address: Ipv4Addr) -> bool {
    let Some((base, bits)) = range.split_once('/') else { return false };
    let (Ok(base), Ok(bits)) = (base.parse::<Ipv4Addr>(), bits.parse::<u32>()) else {
        return false;
    };
    let mask = u32::MAX.checked_shl(32u32.saturating_sub(bits)).unwrap_or(0);
    u32::from(base) & mask == u32::from(address) & mask
}

/// The rules as one question each.
struct Judge<'a> {
    ec2: &'a Ec2,
    in_force: &'a Rules,
}

impl Judge<'_> {
    fn rules<'b>(&'b self, groups: &'b [String], egress: bool) -> impl Iterator<Item = &'b Rule> {
        groups
            .iter()
            .filter_map(|id| self.ec2.groups.get(id))
            .flat_map(|group| &group.rules)
            .filter(move |rule| rule.egress == egress)
    }

    /// Whether EFA traffic passes between two interfaces, one way.
    fn fabric(&self, (from, from_at): Side, (to, to_at): Side) -> bool {
        let opens = |rule: &Rule, groups: &[String], address| {
            rule.protocol == "-1"
                && match &rule.peer {
                    Peer::Group(id) => groups.contains(id),
                    Peer::Cidr(range) => {
                        !self.in_force.on(&rules::FABRIC_BY_GROUP) && contains(range, address)
                    }
                    Peer::Cidr6(_) => false,
                }
        };
        let leaves = self.rules(from, true).any(|rule| opens(rule, to, to_at));
        let enters = self.rules(to, false).any(|rule| opens(rule, from, from_at));
        (leaves || !self.in_force.on(&rules::FABRIC_EGRESS))
            && (enters || !self.in_force.on(&rules::FABRIC_INGRESS))
    }

    /// The same between all interfaces of two machines: their rails stand on one link.
    fn every_fabric(&self, from: &Node<'_>, to: &Node<'_>) -> bool {
        from.fabric.iter().all(|one| {
            to.fabric.iter().all(|other| {
                let (one, other) = ((*one, from.address), (*other, to.address));
                let back = !self.in_force.on(&rules::FABRIC_STATELESS) && self.fabric(other, one);
                self.fabric(one, other) || back
            })
        })
    }

    /// Whether ordinary traffic passes from one machine to another.
    fn ordinary(&self, from: &Node<'_>, to: &Node<'_>, protocol: u8, port: u16) -> bool {
        let passes = |rule: &Rule, groups: &[String], address| {
            covers(rule, protocol, port)
                && match &rule.peer {
                    Peer::Group(id) => groups.contains(id),
                    Peer::Cidr(range) => contains(range, address),
                    Peer::Cidr6(_) => false,
                }
        };
        let leaves = self.rules(from.groups, true).any(|rule| passes(rule, to.groups, to.address));
        let enters =
            self.rules(to.groups, false).any(|rule| passes(rule, from.groups, from.address));
        (leaves || !self.in_force.on(&rules::EGRESS))
            && (enters || !self.in_force.on(&rules::INGRESS))
    }

    /// Ordinary traffic to a machine, cut at every port where an answer may change.
    fn named(&self, to: &Node<'_>, all: &[Node<'_>]) -> Vec<Named> {
        let spans: Vec<(u8, u16, u16)> = self.rules(to.groups, false).filter_map(names).collect();
        let protocols: BTreeSet<u8> = spans.iter().map(|(protocol, ..)| *protocol).collect();
        let mut named: Vec<Named> = Vec::new();
        for protocol in protocols {
            for (first, last) in self.segments(protocol, to, all) {
                if !spans.iter().any(|(of, a, b)| *of == protocol && (*a..=*b).contains(&first)) {
                    continue;
                }
                let from: BTreeSet<Ipv4Addr> = all
                    .iter()
                    .filter(|from| from.address != to.address)
                    .filter(|from| self.ordinary(from, to, protocol, first))
                    .map(|from| from.address)
                    .collect();
                match named.last_mut() {
                    Some(before)
                        if before.protocol == protocol
                            && before.ports.1.checked_add(1) == Some(first)
                            && before.from == from =>
                    {
                        before.ports.1 = last;
                    }
                    _ => named.push(Named { protocol, ports: (first, last), from }),
                }
            }
        }
        named
    }

    /// All ports in pieces, inside each of which no rule begins or ends.
    fn segments(&self, protocol: u8, to: &Node<'_>, all: &[Node<'_>]) -> Vec<(u16, u16)> {
        let leaving = all.iter().flat_map(|from| self.rules(from.groups, true));
        let mut starts = BTreeSet::from([0]);
        for (of, first, last) in self.rules(to.groups, false).chain(leaving).filter_map(span) {
            if of.is_none_or(|of| of == protocol) {
                starts.insert(first);
                starts.extend(last.checked_add(1));
            }
        }
        let ends = starts.iter().skip(1).map(|next| next - 1).chain([u16::MAX]);
        starts.iter().copied().zip(ends).collect()
    }
}

/// Groups of an interface and its machine's address.
type Side<'a> = (&'a [String], Ipv4Addr);

impl Firewall {
    /// What the groups of all machines let pass.
    #[must_use]
    pub fn of(ec2: &Ec2, in_force: &Rules) -> Self {
        let nodes: Vec<Node<'_>> = ec2.live().filter_map(|i| Node::of(i, in_force)).collect();
        let judge = Judge { ec2, in_force };
        let inbound = nodes
            .iter()
            .map(|to| Inbound {
                to: to.address,
                named: judge.named(to, &nodes),
                fabric: nodes
                    .iter()
                    .filter(|from| from.address != to.address && judge.every_fabric(from, to))
                    .map(|from| from.address)
                    .collect(),
            })
            .collect();
        Self { inbound, stateful: in_force.on(&rules::STATEFUL) }
    }
}
