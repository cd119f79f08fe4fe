//! Everything of the cluster that is there, found by tags and derived names;
//! and what only looks like it.

use super::record::Record;
use super::{Engine, Removal};
use crate::failure::{BUCKET, Left, MLFLOW_APP, Resource, TRACKING_SERVER};
use crate::keys;
use crate::plan::is_ours;
use nixl_aws::ec2::{
    Address, Filter, Instance, PlacementGroup, Reservation, SecurityGroup, SpotRequest,
};
use nixl_aws::iam::{InstanceProfile, Role};
use nixl_aws::sagemaker::Mlflow as App;
use nixl_aws::scheduler::ScheduleGroup;
use nixl_aws::{AwsError, Result, Tag};
use nixl_cluster::tag;
use std::collections::BTreeSet;

/// What MLflow needs, of ours.
#[derive(Debug, Clone, Default)]
pub(super) struct Mlflow {
    /// The role, which is the record of the rest.
    pub role: Option<Role>,
    /// Name of the server, if it is there.
    pub server: Option<String>,
    /// Its ARN.
    pub server_arn: Option<String>,
    /// It is stopped, or on its way there.
    pub server_is_off: bool,
    /// Group of the schedule that stops it.
    pub stop_group: Option<ScheduleGroup>,
    /// Role of that schedule.
    pub stop_role: Option<Role>,
    /// Apps.
    pub apps: Vec<App>,
    /// The bucket with its tags, if it is there.
    pub bucket: Option<(String, Vec<Tag>)>,
}

impl Mlflow {
    /// ARNs of server and Apps.
    pub fn arns(&self) -> impl Iterator<Item = &str> {
        self.server_arn.iter().chain(self.apps.iter().map(|app| &app.arn)).map(String::as_str)
    }

    /// All of it.
    pub fn resources(&self) -> Vec<Resource> {
        let mut list = Vec::new();
        let mut add = |kind, id: &str| list.push(Resource::new(kind, id));
        self.server.iter().for_each(|name| add(TRACKING_SERVER, name));
        self.apps.iter().for_each(|app| add(MLFLOW_APP, &app.name));
        self.bucket.iter().for_each(|(name, _)| add(BUCKET, name));
        self.stop_group.iter().for_each(|it| add("schedule group", &it.name));
        self.stop_role.iter().for_each(|it| add("IAM role", &it.name));
        self.role.iter().for_each(|it| add("IAM role", &it.name));
        list
    }
}

/// What is there.
#[derive(Debug, Clone, Default)]
pub(super) struct Inventory {
    /// Instances in any state but `terminated`.
    pub instances: Vec<Instance>,
    /// Network interfaces.
    pub interfaces: Vec<String>,
    /// Volumes.
    pub volumes: Vec<String>,
    /// Spot requests that are open or hold an instance.
    pub spot_requests: Vec<String>,
    /// Reservations that hold room.
    pub reservations: Vec<Reservation>,
    /// Elastic IP addresses.
    pub addresses: Vec<Address>,
    /// Placement groups.
    pub placement_groups: Vec<PlacementGroup>,
    /// Of these, the one that the recorded launch is in.
    pub kept_placement_group: Option<String>,
    /// Security groups.
    pub security_groups: Vec<SecurityGroup>,
    /// Instance profile.
    pub profile: Option<InstanceProfile>,
    /// Role of the nodes.
    pub role: Option<Role>,
    /// Group of the schedules that end the nodes.
    pub schedule_group: Option<ScheduleGroup>,
    /// Role of the schedules.
    pub scheduler_role: Option<Role>,
    /// MLflow.
    pub mlflow: Mlflow,
    /// Has our name or was used by us, and is not ours.
    pub foreign: Vec<Resource>,
    /// Tokens of instances in any state: their launches are settled.
    pub tokens: Vec<String>,
}

impl Inventory {
    /// Name of the CloudFormation stack that made it.
    pub fn stack(&self) -> Option<&str> {
        let mut groups = self.security_groups.iter();
        groups.find_map(|group| Tag::find(&group.tags, keys::STACK))
    }

