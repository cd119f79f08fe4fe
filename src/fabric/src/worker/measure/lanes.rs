//! The rails of one measurement: a region on each, and what is under way.

use super::{MAX_RAILS, MAX_REGION_BYTES, Net};
use crate::FabricError;
use crate::endpoint::{Endpoint, RegionId, RemoteRegion, Started};
use crate::wire::Terms;
use nixl_cluster::link::{Mode, OneSided};

/// Lowest bits of a wire tag: the round trip.
pub(super) const SEQUENCE: u64 = (1 << 31) - 1;
/// From the asked one to the asker.
const BACK: u64 = 1 << 31;

/// Ways of an operation, lowest bits of its tag.
const OUT: u64 = 0;
const IN: u64 = 1;

/// One rail.
#[derive(Debug)]
pub(super) struct Lane {
    pub rail: usize,
    pub region: RegionId,
    /// The peer's region, for writes.
    pub remote: Option<RemoteRegion>,
    /// Operations started here.
    pub started: u64,
    /// Of those, the ones that are over.
    pub done: u64,
    /// Operations that came in.
    pub arrived: u64,
}

impl Lane {
    /// Whether so many operations are under way.
    pub(super) fn is_full(&self, window: usize) -> bool {
        self.started - self.done >= window as u64
    }
}

#[derive(Debug)]
pub(super) struct Lanes {
    pub lanes: Vec<Lane>,
    mode: Mode,
    size: usize,
    /// Upper half of wire tags, and of immediate data.
    salt: u32,
    /// Tells own operations from those of earlier measurements.
    serial: u64,
    asker: bool,
}

/// Why a measurement cannot be prepared.
#[derive(Debug)]
pub(super) enum Unfit {
    Terms(String),
    Fabric(FabricError),
}

impl Lanes {
    /// Registers what the terms need, or nothing.
    pub(super) fn register(
        net: &mut Net<'_>,
        terms: &Terms,
        salt: u32,
        serial: u64,
        asker: bool,
    ) -> Result<Self, Unfit> {
        check(net, terms)?;
        let size = terms.size_bytes as usize;
        let mut lanes = Self { lanes: Vec::new(), mode: terms.mode, size, salt, serial, asker };
        for rail in terms.rails.iter().map(|rail| usize::from(*rail)) {
            match net.rails[rail].register(size) {
                Ok(region) => lanes.lanes.push(Lane {
                    rail,
                    region,
                    remote: None,
                    started: 0,
                    done: 0,
                    arrived: 0,
                }),
                Err(error) => {
                    lanes.release(net.rails);
                    return Err(Unfit::Fabric(error));
                }
            }
        }
        Ok(lanes)
    }

    pub(super) fn release(&mut self, rails: &mut [Endpoint]) {
        for lane in self.lanes.drain(..) {
            rails[lane.rail].release_region(lane.region);
        }
    }

    /// Operations started on all of them.
    pub(super) fn started(&self) -> u64 {
        self.lanes.iter().map(|lane| lane.started).sum()
    }

    /// Own regions, as the peer writes to them.
    pub(super) fn regions(&self, rails: &[Endpoint]) -> Vec<RemoteRegion> {
        self.lanes.iter().filter_map(|lane| rails[lane.rail].remote_region(lane.region)).collect()
    }

    /// The peer's regions; `false` when they are not as many as the rails.
    pub(super) fn set_remote(&mut self, regions: &[RemoteRegion]) -> bool {
        for (lane, region) in self.lanes.iter_mut().zip(regions) {
            lane.remote = Some(*region);
        }
        regions.len() == self.lanes.len()
    }

    fn tag(&self, way: u64) -> u64 {
        self.serial << 1 | way
    }

    /// Way of an own operation of this measurement.
    fn way(&self, tag: u64) -> Option<u64> {
        (tag >> 1 == self.serial).then_some(tag & 1)
    }

