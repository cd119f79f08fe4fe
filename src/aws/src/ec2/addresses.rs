//! Elastic IP addresses: for nodes with several network cards, to which EC2
//! gives no public address by itself.
//!
//! Source: EC2 API model. AllocateAddress has no client token: its answer is
//! never asked for again by the SDK, and an address is tagged as it is made.

use super::convert::{filters, tag_specification, tags};
use super::{Client, Filter, SERVICE, named};
use crate::{AwsError, ErrorKind, Result, Tag};
use aws_sdk_ec2::types as sdk;
use serde::{Deserialize, Serialize};

/// An Elastic IP address.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Address {
    /// `eipalloc-…`
    pub id: String,
    /// IPv4 address.
    pub public_ip: String,
    /// Interface it leads to.
    pub interface_id: Option<String>,
    /// Tags.
    pub tags: Vec<Tag>,
}

/// The calls.
#[async_trait::async_trait]
pub trait Addresses: Send + Sync {
    /// Addresses that match all filters.
    async fn describe_addresses(&self, filters: &[Filter]) -> Result<Vec<Address>>;
    /// Allocates one. SDK retries are off: after a lost answer the caller looks
    /// for the tags.
    async fn allocate_address(&self, tags: &[Tag]) -> Result<Address>;
    /// Lets it lead to an interface; fine if it already does.
    async fn associate_address(&self, id: &str, interface_id: &str) -> Result<()>;
    /// Gives it back; an association ends with it.
    async fn release_address(&self, id: &str) -> Result<()>;
}

#[async_trait::async_trait]
impl Addresses for Client {
    async fn describe_addresses(&self, wanted: &[Filter]) -> Result<Vec<Address>> {
        let answer = named!(
            "DescribeAddresses",
            self.sdk.describe_addresses().set_filters(filters(wanted)).send().await
        )?;
        let found = answer.addresses.unwrap_or_default().into_iter();
        Ok(found
            .map(|found| Address {
                id: found.allocation_id.unwrap_or_default(),
                public_ip: found.public_ip.unwrap_or_default(),
                interface_id: found.network_interface_id.filter(|id| !id.is_empty()),
                tags: tags(found.tags),
            })
            .collect())
    }

    async fn allocate_address(&self, tags: &[Tag]) -> Result<Address> {
        let answer = named!(
            "AllocateAddress",
            self.sdk
                .allocate_address()
                .domain(sdk::DomainType::Vpc)
                .tag_specifications(tag_specification(sdk::ResourceType::ElasticIp, tags))
                .customize()
                .config_override(super::client::no_retries())
                .send()
                .await
        )?;
        let id = answer.allocation_id.ok_or_else(|| AwsError {
            service: SERVICE,
            operation: "AllocateAddress",
            kind: ErrorKind::Ambiguous,
            message: "the answer has no allocation id".to_owned(),
        })?;
        let public_ip = answer.public_ip.unwrap_or_default();
        Ok(Address { id, public_ip, interface_id: None, tags: tags.to_vec() })
    }

    async fn associate_address(&self, id: &str, interface_id: &str) -> Result<()> {
        named!(
            "AssociateAddress",
            self.sdk
                .associate_address()
                .allocation_id(id)
                .network_interface_id(interface_id)
                .send()
                .await
        )?;
        Ok(())
    }

    async fn release_address(&self, id: &str) -> Result<()> {
        named!("ReleaseAddress", self.sdk.release_address().allocation_id(id).send().await)?;
        Ok(())
    }
}