    /// What a removal removes, as a list; what costs money comes first.
    pub fn resources(&self, removal: Removal) -> Vec<Resource> {
        let mut list = Vec::new();
        let mut add = |kind, id: &str| list.push(Resource::new(kind, id));
        self.instances.iter().for_each(|it| add("instance", &it.id));
        self.interfaces.iter().for_each(|id| add("network interface", id));
        self.volumes.iter().for_each(|id| add("volume", id));
        self.spot_requests.iter().for_each(|id| add("Spot request", id));
        self.reservations.iter().for_each(|it| add("capacity reservation", &it.id));
        self.addresses.iter().for_each(|it| add("Elastic IP address", &it.id));
        self.schedule_group.iter().for_each(|it| add("schedule group", &it.name));
        let kept = if removal.keep_free { self.kept_placement_group.as_ref() } else { None };
        let unwanted = self.placement_groups.iter().filter(|it| Some(&it.name) != kept);
        unwanted.for_each(|it| add("placement group", &it.name));
        if !removal.keep_free {
            self.security_groups.iter().for_each(|it| add("security group", &it.id));
            self.profile.iter().for_each(|it| add("instance profile", &it.name));
            self.role.iter().for_each(|it| add("IAM role", &it.name));
            self.scheduler_role.iter().for_each(|it| add("IAM role", &it.name));
        }
        if removal.mlflow {
            list.extend(self.mlflow.resources());
        }
        list
    }
}

/// What could be read of it, and why the rest could not.
#[derive(Debug, Default)]
pub(super) struct Found {
    /// What is there.
    pub inventory: Inventory,
    /// A failed read each.
    pub unread: Vec<AwsError>,
}

/// The answers of a round of reads, each by itself.
#[derive(Default)]
pub(super) struct Answers(pub Vec<AwsError>);

impl Answers {
    pub fn of<T: Default>(&mut self, answer: Result<T>) -> T {
        answer.unwrap_or_else(|error| {
            self.0.push(error);
            T::default()
        })
    }
}

/// A read whose failure ends no other.
pub(super) async fn by_itself<T>(read: impl Future<Output = Result<T>>) -> Result<Result<T>> {
    Ok(read.await)
}

