//! Which buckets a call draws from, and what they hold: EC2's from the
//! developer guide, "Request throttling for the Amazon EC2 API"; Parameter
//! Store's from the AWS General Reference, "Systems Manager endpoints and
//! quotas"; a Small tracking server's as users report it. Of the others AWS tells no numbers; theirs are EC2's.

use crate::api::params::Params;
use crate::rules::{Rule, Rules, throttling as rules};

/// What a bucket holds, and what it gets.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Limit {
    /// Most tokens.
    pub burst: f64,
    /// Tokens a second.
    pub per_sec: f64,
}

/// Tokens that a call takes from one bucket.
#[derive(Debug)]
pub struct Draw {
    /// Name of the bucket.
    pub bucket: String,
    /// How many.
    pub tokens: f64,
    /// The bucket's size.
    pub limit: Limit,
    /// The rule behind it.
    pub rule: &'static Rule,
    /// Tokens are for instances, not for the request.
    pub per_resource: bool,
}

const fn limit(burst: f64, per_sec: f64) -> Limit {
    Limit { burst, per_sec }
}

const NON_MUTATING: Limit = limit(100.0, 20.0);
const UNFILTERED: Limit = limit(50.0, 10.0);
const MUTATING: Limit = limit(50.0, 5.0);
const RESOURCE_INTENSIVE: Limit = limit(50.0, 5.0);
/// GetParameter, GetParameters and GetParametersByPath together.
const PARAMETERS: Limit = limit(40.0, 40.0);

const UNFILTERED_OPERATIONS: &[&str] = &[
    "DescribeInstances",
    "DescribeInstanceStatus",
    "DescribeNetworkInterfaces",
    "DescribeSecurityGroups",
    "DescribeSnapshots",
    "DescribeSpotInstanceRequests",
    "DescribeVolumes",
];

const RESOURCE_INTENSIVE_OPERATIONS: &[&str] = &[
    "AcceptVpcPeeringConnection",
    "AuthorizeSecurityGroupIngress",
    "CancelSpotInstanceRequests",
    "CreateKeyPair",
    "CreateVpcPeeringConnection",
    "DeleteVpcPeeringConnection",
    "RejectVpcPeeringConnection",
    "RequestSpotInstances",
    "RevokeSecurityGroupIngress",
];

/// Operations with a bucket of a size of their own ("uncategorized"), of those
/// that have to do with instances, images, volumes and interfaces.
const OWN: &[(&str, Limit)] = &[
    ("AssignPrivateIpAddresses", limit(100.0, 5.0)),
    ("AssociateIamInstanceProfile", limit(100.0, 5.0)),
    ("CopyImage", limit(100.0, 1.0)),
    ("CreateLaunchTemplateVersion", limit(100.0, 5.0)),
    ("CreateNetworkInterface", limit(100.0, 5.0)),
    ("CreateSnapshot", limit(100.0, 5.0)),
    ("CreateTags", limit(100.0, 10.0)),
    ("CreateVolume", limit(100.0, 5.0)),
    ("DeleteNetworkInterface", limit(100.0, 5.0)),
    ("DeleteSnapshot", limit(100.0, 5.0)),
    ("DeleteTags", limit(100.0, 10.0)),
    ("DeleteVolume", limit(100.0, 5.0)),
    ("DeregisterImage", limit(100.0, 5.0)),
    ("DescribeCapacityBlockOfferings", limit(10.0, 0.15)),
    ("DescribeInstanceTopology", limit(1.0, 1.0)),
    ("DisassociateIamInstanceProfile", limit(100.0, 5.0)),
    ("ModifyImageAttribute", limit(100.0, 5.0)),
    ("ModifyInstanceMetadataOptions", limit(100.0, 5.0)),
    ("ModifyNetworkInterfaceAttribute", limit(100.0, 5.0)),
    ("PurchaseCapacityBlock", limit(10.0, 0.15)),
    ("RunInstances", limit(5.0, 2.0)),
    ("StartInstances", limit(5.0, 2.0)),
    ("TerminateInstances", limit(100.0, 5.0)),
    ("UnassignPrivateIpAddresses", limit(100.0, 5.0)),
];

