//! The firewall against a plain reading of the rules, packet by packet.

use super::{Firewall, Inbound};
use crate::rules::Rules;
use crate::state::ec2::{Ec2, Instance, Interface, Peer, Rule, SecurityGroup};
use crate::testing::Bench;
use proptest::prelude::*;
use std::net::Ipv4Addr;

const GROUPS: [&str; 3] = ["sg-a", "sg-b", "sg-c"];

fn address(n: usize) -> Ipv4Addr {
    Ipv4Addr::new(10, 77, 0, 10 + n as u8)
}

fn peer() -> impl Strategy<Value = Peer> {
    prop_oneof![
        3 => (0..GROUPS.len()).prop_map(|n| Peer::Group(GROUPS[n].to_owned())),
        1 => Just(Peer::Cidr("0.0.0.0/0".to_owned())),
        1 => Just(Peer::Cidr("10.77.0.11/32".to_owned())),
        1 => Just(Peer::Cidr6("::/0".to_owned())),
    ]
}

/// Protocol, first and last port.
type Traffic = (&'static str, Option<(i32, i32)>);

fn rule() -> impl Strategy<Value = Rule> {
    let what = prop::sample::select(vec![
        ("-1", None),
        ("-1", None),
        ("tcp", Some((22, 22))),
        ("tcp", Some((20, 24))),
        ("tcp", Some((23, 90))),
        ("tcp", Some((0, 65535))),
        ("udp", Some((0, 22))),
        ("udp", Some((22, 65535))),
        ("icmp", Some((-1, -1))),
        ("icmp", Some((8, -1))),
        ("icmp", Some((8, 0))),
        ("47", None),
    ]);
    (any::<bool>(), what, peer()).prop_map(|(egress, what, peer): (bool, Traffic, Peer)| Rule {
        id: "sgr".to_owned(),
        egress,
        protocol: what.0.to_owned(),
        ports: what.1,
        peer,
        description: None,
    })
}

/// Groups of one interface, and whether it is an EFA.
fn interface() -> impl Strategy<Value = (Vec<usize>, bool)> {
    (prop::collection::vec(0..GROUPS.len(), 0..3), any::<bool>())
}

fn packet() -> impl Strategy<Value = (u8, u16)> {
    let port = prop::sample::select(vec![0, 1, 19, 20, 22, 23, 24, 25, 90, 91, 65534, 65535]);
    let kind = prop::sample::select(vec![0, 8 * 256, 8 * 256 + 1, 9 * 256]);
    prop_oneof![(Just(6), port.clone()), (Just(17), port), (Just(1), kind), (Just(47), Just(0))]
}

/// Whether the rule speaks of the packet; names it, if not by all traffic or all ports.
fn speaks(rule: &Rule, (protocol, port): (u8, u16)) -> (bool, bool) {
    let port = i32::from(port);
    let within = |ports: Option<(i32, i32)>| ports.is_some_and(|(a, b)| a <= port && port <= b);
    match (rule.protocol.as_str(), protocol) {
        ("-1", _) => (true, false),
        ("tcp", 6) | ("udp", 17) => {
            (within(rule.ports), within(rule.ports) && rule.ports != Some((0, 65535)))
        }
        ("icmp", 1) => {
            let (kind, code) = rule.ports.unwrap();
            let fits = (kind == -1 || kind == port / 256) && (code == -1 || code == port % 256);
            (fits, fits)
        }
        ("47", 47) => (true, true),
        _ => (false, false),
    }
}

fn groups_of<'a>(ec2: &'a Ec2, interface: &Interface) -> Vec<&'a SecurityGroup> {
    interface.group_ids.iter().map(|id| &ec2.groups[id]).collect()
}

