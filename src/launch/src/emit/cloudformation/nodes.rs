//! The nodes of a stack: a launch template, and for each an instance with its
//! rank and the schedule that ends it.
//!
//! A node with several interfaces takes an Elastic IP only by an interface that
//! is named, and an instance does not tell its own: so there the first interface
//! is a resource, and each node has a launch template.

use super::super::aws_cli::{interface, pairs};
use super::{ENDS_AT, GROUP, PLACEMENT, PROFILE, SCHEDULER, SCHEDULES, Stack, group};
use crate::plan::{Attempt, Plan, WayOut, partition};
use nixl_aws::Tag;
use nixl_aws::ec2::{Market, RunInstances};
use nixl_cluster::{Layout, tag};
use serde_json::{Value, json};

/// Adds all nodes.
pub(super) fn add(plan: &Plan, attempt: &Attempt, user_data: &str, stack: &mut Stack) {
    let request = plan.request(attempt, "", "");
    let elastic = attempt.way_out == WayOut::Elastic;
    let mut template = "NodeTemplate".to_owned();
    if !elastic {
        let properties = launch_template(plan, attempt, &request, user_data, None);
        stack.add(&template, "EC2::LaunchTemplate", properties);
    }
    for rank in 0..plan.spec.size {
        let node = format!("Node{}", rank + 1);
        // A node that is up before its rules finds no peer over the fabric.
        let mut after = vec!["FabricIngress".to_owned(), "FabricEgress".to_owned()];
        if elastic {
            template = format!("{node}Template");
            after.push(address(plan, &request, rank, stack));
            let properties = launch_template(plan, attempt, &request, user_data, Some(&node));
            stack.add(&template, "EC2::LaunchTemplate", properties);
        }
        let properties = instance(plan, &request, rank, &template);
        stack.add(&node, "EC2::Instance", properties)["DependsOn"] = after.into();
        if plan.spec.ttl_secs.is_some() {
            stack.add(&format!("{node}End"), "Scheduler::Schedule", end(plan, rank));
        }
    }
}

/// What a node is started with; `first` has its first interface made before it.
fn launch_template(
    plan: &Plan,
    attempt: &Attempt,
    request: &RunInstances,
    user_data: &str,
    first: Option<&str>,
) -> Value {
    let interfaces = request.network_interfaces.iter().enumerate().map(|(n, spec)| {
        if let (0, Some(node)) = (n, first) {
            return json!({
                "NetworkCardIndex": spec.card_index,
                "DeviceIndex": spec.device_index,
                "NetworkInterfaceId": { "Ref": format!("{node}Interface") },
            });
        }
        let mut said = interface(spec);
        said["Groups"] = json!([group()]);
        said
    });
    let mut kinds = vec!["volume", "network-interface"];
    if attempt.market == Market::Spot {
        kinds.push("spot-instances-request");
    }
    let tags = kinds.iter().map(|kind| tag_specification(kind, &request.tags));
    let mut data = json!({
        "ImageId": request.image_id,
        "InstanceType": request.instance_type,
        "IamInstanceProfile": { "Name": { "Ref": PROFILE } },
        "NetworkInterfaces": Value::from_iter(interfaces),
        // Line by line, for who reads it.
        "UserData": { "Fn::Base64": { "Fn::Join": [
            "\n", Value::from_iter(user_data.split('\n')),
        ] } },
        "InstanceInitiatedShutdownBehavior": "terminate",
        "MetadataOptions": {
            "HttpEndpoint": "enabled",
            "HttpPutResponseHopLimit": 1,
            "HttpTokens": "required",
            "InstanceMetadataTags": "enabled",
        },
        "TagSpecifications": Value::from_iter(tags),
    });
    match (&attempt.placement_group, &attempt.reservation_id) {
        (Some(group), Some(_)) => data["Placement"] = json!({ "GroupName": group }),
        (Some(_), None) => data["Placement"] = json!({ "GroupName": { "Ref": PLACEMENT } }),
        (None, _) => {}
    }
    match attempt.market {
        Market::OnDemand => {}
        Market::Spot => {
            data["InstanceMarketOptions"] = json!({
                "MarketType": "spot",
                "SpotOptions": {
                    "SpotInstanceType": "one-time",
                    "InstanceInterruptionBehavior": "terminate",
                },
            });
        }
        Market::CapacityBlock => {
            data["InstanceMarketOptions"] = json!({ "MarketType": "capacity-block" });
        }
    }
    if let Some(id) = &attempt.reservation_id {
        data["CapacityReservationSpecification"] =
            json!({ "CapacityReservationTarget": { "CapacityReservationId": id } });
    }
    let own_tags = [tag_specification("launch-template", &plan.tags())];
    json!({ "LaunchTemplateData": data, "TagSpecifications": own_tags })
}

