//! EC2 of the account in memory.

use super::{ACCOUNT, Fake, State, card, refusal};
use nixl_aws::ec2::*;
use nixl_aws::{Result, Tag};
use nixl_cluster::tag;

pub(super) fn fits(filters: &[Filter], get: impl Fn(&str) -> Option<String>) -> bool {
    filters.iter().all(|filter| get(&filter.name).is_some_and(|v| filter.values.contains(&v)))
}

pub(super) fn tagged(tags: &[Tag], name: &str) -> Option<String> {
    // The only key that is asked for without a value.
    if name == "tag-key" {
        return Tag::find(tags, tag::CLUSTER).map(|_| tag::CLUSTER.to_owned());
    }
    Tag::find(tags, name.strip_prefix("tag:")?).map(str::to_owned)
}

fn set(tags: &mut Vec<Tag>, new: &[Tag]) {
    for tag in new {
        tags.retain(|old| old.key != tag.key);
        tags.push(tag.clone());
    }
}

/// Each look at an instance lets it go one step further.
fn advance(state: &mut State) {
    let (say, end, end_in) = (state.nodes_say, state.nodes_end, state.nodes_end_in);
    for instance in &mut state.instances {
        let looks = state.looks.entry(instance.id.clone()).or_default();
        *looks += 1;
        match (instance.state.as_str(), *looks) {
            ("shutting-down", _) => instance.state = "terminated".to_owned(),
            ("pending", n) if n >= 2 => {
                instance.state = "running".to_owned();
                if let Some(code) = end
                    && end_in.is_none_or(|zone| instance.zone == zone)
                {
                    instance.state = "terminated".to_owned();
                    instance.state_reason_code = Some(code.to_owned());
                }
            }
            ("running", n) if n >= 4 => {
                let value = say.unwrap_or("1:paired:-:100");
                set(&mut instance.tags, &[Tag::new("nixl:state", value)]);
            }
            ("running", n) if n >= 3 => {
                set(&mut instance.tags, &[Tag::new("nixl:state", "1:registered:-:90")]);
            }
            _ => {}
        }
    }
}

fn run(state: &mut State, request: &RunInstances) -> Result<Vec<Instance>> {
    const OP: &str = "RunInstances";
    let zone = request.network_interfaces[0].subnet_id.replace("subnet-", "");
    let key = (zone.clone(), request.client_token.clone());
    let digest = format!("{request:?}");
    if let Some((same, ids)) = state.tokens.get(&key) {
        if *same != digest {
            return Err(refusal(OP, "IdempotentParameterMismatch", "", 400));
        }
        let known: Vec<Instance> =
            state.instances.iter().filter(|it| ids.contains(&it.id)).cloned().collect();
        if known.iter().any(|it| it.state == "terminated") {
            return Err(refusal(OP, "IdempotentInstanceTerminated", "", 400));
        }
        return Ok(known);
    }
    if let Some(placement) = &request.placement_group {
        let group = state.placement.iter_mut().find(|group| group.name == *placement);
        // Asynchronous: `pending` for the first launch.
        let before = group.map(|it| std::mem::replace(&mut it.state, "available".to_owned()));
        if before.as_deref() != Some("available") {
            return Err(refusal(OP, "InvalidPlacementGroup.Unknown", "", 400));
        }
    }
    if let Some(id) = &request.reservation_id {
        let room = |it: &Reservation| it.id == *id && it.state == "active";
        if !state.reservations.iter().any(room) {
            return Err(refusal(OP, "ReservationCapacityExceeded", "", 400));
        }
    }
    if state.profiles.get(&request.instance_profile).is_none_or(|p| p.roles.is_empty()) {
        let message = "Invalid IAM Instance Profile name";
        return Err(refusal(OP, "InvalidParameterValue", message, 400));
    }
    assert!(request.client_token.len() <= 64);
    let reservation_id = state.id("r");
    let mut made = Vec::new();
    for launch_index in 0..request.count {
        made.push(Instance {
            id: state.id("i"),
            state: "pending".to_owned(),
            reservation_id: reservation_id.clone(),
            launch_index,
            instance_type: request.instance_type.clone(),
            image_id: request.image_id.clone(),
            zone: zone.clone(),
            placement_group: request.placement_group.clone(),
            private_ip: Some(format!("10.0.0.{}", 10 + launch_index)),
            public_ip: Some(format!("203.0.113.{}", 10 + launch_index)),
            profile_arn: Some(format!(
                "arn:aws:iam::{ACCOUNT}:instance-profile/{}",
                request.instance_profile
            )),
            launch_time: Some("2100-01-01T00:00:00Z".to_owned()),
            client_token: Some(request.client_token.clone()),
            market: request.market,
            reservation_used: request.reservation_id.clone(),
            interfaces: vec![AttachedInterface {
                id: state.id("eni"),
                group_ids: request
                    .network_interfaces
                    .first()
                    .map(|it| it.group_ids.clone())
                    .unwrap_or_default(),
                ..Default::default()
            }],
            tags: request.tags.clone(),
            ..Default::default()
        });
        if request.market == Market::Spot {
            let id = state.id("sir");
            let (state_then, tags) = ("active".to_owned(), request.tags.clone());
            state.spot.push(SpotRequest { id, state: state_then, tags });
        }
    }
    let ids = made.iter().map(|it| it.id.clone()).collect();
    state.tokens.insert(key, (digest, ids));
    state.instances.extend(made.clone());
    Ok(made)
}

