//! The bridge's filter as an nftables ruleset (nft(8), family `bridge`).
//!
//! The kernel's connection tracking for bridges is a module of its own that
//! not every kernel has; two sets that the filter fills by itself do instead.

use std::net::Ipv4Addr;

use super::fabric::GATEWAY;
use crate::firewall::{Firewall, Inbound, Named};

/// AWS's shortest: types of the sixth Nitro generation (EC2 user guide, Connection tracking).
const FLOW_IDLE_SECS: u32 = 350;
/// Protocols without ports.
const TALK_IDLE_SECS: u32 = 30;

/// Traffic that does not pass, whatever the groups say: `None` is every machine.
pub(super) type Cut = (Option<Ipv4Addr>, Option<Ipv4Addr>);

/// Lets pass what belongs to a flow that was let in.
const REMEMBERED: [&str; 2] = [
    "meta l4proto { tcp, udp } ip saddr . ip daddr . meta l4proto . th sport . th dport @flows goto tracked",
    "ip saddr . ip daddr . meta l4proto @talks goto tracked",
];

/// The ruleset. It replaces the one before in one step and keeps what the
/// filter has learned about flows.
pub(super) fn ruleset(firewall: &Firewall, cuts: &[Cut]) -> String {
    let mut rules = vec!["ether type arp accept".to_owned(), "ether type != ip drop".to_owned()];
    rules.extend(cuts.iter().map(cut));
    // Where a receiver names nothing, nothing has to be remembered: the fast way.
    rules.extend(fabric(firewall, true));
    if firewall.stateful {
        rules.extend(REMEMBERED.map(str::to_owned));
    }
    // Later fragments have no ports; without the first they are worth nothing.
    rules.push("ip frag-off & 0x1fff != 0 accept".to_owned());
    rules.extend(firewall.inbound.iter().flat_map(ordinary));
    rules.extend(fabric(firewall, false));
    let rules = rules.join("\n    ");
    format!(
        "table bridge region {{
  set flows {{ type ipv4_addr . ipv4_addr . inet_proto . inet_service . inet_service; flags dynamic,timeout; timeout {FLOW_IDLE_SECS}s; size 65536; }}
  set talks {{ type ipv4_addr . ipv4_addr . inet_proto; flags dynamic,timeout; timeout {TALK_IDLE_SECS}s; size 65536; }}
  chain tracked {{ }}
  chain forward {{ type filter hook forward priority 0; policy drop; }}
  chain output {{ type filter hook output priority 0; policy accept; }}
}}
flush table bridge region
table bridge region {{
  chain tracked {{
    meta l4proto {{ tcp, udp }} update @flows {{ ip saddr . ip daddr . meta l4proto . th sport . th dport }} update @flows {{ ip daddr . ip saddr . meta l4proto . th dport . th sport }} accept
    update @talks {{ ip saddr . ip daddr . meta l4proto }} update @talks {{ ip daddr . ip saddr . meta l4proto }} accept
  }}
  chain forward {{
    {rules}
  }}
  chain output {{
    ip saddr != {GATEWAY} drop
  }}
}}
"
    )
}

fn cut((from, to): &Cut) -> String {
    let side = |word: &str, address: &Option<Ipv4Addr>| {
        address.map(|address| format!("ip {word} {address} ")).unwrap_or_default()
    };
    format!("{}{}drop", side("saddr", from), side("daddr", to))
}

/// What a receiver names passes from who may send it, and from nobody else.
fn ordinary(inbound: &Inbound) -> Vec<String> {
    let mut rules = Vec::new();
    for named in &inbound.named {
        let what = format!("ip daddr {} {}", inbound.to, traffic(named));
        if !named.from.is_empty() {
            let from = list(named.from.iter().map(ToString::to_string));
            rules.push(format!("{what} ip saddr {from} goto tracked"));
        }
        rules.push(format!("{what} drop"));
    }
    rules
}

/// Accepts fabric traffic to receivers that name nothing, or to the others.
fn fabric(firewall: &Firewall, nothing_named: bool) -> Option<String> {
    let to = firewall.inbound.iter().filter(|to| to.named.is_empty() == nothing_named);
    let pairs: Vec<String> =
        to.flat_map(|to| to.fabric.iter().map(move |from| format!("{from} . {}", to.to))).collect();
    (!pairs.is_empty()).then(|| format!("ip saddr . ip daddr {} accept", list(pairs)))
}

fn list(elements: impl IntoIterator<Item = String>) -> String {
    format!("{{ {} }}", elements.into_iter().collect::<Vec<_>>().join(", "))
}

/// The match for protocol and ports.
fn traffic(named: &Named) -> String {
    let Named { protocol, ports: (first, last), .. } = named;
    let ports = match (protocol, first, last) {
        (_, 0, &u16::MAX) => String::new(),
        // Type and code of ICMP lie in the first two bytes.
        (1, ..) => format!(" @th,0,16 {first}-{last}"),
        _ => format!(" th dport {first}-{last}"),
    };
    format!("meta l4proto {protocol}{ports}")
}
