//! aws-sdk-ec2's shapes to and from ours.

use super::{
    AttachedInterface, Filter, Image, Instance, InstanceTypeInfo, Market, MetadataOptions,
    NetworkCard, NetworkInterface, PlacementGroup, RootVolume, SecurityGroup, Subnet, Volume, Vpc,
};
use crate::Tag;
use aws_sdk_ec2::types as sdk;
use aws_smithy_types::date_time::Format;

pub(super) fn filters(wanted: &[Filter]) -> Option<Vec<sdk::Filter>> {
    (!wanted.is_empty()).then(|| {
        wanted
            .iter()
            .map(|filter| {
                sdk::Filter::builder()
                    .name(&filter.name)
                    .set_values(Some(filter.values.clone()))
                    .build()
            })
            .collect()
    })
}

pub(super) fn texts(given: &[&str]) -> Vec<String> {
    given.iter().map(|text| (*text).to_owned()).collect()
}

pub(super) fn tag(tag: &Tag) -> sdk::Tag {
    sdk::Tag::builder().key(&tag.key).value(&tag.value).build()
}

pub(super) fn tag_specification(kind: sdk::ResourceType, tags: &[Tag]) -> sdk::TagSpecification {
    sdk::TagSpecification::builder()
        .resource_type(kind)
        .set_tags(Some(tags.iter().map(tag).collect()))
        .build()
}

pub(super) fn tags(found: Option<Vec<sdk::Tag>>) -> Vec<Tag> {
    found
        .unwrap_or_default()
        .into_iter()
        .filter_map(|tag| Some(Tag { key: tag.key?, value: tag.value.unwrap_or_default() }))
        .collect()
}

fn count(value: Option<i32>) -> u32 {
    value.and_then(|value| u32::try_from(value).ok()).unwrap_or_default()
}

fn some(text: Option<String>) -> Option<String> {
    text.filter(|text| !text.is_empty())
}

pub(super) fn market_options(market: Market) -> Option<sdk::InstanceMarketOptionsRequest> {
    let options = sdk::InstanceMarketOptionsRequest::builder();
    match market {
        Market::OnDemand => None,
        // No MaxPrice: the limit is the On-Demand price.
        Market::Spot => Some(
            options
                .market_type(sdk::MarketType::Spot)
                .spot_options(
                    sdk::SpotMarketOptions::builder()
                        .spot_instance_type(sdk::SpotInstanceType::OneTime)
                        .instance_interruption_behavior(
                            sdk::InstanceInterruptionBehavior::Terminate,
                        )
                        .build(),
                )
                .build(),
        ),
        Market::CapacityBlock => Some(options.market_type(sdk::MarketType::CapacityBlock).build()),
    }
}

pub(super) fn reservation_target(id: &str) -> sdk::CapacityReservationSpecification {
    sdk::CapacityReservationSpecification::builder()
        .capacity_reservation_target(
            sdk::CapacityReservationTarget::builder().capacity_reservation_id(id).build(),
        )
        .build()
}

fn market(lifecycle: Option<sdk::InstanceLifecycleType>) -> Market {
    match lifecycle {
        Some(sdk::InstanceLifecycleType::Spot) => Market::Spot,
        Some(sdk::InstanceLifecycleType::CapacityBlock) => Market::CapacityBlock,
        _ => Market::OnDemand,
    }
}

fn attached(found: sdk::InstanceNetworkInterface) -> AttachedInterface {
    let attachment = found
        .attachment
        .unwrap_or_else(|| sdk::InstanceNetworkInterfaceAttachment::builder().build());
    AttachedInterface {
        id: found.network_interface_id.unwrap_or_default(),
        card_index: count(attachment.network_card_index),
        device_index: count(attachment.device_index),
        interface_type: found.interface_type.unwrap_or_default(),
        group_ids: found
            .groups
            .unwrap_or_default()
            .into_iter()
            .filter_map(|group| group.group_id)
            .collect(),
    }
}

fn vcpus(options: Option<sdk::CpuOptions>) -> u32 {
    options.map_or(0, |options| count(options.core_count) * count(options.threads_per_core))
}

fn metadata(found: sdk::InstanceMetadataOptionsResponse) -> MetadataOptions {
    MetadataOptions {
        endpoint: found.http_endpoint != Some(sdk::InstanceMetadataEndpointState::Disabled),
        tokens_required: found.http_tokens == Some(sdk::HttpTokensState::Required),
        tags: found.instance_metadata_tags == Some(sdk::InstanceMetadataTagsState::Enabled),
    }
}

