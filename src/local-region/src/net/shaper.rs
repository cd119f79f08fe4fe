//! A slow link in user space, where the kernel has no netem.
//!
//! A machine's veth is taken off the bridge and a TAP device takes its place
//! there; a thread carries the frames between the two and holds each back for
//! as long as the shape says. Both ends speak virtio_net_hdr (packet(7),
//! `PACKET_VNET_HDR`; `IFF_VNET_HDR` of tun), so segments that the kernel has
//! not cut yet pass as they are. Frames of one shape keep their order, as on one cable.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, Read, Write};
use std::net::Ipv4Addr;
use std::os::fd::{AsFd, AsRawFd, FromRawFd, OwnedFd};
use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, TryRecvError, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use rand::RngExt;
use rustix::event::{EventfdFlags, PollFd, PollFlags, Timespec, eventfd, poll};
use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};

/// Largest frame with its header: an uncut segment of 64 KiB.
const MAX_FRAME_BYTES: usize = 68 * 1024;
/// `struct virtio_net_hdr` without mergeable buffers.
const HEADER_BYTES: usize = 10;
/// What waits in one direction before frames are dropped, as a full router's queue does.
const MAX_QUEUE_BYTES: usize = 16 * 1024 * 1024;

/// How a link is slowed; each direction for itself.
#[derive(Debug, Clone, PartialEq)]
pub struct Shape {
    /// Added to every frame.
    pub latency: Duration,
    /// Up to this much more, evenly spread.
    pub jitter: Duration,
    /// Bits a second; `None` for no limit.
    pub bits_per_sec: Option<u64>,
    /// Part of the frames that are lost, 0 to 1.
    pub loss: f64,
}

/// Shapes of a link, each for what goes to or comes from a peer (`None`: all);
/// the first that fits a frame holds for it.
pub type Shapes = Vec<(Option<Ipv4Addr>, Shape)>;

/// Whether a frame (after its virtio header) comes from or goes to the peer.
fn concerns(peer: Ipv4Addr, frame: &[u8]) -> bool {
    // Ethernet: type at 12; IPv4: source at 26, destination at 30.
    let address = |at: usize| frame.get(at..at + 4).and_then(|b| <[u8; 4]>::try_from(b).ok());
    frame.get(12..14) == Some(&[0x08, 0x00])
        && [26, 30].into_iter().filter_map(address).any(|bytes| Ipv4Addr::from(bytes) == peer)
}

/// Frames of one shape on their way in one direction.
struct Lane {
    peer: Option<Ipv4Addr>,
    shape: Shape,
    queue: VecDeque<(Instant, Vec<u8>)>,
    queued_bytes: usize,
    /// When the last frame has left the wire.
    wire_free: Instant,
    last_due: Instant,
}

impl Lane {
    fn new((peer, shape): (Option<Ipv4Addr>, Shape), now: Instant) -> Self {
        let queue = VecDeque::new();
        Self { peer, shape, queue, queued_bytes: 0, wire_free: now, last_due: now }
    }

    /// Takes a frame in; `draw` gives numbers from 0 to 1.
    fn push(&mut self, frame: &[u8], now: Instant, mut draw: impl FnMut() -> f64) {
        if draw() < self.shape.loss || self.queued_bytes + frame.len() > MAX_QUEUE_BYTES {
            return;
        }
        let mut due = now;
        if let Some(rate) = self.shape.bits_per_sec {
            let bits = frame.len().saturating_sub(HEADER_BYTES) as f64 * 8.0;
            self.wire_free =
                self.wire_free.max(now) + Duration::from_secs_f64(bits / rate.max(1) as f64);
            due = self.wire_free;
        }
        due += self.shape.latency + self.shape.jitter.mul_f64(draw());
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

/// Other shapes (`None`: nothing is carried), and who waits until they hold.
type Change = (Option<Shapes>, Sender<()>);

/// A slowed link; ends when dropped, and its TAP device with it.
#[derive(Debug)]
pub struct Shaper {
    changes: Option<Sender<Change>>,
    wake: Arc<OwnedFd>,
    thread: Option<JoinHandle<()>>,
}

impl Shaper {
    /// Makes the TAP device `tap` in a network namespace and carries frames between it and `veth`
    /// there from the first [`Shaper::shape`] on. Before that, the caller moves the bridge's port from one
    /// to the other.
    pub fn start(netns: &str, veth: &str, tap: &str) -> io::Result<Self> {
        let (sender, changes) = channel();
        let wake = Arc::new(eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?);
        let woken = Arc::clone(&wake);
        let (ready, started) = channel();
        let (netns, veth, tap) =
            (Path::new("/run/netns").join(netns), veth.to_owned(), tap.to_owned());
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
                    carry(&tap, &packet, &woken, &changes);
                }
                Err(error) => drop(ready.send(Err::<(), io::Error>(error))),
            }
        })?;
        started.recv().map_err(|_| io::Error::other("the shaper's thread ended"))??;
        Ok(Self { changes: Some(sender), wake, thread: Some(thread) })
    }

    /// Sets the shapes, from when this returns; frames under way arrive at once.
    pub fn shape(&self, shapes: Shapes) {
        self.change(Some(shapes));
    }

    /// Carries nothing any more.
    pub fn pause(&self) {
        self.change(None);
    }

    fn change(&self, shapes: Option<Shapes>) {
        let (done, wait) = channel();
        // A thread that has ended carries nothing: its machine is gone.
        let _ = self.changes.as_ref().map(|to| to.send((shapes, done)));
        self.wake();
        let _ = wait.recv();
    }

    fn wake(&self) {
        // It fails only when the thread has been woken very often already.
        let _ = rustix::io::write(&self.wake, &1u64.to_ne_bytes());
    }
}