#[async_trait::async_trait]
impl Ec2 for Fake {
    async fn describe_instances(&self, filters: &[Filter]) -> Result<Vec<Instance>> {
        self.call("DescribeInstances", |state| {
            if state.hidden_looks > 0 {
                state.hidden_looks -= 1;
                return Ok(vec![]);
            }
            advance(state);
            let found = state.instances.iter().filter(|it| {
                fits(filters, |name| match name {
                    "client-token" => it.client_token.clone(),
                    "tag-key" => it
                        .tags
                        .iter()
                        .map(|tag| tag.key.clone())
                        .find(|key| filters.iter().any(|it| it.values.contains(key))),
                    _ => tagged(&it.tags, name),
                })
            });
            Ok(found.cloned().collect())
        })
    }

    async fn run_instances(&self, request: &RunInstances) -> Result<Vec<Instance>> {
        // Sent, whatever becomes of it.
        self.state().sent_tokens.push(request.client_token.clone());
        self.call("RunInstances", |state| run(state, request))
    }

    async fn may_run_instances(&self, _: &RunInstances) -> Result<()> {
        self.call("GetDryRun", |_| Ok(()))
    }

    async fn terminate_instances(&self, ids: &[String]) -> Result<()> {
        self.call("TerminateInstances", |state| {
            if ids.iter().any(|id| state.instances.iter().all(|it| it.id != *id)) {
                return Err(refusal("TerminateInstances", "InvalidInstanceID.NotFound", "", 400));
            }
            let live = |id: &&String| {
                state.instances.iter().any(|it| it.id == **id && it.state != "terminated")
            };
            if let Some(id) = ids.iter().filter(live).find(|id| state.protected.contains(*id)) {
                let message = format!("The instance '{id}' may not be terminated.");
                return Err(refusal("TerminateInstances", "OperationNotPermitted", &message, 400));
            }
            for instance in state.instances.iter_mut().filter(|it| ids.contains(&it.id)) {
                if instance.state != "terminated" {
                    instance.state = "shutting-down".to_owned();
                }
            }
            Ok(())
        })
    }

    async fn unprotect_instance(&self, id: &str) -> Result<()> {
        self.call("ModifyInstanceAttribute", |state| {
            state.protected.remove(id);
            Ok(())
        })
    }

    async fn create_tags(&self, resources: &[String], tags: &[Tag]) -> Result<()> {
        self.call("CreateTags", |state| {
            let groups = state.groups.iter().filter(|it| resources.contains(&it.id));
            let old: Vec<SecurityGroup> = groups.cloned().collect();
            state.old_groups.extend(old);
            for id in resources {
                let group = state.groups.iter_mut().find(|it| it.id == *id).map(|it| &mut it.tags);
                let instance =
                    state.instances.iter_mut().find(|it| it.id == *id).map(|it| &mut it.tags);
                let target = group
                    .or(instance)
                    .ok_or_else(|| refusal("CreateTags", "InvalidID.NotFound", "", 400))?;
                set(target, tags);
            }
            Ok(())
        })
    }

