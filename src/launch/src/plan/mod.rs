//! What to do, from what is asked and what is there: pure, no I/O, so that
//! every check is made before anything is changed.

mod attempt;
mod existing;
mod facts;
mod finding;
mod network;
mod place;
mod policy;
mod spec;
mod token;
mod tracking;
mod user_data;

pub use attempt::Attempt;
pub use existing::{Existing, is_live, live};
pub use facts::{Facts, TrackingFacts, TypeFacts};
pub use finding::{Finding, Findings};
pub use network::interfaces;
pub use place::{Place, hinted};
pub use policy::{
    MLFLOW_POLICY, NODE_POLICY, SSM_CORE_POLICY, mlflow_policy, node_policy, partition,
    ssm_core_policy_arn, trust_policy,
};
pub use spec::{DEFAULT_TTL_SECS, PublicAddress, Spec};
pub use token::{client_token, record};
pub use tracking::{Tracking, tracking_arn};
pub use user_data::{LIFETIME_SCRIPT, MAX_USER_DATA_BYTES, user_data};

use nixl_aws::Tag;
use nixl_aws::ec2::{Image, InstanceTypeInfo, RunInstances, SecurityGroup};
use nixl_cluster::{ClusterName, NodeSettings, Provider, ProviderChoice, instance_type, tag};

use crate::keys;

/// Everything `up` will make sure of.
#[derive(Debug, Clone)]
pub struct Plan {
    /// What was asked for.
    pub spec: Spec,
    /// Account id.
    pub account: String,
    /// Cluster.
    pub cluster: ClusterName,
    /// Nodes.
    pub size: u32,
    /// How many of them are told that they prefill.
    pub prefill: Option<u32>,
    /// Provider the nodes are told to use.
    pub provider: ProviderChoice,
    /// Image.
    pub image: Image,
    /// The types that attempts name.
    pub types: Vec<InstanceTypeInfo>,
    /// VPC of every place.
    pub vpc_id: String,
    /// What to try, best first; at least one.
    pub attempts: Vec<Attempt>,
    /// The security group, if it is there.
    pub security_group: Option<SecurityGroup>,
    /// MLflow.
    pub tracking: Tracking,
    /// Nodes that are there already.
    pub existing: Existing,
    /// User data of every node.
    pub user_data: String,
    /// What a person should know before and after.
    pub notes: Vec<String>,
}

/// Decides, or says everything that stands in the way.
///
/// # Errors
/// All findings at once.
pub fn plan(spec: &Spec, facts: &Facts) -> Result<Plan, Findings> {
    let mut findings = Vec::new();
    let mut notes = Vec::new();

    let image = place::image(spec, facts).map_err(|f| findings.push(f)).ok();
    if spec.size < 2 {
        findings.push(Finding::Size { size: spec.size });
    }
    for of in &facts.types {
        check_type(spec, &of.info, &mut findings, &mut notes);
        if let Some(image) = &image {
            check_architecture(image, &of.info, &mut findings);
        }
    }
    let vpc_id = place::vpc(facts).map_err(|f| findings.push(f)).unwrap_or_default();
    let attempts = attempts(spec, facts, &vpc_id, &mut findings);
    let security_group = check_ownership(spec, facts, &vpc_id, &mut findings);
    let tracking = tracking::decide(spec, facts).unwrap_or_else(|finding| {
        findings.push(finding);
        Tracking::None
    });
    let existing = existing::judge(spec, &facts.instances).unwrap_or_else(|finding| {
        findings.push(finding);
        Existing::None
    });
    if let Existing::Complete(nodes) = &existing {
        notes.extend(existing::differences(spec, nodes));
    }
    let settings = NodeSettings {
        prefill: spec.prefill,
        mlflow_tracking_arn: tracking.arn().map(str::to_owned),
        ttl_secs: spec.ttl_secs,
        idle_secs: spec.idle_secs,
        ..NodeSettings::new(spec.cluster.clone(), spec.size, spec.provider)
    };
    let user_data = user_data(&settings).unwrap_or_else(|why| {
        findings.push(Finding::UserData { why });
        String::new()
    });
    match image {
        Some(image) if findings.is_empty() => Ok(Plan {
            spec: spec.clone(),
            account: facts.account.clone(),
            cluster: spec.cluster.clone(),
            size: spec.size,
            prefill: spec.prefill,
            provider: spec.provider,
            image,
            types: facts.types.iter().map(|of| of.info.clone()).collect(),
            vpc_id,
            attempts,
            security_group,
            tracking,
            existing,
            user_data,
            notes,
        }),
        _ => Err(Findings(findings)),
    }
}

