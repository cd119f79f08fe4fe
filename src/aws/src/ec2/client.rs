//! [`Ec2`] over aws-sdk-ec2.

use super::convert::{self, filters, tag_specification, texts};
use super::{
    Ec2, Filter, Image, Instance, InstanceTypeInfo, Market, NetworkInterface, PlacementGroup,
    RunInstances, SecurityGroup, Subnet, Volume, Vpc,
};
use crate::{Aws, AwsError, ErrorKind, Result, Tag};
use aws_sdk_ec2::operation::run_instances::builders::RunInstancesFluentBuilder;
use aws_sdk_ec2::types::{
    AttributeBooleanValue, HttpTokensState, InstanceNetworkInterfaceSpecification,
};
use aws_sdk_ec2::types::{
    IamInstanceProfileSpecification, InstanceMetadataEndpointState, InstanceMetadataOptionsRequest,
    InstanceMetadataTagsState, InstanceType, InstanceTypeOffering, IpPermission, LocationType,
    Placement, PlacementStrategy, ResourceType, ShutdownBehavior, UserIdGroupPair,
};
use aws_smithy_types::retry::RetryConfig;

pub(super) const SERVICE: &str = "ec2";
/// All protocols, in EC2's spelling.
const ALL_PROTOCOLS: &str = "-1";

/// The service.
#[derive(Debug, Clone)]
pub struct Client {
    pub(super) sdk: aws_sdk_ec2::Client,
}

impl Client {
    /// A client with the shared configuration.
    #[must_use]
    pub fn new(aws: &Aws) -> Self {
        Self { sdk: aws_sdk_ec2::Client::new(aws.sdk()) }
    }
}

/// Names the operation in an SDK error.
macro_rules! named {
    ($operation:literal, $call:expr) => {
        $call.map_err(|error| AwsError::from_sdk(SERVICE, $operation, error))
    };
}
pub(super) use named;

/// For calls whose repeats one loop of the caller decides on, by code: the SDK
/// would also repeat a refusal for want of capacity, which arrives as a 5xx.
pub(super) fn no_retries() -> aws_sdk_ec2::config::Builder {
    aws_sdk_ec2::config::Builder::new().retry_config(RetryConfig::disabled())
}

fn off() -> AttributeBooleanValue {
    AttributeBooleanValue::builder().value(false).build()
}

fn to_itself(group_id: &str) -> IpPermission {
    IpPermission::builder()
        .ip_protocol(ALL_PROTOCOLS)
        .user_id_group_pairs(UserIdGroupPair::builder().group_id(group_id).build())
        .build()
}

impl Client {
    async fn offerings(
        &self,
        location_type: LocationType,
        instance_type: &str,
    ) -> Result<Vec<InstanceTypeOffering>> {
        let call = self
            .sdk
            .describe_instance_type_offerings()
            .location_type(location_type)
            .set_filters(filters(&[Filter::new("instance-type", [instance_type])]));
        let found = call.into_paginator().items().send().try_collect().await;
        named!("DescribeInstanceTypeOfferings", found)
    }

    /// The request of a launch; what is not said (profile, placement group) is not
    /// asked for.
    fn launch(&self, request: &RunInstances) -> Result<RunInstancesFluentBuilder> {
        let count = i32::try_from(request.count).map_err(|_| AwsError {
            service: SERVICE,
            operation: "RunInstances",
            kind: ErrorKind::Invalid,
            message: format!("{} instances", request.count),
        })?;
        let interfaces = request.network_interfaces.iter().map(|interface| {
            InstanceNetworkInterfaceSpecification::builder()
                .network_card_index(interface.card_index as i32)
                .device_index(interface.device_index as i32)
                .interface_type(&interface.interface_type)
                .subnet_id(&interface.subnet_id)
                .set_groups(Some(interface.group_ids.clone()))
                .set_associate_public_ip_address(interface.associate_public_ip)
                .delete_on_termination(true)
                .build()
        });
        let mut kinds =
            vec![ResourceType::Instance, ResourceType::Volume, ResourceType::NetworkInterface];
        if request.market == Market::Spot {
            kinds.push(ResourceType::SpotInstancesRequest);
        }
        let placement = request
            .placement_group
            .as_ref()
            .map(|name| Placement::builder().group_name(name).build());
        let profile = Some(&request.instance_profile)
            .filter(|name| !name.is_empty())
            .map(|name| IamInstanceProfileSpecification::builder().name(name).build());
        Ok(self
            .sdk
            .run_instances()
            .min_count(count)
            .max_count(count)
            .image_id(&request.image_id)
            .instance_type(InstanceType::from(request.instance_type.as_str()))
            .client_token(&request.client_token)
            .set_placement(placement)
            .set_instance_market_options(convert::market_options(request.market))
            .set_capacity_reservation_specification(
                request.reservation_id.as_deref().map(convert::reservation_target),
            )
            .set_iam_instance_profile(profile)
            .set_network_interfaces(Some(interfaces.collect()))
            .user_data(aws_smithy_types::base64::encode(&request.user_data))
            .instance_initiated_shutdown_behavior(ShutdownBehavior::Terminate)
            .metadata_options(
                InstanceMetadataOptionsRequest::builder()
                    .http_tokens(HttpTokensState::Required)
                    .http_endpoint(InstanceMetadataEndpointState::Enabled)
                    .http_put_response_hop_limit(1)
                    .instance_metadata_tags(InstanceMetadataTagsState::Enabled)
                    .build(),
            )
            .set_tag_specifications(Some(
                kinds.into_iter().map(|kind| tag_specification(kind, &request.tags)).collect(),
            )))
    }
}

