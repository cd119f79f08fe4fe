//! What to do, from what is asked and what is there: pure, no I/O, so that
//! every check is made before anything is changed.

mod attempt;
mod existing;
mod facts;
mod image;
mod lifetime;
mod mlflow;
mod network;
mod place;
mod policy;
mod price;
mod quota;
mod reservation;
mod saved;
mod spec;
mod token;
mod tracking;
mod types;
mod user_data;
mod wanted;
mod way_out;

pub use attempt::{Attempt, WayOut};
pub use existing::{Existing, is_live, live, ranked};
pub use facts::{Facts, Known, PriceFacts, QuotaFacts, TrackingFacts, TypeFacts};
pub use image::WantedImage;
pub use mlflow::DELETING;
pub(crate) use mlflow::{
    chosen as chosen_app, decide as decide_mlflow, is_off, recorded_idle_stop, told_of,
};
pub use network::{Slot, interfaces, layout};
pub use place::{Place, hinted};
pub use policy::{
    ARTIFACT_SIDS, MLFLOW_POLICY, NODE_POLICY, SSM_CORE_POLICY, bucket_policy, mlflow_policy,
    node_policy, partition, ssm_core_policy_arn, trust_policy,
};
pub use price::Price;
pub use quota::{
    ADDRESSES as ADDRESSES_QUOTA, Quota, SERVICE as QUOTA_SERVICE, code as quota_code,
    shared as quota_shared,
};
pub use saved::{Changed, Difference, SavedError};
pub use spec::{DEFAULT_TTL_SECS, PublicAddress, Spec};
pub use token::{client_token, next_generation, record};
pub use tracking::{Artifacts, Store, Tracking, UNKNOWN_APP, tracking_arn};
pub use types::alternatives;
pub use user_data::{LIFETIME_SCRIPT, MAX_USER_DATA_BYTES, user_data};
pub use wanted::{IdleStop, ServerSize, Wanted, WantedServer};
pub(crate) use way_out::default_route;

use nixl_aws::Tag;
use nixl_aws::ec2::{Image, Instance, InstanceTypeInfo, Market, RunInstances, SecurityGroup};
use nixl_cluster::check::Verdict;
use nixl_cluster::{ClusterName, NodeSettings, Provider, tag};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;

use crate::check::{Check, Checks};
use crate::keys;

/// Version of the document that [`Plan`] is.
pub const VERSION: u32 = 6;

/// Everything `up` will make sure of.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Plan {
    /// [`VERSION`].
    pub version: u32,
    /// What was asked for.
    pub spec: Spec,
    /// Account id.
    pub account: String,
    /// Image, if one can be used.
    pub image: Option<Image>,
    /// The types that attempts name.
    pub types: Vec<InstanceTypeInfo>,
    /// Network interfaces of a node, by type.
    pub interfaces: BTreeMap<String, Vec<Slot>>,
    /// VPC of every place; empty if there is none.
    pub vpc_id: String,
    /// What to try, best first; none if something stands in the way.
    pub attempts: Vec<Attempt>,
    /// The security group, if it is there.
    pub security_group: Option<SecurityGroup>,
    /// MLflow.
    pub tracking: Tracking,
    /// Nodes that are there already.
    pub existing: Existing,
    /// vCPU quotas that it draws on.
    pub quotas: Vec<Quota>,
    /// Prices that AWS told.
    pub prices: Vec<Price>,
    /// Inline policies of the roles it makes, by role.
    pub policies: BTreeMap<String, Value>,
    /// User data of every node.
    pub user_data: String,
    /// What was looked at.
    pub checks: Vec<Check>,
}