    async fn describe_images(&self, owners: &[&str], filters: &[Filter]) -> Result<Vec<Image>> {
        self.call("DescribeImages", |state| {
            let found = state.images.iter().filter(|it| {
                let owner = |owner: &&str| {
                    *owner == "self" && it.owner_id.is_empty() || *owner == it.owner_id
                };
                (owners.is_empty() || owners.iter().any(owner))
                    && filters.iter().all(|filter| match filter.name.as_str() {
                        "name" => !it.name.is_empty(),
                        "image-id" => filter.values.contains(&it.id),
                        "tag-key" => it.tags.iter().any(|tag| filter.values.contains(&tag.key)),
                        other => panic!("filter {other}"),
                    })
            });
            Ok(found.cloned().collect())
        })
    }

    async fn describe_instance_type(&self, name: &str) -> Result<InstanceTypeInfo> {
        self.call("DescribeInstanceTypes", |_| {
            let efa = name != "t3.micro";
            Ok(InstanceTypeInfo {
                name: name.to_owned(),
                vcpus: 48,
                gpus: 4,
                efa_supported: efa,
                efa_max_interfaces: u32::from(efa),
                architectures: vec!["x86_64".to_owned()],
                placement_strategies: if efa { vec!["cluster".to_owned()] } else { vec![] },
                network_cards: vec![card()],
            })
        })
    }

    async fn types_offered(&self, _: &str) -> Result<Vec<String>> {
        self.call("DescribeInstanceTypeOfferings", |_| Ok(vec!["g6.12xlarge".to_owned()]))
    }

    async fn zones_offering(&self, _: &str) -> Result<Vec<String>> {
        self.call("DescribeInstanceTypeOfferings", |state| {
            Ok(state.zones.iter().map(|zone| (*zone).to_owned()).collect())
        })
    }

    async fn describe_vpcs(&self, _: &[Filter]) -> Result<Vec<Vpc>> {
        self.call("DescribeVpcs", |_| Ok(vec![Vpc { id: "vpc-1".to_owned(), is_default: true }]))
    }

    async fn describe_subnets(&self, _: &[Filter]) -> Result<Vec<Subnet>> {
        self.call("DescribeSubnets", |state| {
            let subnet = |zone: &&str| Subnet {
                id: format!("subnet-{zone}"),
                vpc_id: "vpc-1".to_owned(),
                zone: (*zone).to_owned(),
                free_addresses: 4000,
                default_for_zone: true,
                map_public_ip: true,
            };
            Ok(state.zones.iter().map(subnet).collect())
        })
    }

    async fn describe_security_groups(&self, filters: &[Filter]) -> Result<Vec<SecurityGroup>> {
        self.call("DescribeSecurityGroups", |state| {
            let mut groups = state.groups.clone();
            if state.stale_looks > 0 {
                state.stale_looks -= 1;
                for group in &mut groups {
                    let old = state.old_groups.iter().find(|it| it.id == group.id);
                    group.tags = old.unwrap_or(group).tags.clone();
                }
            }
            let found = groups.iter().filter(|it| {
                fits(filters, |name| match name {
                    "group-name" => Some(it.name.clone()),
                    _ => tagged(&it.tags, name),
                })
            });
            Ok(found.cloned().collect())
        })
    }

    async fn create_security_group(
        &self,
        name: &str,
        _: &str,
        vpc_id: &str,
        tags: &[Tag],
    ) -> Result<String> {
        self.call("CreateSecurityGroup", |state| {
            if state.groups.iter().any(|it| it.name == name) {
                return Err(refusal("CreateSecurityGroup", "InvalidGroup.Duplicate", "", 400));
            }
            let id = state.id("sg");
            state.groups.push(SecurityGroup {
                id: id.clone(),
                name: name.to_owned(),
                vpc_id: vpc_id.to_owned(),
                open_egress: true,
                tags: tags.to_vec(),
                ..Default::default()
            });
            Ok(id)
        })
    }

