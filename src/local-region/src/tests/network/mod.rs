//! Proofs with real packets: machines are network namespaces on a real bridge.
//! They need root; without it they say that they did nothing.

mod groups;
mod links;

use super::rules::launch::{accepted, launch};
use crate::net::{GATEWAY, connect_in, inside};
use crate::testing::{Bench, element};
use std::io::ErrorKind;
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::time::{Duration, Instant};

/// A packet that passes is there at once: sending it does all the work.
const GONE: Duration = Duration::from_millis(250);

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

/// Launches a machine and waits until its link carries.
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
    let netns = bench.wires().layout.machine_netns(&id);
    // The bridge begins to forward a moment after a link is up; the gateway refuses at once.
    bench
        .until(|_| {
            let refused = connect_in(&netns, &GATEWAY.to_string(), 9, GONE).unwrap_err();
            (refused.kind() == ErrorKind::ConnectionRefused).then_some(())
        })
        .await;
    Node { netns, id, ip }
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

/// A socket of the node; at port 0 the kernel chooses one that no rule names.
fn socket(node: &Node, port: u16) -> UdpSocket {
    let at = SocketAddr::from((node.ip, port));
    patiently(|| inside(&node.netns, move || UdpSocket::bind(at)))
}

/// A port that was closed is still taken while a process that is just being started has a copy.
fn patiently<T>(mut bind: impl FnMut() -> std::io::Result<T>) -> T {
    let end = Instant::now() + Duration::from_secs(5);
    loop {
        match bind() {
            Err(error) if error.kind() == ErrorKind::AddrInUse && Instant::now() < end => {
                std::thread::yield_now();
            }
            bound => return bound.unwrap(),
        }
    }
}

/// How long a datagram takes; `None` if it does not arrive.
fn flight(from: &Node, to: &Node, patience: Duration) -> Option<Duration> {
    let (sender, receiver) = (socket(from, 0), socket(to, 0));
    receiver.set_read_timeout(Some(patience)).unwrap();
    let begun = Instant::now();
    sender.send_to(b"fabric", receiver.local_addr().unwrap()).unwrap();
    receiver.recv(&mut [0; 8]).ok().map(|_| begun.elapsed())
}

/// Whether a datagram arrives; a busy computer is given several.
fn fabric(from: &Node, to: &Node) -> bool {
    (0..3).any(|_| flight(from, to, GONE / 2).is_some())
}