/// Decides; what stands in the way is among the checks.
#[must_use]
pub fn plan(spec: &Spec, facts: &Facts) -> Plan {
    let mut checks = Vec::new();
    let image = image::image(spec, facts).map_err(|check| checks.push(check)).ok();
    if let Some(image) = &image {
        checks.extend(image::checks(spec, image));
    }
    checks.extend(types::unknown(spec, facts));
    for of in &facts.types {
        checks.extend(types::checks(spec, facts, &of.info, image.as_ref()));
    }
    checks.extend(reservation::checks(spec, facts));
    let vpc_id = place::vpc(spec, facts).map_err(|check| checks.push(check)).unwrap_or_default();
    let judged = existing::judge(spec, &facts.instances);
    let existing = judged.clone().unwrap_or(Existing::None);
    let mut attempts = attempts(spec, facts, &vpc_id, &existing, &mut checks);
    let addresses = way_out::addresses(spec, facts, &existing, &mut attempts);
    checks.extend(placement(&attempts));
    checks.extend(way_out::checks(spec, facts, &attempts));
    checks.extend(addresses);
    let security_group = check_ownership(spec, facts, &vpc_id, &mut checks);
    let tracking = mlflow::decide(spec, facts);
    checks.push(tracking.as_ref().map_or_else(Clone::clone, |it| mlflow::check(it, facts)));
    let tracking = tracking.unwrap_or(Tracking::None);
    match judged {
        Ok(_) => checks.extend(existing::checks(spec, image.as_ref(), &existing)),
        Err(check) => checks.push(check),
    }
    let types: Vec<InstanceTypeInfo> = facts.types.iter().map(|of| of.info.clone()).collect();
    let quotas = quota::quotas(spec, facts, &types);
    checks.extend(quota::checks(spec, &existing, &types, &quotas));
    let prices = price::prices(spec, facts);
    checks.extend(price::checks(spec, facts, &prices));
    checks.extend(lifetime::checks(spec, facts, &prices));
    let user_data = match user_data(&settings(spec, &tracking)) {
        Ok(text) => {
            let found = format!("{} of {MAX_USER_DATA_BYTES} bytes", text.len());
            checks.push(Check::pass("user-data", found));
            text
        }
        Err(why) => {
            checks.push(Check::fail("user-data", why, "shorten the names it holds"));
            String::new()
        }
    };
    Plan {
        version: VERSION,
        spec: spec.clone(),
        account: facts.account.clone(),
        image,
        interfaces: types
            .iter()
            .map(|info| (info.name.clone(), layout(info, spec.provider)))
            .collect(),
        types,
        vpc_id,
        attempts,
        security_group,
        policies: policies(spec, &tracking),
        tracking,
        existing,
        quotas,
        prices,
        user_data,
        checks,
    }
}

/// What of a plan also holds of its nodes once they are there: RDMA of their
/// type, quota and price. Of `facts` only what a launch can do without is needed.
#[must_use]
pub fn of_nodes(spec: &Spec, facts: &Facts, nodes: &[Instance]) -> Vec<Check> {
    let mut checks = Vec::new();
    if spec.provider != Provider::Tcp.into() {
        checks.extend(spec.instance_types.iter().map(|name| types::rdma(facts, name)));
    }
    let type_of = |node: &Instance| InstanceTypeInfo {
        name: node.instance_type.clone(),
        vcpus: node.vcpus,
        ..Default::default()
    };
    let types: Vec<InstanceTypeInfo> = nodes.first().map(type_of).into_iter().collect();
    let existing = existing::judge(spec, nodes).unwrap_or(Existing::None);
    checks.extend(quota::checks(spec, &existing, &types, &quota::quotas(spec, facts, &types)));
    checks.extend(price::checks(spec, facts, &price::prices(spec, facts)));
    checks
}

fn policies(spec: &Spec, tracking: &Tracking) -> BTreeMap<String, Value> {
    let node = (
        spec.cluster.node_role(&spec.region),
        node_policy(&spec.region, tracking.arn(), tracking.artifacts().as_ref()),
    );
    let mut policies = BTreeMap::from([node]);
    if let Some(store) = tracking.store() {
        policies.insert(spec.cluster.mlflow_role(&spec.region), mlflow_policy(&spec.region, store));
    }
    policies
}

/// What every node is told.
pub(crate) fn settings(spec: &Spec, tracking: &Tracking) -> NodeSettings {
    NodeSettings {
        prefill: spec.prefill,
        mlflow_tracking_arn: tracking.arn().map(str::to_owned),
        ttl_secs: spec.ttl_secs,
        idle_secs: spec.idle_secs,
        ..NodeSettings::new(spec.cluster.clone(), spec.size, spec.provider)
    }
}

