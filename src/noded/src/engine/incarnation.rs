//! One life of a worker: open, publish, pair, measure, until either ends.

mod asking;
mod opening;

use super::inquiry::Inquiry;
use super::report::Reporter;
use super::send_error::SendError;
use super::{End, Engine, Machine};
use crate::beat::INTERVAL;
use crate::board::{Reading, name};
use crate::events::{self, Peer, Stage};
use crate::identity;
use crate::link::{Local, Written};
use crate::registry::{RegistryError, Roster};
use crate::worker::{Death, FromWorker, Worker};
use nixl_cluster::link::Rail;
use nixl_cluster::{EndpointRecord, Provider, ProviderChoice, instance_type, reason, tag};
use nixl_efa::Place;
use nixl_fabric::protocol::{Command, Event};
use nixl_pairing::{Input, LocalNode, Output, PeerState};
use opening::Opened;
use std::collections::BTreeMap;
use std::time::{Duration, Instant};
use tokio::task::JoinSet;
use tokio::time::sleep_until;

/// A look-up that takes longer has failed; it is asked for again.
const LOOK_UP_TIMEOUT: Duration = Duration::from_secs(15);
/// Least time between two ticks, so that no deadline can make the loop spin.
const MIN_TICK: Duration = Duration::from_millis(1);
/// Bytes a second of continuous measuring: a transfer of 16 MiB every 17 s,
/// 0.02 % of a rail of 40 Gb/s.
const LINK_BUDGET: u64 = 1_000_000;
/// A machine with nothing to do is looked at all the same.
const MAX_TICK: Duration = Duration::from_secs(60);

struct Life<'a> {
    engine: &'a Engine,
    report: &'a mut Reporter,
    worker: Worker,
    machine: Box<dyn Machine>,
    start: Instant,
    send_errors: BTreeMap<u32, SendError>,
    /// Who is paired, by rank: when a pair is lost because the peer was replaced,
    /// the machine names the new one already.
    paired: BTreeMap<u32, String>,
    inquiry: Inquiry,
    look_ups: JoinSet<Result<Roster, RegistryError>>,
    rank: u32,
    last_sign: Instant,
    last_tick: Instant,
}

impl Engine {
    pub(super) async fn incarnation(&self, report: &mut Reporter, epoch: &mut u64) -> End {
        let Some(rank) = self.enrol(report).await else { return End::Stopped };
        let mut worker = match self.spawner.spawn() {
            Ok(worker) => worker,
            Err(error) => {
                return End::Died(Death::other(format!("it could not be started: {error}")));
            }
        };
        let opened = tokio::select! {
            () = self.stop.cancelled() => return End::Stopped,
            opened = self.beat.during(self.open(&mut worker, rank, report)) => opened,
        };
        let Opened { provider, provider_name, address, further, rails, library } = match opened {
            Ok(opened) => opened,
            Err(end) => return self.put_down(worker, end).await,
        };
        let identity = match identity::generate(*epoch, self.settings.prefill) {
            Ok(identity) => identity,
            Err(error) => {
                return End::Died(Death::other(format!("no identity could be made: {error:#}")));
            }
        };
        *epoch = identity.record.epoch;
        let endpoint = EndpointRecord { provider, address };
        let published =
            [(tag::IDENTITY, identity.record.to_string()), (tag::ENDPOINT, endpoint.to_string())];
        report.opened(&provider_name, self.unused_efa(provider), published);
        self.link.opened(&self.link_local(rank, provider), self.placed(rails), library);
        let local = LocalNode {
            cluster: self.settings.cluster.clone(),
            instance_id: self.instance.id.clone(),
            rank,
            size: self.settings.size,
            identity: identity.record,
            secret_key: identity.secret_key,
            endpoint,
            release: env!("CARGO_PKG_VERSION").to_owned(),
            rails: further,
        };
        let now = Instant::now();
        let mut life = Life {
            engine: self,
            report,
            worker,
            machine: (self.machines)(local, Duration::ZERO),
            start: now,
            send_errors: BTreeMap::new(),
            paired: BTreeMap::new(),
            inquiry: Inquiry::default(),
            look_ups: JoinSet::new(),
            rank,
            last_sign: now,
            last_tick: now,
        };
        let end = life.run().await;
        self.put_down(life.worker, end).await
    }

    /// Two workers must not have one device: the next one waits for this.
    async fn put_down(&self, mut worker: Worker, end: End) -> End {
        if matches!(end, End::Stopped) {
            return end;
        }
        let gone = self.beat.during(worker.end(self.timings.gone)).await;
        let End::Died(Death { kind, how }) = end else { return end };
        let how = match gone {
            Ok(None) => how,
            Ok(Some(last)) => format!("{how}; {}", last.how),
            Err(error) => format!("{how}; {error}"),
        };
        End::Died(Death { kind, how })
    }