fn passes(ec2: &Ec2, from: &Instance, to: &Instance, packet: (u8, u16)) -> bool {
    let peer_is =
        |rule: &Rule, other: &Instance, interface: &Interface, ranges: bool| match &rule.peer {
            Peer::Group(id) => interface.group_ids.contains(id),
            Peer::Cidr(range) if range == "0.0.0.0/0" => ranges,
            Peer::Cidr(_) => ranges && other.private_ip() == address(1),
            Peer::Cidr6(_) => false,
        };
    let (a, b) = (&from.interfaces[0], &to.interfaces[0]);
    let named = groups_of(ec2, b)
        .iter()
        .any(|group| group.rules.iter().any(|rule| !rule.egress && speaks(rule, packet).1));
    if named {
        let any = |one: &Interface, egress, other: &Instance| {
            groups_of(ec2, one).iter().any(|group| {
                group.rules.iter().any(|rule| {
                    rule.egress == egress
                        && speaks(rule, packet).0
                        && peer_is(rule, other, &other.interfaces[0], true)
                })
            })
        };
        return any(a, true, to) && any(b, false, from);
    }
    let rails = |instance: &Instance| -> Vec<Interface> {
        let efa: Vec<_> = instance.interfaces.iter().filter(|i| i.kind == "efa").cloned().collect();
        if efa.is_empty() { vec![instance.interfaces[0].clone()] } else { efa }
    };
    let opens = |one: &Interface, egress, other: &Instance, rail: &Interface| {
        groups_of(ec2, one).iter().any(|group| {
            group.rules.iter().any(|rule| {
                rule.egress == egress && rule.protocol == "-1" && peer_is(rule, other, rail, false)
            })
        })
    };
    rails(from)
        .iter()
        .all(|a| rails(to).iter().all(|b| opens(a, true, to, b) && opens(b, false, from, a)))
}

fn lets(inbound: &Inbound, from: Ipv4Addr, (protocol, port): (u8, u16)) -> bool {
    let mut named = inbound.named.iter().filter(|named| {
        named.protocol == protocol && (named.ports.0..=named.ports.1).contains(&port)
    });
    let first = named.next();
    assert!(named.next().is_none(), "two entries for one packet: {inbound:?}");
    first.map_or(&inbound.fabric, |named| &named.from).contains(&from)
}

#[tokio::test]
async fn every_packet_passes_as_the_rules_read() {
    let bench = Bench::new();
    let launched = crate::tests::rules::launch::launch(&bench, "").await;
    assert!(launched.0.is_success(), "{}", launched.1);
    let template = bench.region.inner.state().ec2.instances.values().next().unwrap().clone();
    let machine = |n: usize, interfaces: Vec<(Vec<usize>, bool)>| {
        let mut instance = template.clone();
        instance.id = format!("i-{n}");
        let first = template.interfaces[0].clone();
        let made = interfaces.into_iter().enumerate().map(|(device, (groups, efa))| Interface {
            kind: if efa { "efa" } else { "interface" }.to_owned(),
            private_ip: (device == 0).then(|| address(n)),
            group_ids: groups.into_iter().map(|n| GROUPS[n].to_owned()).collect(),
            ..first.clone()
        });
        instance.interfaces = made.collect();
        instance
    };
    let rules = prop::collection::vec(prop::collection::vec(rule(), 0..5), GROUPS.len());
    let machines = prop::collection::vec(prop::collection::vec(interface(), 1..3), 3);
    let packets = prop::collection::vec(packet(), 12);
    proptest!(|(rules in rules, machines in machines, packets in packets)| {
        let mut ec2 = Ec2::new();
        for (id, rules) in GROUPS.iter().zip(rules) {
            let (id, name) = ((*id).to_owned(), (*id).to_owned());
            let group = SecurityGroup { id: id.clone(), name, description: String::new(), rules };
            ec2.groups.insert(id, group);
        }
        for (n, interfaces) in machines.into_iter().enumerate() {
            ec2.instances.insert(format!("i-{n}"), machine(n, interfaces));
        }
        let firewall = Firewall::of(&ec2, &Rules::default());
        prop_assert_eq!(firewall.inbound.len(), 3);
        for (to, inbound) in ec2.instances.values().zip(&firewall.inbound) {
            for from in ec2.instances.values().filter(|from| from.id != to.id) {
                for packet in &packets {
                    prop_assert_eq!(
                        lets(inbound, from.private_ip(), *packet),
                        passes(&ec2, from, to, *packet),
                        "{} to {}: {:?}", from.id, to.id, packet
                    );
                }
            }
        }
    });
}
