//! A slow link in user space, where the kernel has no netem.
//!
//! A machine's veth is taken off the bridge and a TAP device takes its place
//! there; a thread carries the frames between the two and holds each back for
//! as long as the shape says. Both ends speak virtio_net_hdr (packet(7),
//! `PACKET_VNET_HDR`; `IFF_VNET_HDR` of tun), so segments that the kernel has
//! not cut yet pass as they are. Frames keep their order, as on one cable.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, Read, Write};
use std::net::Ipv4Addr;
use std::os::fd::{AsFd, AsRawFd, FromRawFd, OwnedFd};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use rand::RngExt;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};

/// Largest frame with its header: an uncut segment of 64 KiB.
const MAX_FRAME_BYTES: usize = 68 * 1024;
/// `struct virtio_net_hdr` without mergeable buffers.
const HEADER_BYTES: usize = 10;
/// What waits in one direction before frames are dropped, as a full router's queue does.
const MAX_QUEUE_BYTES: usize = 16 * 1024 * 1024;
/// How long the thread sleeps at most before it looks whether it is to end.
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// How a link is slowed; each direction for itself.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Shape {
    /// Added to every frame.
    pub latency: Duration,
    /// Up to this much more, evenly spread.
    pub jitter: Duration,
    /// Bytes a second; `None` for no limit.
    pub bytes_per_sec: Option<u64>,
    /// Part of the frames that are lost, 0 to 1.
    pub loss: f64,
    /// Only what comes from or goes to these; empty: everything.
    pub peers: Vec<Ipv4Addr>,
}

impl Shape {
    /// Whether a frame (after its virtio header) is of those that are slowed.
    fn covers(&self, frame: &[u8]) -> bool {
        if self.peers.is_empty() {
            return true;
        }
        // Ethernet: type at 12; IPv4: source at 26, destination at 30.
        let address = |at: usize| frame.get(at..at + 4).and_then(|b| <[u8; 4]>::try_from(b).ok());
        frame.get(12..14) == Some(&[0x08, 0x00])
            && [26, 30]
                .into_iter()
                .filter_map(address)
                .any(|bytes| self.peers.contains(&Ipv4Addr::from(bytes)))
    }
}

/// Frames on their way in one direction.
struct Lane {
    queue: VecDeque<(Instant, Vec<u8>)>,
    queued_bytes: usize,
    /// When the last frame has left the wire.
    wire_free: Instant,
    last_due: Instant,
}

impl Lane {
    fn new(now: Instant) -> Self {
        Self { queue: VecDeque::new(), queued_bytes: 0, wire_free: now, last_due: now }
    }

    /// Takes a frame in; `draw` gives numbers from 0 to 1.
    fn push(&mut self, shape: &Shape, frame: &[u8], now: Instant, mut draw: impl FnMut() -> f64) {
        let body = &frame[HEADER_BYTES.min(frame.len())..];
        let mut due = now;
        if shape.covers(body) {
            if draw() < shape.loss || self.queued_bytes + frame.len() > MAX_QUEUE_BYTES {
                return;
            }
            if let Some(rate) = shape.bytes_per_sec {
                let takes = Duration::from_secs_f64(body.len() as f64 / rate.max(1) as f64);
                self.wire_free = self.wire_free.max(now) + takes;
                due = self.wire_free;
            }
            due += shape.latency + shape.jitter.mul_f64(draw());
        }
        self.last_due = self.last_due.max(due);
        self.queued_bytes += frame.len();
        self.queue.push_back((self.last_due, frame.to_vec()));
    }

    /// The next frame whose time has come.
    fn pop(&mut self, now: Instant) -> Option<Vec<u8>> {
        let (due, _) = self.queue.front()?;
        if *due > now {
            return None;
        }
        let (_, frame) = self.queue.pop_front()?;
        self.queued_bytes -= frame.len();
        Some(frame)
    }

    fn next_due(&self) -> Option<Instant> {
        self.queue.front().map(|(due, _)| *due)
    }
}

