//! A launch that others make, as the input of CreateLaunchTemplate: what one
//! node of the plan is started with, but for its zone, group and number.
//!
//! Source: EC2 API model, RequestLaunchTemplateData. Subnets and the placement
//! group are of whoever launches (an Auto Scaling group, a node group).

use super::aws_cli::{interface, pairs};
use super::{EmitError, check};
use crate::keys;
use crate::plan::{Plan, settings, user_data};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use nixl_aws::Tag;
use nixl_aws::ec2::RunInstances;
use nixl_cluster::{Membership, NodeSettings, tag};
use serde_json::{Value, json};

/// Input of `aws ec2 create-launch-template --cli-input-json`; members are
/// sorted by name, so the same plan is the same text. The nodes are in
/// `security_group`, or else in the cluster's own.
///
/// # Errors
/// If the plan does not say enough.
pub fn launch_template(
    plan: &Plan,
    membership: Membership,
    security_group: Option<&str>,
) -> Result<Value, EmitError> {
    check(plan)?;
    let attempt = plan.attempts.first().ok_or(EmitError::Nothing)?;
    let own = plan.security_group.as_ref().map(|group| group.id.as_str());
    let group_id = security_group
        .or(own)
        .ok_or_else(|| EmitError::NoSecurityGroup { name: plan.spec.cluster.security_group() })?;
    // Who launches decides how long nodes live: a node that ends itself is replaced.
    let settings = NodeSettings {
        membership,
        ttl_secs: None,
        idle_secs: None,
        ..settings(&plan.spec, &plan.tracking)
    };
    let user_data = user_data(&settings).map_err(|why| EmitError::UserData { why })?;
    let mut request = plan.request(attempt, group_id, "");
    // So is the subnet, and with it the way out.
    request.tags.retain(|of| ![tag::TTL_SECS, keys::WAY_OUT].contains(&of.key.as_str()));
    Ok(json!({
        "LaunchTemplateName": plan.spec.cluster.as_str(),
        "VersionDescription": format!("{} nodes of {}", plan.spec.size, request.instance_type),
        "LaunchTemplateData": data(&request, &user_data),
        "TagSpecifications": [tag_specification("launch-template", &plan.tags())],
    }))
}

fn data(request: &RunInstances, user_data: &str) -> Value {
    let tags = ["instance", "volume", "network-interface"]
        .map(|kind| tag_specification(kind, &request.tags));
    let mut interfaces: Vec<Value> = request.network_interfaces.iter().map(interface).collect();
    for interface in interfaces.iter_mut().filter_map(Value::as_object_mut) {
        interface.remove("SubnetId");
    }
    json!({
        "ImageId": request.image_id,
        "InstanceType": request.instance_type,
        "IamInstanceProfile": { "Name": request.instance_profile },
        "NetworkInterfaces": interfaces,
        "InstanceInitiatedShutdownBehavior": "terminate",
        "MetadataOptions": {
            "HttpEndpoint": "enabled",
            "HttpPutResponseHopLimit": 1,
            "HttpTokens": "required",
            "InstanceMetadataTags": "enabled",
        },
        "TagSpecifications": tags,
        "UserData": BASE64.encode(user_data),
    })
}

fn tag_specification(kind: &str, tags: &[Tag]) -> Value {
    json!({ "ResourceType": kind, "Tags": pairs(tags) })
}
