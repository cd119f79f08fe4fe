//! Elastic IP addresses, one for each node that gets no public address from EC2.
//!
//! AllocateAddress has no client token, so an address says in its tags whose it
//! is from the first moment, and they are looked for before another is
//! allocated, also after each lost answer.

use super::Engine;
use crate::errors;
use crate::failure::Problem;
use crate::plan::owner_tags;
use nixl_aws::ec2::{Address, Filter, Instance};
use nixl_aws::{AwsError, ErrorKind, Result, Tag};
use nixl_cluster::tag;

/// An instance that just runs may not be shown as running yet.
fn not_running_yet(error: &AwsError) -> bool {
    error.is(&["IncorrectInstanceState", "InvalidInstanceID", "InvalidInstanceID.NotFound"])
        || error.is(&["InvalidNetworkInterfaceID.NotFound", "InvalidAllocationID.NotFound"])
        || errors::passes(error)
}

impl Engine<'_> {
    /// Gives each running node an address on its first interface.
    pub(super) async fn give_addresses(
        &self,
        nodes: &[Instance],
    ) -> std::result::Result<(), Problem> {
        let there = self.addresses().await?;
        let given = nodes.iter().map(async |node| {
            let name = self.cluster.node(node.launch_index);
            let of_node = |it: &&Address| Tag::find(&it.tags, tag::NAME) == Some(name.as_str());
            let interface = node.interfaces.first().map(|it| it.id.as_str()).unwrap_or_default();
            let address = match there.iter().find(of_node) {
                Some(address) if address.interface_id.as_deref() == Some(interface) => {
                    return Ok(());
                }
                Some(address) => address.clone(),
                None => self.allocate(&name).await?,
            };
            let call =
                async || self.services.addresses.associate_address(&address.id, interface).await;
            self.pace.patiently(self.pace.consistency, not_running_yet, call).await?;
            self.progress.told(&format!("{name} has the address {}", address.public_ip));
            Ok::<(), AwsError>(())
        });
        // Changes are joined, not raced.
        for given in futures_util::future::join_all(given).await {
            given?;
        }
        Ok(())
    }

    async fn allocate(&self, name: &str) -> Result<Address> {
        let mut tags = owner_tags(&self.cluster);
        tags.push(Tag::new(tag::NAME, name));
        let named =
            [Filter::tag(tag::CLUSTER, self.cluster.as_str()), Filter::tag(tag::NAME, name)];
        let start = self.pace.clock.now();
        loop {
            let error = match self.services.addresses.allocate_address(&tags).await {
                Ok(address) => return Ok(address),
                Err(error) => error,
            };
            if !errors::passes(&error) || self.pace.clock.since(start) >= self.pace.consistency {
                return Err(error);
            }
            let surely_not = matches!(error.kind, ErrorKind::Unreachable);
            self.pace.clock.sleep(self.pace.retry_first).await;
            if !surely_not
                && let Some(made) =
                    self.services.addresses.describe_addresses(&named).await?.into_iter().next()
            {
                return Ok(made);
            }
        }
    }

    /// The cluster's addresses.
    pub(super) async fn addresses(&self) -> Result<Vec<Address>> {
        let ours = [Filter::tag(tag::CLUSTER, self.cluster.as_str())];
        let call = async || self.services.addresses.describe_addresses(&ours).await;
        self.pace.patiently(self.pace.consistency, errors::passes, call).await
    }

    /// Gives an address back.
    pub(super) async fn release(&self, address: &Address) -> Result<()> {
        let call = async || self.services.addresses.release_address(&address.id).await;
        self.removed(self.pace.patiently(self.pace.removal, super::down::later, call).await)?;
        self.progress.told(&format!("address {} released", address.public_ip));
        Ok(())
    }
}
