//! Security groups and what they let pass.

use super::super::rules::{Case, case, same};
use super::*;
use crate::net::listen_in;
use crate::rules::{self, Proof, network};
use std::io::{Read, Write};
use std::net::TcpStream;

/// A connection, if one comes about: both ends.
fn connection(from: &Node, to: &Node, port: u16) -> Option<(TcpStream, TcpStream)> {
    let listener = patiently(|| listen_in(&to.netns, SocketAddr::from((to.ip, port))));
    let stream = connect_in(&from.netns, &to.ip.to_string(), port, GONE * 2).ok()?;
    listener.set_nonblocking(false).unwrap();
    let accepted = listener.accept().unwrap().0;
    stream.set_nonblocking(false).unwrap();
    for end in [&stream, &accepted] {
        end.set_read_timeout(Some(GONE)).unwrap();
    }
    Some((stream, accepted))
}

fn connects(from: &Node, to: &Node, port: u16) -> bool {
    connection(from, to, port).is_some()
}

/// A byte there and back.
fn answers((one, other): &mut (TcpStream, TcpStream)) -> bool {
    let mut byte = [7];
    one.write_all(&byte).is_ok()
        && other.read_exact(&mut byte).is_ok()
        && other.write_all(&byte).is_ok()
        && one.read_exact(&mut byte).is_ok()
}

fn fabric_cases() -> Vec<Case> {
    vec![
        case(&network::FABRIC_EGRESS, async |bench: Bench| {
            let id = group(&bench, "g").await;
            ingress(&bench, &id, &all_with(&id)).await;
            egress(&bench, &id, ALL_TO_ALL).await;
            let (a, b) = (member(&bench, &[&id]).await, member(&bench, &[&id]).await);
            same((fabric(&a, &b), fabric(&b, &a)), (false, false))?;
            egress(&bench, &id, &all_with(&id)).await;
            same((fabric(&a, &b), fabric(&b, &a)), (true, true))
        }),
        case(&network::FABRIC_INGRESS, async |bench: Bench| {
            let id = group(&bench, "g").await;
            egress(&bench, &id, &all_with(&id)).await;
            let (a, b) = (member(&bench, &[&id]).await, member(&bench, &[&id]).await);
            same((fabric(&a, &b), fabric(&b, &a)), (false, false))?;
            ingress(&bench, &id, &all_with(&id)).await;
            same((fabric(&a, &b), fabric(&b, &a)), (true, true))
        }),
        case(&network::FABRIC_BY_GROUP, async |bench: Bench| {
            let id = group(&bench, "g").await;
            ingress(&bench, &id, ALL_TO_ALL).await;
            egress(&bench, &id, ALL_TO_ALL).await;
            let (a, b) = (member(&bench, &[&id]).await, member(&bench, &[&id]).await);
            same(fabric(&a, &b), false)
        }),
        case(&network::FABRIC_STATELESS, async |bench: Bench| {
            let (one, two) = (group(&bench, "one").await, group(&bench, "two").await);
            egress(&bench, &one, &all_with(&two)).await;
            ingress(&bench, &two, &all_with(&one)).await;
            let (a, b) = (member(&bench, &[&one]).await, member(&bench, &[&two]).await);
            same((fabric(&a, &b), fabric(&b, &a)), (true, false))
        }),
        case(&network::EACH_EFA, async |bench: Bench| {
            let (open, closed) = (fabric_group(&bench, "o").await, group(&bench, "c").await);
            let pair = async |primary: &str, efa: &str| {
                let nics = format!(
                    "&NetworkInterface.1.DeviceIndex=0&NetworkInterface.1.SecurityGroupId.1={primary}&NetworkInterface.2.DeviceIndex=1&NetworkInterface.2.InterfaceType=efa-only&NetworkInterface.2.SecurityGroupId.1={efa}"
                );
                (machine(&bench, &nics).await, machine(&bench, &nics).await)
            };
            let (a, b) = pair(&closed, &open).await;
            same(fabric(&a, &b), true)?;
            let (a, b) = pair(&open, &closed).await;
            same(fabric(&a, &b), false)
        }),
    ]
}

