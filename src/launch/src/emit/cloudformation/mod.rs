//! A CloudFormation template, as JSON: the plan's first attempt as a stack.
//!
//! CloudFormation starts instances one by one, so each is told its rank by a tag
//! ([`Membership::Tag`]) and one place has to do for all. It cannot tag an
//! instance profile; all else carries the tag of the cluster, so `down` finds it.
//!
//! Source: CloudFormation template reference; judged by cfn-lint, which holds
//! AWS's resource schemas.

mod nodes;

use super::aws_cli::{encryption, pairs};
use super::{EmitError, check, schedule_group_arn};
use crate::keys;
use crate::lifetime::{SCHEDULER_POLICY, scheduler_policy, scheduler_trust};
use crate::plan::{
    Attempt, Existing, MLFLOW_POLICY, NODE_POLICY, Plan, Tracking, bucket_policy, settings,
    ssm_core_policy_arn, trust_policy, user_data,
};
use nixl_aws::Tag;
use nixl_cluster::{Membership, NodeSettings};
use serde_json::{Map, Value, json};

/// Parameter: when the nodes end.
const ENDS_AT: &str = "EndsAtUtc";
const GROUP: &str = "FabricSecurityGroup";
const PLACEMENT: &str = "PlacementGroup";
const PROFILE: &str = "NodeProfile";
const APP: &str = "MlflowApp";
const SCHEDULES: &str = "Schedules";
const SCHEDULER: &str = "SchedulerRole";

/// CloudFormation's quota of resources in a template.
const MAX_RESOURCES: usize = 500;
/// CloudFormation's limit of a template in a bucket.
const MAX_BYTES: usize = 1024 * 1024;

/// The template; the same for the same plan.
///
/// # Errors
/// If the plan has something that a template cannot say.
pub fn cloudformation(plan: &Plan) -> Result<String, EmitError> {
    check(plan)?;
    if plan.security_group.is_some() || plan.existing != Existing::None {
        return Err(EmitError::There { cluster: plan.spec.cluster.to_string() });
    }
    let attempt = &plan.attempts[0];
    let mut stack = Stack::default();
    fabric(plan, attempt, &mut stack);
    roles(plan, &mut stack);
    mlflow(plan, &mut stack);
    nodes::add(plan, attempt, &told(plan)?, &mut stack);
    let resources = stack.0.len();
    if resources > MAX_RESOURCES {
        return Err(EmitError::TooManyResources { resources, most: MAX_RESOURCES });
    }
    let mut document = json!({
        "AWSTemplateFormatVersion": "2010-09-09",
        "Description": description(plan, attempt),
        "Resources": stack.0,
    });
    if plan.spec.ttl_secs.is_some() {
        document["Parameters"] = json!({ ENDS_AT: {
            "Type": "String",
            "AllowedPattern": r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d",
            "ConstraintDescription": "UTC, as 2026-01-31T18:00:00",
            "Description": "When the nodes are ended, in UTC: date -u -d '+8 hours' +%FT%T",
        }});
    }
    if let Some(arn) = plan.tracking.arn().filter(|_| plan.tracking.is_unknown()) {
        document = with_app(document, arn);
    }
    let text = format!("{document:#}\n");
    match text.len() {
        bytes if bytes > MAX_BYTES => Err(EmitError::TooLong { bytes, most: MAX_BYTES }),
        _ => Ok(text),
    }
}

fn description(plan: &Plan, attempt: &Attempt) -> String {
    let (cluster, size) = (&plan.spec.cluster, plan.spec.size);
    let mlflow = match &plan.tracking {
        Tracking::Server { .. } | Tracking::App { .. } => {
            " MLflow (with its bucket and role) stays when the stack goes: nixl-launch down --mlflow."
        }
        _ => "",
    };
    format!(
        "nixl cluster {cluster}: {size} x {} in {} or not at all; unlike nixl-launch up it starts \
         nodes one by one and tries no other type, market or zone. Needs --capabilities \
         CAPABILITY_NAMED_IAM. Remove it with delete-stack; after nixl-launch down, too.{mlflow}",
        attempt.instance_type, attempt.place.zone,
    )
}