impl Drop for Shaper {
    fn drop(&mut self) {
        // The thread ends when nobody can send it shapes any more.
        drop(self.changes.take());
        self.wake();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn carry(tap: &File, packet: &File, woken: &OwnedFd, changes: &Receiver<Change>) {
    let mut ways: [(&File, &File, Vec<Lane>); 2] =
        [(packet, tap, Vec::new()), (tap, packet, Vec::new())];
    let mut buffer = vec![0; MAX_FRAME_BYTES];
    let mut random = rand::rng();
    let mut carrying = false;
    loop {
        match changes.try_recv() {
            Ok((shapes, done)) => {
                if !carrying {
                    // So far the veth was a port of the bridge itself: what it saw has passed.
                    while let Ok(1..) = rustix::io::read(packet, &mut buffer) {}
                }
                carrying = shapes.is_some();
                let now = Instant::now();
                for (_, to, lanes) in &mut ways {
                    for (_, frame) in lanes.iter_mut().flat_map(|lane| lane.queue.drain(..)) {
                        send(to, &frame);
                    }
                    let shapes = shapes.iter().flatten();
                    *lanes = shapes.map(|shape| Lane::new(shape.clone(), now)).collect();
                }
                let _ = done.send(());
            }
            Err(TryRecvError::Empty) => {}
            Err(TryRecvError::Disconnected) => return,
        }
        let now = Instant::now();
        let due = ways.iter().flat_map(|(_, _, lanes)| lanes).filter_map(Lane::next_due).min();
        // A time that does not fit is as good as none: frames are not held for centuries.
        let wait = due.and_then(|due| Timespec::try_from(due.saturating_duration_since(now)).ok());
        let mut ends = [
            PollFd::new(tap, PollFlags::IN),
            PollFd::new(packet, PollFlags::IN),
            PollFd::new(woken, PollFlags::IN),
        ];
        if poll(&mut ends, wait.as_ref()).is_err_and(|error| error != rustix::io::Errno::INTR) {
            return;
        }
        let _ = rustix::io::read(woken, &mut [0; 8]);
        for (from, to, lanes) in &mut ways {
            while let Ok(length @ 1..) = from.read(&mut buffer) {
                if !carrying {
                    continue;
                }
                let frame = &buffer[..length];
                let body = &frame[HEADER_BYTES.min(length)..];
                let fits = |lane: &&mut Lane| lane.peer.is_none_or(|peer| concerns(peer, body));
                match lanes.iter_mut().find(fits) {
                    Some(lane) => lane.push(frame, Instant::now(), || random.random::<f64>()),
                    None => send(to, frame),
                }
            }
            let now = Instant::now();
            for lane in lanes {
                while let Some(frame) = lane.pop(now) {
                    send(to, &frame);
                }
            }
        }
    }
}

/// A frame the kernel does not take is a lost frame.
fn send(mut to: &File, frame: &[u8]) {
    let _ = to.write(frame);
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

    const PEER: Ipv4Addr = Ipv4Addr::new(10, 77, 0, 11);

    fn shape() -> Shape {
        Shape {
            latency: Duration::from_millis(5),
            jitter: Duration::ZERO,
            bits_per_sec: None,
            loss: 0.0,
        }
    }

    #[test]
    fn a_peer_is_known_by_either_address() {
        let (me, peer, other) = ([10, 77, 0, 10], PEER.octets(), [10, 77, 0, 12]);
        assert!(concerns(PEER, &frame(me, peer, 100)[HEADER_BYTES..]));
        assert!(concerns(PEER, &frame(peer, me, 100)[HEADER_BYTES..]));
        assert!(!concerns(PEER, &frame(me, other, 100)[HEADER_BYTES..]));
        assert!(!concerns(PEER, &[0; 20]));
    }

    #[test]
    fn latency_holds_a_frame_back_and_order_is_kept() {
        let now = Instant::now();
        let mut lane =
            Lane::new((None, Shape { jitter: Duration::from_millis(2), ..shape() }), now);
        lane.push(&frame(PEER.octets(), [10, 77, 0, 10], 100), now, || 0.5);
        lane.push(&frame(PEER.octets(), [10, 77, 0, 10], 200), now, || 0.0);
        assert!(lane.pop(now + Duration::from_millis(5)).is_none());
        let due = now + Duration::from_millis(6);
        assert_eq!(lane.pop(due).map(|frame| frame.len()), Some(HEADER_BYTES + 100));
        assert_eq!(lane.pop(due).map(|frame| frame.len()), Some(HEADER_BYTES + 200));
    }

    #[test]
    fn a_rate_spaces_frames_and_loss_drops_them() {
        let now = Instant::now();
        let slow = Shape { bits_per_sec: Some(8000), latency: Duration::ZERO, ..shape() };
        let mut lane = Lane::new((Some(PEER), slow), now);
        for _ in 0..3 {
            lane.push(&frame(PEER.octets(), [10, 77, 0, 10], 1000), now, || 0.5);
        }
        assert_eq!(lane.next_due().map(|due| due - now), Some(Duration::from_secs(1)));
        assert!(lane.pop(now + Duration::from_secs(1)).is_some());
        assert_eq!(lane.next_due().map(|due| due - now), Some(Duration::from_secs(2)));
        let mut lane = Lane::new((None, Shape { loss: 0.6, ..shape() }), now);
        lane.push(&frame([10, 77, 0, 10], PEER.octets(), 100), now, || 0.5);
        assert!(lane.next_due().is_none());
    }
}
