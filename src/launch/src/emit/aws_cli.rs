//! A Bash script for the AWS CLI: the plan as variables, then what is done with
//! them, which is the same for every plan (`aws_cli.sh`).
//!
//! It keeps to [`crate::engine`]'s rules: the same names, tags, tokens and record
//! of launches, so script and program go on with each other's clusters.

use super::{EmitError, check, schedule_group_arn};
use crate::keys;
use crate::lifetime::{SCHEDULER_POLICY, scheduler_policy, scheduler_trust};
use crate::plan::{
    Attempt, MLFLOW_POLICY, NODE_POLICY, Plan, Store, Tracking, UNKNOWN_APP, WayOut, bucket_policy,
    bucket_tags, partition, ssm_core_policy_arn, trust_policy,
};
use nixl_aws::Tag;
use nixl_aws::ec2::NetworkInterfaceSpec;
use nixl_cluster::tag;
use serde_json::{Value, json};
use std::fmt::Write as _;

const BODY: &str = include_str!("aws_cli.sh");
/// No line of user data, which is YAML.
const END: &str = "END_OF_USER_DATA";
/// Stands for the security group's id, which is not known before it is made.
const GROUP: &str = "@group@";

/// The script; the same for the same plan.
///
/// # Errors
/// If the plan has something that a script cannot do.
pub fn aws_cli(plan: &Plan) -> Result<String, EmitError> {
    check(plan)?;
    let mut text = head(plan);
    for (name, value) in variables(plan) {
        let _ = writeln!(text, "{name}={}", quoted(&value));
    }
    text.push_str("\n# What is tried, best first.\n");
    for (name, of) in LISTS {
        let _ = writeln!(text, "{name}=(");
        for attempt in &plan.attempts {
            let _ = writeln!(text, "    {}", quoted(&of(plan, attempt)));
        }
        text.push_str(")\n");
    }
    let data = &plan.user_data;
    let _ = write!(text, "\nuser_data() {{\n    cat <<'{END}'\n{data}{END}\n}}\n\n{BODY}");
    Ok(text)
}

fn head(plan: &Plan) -> String {
    let (cluster, region) = (&plan.spec.cluster, &plan.spec.region);
    let (fabric, node) = (cluster.security_group(), cluster.node_role(region));
    let (scheduler, ending) = (cluster.scheduler(), cluster.scheduler_role(region));
    let mut removal = format!(
        "\
#   aws ec2 terminate-instances --instance-ids ...   # those with the tag {tag}={cluster}
#   aws ec2 wait instance-terminated --instance-ids ...
#   aws ec2 release-address --allocation-id ...      # those with the tag
#   aws scheduler delete-schedule-group --name {scheduler}
#   aws iam delete-role-policy --role-name {ending} --policy-name {SCHEDULER_POLICY}
#   aws iam delete-role --role-name {ending}
#   aws ec2 delete-placement-group --group-name ...  # those with the tag
#   aws ec2 delete-security-group --group-id ...     # {fabric}
#   aws iam remove-role-from-instance-profile --instance-profile-name {node} --role-name {node}
#   aws iam delete-instance-profile --instance-profile-name {node}
#   aws iam delete-role-policy --role-name {node} --policy-name {NODE_POLICY}
#   aws iam detach-role-policy --role-name {node} --policy-arn {ssm}
#   aws iam delete-role --role-name {node}
",
        tag = tag::CLUSTER,
        ssm = ssm_core_policy_arn(region),
    );
    if let Some(store) = plan.tracking.store() {
        let role = cluster.mlflow_role(region);
        let delete = match &plan.tracking {
            Tracking::Server { name, .. } => {
                format!("delete-mlflow-tracking-server --tracking-server-name {name}")
            }
            _ => "delete-mlflow-app --arn ...                # those with the tag".to_owned(),
        };
        let _ = write!(
            removal,
            "\
#   aws sagemaker {delete}
#   aws iam delete-role-policy --role-name {role} --policy-name {MLFLOW_POLICY}
#   aws iam delete-role --role-name {role}
#   aws s3 rb --force s3://{bucket}                  # with all artifacts
",
            bucket = store.bucket,
        );
    }
    format!(
        "\
#!/bin/bash
# Launches the cluster {cluster} in {region} with the AWS CLI, as `nixl-launch up` does, and
# ends as soon as its nodes run; `nixl-launch status` shows them. Needs Bash 4 and the GNU
# tools. It holds no secret. Run again after a failure it goes on where it was.
#
# To remove all of it: nixl-launch down --cluster {cluster} --region {region}
# or by hand, in this order:
{removal}
# Policies hold variables that IAM fills in.
# shellcheck disable=SC2016
set -euo pipefail

export AWS_REGION={region} AWS_DEFAULT_REGION={region} AWS_PAGER=
"
    )
}