/// User data: the plan's settings, with ranks by tag.
fn told(plan: &Plan) -> Result<String, EmitError> {
    let settings =
        NodeSettings { membership: Membership::Tag, ..settings(&plan.spec, &plan.tracking) };
    user_data(&settings).map_err(|why| EmitError::UserData { why })
}

/// Resources by logical id.
#[derive(Default)]
struct Stack(Map<String, Value>);

impl Stack {
    /// Adds one; `kind` is without its `AWS::`.
    fn add(&mut self, id: &str, kind: &str, properties: Value) -> &mut Value {
        let resource = json!({ "Type": format!("AWS::{kind}"), "Properties": properties });
        self.0.entry(id).or_insert(resource)
    }

    /// Adds one that outlives the stack, unless making it fails.
    fn add_kept(&mut self, id: &str, kind: &str, properties: Value) {
        let resource = self.add(id, kind, properties);
        resource["DeletionPolicy"] = "RetainExceptOnCreate".into();
        resource["UpdateReplacePolicy"] = "Retain".into();
    }
}

fn fabric(plan: &Plan, attempt: &Attempt, stack: &mut Stack) {
    let properties = json!({
        "GroupName": plan.spec.cluster.security_group(),
        "GroupDescription": "Fabric of a nixl cluster: all traffic with itself, in both directions",
        "VpcId": plan.vpc_id,
        // EC2's own rule is gone as soon as another is said.
        "SecurityGroupEgress": [{ "IpProtocol": "-1", "CidrIp": "0.0.0.0/0" }],
        "Tags": pairs(&plan.tags()),
    });
    stack.add(GROUP, "EC2::SecurityGroup", properties);
    // The rule of addresses does not cover EFA, on the way out either.
    let group = group();
    for (id, kind, peer) in [
        ("FabricIngress", "EC2::SecurityGroupIngress", "SourceSecurityGroupId"),
        ("FabricEgress", "EC2::SecurityGroupEgress", "DestinationSecurityGroupId"),
    ] {
        stack.add(id, kind, json!({ "GroupId": group, "IpProtocol": "-1", peer: group }));
    }
    if attempt.placement_group.is_some() && attempt.reservation_id.is_none() {
        let properties = json!({ "Strategy": "cluster", "Tags": pairs(&plan.tags()) });
        stack.add(PLACEMENT, "EC2::PlacementGroup", properties);
    }
}

/// The security group's id.
fn group() -> Value {
    json!({ "Fn::GetAtt": [GROUP, "GroupId"] })
}

fn role(name: &str, service_trust: &Value, tags: &[Tag], policy: (&str, &Value)) -> Value {
    json!({
        "RoleName": name,
        "AssumeRolePolicyDocument": service_trust,
        "Policies": [{ "PolicyName": policy.0, "PolicyDocument": policy.1 }],
        "Tags": pairs(tags),
    })
}

fn roles(plan: &Plan, stack: &mut Stack) {
    let (spec, tags) = (&plan.spec, plan.tags());
    let name = spec.cluster.node_role(&spec.region);
    let policy = (NODE_POLICY, &plan.policies[&name]);
    let mut node = role(&name, &trust_policy("ec2.amazonaws.com"), &tags, policy);
    node["ManagedPolicyArns"] = json!([ssm_core_policy_arn(&spec.region)]);
    stack.add("NodeRole", "IAM::Role", node);
    let profile = json!({ "InstanceProfileName": name, "Roles": [{ "Ref": "NodeRole" }] });
    stack.add(PROFILE, "IAM::InstanceProfile", profile);
    if spec.ttl_secs.is_some() {
        let (name, arn) = (spec.cluster.scheduler(), schedule_group_arn(plan));
        let properties = json!({ "Name": name, "Tags": pairs(&tags) });
        stack.add(SCHEDULES, "Scheduler::ScheduleGroup", properties);
        let name = spec.cluster.scheduler_role(&spec.region);
        let policy = scheduler_policy(&spec.cluster, &spec.region, &arn);
        let role = role(&name, &scheduler_trust(&arn), &tags, (SCHEDULER_POLICY, &policy));
        stack.add(SCHEDULER, "IAM::Role", role);
    }
}

