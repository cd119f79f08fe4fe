//! What schedules may do: end this cluster's nodes, stop its tracking server.
//!
//! Source: EventBridge Scheduler user guide, "Setting up the execution role" and
//! "Confused deputy prevention".

use crate::plan::partition;
use nixl_cluster::{ClusterName, tag};
use serde_json::{Value, json};

/// Name of the role's inline policy.
pub const SCHEDULER_POLICY: &str = "nixl-end-nodes";

/// Name of the inline policy of the role that stops an idle tracking server.
pub const IDLE_STOP_POLICY: &str = "nixl-stop-mlflow";

/// Account of an ARN.
fn account(arn: &str) -> &str {
    arn.split(':').nth(4).unwrap_or_default()
}

/// Lets the schedules of one group assume the role, and nobody else's.
#[must_use]
pub fn scheduler_trust(group_arn: &str) -> Value {
    json!({
        "Version": "2012-10-17",
        "Statement": [{
            "Effect": "Allow",
            "Principal": { "Service": "scheduler.amazonaws.com" },
            "Action": "sts:AssumeRole",
            "Condition": {
                "StringEquals": {
                    "aws:SourceAccount": account(group_arn),
                    "aws:SourceArn": group_arn,
                },
            },
        }],
    })
}

/// Ends instances that carry the cluster's tag.
#[must_use]
pub fn scheduler_policy(cluster: &ClusterName, region: &str, group_arn: &str) -> Value {
    let instances =
        format!("arn:{}:ec2:{region}:{}:instance/*", partition(region), account(group_arn));
    json!({
        "Version": "2012-10-17",
        "Statement": [{
            "Sid": "EndNodes",
            "Effect": "Allow",
            "Action": "ec2:TerminateInstances",
            "Resource": instances,
            "Condition": {
                "StringEquals": {
                    format!("aws:ResourceTag/{}", tag::CLUSTER): cluster.as_str(),
                },
            },
        }],
    })
}

/// Stops one tracking server.
#[must_use]
pub fn idle_stop_policy(server_arn: &str) -> Value {
    json!({
        "Version": "2012-10-17",
        "Statement": [{
            "Sid": "StopServer",
            "Effect": "Allow",
            "Action": "sagemaker:StopMlflowTrackingServer",
            "Resource": server_arn,
        }],
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_role_ends_nodes_of_its_cluster_for_its_group_only() {
        let group = "arn:aws:scheduler:us-east-1:123456789012:schedule-group/nixl-scheduler";
        let trust = scheduler_trust(group);
        let condition = &trust["Statement"][0]["Condition"]["StringEquals"];
        assert_eq!(condition["aws:SourceArn"], group);
        assert_eq!(condition["aws:SourceAccount"], "123456789012");
        let policy = scheduler_policy(&ClusterName::default(), "us-east-1", group);
        let statement = &policy["Statement"][0];
        assert_eq!(statement["Action"], "ec2:TerminateInstances");
        assert_eq!(statement["Resource"], "arn:aws:ec2:us-east-1:123456789012:instance/*");
        assert_eq!(statement["Condition"]["StringEquals"]["aws:ResourceTag/nixl:cluster"], "nixl");
    }
}
