//! An account in memory, as strict as EC2 where the launcher depends on it:
//! zonal tokens, asynchronous placement groups, refusal to delete what is in
//! use. Calls are recorded; faults are scripted by operation or by the n-th
//! change.

mod addresses;
mod console;
mod ec2;
mod market;
mod reservations;
mod rest;
mod scheduler;
mod ssm;

use crate::engine::{Clock, Engine, Pace, Stop};
use crate::plan::{Attempt, Place};
use crate::progress::Progress;
use crate::services::Services;
use crate::timeline::Timeline;
use nixl_aws::ec2::{
    Address, Image, Instance, NetworkCard, NetworkInterface, PlacementGroup, Reservation,
    SecurityGroup, SpotRequest, Volume,
};
use nixl_aws::iam::{InstanceProfile, Role};
use nixl_aws::s3::BucketSettings;
use nixl_aws::sagemaker::Mlflow;
use nixl_aws::{AwsError, ErrorKind, Result, Tag};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

pub(crate) const ACCOUNT: &str = "123456789012";
pub(crate) const REGION: &str = "us-east-1";

/// What goes wrong with a call.
#[derive(Debug, Clone)]
pub(crate) enum Fault {
    /// The service refuses: code, message, status.
    Refuse(&'static str, &'static str, u16),
    /// It is carried out and the answer is lost.
    Lose,
}

#[derive(Default)]
pub(crate) struct State {
    pub calls: Vec<&'static str>,
    pub changes: usize,
    pub script: BTreeMap<&'static str, VecDeque<Fault>>,
    pub nth_change: Option<(usize, Fault)>,
    pub images: Vec<Image>,
    pub zones: Vec<&'static str>,
    pub instances: Vec<Instance>,
    pub looks: BTreeMap<String, u32>,
    pub tokens: BTreeMap<(String, String), (String, Vec<String>)>,
    pub sent_tokens: Vec<String>,
    pub groups: Vec<SecurityGroup>,
    pub placement: Vec<PlacementGroup>,
    pub reservations: Vec<Reservation>,
    pub reservation_tokens: BTreeMap<String, String>,
    /// States in which the next reservations are made, `active` after them.
    pub reservation_states: VecDeque<&'static str>,
    /// What pending ones come to at the next look, `active` after them.
    pub provisioned: VecDeque<&'static str>,
    pub addresses: Vec<Address>,
    /// Interfaces and volumes that outlived their instance.
    pub interfaces: Vec<NetworkInterface>,
    pub volumes: Vec<Volume>,
    pub spot: Vec<SpotRequest>,
    /// Values of quotas by code; others are not known.
    pub quotas: BTreeMap<&'static str, f64>,
    /// Instances that may not be terminated.
    pub protected: BTreeSet<String>,
    pub roles: BTreeMap<String, Role>,
    pub policies: BTreeMap<String, BTreeMap<String, String>>,
    pub attached: BTreeMap<String, BTreeSet<String>>,
    pub profiles: BTreeMap<String, InstanceProfile>,
    pub server: Option<(Mlflow, Vec<Tag>)>,
    /// MLflow Apps with their tags.
    pub apps: Vec<(Mlflow, Vec<Tag>)>,
    pub buckets: BTreeMap<String, Vec<Tag>>,
    pub bucket_settings: BTreeMap<String, BucketSettings>,
    /// EventBridge Scheduler.
    pub scheduler: scheduler::State,
    /// Value of `nixl:state` that nodes come to, instead of `paired`.
    pub nodes_say: Option<&'static str>,
    /// Nodes end by themselves with this reason code.
    pub nodes_end: Option<&'static str>,
    /// The first launch into a new placement group finds it `pending`.
    pub slow_groups: bool,
    /// Only nodes in this zone end.
    pub nodes_end_in: Option<&'static str>,
    /// The process ends at this change: before or after it is carried out.
    pub dies_at: Option<(usize, bool)>,
    /// It has ended: no call is answered any more.
    pub is_dead: bool,
    /// Security groups as they were before each of their changes.
    pub old_groups: Vec<SecurityGroup>,
    /// So many looks at security groups show their oldest state.
    pub stale_looks: u32,
    /// So many looks at instances show none.
    pub hidden_looks: u32,
    /// So many looks at addresses show none.
    pub hidden_addresses: u32,
    pub ids: u32,
    pub ssm: ssm::State,
    pub consoles: BTreeMap<String, String>,
}