impl Plan {
    /// The launch request of one attempt, with its token.
    #[must_use]
    pub fn request(&self, attempt: &Attempt, group_id: &str, generation: &str) -> RunInstances {
        let info = self.types.iter().find(|info| info.name == attempt.instance_type);
        let mut request = RunInstances {
            count: self.size,
            image_id: self.image.id.clone(),
            instance_type: attempt.instance_type.clone(),
            client_token: String::new(),
            market: attempt.market,
            reservation_id: attempt.reservation_id.clone(),
            placement_group: attempt.placement_group.clone(),
            instance_profile: self.cluster.node_role(),
            network_interfaces: interfaces(
                info.unwrap_or(&InstanceTypeInfo::default()),
                self.provider,
                &attempt.place.subnet_id,
                group_id,
            ),
            user_data: self.user_data.clone(),
            tags: self.node_tags(),
        };
        let record = record(attempt, &request);
        request.client_token = client_token(&self.cluster, generation, &record);
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
        owner_tags(&self.cluster)
    }

    fn node_tags(&self) -> Vec<Tag> {
        let mut tags = self.tags();
        tags.push(Tag::new(tag::SIZE, self.size.to_string()));
        tags.push(Tag::new(keys::PROVIDER, self.provider.as_str()));
        if let Some(prefill) = self.prefill {
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

/// Whether the tags say that the resource is this cluster's.
#[must_use]
pub fn is_ours(cluster: &ClusterName, tags: &[Tag]) -> bool {
    Tag::find(tags, tag::CLUSTER) == Some(cluster.as_str())
}

/// Every type on every market in every place, in this order.
fn attempts(spec: &Spec, facts: &Facts, vpc_id: &str, findings: &mut Vec<Finding>) -> Vec<Attempt> {
    let mut attempts = Vec::new();
    for of in &facts.types {
        let places = match place::places(spec, facts, of, vpc_id) {
            Ok(places) => places,
            Err(finding) => {
                findings.push(finding);
                continue;
            }
        };
        for market in &spec.markets {
            attempts.extend(places.iter().map(|place| Attempt {
                instance_type: of.info.name.clone(),
                market: *market,
                place: place.clone(),
                reservation_id: spec.reservation_id.clone(),
                placement_group: Some(spec.cluster.placement_group(&place.zone)),
            }));
        }
    }
    attempts
}

fn check_type(
    spec: &Spec,
    info: &InstanceTypeInfo,
    findings: &mut Vec<Finding>,
    notes: &mut Vec<String>,
) {
    if spec.provider == Provider::Efa.into() && !info.efa_supported {
        findings.push(Finding::NoEfa { instance_type: info.name.clone() });
    }
    if !info.placement_strategies.iter().any(|strategy| strategy == "cluster") {
        findings.push(Finding::NoClusterPlacement { instance_type: info.name.clone() });
    }
    if spec.provider == Provider::Tcp.into() {
        return;
    }
    if let Some(known) = instance_type::find(&info.name)
        && !known.rdma_write
    {
        let missing = if known.rdma_read { "RDMA write" } else { "RDMA read or write" };
        notes.push(format!(
            "{}: its EFA has no {missing}, one-sided transfers are emulated; g6.12xlarge and g6e.12xlarge have both",
            info.name
        ));
    }
    if interfaces(info, spec.provider, "", "").len() > 1 {
        notes.push(format!(
            "{}: with several network cards EC2 gives no public address; the nodes reach AWS only through a NAT gateway or VPC endpoints",
            info.name
        ));
    }
}

fn check_architecture(image: &Image, info: &InstanceTypeInfo, findings: &mut Vec<Finding>) {
    if !info.architectures.contains(&image.architecture) {
        findings.push(Finding::Architecture {
            image: image.id.clone(),
            image_architecture: image.architecture.clone(),
            instance_type: info.name.clone(),
            type_architectures: info.architectures.clone(),
        });
    }
}

/// What has our name must have our tag; the security group, if it is there.
fn check_ownership(
    spec: &Spec,
    facts: &Facts,
    vpc_id: &str,
    findings: &mut Vec<Finding>,
) -> Option<SecurityGroup> {
    let cluster = &spec.cluster;
    let mut foreign = |kind, name: &str| {
        findings.push(Finding::Foreign {
            kind,
            name: name.to_owned(),
            cluster: cluster.to_string(),
        });
    };
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
    group.cloned()
}

#[cfg(test)]
mod tests;
