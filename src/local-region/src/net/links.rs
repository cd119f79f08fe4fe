//! What is done to the machines' links on the bridge: the filter of their
//! security groups, partitions, slow links. One change goes after the other.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::command::{CommandError, feed};
use super::filter::{self, Cut};
use super::shaper::{Shape, Shaper};
use crate::firewall::Firewall;
use crate::layout::Layout;

/// The links of all machines; clones share them.
#[derive(Debug, Clone)]
pub struct Links {
    layout: Layout,
    inner: Arc<Mutex<Inner>>,
}

#[derive(Debug, Default)]
struct Inner {
    firewall: Firewall,
    /// Addresses of the machines that have a link.
    addresses: BTreeMap<String, Ipv4Addr>,
    partitions: Vec<Partition>,
    slow: BTreeMap<String, Slow>,
}

/// A machine that is cut off.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Partition {
    /// Its id.
    pub machine: String,
    /// The machine it is cut off from; `None` for all.
    pub peer: Option<String>,
    /// Only what the first sends is lost.
    pub one_way: bool,
}

/// A link that is slow.
#[derive(Debug, Clone, PartialEq)]
pub struct SlowLink {
    /// The machine's id.
    pub machine: String,
    /// Only with this machine; `None` with all that have no shape of their own.
    pub peer: Option<String>,
    /// How slow.
    pub shape: Shape,
}

/// A machine's shaper and its shapes by peer.
#[derive(Debug)]
struct Slow {
    shaper: Shaper,
    shapes: BTreeMap<Option<String>, Shape>,
}

/// Why a link is not changed.
#[derive(Debug, thiserror::Error)]
pub enum LinkError {
    /// It is not there.
    #[error("machine {0} has no link: it is not running")]
    NoLink(String),
    /// A machine has no link with itself.
    #[error("{0} twice: name two machines")]
    Same(String),
    /// Nothing is broken.
    #[error("nothing to heal{0}: `nixl-region status` lists partitions and slow links")]
    NothingToHeal(String),
    /// `ip` or `nft` failed.
    #[error(transparent)]
    Command(#[from] CommandError),
    /// The shaper did not start.
    #[error("slow the link of {machine}: {source}")]
    Shaper {
        /// Id.
        machine: String,
        /// Why.
        source: std::io::Error,
    },
}

impl Links {
    pub(super) fn new(layout: &Layout) -> Result<Self, CommandError> {
        let links = Self { layout: layout.clone(), inner: Arc::default() };
        // Closed from the first moment.
        links.filter(&links.lock())?;
        Ok(links)
    }

    pub(super) fn add(&self, id: &str, address: Ipv4Addr) {
        self.lock().addresses.insert(id.to_owned(), address);
    }

    /// Forgets a machine and what was done to it.
    pub(super) fn remove(&self, id: &str) -> Result<(), CommandError> {
        let mut inner = self.lock();
        inner.addresses.remove(id);
        for slowed in inner.slow.keys().cloned().collect::<Vec<_>>() {
            self.unslow(&mut inner, &slowed, |peer| slowed == id || peer.as_deref() == Some(id))?;
        }
        let before = inner.partitions.len();
        inner.partitions.retain(|cut| !cut.touches(id));
        if inner.partitions.len() == before { Ok(()) } else { self.filter(&inner) }
    }

    /// Puts the security groups in force.
    pub fn firewall(&self, firewall: Firewall) -> Result<(), CommandError> {
        let mut inner = self.lock();
        inner.firewall = firewall;
        self.filter(&inner)
    }

    /// Cuts a machine off from another, or from all.
    pub fn partition(&self, partition: Partition) -> Result<(), LinkError> {
        let mut inner = self.lock();
        inner.check(&partition.machine, partition.peer.as_deref())?;
        if !inner.partitions.contains(&partition) {
            inner.partitions.push(partition);
        }
        Ok(self.filter(&inner)?)
    }

    /// Slows a machine's link with another, or with all.
    pub fn slow(&self, SlowLink { machine, peer, shape }: SlowLink) -> Result<(), LinkError> {
        let mut inner = self.lock();
        inner.check(&machine, peer.as_deref())?;
        if !inner.slow.contains_key(&machine) {
            let shaper = self.insert_shaper(&machine)?;
            inner.slow.insert(machine.clone(), Slow { shaper, shapes: BTreeMap::new() });
        }
        if let Some(slow) = inner.slow.get_mut(&machine) {
            slow.shapes.insert(peer, shape);
        }
        inner.reshape(&machine);
        Ok(())
    }

