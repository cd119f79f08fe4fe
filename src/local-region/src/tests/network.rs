//! Proofs with real packets: machines are network namespaces on a real bridge.
//! They need root; without it they say that they did nothing.

use super::rules::launch::{accepted, launch};
use super::rules::{Case, Found, case, same};
use crate::net::shaper::Shape;
use crate::net::{Partition, SlowLink, connect_in, inside, listen_in};
use crate::rules::{self, Proof, network};
use crate::testing::{Bench, element};
use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// A packet that passes is there at once: sending it does all the work.
const GONE: Duration = Duration::from_millis(100);

fn can_run() -> bool {
    let root = rustix::process::geteuid().is_root();
    assert!(root || std::env::var_os("NIXL_TEST_ALL").is_none(), "this test needs root");
    if !root {
        eprintln!("SKIPPED: real bridges need root");
    }
    root
}

/// One machine.
struct Node {
    id: String,
    ip: Ipv4Addr,
    netns: String,
}

/// Launches a machine and waits for its link.
async fn machine(bench: &Bench, parameters: &str) -> Node {
    let (_, text) = launch(bench, parameters).await;
    accepted(&text).unwrap();
    let id = element(&text, "instanceId").to_owned();
    let ip = bench
        .until(|region| {
            let state = region.inner.state();
            let instance = &state.ec2.instances[&id];
            (instance.state.told().1 == "running").then(|| instance.private_ip())
        })
        .await;
    Node { netns: bench.wires().layout.machine_netns(&id), id, ip }
}

/// The same with one interface in these groups.
async fn member(bench: &Bench, groups: &[&str]) -> Node {
    let groups: String =
        (1..).zip(groups).map(|(n, id)| format!("&SecurityGroupId.{n}={id}")).collect();
    machine(bench, &groups).await
}

/// A new group, without the rule that lets everything out.
async fn group(bench: &Bench, name: &str) -> String {
    let create = format!("Action=CreateSecurityGroup&GroupName={name}&GroupDescription=d");
    let id = element(&bench.query("ec2", &create).await.1, "groupId").to_owned();
    change(bench, "RevokeSecurityGroupEgress", &id, ALL_TO_ALL).await;
    id
}

/// The rule that a new group has.
const ALL_TO_ALL: &str = "IpProtocol=-1&IpPermissions.1.IpRanges.1.CidrIp=0.0.0.0/0";

async fn change(bench: &Bench, action: &str, group: &str, permission: &str) {
    let call = format!("Action={action}&GroupId={group}&IpPermissions.1.{permission}");
    let (_, text) = bench.query("ec2", &call).await;
    accepted(&text).unwrap();
}

async fn ingress(bench: &Bench, group: &str, permission: &str) {
    change(bench, "AuthorizeSecurityGroupIngress", group, permission).await;
}

async fn egress(bench: &Bench, group: &str, permission: &str) {
    change(bench, "AuthorizeSecurityGroupEgress", group, permission).await;
}

fn all_with(peer: &str) -> String {
    format!("IpProtocol=-1&IpPermissions.1.Groups.1.GroupId={peer}")
}

fn tcp_from(port: u16, peer: &str) -> String {
    let peer = if peer.starts_with("sg-") {
        format!("Groups.1.GroupId={peer}")
    } else {
        format!("IpRanges.1.CidrIp={peer}")
    };
    format!(
        "IpProtocol=tcp&IpPermissions.1.FromPort={port}&IpPermissions.1.ToPort={port}&IpPermissions.1.{peer}"
    )
}

/// A group with EFA's two rules.
async fn fabric_group(bench: &Bench, name: &str) -> String {
    let id = group(bench, name).await;
    ingress(bench, &id, &all_with(&id)).await;
    egress(bench, &id, &all_with(&id)).await;
    id
}

fn socket(node: &Node, port: u16) -> UdpSocket {
    let at = SocketAddr::from((node.ip, port));
    inside(&node.netns, move || UdpSocket::bind(at)).unwrap()
}

/// How long a datagram on a port nobody names takes; `None` if it does not arrive.
fn flight(from: &Node, to: &Node, patience: Duration) -> Option<Duration> {
    let (sender, receiver) = (socket(from, 0), socket(to, 9000));
    receiver.set_read_timeout(Some(patience)).unwrap();
    let begun = Instant::now();
    sender.send_to(b"fabric", (to.ip, 9000)).unwrap();
    receiver.recv(&mut [0; 8]).ok().map(|_| begun.elapsed())
}

fn fabric(from: &Node, to: &Node) -> bool {
    flight(from, to, GONE).is_some()
}

