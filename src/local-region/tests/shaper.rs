//! A slow link between two network namespaces on a bridge, by the user-space
//! shaper. Needs root; without it the test says that it did nothing.

#![allow(clippy::unwrap_used)] // a test ends at the first surprise

use std::fs::File;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::os::fd::AsFd;
use std::path::Path;
use std::time::{Duration, Instant};

use nixl_local_region::net::run;
use nixl_local_region::net::shaper::{Shape, Shaper, Shapes};
use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};

const A: Ipv4Addr = Ipv4Addr::new(10, 79, 0, 1);
const B: Ipv4Addr = Ipv4Addr::new(10, 79, 0, 2);
const SENT_BYTES: usize = 4 << 20;

/// Two namespaces on a bridge in a third.
struct Wires {
    names: [String; 3],
}

impl Wires {
    fn lay() -> Self {
        let pid = std::process::id();
        let wires = Self { names: ["br", "a", "b"].map(|end| format!("nixl-shaper-{pid}-{end}")) };
        let [bridge, ..] = &wires.names;
        for name in &wires.names {
            run("ip", &["netns", "add", name]).unwrap();
        }
        run("ip", &["-n", bridge, "link", "add", "br0", "type", "bridge"]).unwrap();
        run("ip", &["-n", bridge, "link", "set", "br0", "up"]).unwrap();
        for (end, address, port) in [(1, A, "va"), (2, B, "vb")] {
            let name = &wires.names[end];
            let address = format!("{address}/24");
            run(
                "ip",
                &[
                    "link", "add", "eth0", "netns", name, "type", "veth", "peer", "name", port,
                    "netns", bridge,
                ],
            )
            .unwrap();
            run("ip", &["-n", name, "addr", "add", &address, "dev", "eth0"]).unwrap();
            run("ip", &["-n", name, "link", "set", "eth0", "up"]).unwrap();
            run("ip", &["-n", bridge, "link", "set", port, "master", "br0", "up"]).unwrap();
        }
        wires
    }

    fn inside<T: Send + 'static>(&self, end: usize, act: impl FnOnce() -> T + Send + 'static) -> T {
        let namespace = File::open(Path::new("/run/netns").join(&self.names[end])).unwrap();
        std::thread::spawn(move || {
            move_into_link_name_space(namespace.as_fd(), Some(LinkNameSpaceType::Network)).unwrap();
            act()
        })
        .join()
        .unwrap()
    }

    /// Puts the shaper between A and the bridge.
    fn slow(&self, shapes: Shapes) -> Shaper {
        let bridge = &self.names[0];
        let shaper = Shaper::start(bridge, "va", "tap").unwrap();
        run("ip", &["-n", bridge, "link", "set", "va", "nomaster"]).unwrap();
        run("ip", &["-n", bridge, "link", "set", "tap", "master", "br0", "up"]).unwrap();
        shaper.shape(shapes);
        shaper
    }

    /// Time of a round trip of one byte, and of sending much from A to B.
    fn measure(&self) -> (Duration, Duration) {
        let listener: TcpListener = self.inside(2, || TcpListener::bind((B, 7000)).unwrap());
        let far = std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut byte = [0];
            stream.read_exact(&mut byte).unwrap();
            stream.write_all(&byte).unwrap();
            let mut all = vec![0; SENT_BYTES];
            stream.read_exact(&mut all).unwrap();
            assert!(all.iter().all(|byte| *byte == 7), "bytes changed on the way");
            stream.write_all(&byte).unwrap();
        });
        let to = SocketAddr::from((B, 7000));
        let mut stream = self
            .inside(1, move || TcpStream::connect_timeout(&to, Duration::from_secs(10)).unwrap());
        stream.set_nodelay(true).unwrap();
        let mut byte = [1];
        let begun = Instant::now();
        stream.write_all(&byte).unwrap();
        stream.read_exact(&mut byte).unwrap();
        let round_trip = begun.elapsed();
        let begun = Instant::now();
        stream.write_all(&vec![7; SENT_BYTES]).unwrap();
        stream.read_exact(&mut byte).unwrap();
        let sent = begun.elapsed();
        far.join().unwrap();
        (round_trip, sent)
    }
}

impl Drop for Wires {
    fn drop(&mut self) {
        for name in &self.names {
            let _ = run("ip", &["netns", "del", name]);
        }
    }
}

#[test]
fn a_slow_link_is_slow_and_carries_every_byte() {
    if !rustix::process::geteuid().is_root() {
        assert!(std::env::var_os("NIXL_TEST_ALL").is_none(), "this test needs root");
        eprintln!("not root: nothing was tested");
        return;
    }
    let wires = Wires::lay();
    let plain = wires.measure();
    let shape = Shape {
        latency: Duration::from_millis(20),
        jitter: Duration::from_millis(1),
        bits_per_sec: Some(160 << 20),
        loss: 0.0,
    };
    let shaper = wires.slow(vec![(Some(B), shape.clone())]);
    let slow = wires.measure();
    println!("round trip {:?} -> {:?}, 4 MiB {:?} -> {:?}", plain.0, slow.0, plain.1, slow.1);
    // Twice the latency; 4 MiB at 20 MiB/s.
    assert!(slow.0 >= Duration::from_millis(40), "{slow:?}");
    assert!(slow.1 >= Duration::from_millis(200), "{slow:?}");
    shaper.shape(vec![(Some(Ipv4Addr::new(10, 79, 0, 9)), shape)]);
    let unslowed = wires.measure();
    println!("another peer's shape: {unslowed:?}");
    assert!(unslowed.0 < Duration::from_millis(40), "{unslowed:?}");
}