    /// What of EFA there is, where it was open which provider to use and it is
    /// not used.
    fn unused_efa(&self, provider: Provider) -> Option<String> {
        if self.settings.provider != ProviderChoice::Auto || provider == Provider::Efa {
            return None;
        }
        let devices = self.devices.efa_addresses();
        let known = instance_type::find(&self.instance.instance_type);
        let offers = known.filter(|known| known.efa_interfaces > 0);
        match (&devices[..], offers) {
            ([], None) => None,
            ([], Some(known)) => Some(format!(
                "no EFA device is attached, {} can have {}; {provider} is used",
                known.name, known.efa_interfaces
            )),
            (devices, _) => Some(format!("{} is there; {provider} is used", devices.join(", "))),
        }
    }

    /// With what sysfs tells of where they are.
    fn placed(&self, mut rails: Vec<Rail>) -> Vec<Rail> {
        for rail in &mut rails {
            if let Some(address) = &rail.pci_address {
                let Place { numa_node, gpus } = self.devices.place(address);
                (rail.numa_node, rail.gpus) = (numa_node, gpus);
            }
        }
        rails
    }

    fn link_local(&self, rank: u32, provider: Provider) -> Local {
        Local {
            cluster: self.settings.cluster.clone(),
            instance_id: self.instance.id.clone(),
            instance_type: self.instance.instance_type.clone(),
            rank,
            provider,
            budget_bytes_per_sec: self.settings.link_budget_bytes_per_sec.unwrap_or(LINK_BUDGET),
            probe_delay: self.timings.probe_delay,
            probe_interval: self.timings.probe_interval,
        }
    }
}