/// A connection, if one comes about: both ends.
fn connection(from: &Node, to: &Node, port: u16) -> Option<(TcpStream, TcpStream)> {
    let listener = listen_in(&to.netns, SocketAddr::from((to.ip, port))).unwrap();
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

#[tokio::test(flavor = "multi_thread")]
async fn links_are_cut_slowed_and_healed() -> Found {
    if !can_run() {
        return Ok(());
    }
    let bench = Bench::wired();
    let id = fabric_group(&bench, "g").await;
    let (a, b) = (member(&bench, &[&id]).await, member(&bench, &[&id]).await);
    let c = member(&bench, &[&id]).await;
    let links = bench.wires().network.links();
    let all = || [fabric(&a, &b), fabric(&b, &a), fabric(&a, &c), fabric(&c, &b)];
    let cut = |peer: Option<&Node>, one_way| {
        let peer = peer.map(|node| node.id.clone());
        links.partition(Partition { machine: a.id.clone(), peer, one_way }).unwrap();
    };
    cut(Some(&b), false);
    same(all(), [false, false, true, true])?;
    links.heal(Some(&b.id), Some(&a.id)).unwrap();
    same(all(), [true; 4])?;
    cut(Some(&b), true);
    same(all(), [false, true, true, true])?;
    links.heal(Some(&b.id), None).unwrap();
    cut(None, false);
    same(all(), [false, false, false, true])?;
    links.heal(None, None).unwrap();

    let shape = Shape {
        latency: Duration::from_millis(20),
        jitter: Duration::from_millis(1),
        bits_per_sec: None,
        loss: 0.0,
    };
    let slowed = |machine: &Node, peer: Option<&Node>| SlowLink {
        machine: machine.id.clone(),
        peer: peer.map(|node| node.id.clone()),
        shape: shape.clone(),
    };
    links.slow(slowed(&a, Some(&b))).unwrap();
    let patience = Duration::from_secs(2);
    let slow = |from, to| flight(from, to, patience).is_some_and(|took| took >= shape.latency);
    same([slow(&a, &b), slow(&b, &a), slow(&a, &c), slow(&c, &b)], [true, true, false, false])?;
    // The groups hold for a slow link, too.
    change(&bench, "RevokeSecurityGroupIngress", &id, &all_with(&id)).await;
    same(flight(&a, &b, GONE), None)?;
    ingress(&bench, &id, &all_with(&id)).await;
    cut(Some(&b), false);
    same(flight(&a, &b, GONE), None)?;
    links.heal(Some(&a.id), None).unwrap();
    same([slow(&a, &b), slow(&b, &a), all() != [true; 4]], [false; 3])?;

    links.slow(slowed(&a, None)).unwrap();
    same([slow(&a, &c), slow(&c, &a), slow(&c, &b)], [true, true, false])?;
    let error = links.heal(Some(&b.id), Some(&c.id)).unwrap_err().to_string();
    assert!(error.starts_with(&format!("nothing to heal between {} and", b.id)), "{error}");
    links.slow(slowed(&b, Some(&a))).unwrap();
    cut(Some(&c), false);
    let (_, text) =
        bench.query("ec2", &format!("Action=TerminateInstances&InstanceId.1={}", a.id)).await;
    accepted(&text)?;
    bench
        .until(|region| {
            let state = region.inner.state();
            (state.ec2.instances.get(&a.id)?.state.told().1 == "terminated").then_some(())
        })
        .await;
    same((links.list().0.len(), links.list().1.len()), (0, 0))?;
    same(slow(&b, &c), false)?;
    let error = links.slow(slowed(&a, None)).unwrap_err().to_string();
    same(error, format!("machine {} has no link: it is not running", a.id))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_link_is_hardly_away_while_it_changes_hands() {
    if !can_run() {
        return;
    }
    const EVERY: Duration = Duration::from_micros(200);
    let bench = Bench::wired();
    let id = fabric_group(&bench, "g").await;
    let (a, b) = (member(&bench, &[&id]).await, member(&bench, &[&id]).await);
    let (sender, receiver) = (socket(&a, 0), socket(&b, 9000));
    receiver.set_read_timeout(Some(Duration::from_secs(1))).unwrap();
    let stop = Arc::new(AtomicBool::new(false));
    let stopped = Arc::clone(&stop);
    let to = (b.ip, 9000);
    let sending = std::thread::spawn(move || {
        let mut sent = 0_u32;
        while !stopped.load(Ordering::Relaxed) {
            sender.send_to(b"datagram", to).unwrap();
            sent += 1;
            std::thread::sleep(EVERY);
        }
        sent
    });
    let listening = std::thread::spawn(move || {
        let (mut last, mut away, mut count) = (None, Duration::ZERO, 0_u32);
        while receiver.recv(&mut [0; 8]).is_ok() {
            let now = Instant::now();
            away = away.max(last.map_or(Duration::ZERO, |last| now - last));
            (last, count) = (Some(now), count + 1);
        }
        (away, count)
    });
    let links = bench.wires().network.links();
    let shape =
        Shape { latency: Duration::ZERO, jitter: Duration::ZERO, bits_per_sec: None, loss: 0.0 };
    for _ in 0..5 {
        let (machine, shape) = (a.id.clone(), shape.clone());
        links.slow(SlowLink { machine, peer: None, shape }).unwrap();
        links.heal(None, None).unwrap();
    }
    stop.store(true, Ordering::Relaxed);
    let (sent, (away, count)) = (sending.join().unwrap(), listening.join().unwrap());
    println!("{count} of {sent} arrived over 10 changes, away {away:?} at most");
    assert!(count <= sent, "{count} of {sent}: some arrived twice");
    assert!(away < Duration::from_millis(250), "{away:?}");
}