    async fn authorize_self_ingress(&self, group_id: &str) -> Result<()> {
        self.call("AuthorizeSecurityGroupIngress", |state| {
            let group = state.groups.iter_mut().find(|it| it.id == group_id).unwrap();
            if std::mem::replace(&mut group.self_ingress, true) {
                return Err(refusal("AuthorizeIngress", "InvalidPermission.Duplicate", "", 400));
            }
            Ok(())
        })
    }

    async fn authorize_self_egress(&self, group_id: &str) -> Result<()> {
        self.call("AuthorizeSecurityGroupEgress", |state| {
            let group = state.groups.iter_mut().find(|it| it.id == group_id).unwrap();
            if std::mem::replace(&mut group.self_egress, true) {
                return Err(refusal("AuthorizeEgress", "InvalidPermission.Duplicate", "", 400));
            }
            Ok(())
        })
    }

    async fn delete_security_group(&self, group_id: &str) -> Result<()> {
        self.call("DeleteSecurityGroup", |state| {
            if state.instances.iter().any(|it| it.state != "terminated") {
                return Err(refusal("DeleteSecurityGroup", "DependencyViolation", "", 400));
            }
            let before = state.groups.len();
            state.groups.retain(|it| it.id != group_id);
            if state.groups.len() == before {
                return Err(refusal("DeleteSecurityGroup", "InvalidGroup.NotFound", "", 400));
            }
            Ok(())
        })
    }

    async fn describe_placement_groups(&self, filters: &[Filter]) -> Result<Vec<PlacementGroup>> {
        self.call("DescribePlacementGroups", |state| {
            let fitting = |it: &PlacementGroup| {
                fits(filters, |name| match name {
                    "group-name" => Some(it.name.clone()),
                    _ => tagged(&it.tags, name),
                })
            };
            let found = state.placement.iter().filter(|it| fitting(it)).cloned().collect();
            // Deletion takes two looks.
            if filters.iter().any(|filter| filter.name == "group-name") {
                state.placement.retain(|it| it.state != "deleting");
            }
            Ok(found)
        })
    }

    async fn create_placement_group(&self, name: &str, tags: &[Tag]) -> Result<()> {
        self.call("CreatePlacementGroup", |state| {
            if state.placement.iter().any(|it| it.name == name) {
                let code = "InvalidPlacementGroup.Duplicate";
                return Err(refusal("CreatePlacementGroup", code, "", 400));
            }
            let id = state.id("pg");
            state.placement.push(PlacementGroup {
                id,
                name: name.to_owned(),
                state: if state.slow_groups { "pending" } else { "available" }.to_owned(),
                strategy: "cluster".to_owned(),
                tags: tags.to_vec(),
            });
            Ok(())
        })
    }

    async fn delete_placement_group(&self, name: &str) -> Result<()> {
        self.call("DeletePlacementGroup", |state| {
            if state.uses(name) {
                let code = "InvalidPlacementGroup.InUse";
                return Err(refusal("DeletePlacementGroup", code, "", 400));
            }
            state.placement.retain(|it| it.name != name);
            Ok(())
        })
    }

    async fn describe_network_interfaces(&self, _: &[Filter]) -> Result<Vec<NetworkInterface>> {
        self.call("DescribeNetworkInterfaces", |state| Ok(state.interfaces.clone()))
    }

    async fn describe_volumes(&self, _: &[Filter]) -> Result<Vec<Volume>> {
        self.call("DescribeVolumes", |state| Ok(state.volumes.clone()))
    }

    async fn delete_network_interface(&self, id: &str) -> Result<()> {
        self.call("DeleteNetworkInterface", |state| {
            state.interfaces.retain(|it| it.id != id);
            Ok(())
        })
    }

    async fn delete_volume(&self, id: &str) -> Result<()> {
        self.call("DeleteVolume", |state| {
            state.volumes.retain(|it| it.id != id);
            Ok(())
        })
    }
}