impl Life<'_> {
    async fn run(&mut self) -> End {
        let mut interval = tokio::time::interval(INTERVAL);
        loop {
            self.engine.beat.now();
            let tick = self.next_tick();
            let measure = self.engine.link.due();
            tokio::select! {
                () = self.engine.stop.cancelled() => {
                    self.shut_down().await;
                    return End::Stopped;
                }
                said = self.worker.events.recv() => match said {
                    Some(FromWorker::Event(event)) => {
                        self.last_sign = Instant::now();
                        self.on_event(event);
                    }
                    Some(FromWorker::Died(how)) => return End::Died(how),
                    None => return End::Died(Death::other("it ended")),
                },
                Some(found) = self.look_ups.join_next() => {
                    let found = found.unwrap_or_else(|error| {
                        let message = format!("the look-up ended: {error}");
                        Err(RegistryError { denied: false, message })
                    });
                    if found.as_ref().is_ok_and(|found| !found.standing.keeps(self.rank)) {
                        return End::RankLost { rank: self.rank };
                    }
                    self.on_look_up(found);
                }
                () = sleep_until(tick.into()) => {
                    self.last_tick = Instant::now();
                    self.drive(Input::Tick);
                }
                () = sleep_until(measure.unwrap_or(tick).into()), if measure.is_some() => {
                    self.commands(self.engine.link.start());
                }
                // The time of the next measurement is another now.
                () = self.engine.link.asked() => {}
                () = self.engine.peers.asked() => self.requests(),
                _ = interval.tick() => {
                    let silence = self.last_sign.elapsed();
                    if silence > self.engine.timings.silence {
                        let secs = silence.as_secs();
                        return End::Died(Death::hung(format!("it gave no sign of life for {secs} s")));
                    }
                    self.tell();
                    self.inquire();
                    for written in self.engine.link.to_write(false) {
                        tokio::task::spawn_blocking(move || Written::write(&written));
                    }
                }
            }
        }
    }

    fn next_tick(&self) -> Instant {
        let wait = self.machine.deadline().saturating_sub(self.start.elapsed()).min(MAX_TICK);
        (Instant::now() + wait).max(self.last_tick + MIN_TICK)
    }

    fn on_event(&mut self, event: Event) {
        match event {
            Event::Received { bytes } => self.drive(Input::Received(bytes)),
            Event::SendFailed { peer, code, errno, prov_errno, message } => {
                let text = format!("{message} ({errno}, provider {prov_errno})");
                self.send_errors.insert(peer, SendError::new(&code, text));
                self.drive(Input::SendFailed(peer));
            }
            Event::Fault { code, errno, prov_errno, message } => {
                self.report.fault(&code, &format!("{message} ({errno}, provider {prov_errno})"));
            }
            Event::Measured { id, outcome, .. } => {
                self.engine.link.measured(id, outcome);
                self.tell();
            }
            Event::OpenFailed { .. } | Event::Opened { .. } => {
                tracing::warn!("the fabric worker opened twice");
            }
            Event::Alive | Event::Confined { .. } => {}
        }
    }

    fn on_look_up(&mut self, found: Result<Roster, RegistryError>) {
        match found {
            Ok(Roster { members, .. }) => {
                self.engine.board.set(name::LOOK_UP, Reading::good(members.len()));
                self.drive(Input::Members(members));
            }
            Err(error) => {
                let reason = &reason::EC2_UNREACHABLE;
                events::reason(Stage::Discover, reason, &error.message);
                self.engine.board.set(name::LOOK_UP, Reading::bad(reason, error.message));
                self.drive(Input::LookUpFailed);
            }
        }
    }

    fn drive(&mut self, input: Input) {
        let outputs = self.machine.handle(self.start.elapsed(), input);
        self.carry_out_all(outputs);
    }

    fn carry_out_all(&mut self, outputs: Vec<Output>) {
        let mut changed = false;
        for output in outputs {
            changed |= matches!(output, Output::Changed { .. });
            self.carry_out(output);
        }
        if changed {
            self.tell();
        }
    }

    fn carry_out(&mut self, output: Output) {
        match output {
            Output::AddPeer { rank, address } => {
                self.command(Command::AddPeer { peer: rank, address });
            }
            Output::RemovePeer { rank } => self.command(Command::RemovePeer { peer: rank }),
            Output::Send { rank, bytes } => self.command(Command::Send { peer: rank, bytes }),
            Output::ArmProbe { rank, token } => {
                self.command(Command::ArmProbe { peer: rank, token });
            }
            Output::AddRails { rank, addresses } => {
                self.engine.link.further_rails(rank, addresses.len());
                self.command(Command::AddRails { peer: rank, addresses });
            }
            Output::LookUp => self.look_up(),
            Output::Asked { rank, id, what } => self.asked(rank, id, what),
            Output::Answered { rank, what, answer } => self.answered(rank, what, answer),
            Output::Changed { rank, from, to, reason } => {
                let peers = self.machine.peers();
                let named = peers.iter().find(|peer| peer.rank == rank);
                let named = named.and_then(|peer| peer.instance_id.as_deref());
                let before = self.paired.remove(&rank).filter(|_| from == PeerState::Paired);
                let id = if to == PeerState::Paired { named } else { before.as_deref().or(named) };
                let pair_id = id.and_then(|id| self.engine.board.pair_id(id));
                let peer = Peer { id, rank, pair_id: pair_id.as_deref() };
                events::peer_changed(peer, from, to, reason);
                let commands = match id {
                    Some(id) if to == PeerState::Paired => {
                        self.paired.insert(rank, id.to_owned());
                        self.send_errors.remove(&rank);
                        self.inquiry.paired();
                        self.engine.link.paired(rank, id)
                    }
                    _ => self.engine.link.unpaired(rank),
                };
                if let Some(before) = &before {
                    self.pair_lost(rank, before);
                }
                self.commands(commands);
            }
        }
    }

    fn look_up(&mut self) {
        // One at a time: its answer serves whoever asked meanwhile.
        if !self.look_ups.is_empty() {
            return;
        }
        let registry = self.engine.registry.clone();
        self.look_ups.spawn(async move {
            tokio::time::timeout(LOOK_UP_TIMEOUT, registry.roster()).await.unwrap_or_else(|_| {
                let message = format!("no answer within {} s", LOOK_UP_TIMEOUT.as_secs());
                Err(RegistryError { denied: false, message })
            })
        });
    }

    fn commands(&self, commands: Vec<Command>) {
        commands.into_iter().for_each(|command| self.command(command));
    }

    fn command(&self, command: Command) {
        // A worker that is gone already says so through its events.
        let _ = self.worker.commands.send(command);
    }

    fn tell(&mut self) {
        let (peers, all) = (self.machine.peers(), self.machine.all_paired());
        self.report.peers(&peers, all, self.start.elapsed(), &self.send_errors);
    }

    async fn shut_down(&mut self) {
        let bye = self.machine.bye(self.start.elapsed());
        self.carry_out_all(bye);
        self.command(Command::Shutdown);
        let ended = async {
            while let Some(said) = self.worker.events.recv().await {
                if matches!(said, FromWorker::Died(_)) {
                    break;
                }
            }
        };
        if tokio::time::timeout(self.engine.timings.shutdown, ended).await.is_err() {
            events::slow_stop("the fabric worker did not end in time and is killed");
        }
    }
}