impl Plan {
    /// Whether it can be carried out.
    ///
    /// # Errors
    /// Every check that stands in the way, at once.
    pub fn ready(&self) -> Result<(), Checks> {
        let fails = |check: &&Check| check.verdict == Verdict::Fail;
        let failed: Vec<Check> = self.checks.iter().filter(fails).cloned().collect();
        if failed.is_empty() { Ok(()) } else { Err(Checks(failed)) }
    }

    /// The launch request of one attempt, with its token.
    #[must_use]
    pub fn request(&self, attempt: &Attempt, group_id: &str, generation: &str) -> RunInstances {
        let info = self.types.iter().find(|info| info.name == attempt.instance_type);
        let mut request = RunInstances {
            count: self.spec.size,
            image_id: self.image.as_ref().map(|image| image.id.clone()).unwrap_or_default(),
            instance_type: attempt.instance_type.clone(),
            client_token: String::new(),
            market: attempt.market,
            reservation_id: attempt.reservation_id.clone(),
            placement_group: attempt.placement_group.clone(),
            instance_profile: self.spec.cluster.node_role(&self.spec.region),
            network_interfaces: interfaces(
                info.unwrap_or(&InstanceTypeInfo::default()),
                self.spec.provider,
                attempt,
                group_id,
            ),
            user_data: self.user_data.clone(),
            tags: self.node_tags(attempt),
        };
        let record = record(attempt, &request);
        request.client_token = client_token(&self.spec.cluster, generation, &record);
        request
    }

    /// What is recorded of an attempt before it is sent: `<key>/<digest>`.
    #[must_use]
    pub fn record(&self, attempt: &Attempt) -> String {
        record(attempt, &self.request(attempt, "", ""))
    }

    /// Tags of the cluster on everything it owns.
    #[must_use]
    pub fn tags(&self) -> Vec<Tag> {
        owner_tags(&self.spec.cluster)
    }

    fn node_tags(&self, attempt: &Attempt) -> Vec<Tag> {
        let mut tags = self.tags();
        tags.push(Tag::new(tag::SIZE, self.spec.size.to_string()));
        tags.push(Tag::new(keys::PROVIDER, self.spec.provider.as_str()));
        tags.push(Tag::new(keys::WAY_OUT, attempt.way_out.as_str()));
        if let Some(prefill) = self.spec.prefill {
            tags.push(Tag::new(keys::PREFILL, prefill.to_string()));
        }
        if let Some(arn) = self.tracking.arn() {
            tags.push(Tag::new(keys::TRACKING_ARN, arn));
        }
        if let Some(secs) = self.spec.ttl_secs {
            tags.push(Tag::new(tag::TTL_SECS, secs.to_string()));
        }
        tags
    }
}

/// Tags that say whose a resource is.
#[must_use]
pub fn owner_tags(cluster: &ClusterName) -> Vec<Tag> {
    vec![Tag::new(tag::CLUSTER, cluster.as_str())]
}

/// Tags of the bucket of MLflow once it has all its settings, with those of others.
#[must_use]
pub fn bucket_tags(
    found: Option<&[Tag]>,
    cluster: &ClusterName,
    kms_key: Option<&str>,
) -> Vec<Tag> {
    let mut tags = owner_tags(cluster);
    tags.push(Tag::new(keys::BUCKET, keys::BUCKET_SETTINGS));
    tags.extend(kms_key.map(|key| Tag::new(keys::KMS_KEY, key)));
    let others = found.into_iter().flatten().filter(|tag| Tag::find(&tags, &tag.key).is_none());
    let others: Vec<Tag> = others.cloned().collect();
    tags.extend(others);
    tags
}

/// Whether the tags say that the resource is this cluster's.
#[must_use]
pub fn is_ours(cluster: &ClusterName, tags: &[Tag]) -> bool {
    Tag::find(tags, tag::CLUSTER) == Some(cluster.as_str())
}