/// A slowed link; ends when dropped, and its TAP device with it.
#[derive(Debug)]
pub struct Shaper {
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Shaper {
    /// Makes the TAP device `tap` in a network namespace and carries frames between it and `veth`
    /// there. The caller moves the bridge's port from one to the other.
    pub fn start(netns: &str, veth: &str, tap: &str, shape: Shape) -> io::Result<Self> {
        let stop = Arc::new(AtomicBool::new(false));
        let (ready, started) = std::sync::mpsc::channel();
        let (netns, veth, tap, stopped) =
            (Path::new("/run/netns").join(netns), veth.to_owned(), tap.to_owned(), stop.clone());
        let thread = std::thread::Builder::new().name("shaper".to_owned()).spawn(move || {
            let opened = (|| {
                let namespace = File::open(netns)?;
                // The namespace is the thread's.
                move_into_link_name_space(namespace.as_fd(), Some(LinkNameSpaceType::Network))?;
                Ok((open_tap(&tap)?, open_packet(&veth)?))
            })();
            match opened {
                Ok((tap, packet)) => {
                    let _ = ready.send(Ok(()));
                    carry(&tap, &packet, &shape, &stopped);
                }
                Err(error) => drop(ready.send(Err::<(), io::Error>(error))),
            }
        })?;
        started.recv().map_err(|_| io::Error::other("the shaper's thread ended"))??;
        Ok(Self { stop, thread: Some(thread) })
    }
}

impl Drop for Shaper {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn carry(tap: &File, packet: &File, shape: &Shape, stop: &AtomicBool) {
    let begun = Instant::now();
    let (mut to_bridge, mut to_machine) = (Lane::new(begun), Lane::new(begun));
    let mut buffer = vec![0; MAX_FRAME_BYTES];
    let mut random = rand::rng();
    while !stop.load(Ordering::Relaxed) {
        let now = Instant::now();
        let due = [&to_bridge, &to_machine].into_iter().filter_map(Lane::next_due).min();
        let wait = due.map_or(LOOK_EVERY, |due| due.saturating_duration_since(now)).min(LOOK_EVERY);
        let wait = Timespec { tv_sec: 0, tv_nsec: i64::from(wait.subsec_nanos()) };
        let mut ends = [PollFd::new(tap, PollFlags::IN), PollFd::new(packet, PollFlags::IN)];
        if poll(&mut ends, Some(&wait)).is_err_and(|error| error != rustix::io::Errno::INTR) {
            return;
        }
        for (mut from, lane) in [(packet, &mut to_bridge), (tap, &mut to_machine)] {
            while let Ok(length @ 1..) = from.read(&mut buffer) {
                lane.push(shape, &buffer[..length], Instant::now(), || random.random::<f64>());
            }
        }
        let now = Instant::now();
        for (mut to, lane) in [(tap, &mut to_bridge), (packet, &mut to_machine)] {
            while let Some(frame) = lane.pop(now) {
                // A frame the kernel does not take is a lost frame.
                let _ = to.write(&frame);
            }
        }
    }
}

/// `linux/if_tun.h`.
const TUNSETOFFLOAD: libc::c_ulong = 0x4004_54d0;

fn open_tap(name: &str) -> io::Result<File> {
    let tap = std::fs::OpenOptions::new().read(true).write(true).open("/dev/net/tun")?;
    let mut request = interface(name)?;
    request.ifr_ifru.ifru_flags =
        (libc::IFF_TAP | libc::IFF_NO_PI | libc::IFF_VNET_HDR) as libc::c_short;
    // SAFETY: an ifreq that lives through the call, on an open file.
    unsafe {
        checked(libc::ioctl(tap.as_raw_fd(), libc::TUNSETIFF, &raw mut request))?;
        let offloads = libc::TUN_F_CSUM | libc::TUN_F_TSO4 | libc::TUN_F_TSO6;
        checked(libc::ioctl(tap.as_raw_fd(), TUNSETOFFLOAD, libc::c_ulong::from(offloads)))?;
    }
    rustix::io::ioctl_fionbio(&tap, true)?;
    Ok(tap)
}

fn open_packet(veth: &str) -> io::Result<File> {
    let every = libc::c_int::from((libc::ETH_P_ALL as u16).to_be());
    let kind = libc::SOCK_RAW | libc::SOCK_NONBLOCK | libc::SOCK_CLOEXEC;
    // SAFETY: plain socket calls with values that live through them.
    unsafe {
        let socket = OwnedFd::from_raw_fd(checked(libc::socket(libc::AF_PACKET, kind, 0))?);
        let one: libc::c_int = 1;
        for option in [libc::PACKET_VNET_HDR, libc::PACKET_IGNORE_OUTGOING] {
            checked(libc::setsockopt(
                socket.as_raw_fd(),
                libc::SOL_PACKET,
                option,
                (&raw const one).cast(),
                size_of_val(&one) as libc::socklen_t,
            ))?;
        }
        let mut request = interface(veth)?;
        checked(libc::ioctl(socket.as_raw_fd(), libc::SIOCGIFINDEX, &raw mut request))?;
        let mut address: libc::sockaddr_ll = std::mem::zeroed();
        address.sll_family = libc::AF_PACKET as u16;
        address.sll_protocol = every as u16;
        address.sll_ifindex = request.ifr_ifru.ifru_ifindex;
        let membership = libc::packet_mreq {
            mr_ifindex: request.ifr_ifru.ifru_ifindex,
            mr_type: libc::PACKET_MR_PROMISC as u16,
            mr_alen: 0,
            mr_address: [0; 8],
        };
        checked(libc::bind(
            socket.as_raw_fd(),
            (&raw const address).cast(),
            size_of_val(&address) as libc::socklen_t,
        ))?;
        // The bridge port was promiscuous; frames are for the machine's address, not the veth's.
        checked(libc::setsockopt(
            socket.as_raw_fd(),
            libc::SOL_PACKET,
            libc::PACKET_ADD_MEMBERSHIP,
            (&raw const membership).cast(),
            size_of_val(&membership) as libc::socklen_t,
        ))?;
        Ok(File::from(socket))
    }
}

fn interface(name: &str) -> io::Result<libc::ifreq> {
    // SAFETY: all zeroes are a valid ifreq.
    let mut request: libc::ifreq = unsafe { std::mem::zeroed() };
    if name.len() >= request.ifr_name.len() {
        return Err(io::Error::other(format!("{name} is too long for an interface")));
    }
    for (to, from) in request.ifr_name.iter_mut().zip(name.bytes()) {
        *to = from as libc::c_char;
    }
    Ok(request)
}

fn checked(result: libc::c_int) -> io::Result<libc::c_int> {
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(result) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(from: [u8; 4], to: [u8; 4], length: usize) -> Vec<u8> {
        let mut frame = vec![0; HEADER_BYTES + length.max(34)];
        frame[HEADER_BYTES + 12..HEADER_BYTES + 14].copy_from_slice(&[8, 0]);
        frame[HEADER_BYTES + 26..HEADER_BYTES + 30].copy_from_slice(&from);
        frame[HEADER_BYTES + 30..HEADER_BYTES + 34].copy_from_slice(&to);
        frame
    }

    fn shape() -> Shape {
        Shape {
            latency: Duration::from_millis(5),
            jitter: Duration::ZERO,
            bytes_per_sec: None,
            loss: 0.0,
            peers: vec![Ipv4Addr::new(10, 77, 0, 11)],
        }
    }

    #[test]
    fn only_the_peer_is_slowed_and_order_is_kept() {
        let now = Instant::now();
        let mut lane = Lane::new(now);
        lane.push(&shape(), &frame([10, 77, 0, 10], [10, 77, 0, 12], 100), now, || 0.5);
        assert!(lane.pop(now).is_some());
        lane.push(&shape(), &frame([10, 77, 0, 10], [10, 77, 0, 11], 100), now, || 0.5);
        lane.push(&shape(), &frame([10, 77, 0, 10], [10, 77, 0, 12], 100), now, || 0.5);
        assert!(lane.pop(now + Duration::from_millis(4)).is_none());
        assert!(lane.pop(now + Duration::from_millis(5)).is_some());
        assert!(lane.pop(now + Duration::from_millis(5)).is_some());
    }

    #[test]
    fn a_rate_spaces_frames_and_loss_drops_them() {
        let now = Instant::now();
        let mut lane = Lane::new(now);
        let slow = Shape { bytes_per_sec: Some(1000), latency: Duration::ZERO, ..shape() };
        for _ in 0..3 {
            lane.push(&slow, &frame([10, 77, 0, 11], [10, 77, 0, 10], 1000), now, || 0.5);
        }
        assert_eq!(lane.next_due().map(|due| due - now), Some(Duration::from_secs(1)));
        assert!(lane.pop(now + Duration::from_secs(1)).is_some());
        assert_eq!(lane.next_due().map(|due| due - now), Some(Duration::from_secs(2)));
        let lossy = Shape { loss: 0.6, ..shape() };
        let mut lane = Lane::new(now);
        lane.push(&lossy, &frame([10, 77, 0, 11], [10, 77, 0, 10], 100), now, || 0.5);
        assert!(lane.next_due().is_none());
    }
}
