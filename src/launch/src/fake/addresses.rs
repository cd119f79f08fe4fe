//! Elastic IP addresses of the account in memory.

use super::ec2::{fits, tagged};
use super::{Fake, refusal};
use nixl_aws::ec2::{Address, Addresses, Filter};
use nixl_aws::{Result, Tag};

/// Addresses of an account in a region.
const MAX_ADDRESSES: usize = 5;

#[async_trait::async_trait]
impl Addresses for Fake {
    async fn describe_addresses(&self, filters: &[Filter]) -> Result<Vec<Address>> {
        self.call("DescribeAddresses", |state| {
            if state.hidden_addresses > 0 {
                state.hidden_addresses -= 1;
                return Ok(Vec::new());
            }
            let found =
                state.addresses.iter().filter(|it| fits(filters, |name| tagged(&it.tags, name)));
            Ok(found.cloned().collect())
        })
    }

    async fn allocate_address(&self, tags: &[Tag]) -> Result<Address> {
        self.call("AllocateAddress", |state| {
            if state.addresses.len() >= MAX_ADDRESSES {
                return Err(refusal("AllocateAddress", "AddressLimitExceeded", "", 400));
            }
            let id = state.id("eipalloc");
            let public_ip = format!("198.51.100.{}", state.ids);
            let made = Address { id, public_ip, interface_id: None, tags: tags.to_vec() };
            state.addresses.push(made.clone());
            Ok(made)
        })
    }

    async fn associate_address(&self, id: &str, interface_id: &str) -> Result<()> {
        self.call("AssociateAddress", |state| {
            let running = state.instances.iter().any(|it| {
                it.state == "running" && it.interfaces.iter().any(|nic| nic.id == interface_id)
            });
            if !running {
                return Err(refusal("AssociateAddress", "IncorrectInstanceState", "", 400));
            }
            let found = state.addresses.iter_mut().find(|it| it.id == id);
            found
                .map(|it| it.interface_id = Some(interface_id.to_owned()))
                .ok_or_else(|| refusal("AssociateAddress", "InvalidAllocationID.NotFound", "", 400))
        })
    }

    async fn release_address(&self, id: &str) -> Result<()> {
        self.call("ReleaseAddress", |state| {
            let before = state.addresses.len();
            state.addresses.retain(|it| it.id != id);
            if state.addresses.len() == before {
                return Err(refusal("ReleaseAddress", "InvalidAllocationID.NotFound", "", 400));
            }
            Ok(())
        })
    }
}
