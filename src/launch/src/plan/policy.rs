//! IAM documents, least privilege.
//!
//! Source: service authorization reference; the form of "a node may tag only
//! itself" is the one AWS's own AWSEC2VssSnapshotPolicy uses, with the keys
//! limited as well. `aws:ARN == ${ec2:SourceInstanceARN}` never matches.

mod mlflow;

use super::{Artifacts, Store};
use nixl_cluster::tag;
use serde_json::{Value, json};

/// Name of the node role's inline policy.
pub const NODE_POLICY: &str = "nixl-node";
/// Name of the MLflow role's inline policy.
pub const MLFLOW_POLICY: &str = "nixl-artifacts";
/// What a node's policy says of artifacts.
pub const ARTIFACT_SIDS: [&str; 3] = ["FindArtifacts", "Artifacts", "Key"];
/// Managed policy that lets SSM reach the node.
pub const SSM_CORE_POLICY: &str = "AmazonSSMManagedInstanceCore";

/// Partition of a region: the second field of its ARNs.
#[must_use]
pub fn partition(region: &str) -> &'static str {
    match region {
        _ if region.starts_with("cn-") => "aws-cn",
        _ if region.starts_with("us-gov-") => "aws-us-gov",
        _ => "aws",
    }
}

/// ARN of [`SSM_CORE_POLICY`].
#[must_use]
pub fn ssm_core_policy_arn(region: &str) -> String {
    format!("arn:{}:iam::aws:policy/{SSM_CORE_POLICY}", partition(region))
}

/// Lets one service assume a role.
#[must_use]
pub fn trust_policy(service: &str) -> Value {
    json!({
        "Version": "2012-10-17",
        "Statement": [{
            "Effect": "Allow",
            "Principal": { "Service": service },
            "Action": "sts:AssumeRole",
        }],
    })
}

/// What a node may do: register itself, find its peers, log to MLflow and keep artifacts
/// in its folder: SageMaker's servers hand none out, their clients write to S3 themselves.
#[must_use]
pub fn node_policy(
    region: &str,
    tracking_arn: Option<&str>,
    artifacts: Option<&Artifacts>,
) -> Value {
    let partition = partition(region);
    let mut statements = vec![
        json!({
            "Sid": "RegisterItself",
            "Effect": "Allow",
            "Action": "ec2:CreateTags",
            "Resource": format!("arn:{partition}:ec2:*:*:instance/*"),
            "Condition": {
                "ArnEquals": {
                    "ec2:SourceInstanceARN":
                        format!("arn:{partition}:ec2:*:*:instance/${{ec2:InstanceID}}"),
                },
                "ForAllValues:StringEquals": { "aws:TagKeys": tag::NODE_WRITABLE },
                "Null": { "aws:TagKeys": "false" },
            },
        }),
        json!({
            "Sid": "FindPeers",
            "Effect": "Allow",
            "Action": "ec2:DescribeInstances",
            "Resource": "*",
        }),
    ];
    statements.extend(tracking_arn.into_iter().flat_map(mlflow::statements));
    statements.extend(artifacts.into_iter().flat_map(|it| mlflow::artifacts(region, it)));
    json!({ "Version": "2012-10-17", "Statement": statements })
}

/// What the tracking server may do: its own bucket and, through S3 only, that
/// bucket's key (S3 user guide, "Using server-side encryption with AWS KMS keys",
/// permissions), nothing else.
#[must_use]
pub fn mlflow_policy(region: &str, store: &Store) -> Value {
    let bucket = format!("arn:{}:s3:::{}", partition(region), store.bucket);
    let mut statements = vec![
        json!({
            "Sid": "Bucket",
            "Effect": "Allow",
            "Action": ["s3:GetBucketLocation", "s3:ListBucket"],
            "Resource": bucket,
        }),
        json!({
            "Sid": "Artifacts",
            "Effect": "Allow",
            "Action": ["s3:GetObject", "s3:PutObject", "s3:DeleteObject"],
            "Resource": format!("{bucket}/*"),
        }),
    ];
    statements.extend(key(region, store.kms_key.as_deref()));
    json!({ "Version": "2012-10-17", "Statement": statements })
}

/// The key of a bucket's objects, through S3 only.
fn key(region: &str, key: Option<&str>) -> Option<Value> {
    let suffix = if region.starts_with("cn-") { ".cn" } else { "" };
    key.map(|key| {
        json!({
            "Sid": "Key",
            "Effect": "Allow",
            "Action": ["kms:Decrypt", "kms:GenerateDataKey"],
            "Resource": key,
            "Condition": {
                "StringEquals": { "kms:ViaService": format!("s3.{region}.amazonaws.com{suffix}") },
            },
        })
    })
}