#[derive(Clone, Default)]
pub(crate) struct Fake(Arc<Mutex<State>>);

pub(crate) struct Silent;

impl Progress for Silent {
    fn told(&self, _: &str) {}
    fn doing(&self, _: &str, _: &str) {}
    fn node(&self, _: &str, _: &Timeline, _: f64) {}
    fn done(&self) {}
}

pub(crate) fn refusal(operation: &'static str, code: &str, message: &str, status: u16) -> AwsError {
    AwsError {
        service: "fake",
        operation,
        kind: ErrorKind::Service { code: code.to_owned(), status },
        message: message.to_owned(),
    }
}

impl Fake {
    /// An account with one baked image and two zones that offer everything.
    pub fn new() -> Self {
        let fake = Self::default();
        {
            let mut state = fake.state();
            state.zones = vec!["us-east-1a", "us-east-1b"];
            state.images = vec![Image {
                id: "ami-1".to_owned(),
                state: "available".to_owned(),
                architecture: "x86_64".to_owned(),
                creation_date: "2026-01-01T00:00:00.000Z".to_owned(),
                root_volume: Some(crate::plan::tests::root_volume()),
                tags: vec![Tag::new("nixl:digest", "d")],
                ..Default::default()
            }];
        }
        fake
    }

    pub fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap()
    }

    pub fn services(&self) -> Services {
        let shared = Arc::new(self.clone());
        Services {
            ec2: shared.clone(),
            reservations: shared.clone(),
            addresses: shared.clone(),
            spot: shared.clone(),
            console: shared.clone(),
            surroundings: shared.clone(),
            quotas: shared.clone(),
            pricing: shared.clone(),
            iam: shared.clone(),
            sagemaker: shared.clone(),
            ssm: shared.clone(),
            parameters: shared.clone(),
            scheduler: shared.clone(),
            buckets: shared.clone(),
            account: shared,
        }
    }

    pub fn engine<'a>(&self, services: &'a Services) -> Engine<'a> {
        let quick = Duration::from_millis;
        Engine {
            services,
            progress: &Silent,
            cluster: Default::default(),
            region: REGION.to_owned(),
            pace: Pace {
                clock: Clock::counted(),
                stop: Stop::default(),
                poll: quick(1),
                poll_tracking: quick(1),
                poll_ssm: quick(1),
                ssm: quick(50),
                link: quick(5),
                warnings: quick(20),
                retry_first: quick(1),
                retry_longest: quick(2),
                unclear: quick(200),
                iam: quick(50),
                consistency: quick(50),
                settle: quick(5),
                arrival: quick(200),
                removal: quick(200),
                tracking: quick(200),
            },
        }
    }

    /// Scripts the next calls of an operation.
    pub fn script(&self, operation: &'static str, faults: &[Fault]) {
        self.state().script.insert(operation, faults.iter().cloned().collect());
    }

    pub fn count(&self, operation: &str) -> usize {
        self.state().calls.iter().filter(|call| **call == operation).count()
    }

    /// Everything that exists and is not terminated.
    pub fn residue(&self) -> Vec<String> {
        let state = self.state();
        let mut left: Vec<String> = state
            .instances
            .iter()
            .filter(|it| it.state != "terminated")
            .map(|it| it.id.clone())
            .collect();
        left.extend(state.groups.iter().map(|it| it.name.clone()));
        left.extend(state.placement.iter().map(|it| it.name.clone()));
        let active = state.reservations.iter().filter(|it| it.state == "active");
        left.extend(active.map(|it| it.id.clone()));
        left.extend(state.interfaces.iter().map(|it| it.id.clone()));
        left.extend(state.volumes.iter().map(|it| it.id.clone()));
        left.extend(state.addresses.iter().map(|it| it.id.clone()));
        left.extend(state.spot.iter().filter(|it| it.is_live()).map(|it| it.id.clone()));
        left.extend(state.roles.keys().cloned());
        left.extend(state.profiles.keys().cloned());
        left.extend(state.server.iter().map(|(server, _)| server.name.clone()));
        left.extend(state.apps.iter().map(|(app, _)| app.arn.clone()));
        left.extend(state.buckets.keys().cloned());
        left.extend(state.scheduler.groups.keys().cloned());
        left.extend(state.scheduler.schedules.keys().cloned());
        left
    }

    /// Runs work until it is done or its process ends; whether it did.
    pub async fn dead<T>(&self, work: impl Future<Output = T>) -> bool {
        let mut work = std::pin::pin!(work);
        let ended = std::future::poll_fn(|context| {
            let done = work.as_mut().poll(context).is_ready();
            let dead = self.state().is_dead;
            if done || dead { std::task::Poll::Ready(dead) } else { std::task::Poll::Pending }
        })
        .await;
        self.state().is_dead = false;
        ended
    }

    fn call<T>(
        &self,
        operation: &'static str,
        act: impl FnOnce(&mut State) -> Result<T>,
    ) -> Result<T> {
        let mut state = self.state();
        let lost = |message: &str| {
            Err(AwsError {
                service: "fake",
                operation,
                kind: ErrorKind::Ambiguous,
                message: message.to_owned(),
            })
        };
        if state.is_dead {
            return lost("nobody is there any more");
        }
        state.calls.push(operation);
        let mut fault = state.script.get_mut(operation).and_then(VecDeque::pop_front);
        // A command changes nothing of the account, whatever it does on a node.
        if !["Describe", "Get", "List", "Head", "SendCommand"]
            .iter()
            .any(|read| operation.starts_with(read))
        {
            let n = state.changes;
            state.changes += 1;
            if let Some((_, planned)) = state.nth_change.take_if(|(at, _)| *at == n) {
                fault = Some(planned);
            }
            if let Some((_, carried_out)) = state.dies_at.take_if(|(at, _)| *at == n) {
                if carried_out {
                    let _ = act(&mut state);
                }
                state.is_dead = true;
                return lost("the process has ended");
            }
        }
        match fault {
            Some(Fault::Refuse(code, message, status)) => {
                Err(refusal(operation, code, message, status))
            }
            Some(Fault::Lose) => {
                act(&mut state)?;
                lost("connection reset")
            }
            None => act(&mut state),
        }
    }
}

impl State {
    fn id(&mut self, prefix: &str) -> String {
        self.ids += 1;
        format!("{prefix}-{:04}", self.ids)
    }

    fn uses(&self, group: &str) -> bool {
        self.instances
            .iter()
            .any(|it| it.state != "terminated" && it.placement_group.as_deref() == Some(group))
    }
}

pub(crate) fn card() -> NetworkCard {
    NetworkCard {
        index: 0,
        max_interfaces: 7,
        interface_types: ["interface", "efa", "efa-only"].map(str::to_owned).to_vec(),
        performance: "40 Gigabit".to_owned(),
    }
}

/// An attempt in a placement group.
pub(crate) fn attempt(instance_type: &str, zone: &str) -> Attempt {
    Attempt {
        instance_type: instance_type.to_owned(),
        market: Default::default(),
        place: Place { zone: zone.to_owned(), subnet_id: format!("subnet-{zone}") },
        way_out: crate::plan::WayOut::Assigned,
        reservation_id: None,
        placement_group: Some(format!("nixl-{zone}")),
    }
}