/// Operations that take tokens for instances too.
const RESOURCES: &[(&str, Limit)] = &[
    ("RunInstances", limit(1000.0, 2.0)),
    ("TerminateInstances", limit(1000.0, 20.0)),
    ("StartInstances", limit(1000.0, 2.0)),
    ("StopInstances", limit(1000.0, 20.0)),
];

/// All that a call takes.
pub fn draws(
    in_force: &Rules,
    service: &'static str,
    operation: &str,
    params: &dyn Fn() -> Params,
) -> Vec<Draw> {
    let (rule, limit, kind) = class(service, operation, params);
    let shared = rule == &rules::PARAMETERS || !in_force.on(&rules::PER_OPERATION);
    let mut draws = vec![Draw {
        bucket: format!("{service}:{kind}:{}", if shared { "*" } else { operation }),
        tokens: 1.0,
        limit,
        rule,
        per_resource: false,
    }];
    if let Some((_, limit)) = named(RESOURCES, operation).filter(|_| service == "ec2") {
        draws.push(Draw {
            bucket: format!("ec2:instances:{operation}"),
            tokens: instances(&params()),
            limit: *limit,
            rule: &rules::PER_INSTANCE,
            per_resource: true,
        });
    }
    draws
}

/// What a call of MLflow's API takes: of a bucket for each server or app.
pub fn of_mlflow(arn: &str, size: Option<&str>) -> Draw {
    // AWS names users for each size: 25, 50 and 100.
    let per_sec = match size {
        Some("Medium") => 50.0,
        Some("Large") => 100.0,
        _ => 25.0,
    };
    Draw {
        bucket: format!("sagemaker-mlflow:{arn}"),
        tokens: 1.0,
        limit: limit(per_sec, per_sec),
        rule: &rules::MLFLOW,
        per_resource: true,
    }
}

/// Rule, size and name of the class of an operation.
fn class(
    service: &str,
    operation: &str,
    params: &dyn Fn() -> Params,
) -> (&'static Rule, Limit, &'static str) {
    let reads = ["Describe", "List", "Search", "Get"].iter().any(|p| operation.starts_with(p));
    if service != "ec2" {
        let limit = if reads { NON_MUTATING } else { MUTATING };
        let kind = if reads { "read" } else { "write" };
        let rule = match service {
            "ssm" if operation.starts_with("GetParameter") => {
                return (&rules::PARAMETERS, PARAMETERS, "parameters");
            }
            "ssm" => &rules::SSM,
            "iam" => &rules::IAM,
            "sts" => &rules::STS,
            "sagemaker" => &rules::SAGEMAKER,
            "imagebuilder" => &rules::IMAGE_BUILDER,
            _ => &rules::OTHERS,
        };
        return (rule, limit, kind);
    }
    if let Some((_, limit)) = named(OWN, operation) {
        return (&rules::OWN, *limit, "own");
    }
    if RESOURCE_INTENSIVE_OPERATIONS.contains(&operation) {
        return (&rules::RESOURCE_INTENSIVE, RESOURCE_INTENSIVE, "resource-intensive");
    }
    if !reads {
        return (&rules::MUTATING, MUTATING, "mutating");
    }
    if UNFILTERED_OPERATIONS.contains(&operation) && unfiltered(&params()) {
        return (&rules::UNFILTERED, UNFILTERED, "unfiltered");
    }
    (&rules::NON_MUTATING, NON_MUTATING, "non-mutating")
}

fn named<'a>(table: &'a [(&str, Limit)], operation: &str) -> Option<&'a (&'a str, Limit)> {
    table.iter().find(|(name, _)| *name == operation)
}

/// Neither a filter nor a page is asked for.
fn unfiltered(params: &Params) -> bool {
    let paged = params.get("MaxResults").is_some() || params.get("NextToken").is_some();
    !paged && params.groups("Filter").is_empty()
}

/// Instances that a call is about; what is no number is refused elsewhere.
fn instances(params: &Params) -> f64 {
    let asked: Option<u32> = params.get("MaxCount").and_then(|count| count.parse().ok());
    let named = u32::try_from(params.groups("InstanceId").len()).unwrap_or(u32::MAX);
    f64::from(asked.unwrap_or(named).max(1))
}