fn variables(plan: &Plan) -> Vec<(&'static str, String)> {
    let spec = &plan.spec;
    let cluster = &spec.cluster;
    let number = |value: Option<u64>| value.map(|it| it.to_string()).unwrap_or_default();
    let policy = |role: &str| plan.policies.get(role).map(Value::to_string).unwrap_or_default();
    let schedules = schedule_group_arn(plan);
    let request = plan.request(&plan.attempts[0], GROUP, "");
    let mlflow = Mlflow::of(plan);
    let elastic = plan.attempts.iter().filter(|attempt| attempt.way_out == WayOut::Elastic);
    let mut elastic: Vec<&str> = elastic.map(|it| it.place.subnet_id.as_str()).collect();
    elastic.dedup();
    vec![
        ("partition", partition(&spec.region).to_owned()),
        ("account", plan.account.clone()),
        ("cluster", cluster.to_string()),
        ("cluster_tag", tag::CLUSTER.to_owned()),
        ("size", spec.size.to_string()),
        ("prefill", number(spec.prefill.map(u64::from))),
        ("ttl_secs", number(spec.ttl_secs)),
        ("vpc_id", plan.vpc_id.clone()),
        ("image_id", request.image_id),
        ("elastic_subnets", elastic.join(" ")),
        ("owner_tags", pairs(&plan.tags()).to_string()),
        ("security_group", cluster.security_group()),
        ("node_role", cluster.node_role(&spec.region)),
        ("node_trust", trust_policy("ec2.amazonaws.com").to_string()),
        ("node_policy_name", NODE_POLICY.to_owned()),
        ("node_policy", policy(&cluster.node_role(&spec.region))),
        ("ssm_policy_arn", ssm_core_policy_arn(&spec.region)),
        ("scheduler", cluster.scheduler()),
        ("scheduler_role", cluster.scheduler_role(&spec.region)),
        ("scheduler_trust", scheduler_trust(&schedules).to_string()),
        ("scheduler_policy_name", SCHEDULER_POLICY.to_owned()),
        ("scheduler_policy", scheduler_policy(cluster, &spec.region, &schedules).to_string()),
        ("schedule_group_arn", schedules),
        ("mlflow_kind", mlflow.kind.to_owned()),
        ("mlflow_name", mlflow.name),
        ("mlflow_size", mlflow.size.to_owned()),
        ("mlflow_version", mlflow.version),
        ("mlflow_bucket", mlflow.bucket),
        ("mlflow_bucket_policy", mlflow.bucket_policy),
        ("mlflow_bucket_encryption", mlflow.bucket_encryption),
        ("mlflow_bucket_tags", mlflow.bucket_tags),
        ("mlflow_role", cluster.mlflow_role(&spec.region)),
        ("mlflow_role_tags", pairs(&mlflow.role_tags).to_string()),
        ("mlflow_trust", trust_policy("sagemaker.amazonaws.com").to_string()),
        ("mlflow_policy_name", MLFLOW_POLICY.to_owned()),
        ("mlflow_policy", policy(&cluster.mlflow_role(&spec.region))),
        ("told_app_tag", keys::TOLD_APP.to_owned()),
        ("unknown_app", UNKNOWN_APP.to_owned()),
    ]
}