pub(super) fn instances(reservation: sdk::Reservation) -> impl Iterator<Item = Instance> {
    let reservation_id = reservation.reservation_id.unwrap_or_default();
    reservation.instances.unwrap_or_default().into_iter().map(move |found| {
        let (reason_code, reason) =
            found.state_reason.map(|r| (r.code, r.message)).unwrap_or_default();
        let placement = found.placement;
        Instance {
            id: found.instance_id.unwrap_or_default(),
            state: found
                .state
                .and_then(|state| state.name)
                .map(|name| name.as_str().to_owned())
                .unwrap_or_default(),
            state_reason_code: some(reason_code),
            state_reason: some(reason),
            reservation_id: reservation_id.clone(),
            launch_index: count(found.ami_launch_index),
            instance_type: found.instance_type.map(|t| t.as_str().to_owned()).unwrap_or_default(),
            image_id: found.image_id.unwrap_or_default(),
            zone: placement.as_ref().and_then(|p| p.availability_zone.clone()).unwrap_or_default(),
            vcpus: vcpus(found.cpu_options),
            market: market(found.instance_lifecycle),
            reservation_used: some(found.capacity_reservation_id),
            vpc_id: some(found.vpc_id),
            subnet_id: some(found.subnet_id),
            interfaces: {
                let found = found.network_interfaces.unwrap_or_default();
                let mut interfaces: Vec<_> = found.into_iter().map(attached).collect();
                interfaces.sort_by_key(|it| (it.card_index, it.device_index));
                interfaces
            },
            placement_group: some(placement.and_then(|p| p.group_name)),
            profile_arn: found.iam_instance_profile.and_then(|profile| profile.arn),
            metadata: found.metadata_options.map(metadata),
            private_ip: some(found.private_ip_address),
            public_ip: some(found.public_ip_address),
            launch_time: found.launch_time.and_then(|time| time.fmt(Format::DateTime).ok()),
            client_token: some(found.client_token),
            tags: tags(found.tags),
        }
    })
}

pub(super) fn image(found: sdk::Image) -> Image {
    let volumes = found.block_device_mappings.iter().flatten();
    let snapshot_ids = volumes.filter_map(|it| it.ebs.as_ref()?.snapshot_id.clone()).collect();
    Image {
        snapshot_ids,
        id: found.image_id.unwrap_or_default(),
        name: found.name.unwrap_or_default(),
        owner_id: found.owner_id.unwrap_or_default(),
        state: found.state.map(|s| s.as_str().to_owned()).unwrap_or_default(),
        architecture: found.architecture.map(|a| a.as_str().to_owned()).unwrap_or_default(),
        creation_date: found.creation_date.unwrap_or_default(),
        root_volume: root_volume(found.root_device_name, found.block_device_mappings),
        imds_v2: found.imds_support == Some(sdk::ImdsSupportValues::V20),
        deprecation_time: found.deprecation_time,
        tags: tags(found.tags),
    }
}

fn root_volume(
    device: Option<String>,
    mappings: Option<Vec<sdk::BlockDeviceMapping>>,
) -> Option<RootVolume> {
    let root = mappings?.into_iter().find(|it| it.device_name == device)?;
    let volume = root.ebs?;
    Some(RootVolume {
        device: device?,
        size_gib: count(volume.volume_size),
        kind: volume.volume_type.map(|it| it.as_str().to_owned()).unwrap_or_default(),
        // EC2's own default for a root volume.
        delete_on_termination: volume.delete_on_termination.unwrap_or(true),
    })
}

pub(super) fn instance_type(found: sdk::InstanceTypeInfo) -> InstanceTypeInfo {
    let network = found.network_info;
    let cards = network.as_ref().and_then(|n| n.network_cards.clone()).unwrap_or_default();
    let mut network_cards: Vec<NetworkCard> = cards
        .into_iter()
        .map(|card| NetworkCard {
            index: count(card.network_card_index),
            max_interfaces: count(card.maximum_network_interfaces),
            interface_types: card
                .interface_types
                .unwrap_or_default()
                .iter()
                .map(|kind| kind.as_str().to_owned())
                .collect(),
            performance: card.network_performance.unwrap_or_default(),
        })
        .collect();
    network_cards.sort_by_key(|card| card.index);
    InstanceTypeInfo {
        name: found.instance_type.map(|t| t.as_str().to_owned()).unwrap_or_default(),
        vcpus: count(found.v_cpu_info.and_then(|v| v.default_v_cpus)),
        gpus: found
            .gpu_info
            .and_then(|g| g.gpus)
            .unwrap_or_default()
            .iter()
            .map(|gpu| count(gpu.count))
            .sum(),
        efa_supported: network.as_ref().and_then(|n| n.efa_supported).unwrap_or_default(),
        efa_max_interfaces: count(
            network.and_then(|n| n.efa_info).and_then(|e| e.maximum_efa_interfaces),
        ),
        architectures: found
            .processor_info
            .and_then(|p| p.supported_architectures)
            .unwrap_or_default()
            .iter()
            .map(|a| a.as_str().to_owned())
            .collect(),
        placement_strategies: found
            .placement_group_info
            .and_then(|p| p.supported_strategies)
            .unwrap_or_default()
            .iter()
            .map(|s| s.as_str().to_owned())
            .collect(),
        network_cards,
    }
}