fn ordinary_cases() -> Vec<Case> {
    vec![
        case(&network::INGRESS, async |bench: Bench| {
            let (friends, server) = (group(&bench, "f").await, group(&bench, "s").await);
            egress(&bench, &friends, ALL_TO_ALL).await;
            ingress(&bench, &server, &tcp_from(7000, &friends)).await;
            let other = group(&bench, "o").await;
            egress(&bench, &other, ALL_TO_ALL).await;
            let server = member(&bench, &[&server]).await;
            let friend = member(&bench, &[&friends]).await;
            let other = member(&bench, &[&other]).await;
            same(
                (connects(&friend, &server, 7000), connects(&friend, &server, 7001)),
                (true, false),
            )?;
            same(connects(&other, &server, 7000), false)
        }),
        case(&network::EGRESS, async |bench: Bench| {
            let id = group(&bench, "g").await;
            ingress(&bench, &id, &tcp_from(7000, "10.77.0.0/16")).await;
            let (a, b) = (member(&bench, &[&id]).await, member(&bench, &[&id]).await);
            same(connects(&a, &b, 7000), false)?;
            egress(&bench, &id, &tcp_from(7000, "10.77.0.0/16")).await;
            same(connects(&a, &b, 7000), true)
        }),
        case(&network::STATEFUL, async |bench: Bench| {
            let (client, server) = (group(&bench, "c").await, group(&bench, "s").await);
            egress(&bench, &client, &tcp_from(7000, &server)).await;
            ingress(&bench, &server, &tcp_from(7000, &client)).await;
            let (a, b) = (member(&bench, &[&client]).await, member(&bench, &[&server]).await);
            let mut open = connection(&a, &b, 7000).ok_or("the reply does not pass")?;
            same(answers(&mut open), true)?;
            change(&bench, "RevokeSecurityGroupIngress", &server, &tcp_from(7000, &client)).await;
            same((answers(&mut open), connects(&a, &b, 7000)), (true, false))
        }),
        case(&network::AT_ONCE, async |bench: Bench| {
            let id = fabric_group(&bench, "g").await;
            let (a, b) = (member(&bench, &[&id]).await, member(&bench, &[&id]).await);
            same((fabric(&a, &b), fabric(&b, &a)), (true, true))?;
            change(&bench, "RevokeSecurityGroupEgress", &id, &all_with(&id)).await;
            same((fabric(&a, &b), fabric(&b, &a)), (false, false))
        }),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn every_rule_holds_with_real_packets_and_not_without_it() {
    if !can_run() {
        return;
    }
    let cases: Vec<Case> = fabric_cases().into_iter().chain(ordinary_cases()).collect();
    let mut wrong = Vec::new();
    for rule in network::RULES {
        assert_eq!(rule.proof, Proof::Machines);
        let proof = cases.iter().find(|case| case.rule.id == rule.id).unwrap();
        if let Err(why) = (proof.prove)(Bench::wired()).await {
            wrong.push(format!("{}: {why}", rule.id));
        }
        let without = Bench::wired();
        assert!(rules::all().any(|known| known == *rule));
        without.region.inner.rules.switch(rule.id, false);
        if (proof.prove)(without).await.is_ok() {
            wrong.push(format!("{}: its proof holds without it too", rule.id));
        }
    }
    println!("{} rules with real packets, {} wrong", network::RULES.len(), wrong.len());
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Whether an echo request is answered.
fn pings(from: &Node, to: &Node) -> bool {
    use rustix::net::{AddressFamily, SendFlags, SocketType, ipproto, sendto, socket};
    let raw = inside(&from.netns, || {
        Ok(socket(AddressFamily::INET, SocketType::RAW, Some(ipproto::ICMP))?)
    });
    let raw = UdpSocket::from(raw.unwrap());
    raw.set_read_timeout(Some(GONE)).unwrap();
    // Type 8, code 0, checksum, id 0, sequence 0.
    let request = [8, 0, 0xf7, 0xff, 0, 0, 0, 0];
    sendto(&raw, &request, SendFlags::empty(), &SocketAddr::from((to.ip, 0))).unwrap();
    let mut answer = [0; 64];
    // After an IPv4 header: an echo reply is of type 0.
    raw.recv(&mut answer).is_ok_and(|length| length == 28 && answer[20] == 0)
}

/// Whether a datagram arrives that takes several packets.
fn arrives_in_pieces(from: &Node, to: &Node, port: u16) -> bool {
    let (sender, receiver) = (socket(from, 0), socket(to, port));
    receiver.set_read_timeout(Some(GONE)).unwrap();
    sender.send_to(&[7; 8000], (to.ip, port)).unwrap();
    receiver.recv(&mut [0; 8192]).is_ok_and(|length| length == 8000)
}

#[tokio::test(flavor = "multi_thread")]
async fn pings_and_pieces_pass_by_their_rules_only() {
    if !can_run() {
        return;
    }
    let bench = Bench::wired();
    let (asks, answers) = (group(&bench, "asks").await, group(&bench, "answers").await);
    egress(&bench, &asks, ALL_TO_ALL).await;
    let (a, b) = (member(&bench, &[&asks]).await, member(&bench, &[&answers]).await);
    assert!(!pings(&a, &b) && !arrives_in_pieces(&a, &b, 7000));
    let rule = |protocol: &str, from: i32, to: i32| {
        format!(
            "IpProtocol={protocol}&IpPermissions.1.FromPort={from}&IpPermissions.1.ToPort={to}&IpPermissions.1.Groups.1.GroupId={asks}"
        )
    };
    ingress(&bench, &answers, &rule("icmp", 3, -1)).await;
    assert!(!pings(&a, &b));
    ingress(&bench, &answers, &rule("icmp", 8, 0)).await;
    assert!(!pings(&b, &a) && pings(&a, &b));
    ingress(&bench, &answers, &rule("udp", 6000, 7000)).await;
    assert!(arrives_in_pieces(&a, &b, 7000) && !arrives_in_pieces(&a, &b, 7001));
    let id = fabric_group(&bench, "g").await;
    let (a, b) = (member(&bench, &[&id]).await, member(&bench, &[&id]).await);
    assert!(arrives_in_pieces(&a, &b, 9000) && pings(&b, &a));
}

#[tokio::test(flavor = "multi_thread")]
async fn clusters_side_by_side_do_not_meet() {
    if !can_run() {
        return;
    }
    let bench = Bench::wired();
    let mut nodes = Vec::new();
    for cluster in ["red", "blue", "green"] {
        let id = fabric_group(&bench, cluster).await;
        for _ in 0..if cluster == "red" { 4 } else { 2 } {
            nodes.push((cluster, member(&bench, &[&id]).await));
        }
    }
    for (one, from) in &nodes {
        for (other, to) in nodes.iter().filter(|(_, to)| to.id != from.id) {
            assert_eq!(fabric(from, to), one == other, "{one} {} to {other} {}", from.ip, to.ip);
        }
    }
}