/// What a script makes of MLflow; all empty where it makes nothing.
#[derive(Default)]
struct Mlflow {
    kind: &'static str,
    name: String,
    size: &'static str,
    version: String,
    bucket: String,
    bucket_policy: String,
    bucket_encryption: String,
    bucket_tags: String,
    role_tags: Vec<Tag>,
}

impl Mlflow {
    fn of(plan: &Plan) -> Self {
        let mut role_tags = plan.tags();
        let Some(store) = plan.tracking.store() else {
            return Self { role_tags, ..Self::default() };
        };
        let (kind, name, size, version) = match &plan.tracking {
            Tracking::Server { name, size, mlflow_version, .. } => {
                role_tags.push(Tag::new(keys::TRACKING_SERVER, name));
                ("server", name.clone(), size.as_str(), mlflow_version.clone().unwrap_or_default())
            }
            other => {
                let name = other.name().unwrap_or_default();
                role_tags.push(Tag::new(keys::MLFLOW_APP, name));
                ("app", name.to_owned(), "", String::new())
            }
        };
        let tags = bucket_tags(None, &plan.spec.cluster, store.kms_key.as_deref());
        Self {
            kind,
            name,
            size,
            version,
            bucket: store.bucket.clone(),
            bucket_policy: bucket_policy(&plan.spec.region, &store.bucket).to_string(),
            bucket_encryption:
                json!({ "Rules": [encryption("ApplyServerSideEncryptionByDefault", store)] })
                    .to_string(),
            bucket_tags: json!({ "TagSet": pairs(&tags) }).to_string(),
            role_tags,
        }
    }
}

/// How new objects are encrypted: one rule, with what it does under the name that S3
/// or CloudFormation has for it.
pub(super) fn encryption(name: &str, store: &Store) -> Value {
    let by_default = match &store.kms_key {
        Some(key) => json!({ "SSEAlgorithm": "aws:kms", "KMSMasterKeyID": key }),
        None => json!({ "SSEAlgorithm": "AES256" }),
    };
    let mut rule = json!({ name: by_default });
    if store.kms_key.is_some() {
        rule["BucketKeyEnabled"] = true.into();
    }
    rule
}

type Column = fn(&Plan, &Attempt) -> String;

/// What differs from attempt to attempt: variable and value.
const LISTS: &[(&str, Column)] = &[
    ("records", |plan, attempt| plan.record(attempt)),
    ("types", |_, attempt| attempt.instance_type.clone()),
    ("markets", |_, attempt| attempt.market.to_string()),
    ("reservations", |_, attempt| attempt.reservation_id.clone().unwrap_or_default()),
    ("node_tags", |plan, attempt| pairs(&plan.request(attempt, GROUP, "").tags).to_string()),
    ("placement_groups", |_, attempt| attempt.placement_group.clone().unwrap_or_default()),
    ("interfaces", |plan, attempt| {
        let interfaces = plan.request(attempt, GROUP, "").network_interfaces;
        Value::from_iter(interfaces.iter().map(interface)).to_string()
    }),
];

/// One interface as RunInstances and launch templates write it.
pub(super) fn interface(spec: &NetworkInterfaceSpec) -> Value {
    let mut said = json!({
        "NetworkCardIndex": spec.card_index,
        "DeviceIndex": spec.device_index,
        "InterfaceType": spec.interface_type,
        "SubnetId": spec.subnet_id,
        "Groups": spec.group_ids,
        "DeleteOnTermination": true,
    });
    if let Some(public) = spec.associate_public_ip {
        said["AssociatePublicIpAddress"] = public.into();
    }
    said
}

/// Tags as most APIs write them.
pub(super) fn pairs(tags: &[Tag]) -> Value {
    let pair = |tag: &Tag| json!({ "Key": tag.key, "Value": tag.value });
    Value::from_iter(tags.iter().map(pair))
}

/// As one word for a shell.
fn quoted(text: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:".contains(c);
    if !text.is_empty() && text.chars().all(plain) {
        return text.to_owned();
    }
    format!("'{}'", text.replace('\'', r"'\''"))
}