pub(super) fn vpc(found: sdk::Vpc) -> Vpc {
    Vpc { id: found.vpc_id.unwrap_or_default(), is_default: found.is_default.unwrap_or_default() }
}

pub(super) fn subnet(found: sdk::Subnet) -> Subnet {
    Subnet {
        id: found.subnet_id.unwrap_or_default(),
        vpc_id: found.vpc_id.unwrap_or_default(),
        zone: found.availability_zone.unwrap_or_default(),
        free_addresses: count(found.available_ip_address_count),
        default_for_zone: found.default_for_az.unwrap_or_default(),
        map_public_ip: found.map_public_ip_on_launch.unwrap_or_default(),
    }
}

pub(super) fn security_group(found: sdk::SecurityGroup) -> SecurityGroup {
    let id = found.group_id.unwrap_or_default();
    let all_protocols = |rule: &&sdk::IpPermission| rule.ip_protocol.as_deref() == Some("-1");
    let to_itself = |rules: &[sdk::IpPermission]| {
        rules
            .iter()
            .filter(all_protocols)
            .any(|rule| rule.user_id_group_pairs().iter().any(|pair| pair.group_id() == Some(&id)))
    };
    let to_all = |rule: &sdk::IpPermission| {
        rule.ip_ranges().iter().any(|range| range.cidr_ip() == Some("0.0.0.0/0"))
    };
    let (inward, outward) =
        (found.ip_permissions.unwrap_or_default(), found.ip_permissions_egress.unwrap_or_default());
    SecurityGroup {
        self_ingress: to_itself(&inward),
        self_egress: to_itself(&outward),
        open_egress: outward.iter().filter(all_protocols).any(to_all),
        name: found.group_name.unwrap_or_default(),
        vpc_id: found.vpc_id.unwrap_or_default(),
        tags: tags(found.tags),
        id,
    }
}

pub(super) fn placement_group(found: sdk::PlacementGroup) -> PlacementGroup {
    PlacementGroup {
        id: found.group_id.unwrap_or_default(),
        name: found.group_name.unwrap_or_default(),
        state: found.state.map(|s| s.as_str().to_owned()).unwrap_or_default(),
        strategy: found.strategy.map(|s| s.as_str().to_owned()).unwrap_or_default(),
        tags: tags(found.tags),
    }
}

pub(super) fn network_interface(found: sdk::NetworkInterface) -> NetworkInterface {
    NetworkInterface {
        id: found.network_interface_id.unwrap_or_default(),
        status: found.status.map(|s| s.as_str().to_owned()).unwrap_or_default(),
        tags: tags(found.tag_set),
    }
}

pub(super) fn volume(found: sdk::Volume) -> Volume {
    Volume {
        id: found.volume_id.unwrap_or_default(),
        state: found.state.map(|s| s.as_str().to_owned()).unwrap_or_default(),
        tags: tags(found.tags),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_rule_for_all_traffic_with_the_group_itself_counts() {
        let rule = |protocol: &str, peer: &str| {
            sdk::IpPermission::builder()
                .ip_protocol(protocol)
                .user_id_group_pairs(sdk::UserIdGroupPair::builder().group_id(peer).build())
                .build()
        };
        let group = |permission| {
            security_group(
                sdk::SecurityGroup::builder()
                    .group_id("sg-1")
                    .ip_permissions_egress(permission)
                    .build(),
            )
        };
        assert!(group(rule("-1", "sg-1")).self_egress);
        assert!(!group(rule("tcp", "sg-1")).self_egress);
        assert!(!group(rule("-1", "sg-2")).self_egress);
        assert!(!group(rule("-1", "sg-1")).self_ingress);
    }

    #[test]
    fn an_instance_keeps_what_its_reservation_knows() {
        let reservation = sdk::Reservation::builder()
            .reservation_id("r-1")
            .instances(
                sdk::Instance::builder()
                    .instance_id("i-1")
                    .ami_launch_index(1)
                    .placement(
                        sdk::Placement::builder().availability_zone("za").group_name("").build(),
                    )
                    .public_ip_address("")
                    .build(),
            )
            .build();
        let found: Vec<Instance> = instances(reservation).collect();
        assert_eq!((found[0].reservation_id.as_str(), found[0].launch_index), ("r-1", 1));
        assert_eq!((&found[0].public_ip, &found[0].placement_group), (&None, &None));
    }
}