#[async_trait::async_trait]
impl Ec2 for Client {
    async fn describe_instances(&self, wanted: &[Filter]) -> Result<Vec<Instance>> {
        let reservations = named!(
            "DescribeInstances",
            self.sdk
                .describe_instances()
                .set_filters(filters(wanted))
                .into_paginator()
                .items()
                .send()
                .try_collect()
                .await
        )?;
        Ok(reservations.into_iter().flat_map(convert::instances).collect())
    }

    async fn run_instances(&self, request: &RunInstances) -> Result<Vec<Instance>> {
        let call = self.launch(request)?.customize().config_override(no_retries());
        let answer = named!("RunInstances", call.send().await)?;
        let reservation = aws_sdk_ec2::types::Reservation::builder()
            .set_reservation_id(answer.reservation_id)
            .set_instances(answer.instances)
            .build();
        Ok(convert::instances(reservation).collect())
    }

    async fn may_run_instances(&self, request: &RunInstances) -> Result<()> {
        match named!("RunInstances", self.launch(request)?.dry_run(true).send().await) {
            // A dry run has no other good end (API reference, "DryRun").
            Err(error) if error.is(&["DryRunOperation"]) => Ok(()),
            other => other.map(drop),
        }
    }

    async fn terminate_instances(&self, ids: &[String]) -> Result<()> {
        named!(
            "TerminateInstances",
            self.sdk.terminate_instances().set_instance_ids(Some(ids.to_vec())).send().await
        )?;
        Ok(())
    }

    async fn unprotect_instance(&self, id: &str) -> Result<()> {
        for attribute in [
            self.sdk.modify_instance_attribute().disable_api_termination(off()),
            self.sdk.modify_instance_attribute().disable_api_stop(off()),
        ] {
            named!("ModifyInstanceAttribute", attribute.instance_id(id).send().await)?;
        }
        Ok(())
    }

    async fn create_tags(&self, resources: &[String], tags: &[Tag]) -> Result<()> {
        named!(
            "CreateTags",
            self.sdk
                .create_tags()
                .set_resources(Some(resources.to_vec()))
                .set_tags(Some(tags.iter().map(convert::tag).collect()))
                .send()
                .await
        )?;
        Ok(())
    }

    async fn describe_images(&self, owners: &[&str], wanted: &[Filter]) -> Result<Vec<Image>> {
        let images = named!(
            "DescribeImages",
            self.sdk
                .describe_images()
                .set_owners((!owners.is_empty()).then(|| texts(owners)))
                .set_filters(filters(wanted))
                .into_paginator()
                .items()
                .send()
                .try_collect()
                .await
        )?;
        Ok(images.into_iter().map(convert::image).collect())
    }

    async fn describe_instance_type(&self, name: &str) -> Result<InstanceTypeInfo> {
        let answer = named!(
            "DescribeInstanceTypes",
            self.sdk
                .describe_instance_types()
                .instance_types(InstanceType::from(name))
                .send()
                .await
        )?;
        let info = answer.instance_types.unwrap_or_default().into_iter().next();
        info.map(convert::instance_type).ok_or_else(|| AwsError {
            service: SERVICE,
            operation: "DescribeInstanceTypes",
            kind: ErrorKind::Invalid,
            message: format!("no instance type {name} in this region"),
        })
    }

    async fn types_offered(&self, pattern: &str) -> Result<Vec<String>> {
        let offerings = self.offerings(LocationType::Region, pattern).await?;
        let names = offerings.into_iter().filter_map(|it| it.instance_type);
        let mut names: Vec<String> = names.map(|name| name.as_str().to_owned()).collect();
        names.sort();
        Ok(names)
    }

    async fn zones_offering(&self, instance_type: &str) -> Result<Vec<String>> {
        let offerings = self.offerings(LocationType::AvailabilityZone, instance_type).await?;
        let mut zones: Vec<String> = offerings.into_iter().filter_map(|o| o.location).collect();
        zones.sort();
        zones.dedup();
        Ok(zones)
    }