/// It stays when the stack goes, as `down` keeps it: it holds what was measured.
fn mlflow(plan: &Plan, stack: &mut Stack) {
    let Some(store) = plan.tracking.store() else { return };
    let spec = &plan.spec;
    let name = spec.cluster.mlflow_role(&spec.region);
    let mut tags = plan.tags();
    tags.push(match &plan.tracking {
        Tracking::Server { name, .. } => Tag::new(keys::TRACKING_SERVER, name),
        _ => Tag::new(keys::MLFLOW_APP, plan.tracking.name().unwrap_or_default()),
    });
    let policy = (MLFLOW_POLICY, &plan.policies[&name]);
    let properties = role(&name, &trust_policy("sagemaker.amazonaws.com"), &tags, policy);
    stack.add_kept("MlflowRole", "IAM::Role", properties);
    let mut tags = plan.tags();
    tags.extend(store.kms_key.as_ref().map(|key| Tag::new(keys::KMS_KEY, key)));
    let properties = json!({
        "BucketName": store.bucket,
        "PublicAccessBlockConfiguration": {
            "BlockPublicAcls": true,
            "BlockPublicPolicy": true,
            "IgnorePublicAcls": true,
            "RestrictPublicBuckets": true,
        },
        "BucketEncryption": { "ServerSideEncryptionConfiguration": [
            encryption("ServerSideEncryptionByDefault", store),
        ]},
        "Tags": pairs(&tags),
    });
    stack.add_kept("MlflowBucket", "S3::Bucket", properties);
    let properties = json!({
        "Bucket": { "Ref": "MlflowBucket" },
        "PolicyDocument": bucket_policy(&spec.region, &store.bucket),
    });
    stack.add_kept("MlflowBucketPolicy", "S3::BucketPolicy", properties);
    let mut properties = json!({
        "ArtifactStoreUri": { "Fn::Sub": "s3://${MlflowBucket}/artifacts" },
        "RoleArn": { "Fn::GetAtt": ["MlflowRole", "Arn"] },
        "Tags": pairs(&plan.tags()),
    });
    match &plan.tracking {
        Tracking::Server { name, size, mlflow_version, .. } => {
            properties["TrackingServerName"] = name.as_str().into();
            properties["TrackingServerSize"] = size.as_str().into();
            if let Some(version) = mlflow_version {
                properties["MlflowVersion"] = version.as_str().into();
            }
            stack.add_kept("MlflowServer", "SageMaker::MlflowTrackingServer", properties);
        }
        other => {
            properties["Name"] = other.name().unwrap_or_default().into();
            stack.add_kept(APP, "SageMaker::MlflowApp", properties);
        }
    }
}

/// The same with the App's ARN, which only the stack gets to know, in the place of
/// the one that stands for it.
fn with_app(value: Value, unknown: &str) -> Value {
    let arn = || json!({ "Fn::GetAtt": [APP, "Arn"] });
    match value {
        Value::String(text) if text == unknown => arn(),
        Value::String(text) if text.contains(unknown) => {
            let escaped = text.replace("${", "${!");
            json!({ "Fn::Sub": escaped.replace(unknown, &format!("${{{APP}.Arn}}")) })
        }
        Value::Array(items) => items.into_iter().map(|item| with_app(item, unknown)).collect(),
        Value::Object(fields) => {
            let fields = fields.into_iter().map(|(key, value)| (key, with_app(value, unknown)));
            Value::Object(fields.collect())
        }
        other => other,
    }
}

#[cfg(test)]
mod tests;