impl Engine<'_> {
    /// Reads all of it, in parallel; all or nothing.
    pub(super) async fn inventory(&self) -> Result<Inventory> {
        let found = self.found().await?;
        match found.unread.into_iter().next() {
            Some(error) => Err(error),
            None => Ok(found.inventory),
        }
    }

    /// The same, with what can be read where a service cannot: IAM that is not
    /// allowed must not keep instances from being ended. Without instances
    /// nothing else is waited for.
    pub(super) async fn found(&self) -> Result<Found> {
        let ec2 = &self.services.ec2;
        let iam = &self.services.iam;
        let ours = [Filter::tag(tag::CLUSTER, self.cluster.as_str())];
        let named = [Filter::new("group-name", [self.cluster.security_group().as_str()])];
        let node_role = self.cluster.node_role(&self.region);
        let scheduler = self.cluster.scheduler();
        let ends_as = self.cluster.scheduler_role(&self.region);
        let (
            mlflow,
            all_instances,
            leftovers,
            spot_requests,
            reservations,
            addresses,
            placement_groups,
            security_groups,
            same_name,
            role,
            profile,
            schedule_group,
            scheduler_role,
        ) = tokio::try_join!(
            by_itself(self.mlflow()),
            ec2.describe_instances(&ours),
            by_itself(self.leftovers()),
            by_itself(self.services.spot.describe_spot_requests(&ours)),
            by_itself(self.held()),
            by_itself(self.addresses()),
            by_itself(ec2.describe_placement_groups(&ours)),
            by_itself(ec2.describe_security_groups(&ours)),
            by_itself(ec2.describe_security_groups(&named)),
            by_itself(iam.role(&node_role)),
            by_itself(iam.instance_profile(&node_role)),
            by_itself(self.services.scheduler.schedule_group(&scheduler)),
            by_itself(iam.role(&ends_as)),
        )?;
        let mut answers = Answers::default();
        let (mlflow, mut foreign) = answers.of(mlflow);
        let (interfaces, volumes) = answers.of(leftovers);
        let spot_requests = answers.of(spot_requests);
        let reservations = answers.of(reservations);
        let addresses = answers.of(addresses);
        let placement_groups = answers.of(placement_groups);
        let security_groups = answers.of(security_groups);
        let same_name = answers.of(same_name);
        let (role, profile) = (answers.of(role), answers.of(profile));
        let schedule_group = answers.of(schedule_group);
        let scheduler_role = answers.of(scheduler_role);
        let not_ours = |tags: &[Tag]| !is_ours(&self.cluster, tags);
        let strangers = same_name.iter().filter(|group| not_ours(&group.tags));
        foreign.extend(strangers.map(|group| Resource::new("security group", &group.id)));
        if let Some(role) = role.as_ref().filter(|role| not_ours(&role.tags)) {
            foreign.push(Resource::new("IAM role", &role.name));
        }
        if let Some(profile) = profile.as_ref().filter(|profile| not_ours(&profile.tags)) {
            foreign.push(Resource::new("instance profile", &profile.name));
        }
        if let Some(group) = schedule_group.as_ref().filter(|group| not_ours(&group.tags)) {
            foreign.push(Resource::new("schedule group", &group.name));
        }
        if let Some(role) = scheduler_role.as_ref().filter(|role| not_ours(&role.tags)) {
            foreign.push(Resource::new("IAM role", &role.name));
        }
        foreign.extend(answers.of(self.attached(&all_instances, &mlflow).await));
        let inventory = Inventory {
            tokens: all_instances.iter().filter_map(|it| it.client_token.clone()).collect(),
            instances: all_instances.into_iter().filter(|it| it.state != "terminated").collect(),
            interfaces,
            volumes,
            spot_requests: spot_requests
                .into_iter()
                .filter(SpotRequest::is_live)
                .map(|it| it.id)
                .collect(),
            reservations,
            addresses,
            kept_placement_group: security_groups
                .first()
                .and_then(|group| Record::of(&group.tags).attempt)
                .and_then(|attempt| Some(self.cluster.placement_group(attempt.split('/').nth(2)?))),
            placement_groups: placement_groups
                .into_iter()
                .filter(|group| group.state != "deleted")
                .collect(),
            security_groups,
            role: role.filter(|role| !not_ours(&role.tags)),
            profile: profile.filter(|profile| !not_ours(&profile.tags)),
            schedule_group: schedule_group.filter(|group| !not_ours(&group.tags)),
            scheduler_role: scheduler_role.filter(|role| !not_ours(&role.tags)),
            mlflow,
            foreign,
        };
        Ok(Found { inventory, unread: answers.0 })
    }

    /// Network interfaces and volumes.
    pub(super) async fn leftovers(&self) -> Result<(Vec<String>, Vec<String>)> {
        let ours = [Filter::tag(tag::CLUSTER, self.cluster.as_str())];
        let (interfaces, volumes) = tokio::try_join!(
            self.services.ec2.describe_network_interfaces(&ours),
            self.services.ec2.describe_volumes(&ours),
        )?;
        let interfaces = interfaces.into_iter().map(|it| it.id).collect();
        Ok((interfaces, volumes.into_iter().map(|it| it.id).collect()))
    }

    /// What nodes were told of and this cluster did not make.
    async fn attached(&self, nodes: &[Instance], mlflow: &Mlflow) -> Result<Vec<Resource>> {
        let told: BTreeSet<&str> = nodes
            .iter()
            .filter(|node| node.state != "terminated")
            .filter_map(|node| Tag::find(&node.tags, keys::TRACKING_ARN))
            .filter(|arn| mlflow.arns().all(|own| own != *arn))
            .collect();
        let mut attached = Vec::new();
        for arn in told {
            if let Some(report) = self.tracking_report(arn).await?
                && !report.owned
            {
                let kind = if report.kind == "app" { MLFLOW_APP } else { TRACKING_SERVER };
                attached.push(Resource::new(kind, report.name));
            }
        }
        Ok(attached)
    }

    /// What is left after a failure.
    pub(super) async fn left(&self) -> Left {
        match self.inventory().await.map(|inventory| inventory.resources(Removal::ALL)) {
            Ok(list) if list.is_empty() => Left::Clear,
            Ok(list) => Left::Remaining(list),
            Err(_) => Left::Unknown,
        }
    }
}