/// Of the bucket: nobody comes in without TLS, whatever else they may.
#[must_use]
pub fn bucket_policy(region: &str, bucket: &str) -> Value {
    let bucket = format!("arn:{}:s3:::{bucket}", partition(region));
    json!({
        "Version": "2012-10-17",
        "Statement": [{
            "Sid": "TlsOnly",
            "Effect": "Deny",
            "Principal": "*",
            "Action": "s3:*",
            "Resource": [bucket, format!("{bucket}/*")],
            "Condition": { "Bool": { "aws:SecureTransport": "false" } },
        }],
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const APP: &str = "arn:aws:sagemaker:us-east-1:1:mlflow-app/app-x";

    #[test]
    fn a_node_may_tag_only_itself_and_only_with_its_keys() {
        let policy = node_policy("us-east-1", None, None);
        let condition = &policy["Statement"][0]["Condition"];
        assert_eq!(
            condition["ArnEquals"]["ec2:SourceInstanceARN"],
            "arn:aws:ec2:*:*:instance/${ec2:InstanceID}"
        );
        assert_eq!(
            condition["ForAllValues:StringEquals"]["aws:TagKeys"],
            json!(["nixl:identity", "nixl:endpoint", "nixl:state", "nixl:claim"])
        );
        // ForAllValues is true of no keys at all; Null closes that.
        assert_eq!(condition["Null"]["aws:TagKeys"], "false");
        assert_eq!(policy["Statement"].as_array().unwrap().len(), 2);
    }

    #[test]
    fn a_node_keeps_artifacts_and_deletes_none() {
        let kms_key = Some("arn:aws:kms:us-east-1:1:key/k".to_owned());
        let store = Store { bucket: "b".to_owned(), kms_key };
        let policy = node_policy("us-east-1", Some(APP), Some(&store.artifacts()));
        let of = |sid: &str| {
            let mut all = policy["Statement"].as_array().unwrap().iter();
            all.find(|statement| statement["Sid"] == sid).cloned().unwrap()
        };
        assert_eq!(of("Artifacts")["Resource"], "arn:aws:s3:::b/artifacts/*");
        assert_eq!(of("FindArtifacts")["Condition"]["StringLike"]["s3:prefix"], "artifacts/*");
        assert_eq!(of("Key")["Resource"], "arn:aws:kms:us-east-1:1:key/k");
        assert!(!policy.to_string().contains("Delete"));
    }

    #[test]
    fn artifacts_of_others_are_kept_in_their_folder_only() {
        let of = |uri: &str| {
            let artifacts = Artifacts::of_uri(uri)?;
            let policy = node_policy("us-east-1", Some(APP), Some(&artifacts));
            let mut all = policy["Statement"].as_array()?.iter();
            let sid = |sid: &'static str| move |it: &&Value| it["Sid"] == sid;
            let (find, keep) = (all.find(sid("FindArtifacts"))?, all.find(sid("Artifacts"))?);
            let prefix = find["Condition"]["StringLike"]["s3:prefix"].as_str().unwrap_or("all");
            Some(format!("{} {prefix}", keep["Resource"].as_str()?))
        };
        let folder = Some("arn:aws:s3:::b/team/runs/* team/runs/*".to_owned());
        assert_eq!(of("s3://b/team/runs"), folder);
        assert_eq!(of("s3://b/team/runs/"), folder);
        assert_eq!(of("s3://b"), Some("arn:aws:s3:::b/* all".to_owned()));
        for odd in ["", "s3://", "s3:///a", "b/team", "s3://b*", "s3://b/${aws:username}"] {
            assert_eq!(of(odd), None, "{odd}");
        }
    }

    #[test]
    fn the_server_reaches_its_bucket_only() {
        let mut store = Store { bucket: "b".to_owned(), kms_key: None };
        let policy = mlflow_policy("cn-north-1", &store);
        for statement in policy["Statement"].as_array().unwrap() {
            assert!(statement["Resource"].as_str().unwrap().starts_with("arn:aws-cn:s3:::b"));
        }
        store.kms_key = Some("arn:aws-cn:kms:cn-north-1:1:key/k".to_owned());
        let with_key = mlflow_policy("cn-north-1", &store);
        let key = &with_key["Statement"][2];
        assert_eq!(key["Resource"], "arn:aws-cn:kms:cn-north-1:1:key/k");
        let via = &key["Condition"]["StringEquals"]["kms:ViaService"];
        assert_eq!(*via, "s3.cn-north-1.amazonaws.com.cn");
    }

    #[test]
    fn policies_fit_iams_limit_for_inline_policies() {
        let arn = "x".repeat(300);
        let (bucket, folder) = ("x".repeat(63), "x".repeat(1024));
        let store = Artifacts { bucket, folder, kms_key: Some(arn.clone()) };
        assert!(node_policy("us-east-1", Some(&arn), Some(&store)).to_string().len() < 10_240);
    }
}