    /// Posts a receive for what the other side sends. Writes need none.
    pub(super) fn post(&self, rails: &mut [Endpoint], index: usize) -> Result<bool, FabricError> {
        if self.mode == Mode::OneSided {
            return Ok(true);
        }
        let lane = &self.lanes[index];
        let way = if self.asker { BACK } else { 0 };
        let wire_tag = u64::from(self.salt) << 32 | way;
        let tag = self.tag(IN);
        rails[lane.rail].receive_tagged(lane.region, self.size, wire_tag, SEQUENCE, tag)
    }

    /// Starts one operation towards the peer. `false`: try again later.
    pub(super) fn start(
        &mut self,
        net: &mut Net<'_>,
        index: usize,
        sequence: u32,
    ) -> Result<bool, FabricError> {
        let tag = self.tag(OUT);
        let lane = &mut self.lanes[index];
        let (endpoint, address) = (&mut net.rails[lane.rail], &net.addresses[lane.rail]);
        let started = match (self.mode, &lane.remote) {
            (Mode::TwoSided, _) => {
                let way = if self.asker { 0 } else { BACK };
                let wire_tag = u64::from(self.salt) << 32 | way | u64::from(sequence) & SEQUENCE;
                endpoint.send_tagged(address, lane.region, self.size, wire_tag, tag)?
            }
            (Mode::OneSided, Some(remote)) => {
                let data = self.salt << 16 | sequence & 0xffff;
                match endpoint.write(address, lane.region, self.size, remote, data, tag)? {
                    true => Started::UnderWay,
                    false => Started::Again,
                }
            }
            // Nobody starts before the peer has told its regions.
            (Mode::OneSided, None) => Started::Again,
        };
        lane.started += u64::from(started != Started::Again);
        lane.done += u64::from(started == Started::Done);
        Ok(started != Started::Again)
    }

    /// The sequence of what came in with this completion, if something did.
    pub(super) fn came_in(&mut self, rail: usize, what: &super::Finished) -> Option<(usize, u32)> {
        use super::Finished;
        let index = self.lanes.iter().position(|lane| lane.rail == rail)?;
        let sequence = match *what {
            Finished::Written { data } => {
                (data >> 16 == self.salt & 0xffff).then_some(data & 0xffff)?
            }
            Finished::Operation { tag, wire_tag } => match self.way(tag)? {
                IN => u32::try_from(wire_tag & SEQUENCE).ok()?,
                _ => {
                    self.lanes[index].done += 1;
                    return None;
                }
            },
            Finished::Failed { .. } => return None,
        };
        self.lanes[index].arrived += 1;
        Some((index, sequence))
    }

    /// Whether a failure is one of this measurement.
    pub(super) fn is_own(&self, tag: u64) -> bool {
        self.way(tag).is_some()
    }
}

fn check(net: &Net<'_>, terms: &Terms) -> Result<(), Unfit> {
    let (rails, known) = (net.rails.len(), net.addresses.len());
    let unfit = |text: String| Err(Unfit::Terms(text));
    if terms.rails.is_empty() || terms.rails.len() > MAX_RAILS {
        return unfit(format!("{} rails, 1 to {MAX_RAILS} can be measured", terms.rails.len()));
    }
    let mut distinct = terms.rails.clone();
    distinct.sort_unstable();
    distinct.dedup();
    if distinct.len() != terms.rails.len() {
        return unfit("a rail is named twice".to_owned());
    }
    for rail in &terms.rails {
        let index = usize::from(*rail);
        if index >= rails {
            return unfit(format!("there is no rail {rail}, only {rails}"));
        }
        if index >= known {
            return unfit(format!("the peer's address of rail {rail} is not known"));
        }
        let description = net.rails[index].description();
        if terms.mode == Mode::OneSided && description.one_sided == OneSided::None {
            let provider = &description.provider_name;
            return unfit(format!("{provider} has no RMA writes with immediate data"));
        }
    }
    let held: usize = net.rails.iter().map(Endpoint::region_bytes).sum();
    let needed = (terms.size_bytes as usize).saturating_mul(terms.rails.len());
    if needed.saturating_add(held) > MAX_REGION_BYTES {
        return unfit(format!(
            "{needed} bytes of regions beside {held} in use, at most {MAX_REGION_BYTES} are"
        ));
    }
    Ok(())
}