    /// Mends what is between two machines, all of one machine's, or everything.
    pub fn heal(&self, machine: Option<&str>, peer: Option<&str>) -> Result<usize, LinkError> {
        let mut inner = self.lock();
        for id in [machine, peer].into_iter().flatten() {
            inner.check(id, None)?;
        }
        let meant = |one: &str, other: Option<&str>| match (machine, peer) {
            (None, _) => true,
            (Some(machine), None) => one == machine || other == Some(machine),
            (Some(machine), Some(peer)) => {
                (one, other) == (machine, Some(peer)) || (one, other) == (peer, Some(machine))
            }
        };
        let before = inner.count();
        inner.partitions.retain(|cut| !meant(&cut.machine, cut.peer.as_deref()));
        self.filter(&inner)?;
        for slowed in inner.slow.keys().cloned().collect::<Vec<_>>() {
            self.unslow(&mut inner, &slowed, |peer| meant(&slowed, peer.as_deref()))?;
        }
        match before - inner.count() {
            0 => Err(LinkError::NothingToHeal(match (machine, peer) {
                (Some(machine), Some(peer)) => format!(" between {machine} and {peer}"),
                (Some(machine), None) => format!(" at {machine}"),
                (None, _) => String::new(),
            })),
            healed => Ok(healed),
        }
    }

    /// What is done to links now.
    pub fn list(&self) -> (Vec<Partition>, Vec<SlowLink>) {
        let inner = self.lock();
        let slow = inner.slow.iter().flat_map(|(machine, slow)| {
            let shapes = slow.shapes.iter();
            shapes.map(move |(peer, shape)| SlowLink {
                machine: machine.clone(),
                peer: peer.clone(),
                shape: shape.clone(),
            })
        });
        (inner.partitions.clone(), slow.collect())
    }

    fn filter(&self, inner: &Inner) -> Result<(), CommandError> {
        let ruleset = filter::ruleset(&inner.firewall, &inner.cuts());
        feed("ip", &["netns", "exec", &self.layout.bridge_netns(), "nft", "-f", "-"], &ruleset)
    }

    /// Puts a TAP device where the machine's veth is on the bridge.
    fn insert_shaper(&self, id: &str) -> Result<Shaper, LinkError> {
        let (veth, tap) = (self.layout.veth(id), self.layout.tap(id));
        let bridge = self.layout.bridge_netns();
        let shaper = Shaper::start(&bridge, &veth, &tap)
            .map_err(|source| LinkError::Shaper { machine: id.to_owned(), source })?;
        // Off the bridge the veth would answer for the gateway's address itself.
        let inserted =
            self.swap(&format!("link set {tap} up master br0\nlink set {veth} arp off nomaster\n"));
        if inserted.is_err() {
            // The first failure is the one to tell.
            let _ = self.swap(&format!("link set {veth} master br0 arp on\n"));
        }
        inserted?;
        Ok(shaper)
    }

    /// Takes shapes off a link; the last one takes the TAP device with it.
    fn unslow(
        &self,
        inner: &mut Inner,
        machine: &str,
        gone: impl Fn(&Option<String>) -> bool,
    ) -> Result<(), CommandError> {
        let Some(slow) = inner.slow.get_mut(machine) else { return Ok(()) };
        slow.shapes.retain(|peer, _| !gone(peer));
        if slow.shapes.is_empty() {
            let (veth, tap) = (self.layout.veth(machine), self.layout.tap(machine));
            // A frame must not pass twice.
            slow.shaper.pause();
            // By name, too: a process that was just forked may hold the device open.
            self.swap(&format!("link set {veth} master br0 arp on\nlink del {tap}\n"))?;
            inner.slow.remove(machine);
        } else {
            inner.reshape(machine);
        }
        Ok(())
    }

    /// One process for all steps, so that the link is hardly away.
    fn swap(&self, steps: &str) -> Result<(), CommandError> {
        feed("ip", &["-n", &self.layout.bridge_netns(), "-batch", "-"], steps)
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Partition {
    fn touches(&self, id: &str) -> bool {
        self.machine == id || self.peer.as_deref() == Some(id)
    }
}

impl Inner {
    fn check(&self, machine: &str, peer: Option<&str>) -> Result<(), LinkError> {
        if peer == Some(machine) {
            return Err(LinkError::Same(machine.to_owned()));
        }
        match [Some(machine), peer]
            .into_iter()
            .flatten()
            .find(|id| !self.addresses.contains_key(*id))
        {
            Some(missing) => Err(LinkError::NoLink(missing.to_owned())),
            None => Ok(()),
        }
    }

    fn count(&self) -> usize {
        self.partitions.len() + self.slow.values().map(|slow| slow.shapes.len()).sum::<usize>()
    }

    fn cuts(&self) -> Vec<Cut> {
        let mut cuts = Vec::new();
        for cut in &self.partitions {
            let address = |id: &String| self.addresses.get(id).copied();
            let (one, other) = (address(&cut.machine), cut.peer.as_ref().and_then(address));
            cuts.push((one, other));
            if !cut.one_way {
                cuts.push((other, one));
            }
        }
        cuts
    }

    /// Tells a shaper its shapes, those for one peer before that for all.
    fn reshape(&self, machine: &str) {
        let Some(slow) = self.slow.get(machine) else { return };
        let shapes = slow.shapes.iter().rev().map(|(peer, shape)| {
            let peer = peer.as_ref().and_then(|id| self.addresses.get(id)).copied();
            (peer, shape.clone())
        });
        slow.shaper.shape(shapes.collect());
    }
}