    async fn describe_vpcs(&self, wanted: &[Filter]) -> Result<Vec<Vpc>> {
        let call = self.sdk.describe_vpcs().set_filters(filters(wanted));
        let found = call.into_paginator().items().send().try_collect().await;
        Ok(named!("DescribeVpcs", found)?.into_iter().map(convert::vpc).collect())
    }

    async fn describe_subnets(&self, wanted: &[Filter]) -> Result<Vec<Subnet>> {
        let call = self.sdk.describe_subnets().set_filters(filters(wanted));
        let found = call.into_paginator().items().send().try_collect().await;
        Ok(named!("DescribeSubnets", found)?.into_iter().map(convert::subnet).collect())
    }

    async fn describe_security_groups(&self, wanted: &[Filter]) -> Result<Vec<SecurityGroup>> {
        let call = self.sdk.describe_security_groups().set_filters(filters(wanted));
        let found = call.into_paginator().items().send().try_collect().await;
        let found = named!("DescribeSecurityGroups", found)?;
        Ok(found.into_iter().map(convert::security_group).collect())
    }

    async fn create_security_group(
        &self,
        name: &str,
        description: &str,
        vpc_id: &str,
        tags: &[Tag],
    ) -> Result<String> {
        let answer = named!(
            "CreateSecurityGroup",
            self.sdk
                .create_security_group()
                .group_name(name)
                .description(description)
                .vpc_id(vpc_id)
                .tag_specifications(tag_specification(ResourceType::SecurityGroup, tags))
                .send()
                .await
        )?;
        answer.group_id.ok_or_else(|| AwsError {
            service: SERVICE,
            operation: "CreateSecurityGroup",
            kind: ErrorKind::Ambiguous,
            message: "the answer has no group id".to_owned(),
        })
    }

    async fn authorize_self_ingress(&self, group_id: &str) -> Result<()> {
        named!(
            "AuthorizeSecurityGroupIngress",
            self.sdk
                .authorize_security_group_ingress()
                .group_id(group_id)
                .ip_permissions(to_itself(group_id))
                .send()
                .await
        )?;
        Ok(())
    }

    async fn authorize_self_egress(&self, group_id: &str) -> Result<()> {
        named!(
            "AuthorizeSecurityGroupEgress",
            self.sdk
                .authorize_security_group_egress()
                .group_id(group_id)
                .ip_permissions(to_itself(group_id))
                .send()
                .await
        )?;
        Ok(())
    }

    async fn delete_security_group(&self, group_id: &str) -> Result<()> {
        named!(
            "DeleteSecurityGroup",
            self.sdk.delete_security_group().group_id(group_id).send().await
        )?;
        Ok(())
    }

    async fn describe_placement_groups(&self, wanted: &[Filter]) -> Result<Vec<PlacementGroup>> {
        let answer = named!(
            "DescribePlacementGroups",
            self.sdk.describe_placement_groups().set_filters(filters(wanted)).send().await
        )?;
        let groups = answer.placement_groups.unwrap_or_default();
        Ok(groups.into_iter().map(convert::placement_group).collect())
    }

    async fn create_placement_group(&self, name: &str, tags: &[Tag]) -> Result<()> {
        named!(
            "CreatePlacementGroup",
            self.sdk
                .create_placement_group()
                .group_name(name)
                .strategy(PlacementStrategy::Cluster)
                .tag_specifications(tag_specification(ResourceType::PlacementGroup, tags))
                .send()
                .await
        )?;
        Ok(())
    }

    async fn delete_placement_group(&self, name: &str) -> Result<()> {
        named!(
            "DeletePlacementGroup",
            self.sdk.delete_placement_group().group_name(name).send().await
        )?;
        Ok(())
    }

    async fn describe_network_interfaces(
        &self,
        wanted: &[Filter],
    ) -> Result<Vec<NetworkInterface>> {
        let call = self.sdk.describe_network_interfaces().set_filters(filters(wanted));
        let found = call.into_paginator().items().send().try_collect().await;
        let found = named!("DescribeNetworkInterfaces", found)?;
        Ok(found.into_iter().map(convert::network_interface).collect())
    }

    async fn describe_volumes(&self, wanted: &[Filter]) -> Result<Vec<Volume>> {
        let call = self.sdk.describe_volumes().set_filters(filters(wanted));
        let found = call.into_paginator().items().send().try_collect().await;
        Ok(named!("DescribeVolumes", found)?.into_iter().map(convert::volume).collect())
    }

    async fn delete_network_interface(&self, id: &str) -> Result<()> {
        let call = self.sdk.delete_network_interface().network_interface_id(id);
        named!("DeleteNetworkInterface", call.send().await)?;
        Ok(())
    }

    async fn delete_volume(&self, id: &str) -> Result<()> {
        named!("DeleteVolume", self.sdk.delete_volume().volume_id(id).send().await)?;
        Ok(())
    }
}