/// Every type on every market in every place, in this order.
fn attempts(
    spec: &Spec,
    facts: &Facts,
    vpc_id: &str,
    existing: &Existing,
    checks: &mut Vec<Check>,
) -> Vec<Attempt> {
    let mut attempts = Vec::new();
    // Without a VPC there is no subnet, and the check of the VPC has said why.
    let types: &[TypeFacts] = if vpc_id.is_empty() { &[] } else { &facts.types };
    for of in types {
        let places = match place::places(spec, facts, of, vpc_id, existing.missing(spec)) {
            Ok(places) => places,
            Err(check) => {
                checks.push(check);
                continue;
            }
        };
        checks.push(place::check(spec, of, &places));
        let reservation = reservation::of(spec, facts);
        if reservation.is_some_and(|it| it.instance_type != of.info.name) {
            continue;
        }
        let block = reservation.is_some_and(|it| it.capacity_block);
        let markets = if block { &[Market::CapacityBlock][..] } else { &spec.markets };
        for market in markets {
            attempts.extend(places.iter().map(|place| Attempt {
                instance_type: of.info.name.clone(),
                market: *market,
                place: place.clone(),
                way_out: way_out::decide(spec, facts, &of.info, &place.subnet_id),
                reservation_id: spec.reservation_id.clone(),
                // Into a reservation only with the group it was made in: EC2 finds
                // no room in any other, though the reservation has it.
                placement_group: match reservation {
                    Some(it) => it.placement_group.clone(),
                    None => Some(spec.cluster.placement_group(&place.zone)),
                },
            }));
        }
    }
    attempts
}

/// One placement group a zone, or why there is none.
fn placement(attempts: &[Attempt]) -> Option<Check> {
    const NAME: &str = "placement";
    let first = attempts.first()?;
    let check = match (&first.placement_group, first.market) {
        (Some(group), _) if first.reservation_id.is_some() => {
            Check::pass(NAME, format!("{group}, the reservation's own"))
        }
        (Some(group), _) => {
            Check::pass(NAME, format!("cluster placement group {group}, one a zone"))
        }
        (None, Market::CapacityBlock) => {
            Check::skip(NAME, "none: a Capacity Block is placed by itself")
        }
        (None, _) => Check::warn(
            NAME,
            "none: the reservation was not made in one, so nodes may be far apart",
            "make the reservation in a cluster placement group to have them close",
        ),
    };
    Some(check)
}

/// Name of the check of whose the resources with our names are.
const OWNERSHIP: &str = "ownership";

/// A resource with our name and without our tag.
fn foreign(kind: &str, name: &str, cluster: &ClusterName) -> Check {
    Check::fail(
        OWNERSHIP,
        format!("{kind} {name} is there but does not carry the tag nixl:cluster={cluster}"),
        "it is left alone: delete it or choose another --cluster",
    )
}

/// What has our name must have our tag; the security group, if it is there.
fn check_ownership(
    spec: &Spec,
    facts: &Facts,
    vpc_id: &str,
    checks: &mut Vec<Check>,
) -> Option<SecurityGroup> {
    let cluster = &spec.cluster;
    let before = checks.len();
    let mut foreign = |kind, name: &str| checks.push(self::foreign(kind, name, cluster));
    let group = facts
        .security_groups
        .iter()
        .find(|group| group.vpc_id == vpc_id && group.name == cluster.security_group());
    if let Some(group) = group
        && !is_ours(cluster, &group.tags)
    {
        foreign("security group", &group.id);
    }
    if let Some(role) = &facts.node_role
        && !is_ours(cluster, &role.tags)
    {
        foreign("IAM role", &role.name);
    }
    if let Some(profile) = &facts.node_profile
        && !is_ours(cluster, &profile.tags)
    {
        foreign("instance profile", &profile.name);
    }
    if checks.len() == before {
        let names = [cluster.security_group(), cluster.node_role(&spec.region)].join(", ");
        checks.push(Check::pass(OWNERSHIP, format!("{names}: free or this cluster's")));
    }
    group.cloned()
}

#[cfg(test)]
pub(crate) mod catalogue;
#[cfg(test)]
pub(crate) mod tests;