fn tag_specification(kind: &str, tags: &[Tag]) -> Value {
    json!({ "ResourceType": kind, "Tags": pairs(tags) })
}

/// The first interface of a node and its address; the resource that joins them.
fn address(plan: &Plan, request: &RunInstances, rank: u32, stack: &mut Stack) -> String {
    let node = format!("Node{}", rank + 1);
    let (interface, address) = (format!("{node}Interface"), format!("{node}Address"));
    let mut tags = plan.tags();
    tags.push(Tag::new(tag::NAME, plan.spec.cluster.node(rank)));
    let first = &request.network_interfaces[0];
    let properties = json!({
        "InterfaceType": first.interface_type,
        "SubnetId": first.subnet_id,
        "GroupSet": [{ "Fn::GetAtt": [GROUP, "GroupId"] }],
        "Tags": pairs(&tags),
    });
    stack.add(&interface, "EC2::NetworkInterface", properties);
    stack.add(&address, "EC2::EIP", json!({ "Domain": "vpc", "Tags": pairs(&tags) }));
    let properties = json!({
        "AllocationId": { "Fn::GetAtt": [address, "AllocationId"] },
        "NetworkInterfaceId": { "Ref": interface },
    });
    let joined = format!("{node}AddressUse");
    stack.add(&joined, "EC2::EIPAssociation", properties);
    joined
}

/// All tags are said here, also those that the template could say: what EC2 does
/// with tags of both is not documented.
fn instance(plan: &Plan, request: &RunInstances, rank: u32, template: &str) -> Value {
    let spec = &plan.spec;
    let mut tags = request.tags.clone();
    tags.push(Tag::new(tag::NAME, spec.cluster.node(rank)));
    tags.push(Tag::new(tag::RANK, rank.to_string()));
    let layout = Layout { size: spec.size, prefill: spec.prefill };
    tags.extend(layout.role(rank).map(|role| Tag::new(tag::ROLE, role.as_str())));
    let mut tags = pairs(&tags);
    if spec.ttl_secs.is_some()
        && let Some(tags) = tags.as_array_mut()
    {
        let at = json!({ "Fn::Sub": format!("${{{ENDS_AT}}}Z") });
        tags.push(json!({ "Key": tag::EXPIRES_AT, "Value": at }));
    }
    json!({
        "LaunchTemplate": {
            "LaunchTemplateId": { "Ref": template },
            "Version": { "Fn::GetAtt": [template, "LatestVersionNumber"] },
        },
        "Tags": tags,
    })
}

/// The schedule that ends a node.
fn end(plan: &Plan, rank: u32) -> Value {
    let node = format!("Node{}", rank + 1);
    let partition = partition(&plan.spec.region);
    json!({
        "GroupName": { "Ref": SCHEDULES },
        "Name": { "Ref": node },
        "Description": format!("End of {}", plan.spec.cluster.node(rank)),
        "ScheduleExpression": { "Fn::Sub": format!("at(${{{ENDS_AT}}})") },
        "FlexibleTimeWindow": { "Mode": "OFF" },
        "Target": {
            "Arn": format!("arn:{partition}:scheduler:::aws-sdk:ec2:terminateInstances"),
            "RoleArn": { "Fn::GetAtt": [SCHEDULER, "Arn"] },
            "Input": { "Fn::Sub": format!("{{\"InstanceIds\":[\"${{{node}}}\"]}}") },
        },
    })
}
