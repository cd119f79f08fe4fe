//! Elastic IP addresses, one for each node that gets no public address from EC2.
//!
//! AllocateAddress has no client token, so an address says in its tags whose it
//! is from the first moment, and they are looked for before another is
//! allocated; after a lost answer for as long as EC2 may need to show it. One
//! that a killed run allocated and EC2 did not show then is surplus: it is
//! released once the nodes have theirs.

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
            if there.iter().any(|it| it.interface_id.as_deref() == Some(interface)) {
                return Ok(());
            }
            let address = match there.iter().find(of_node) {
                Some(address) => address.clone(),
                None => self.allocate(&name).await?,
            };
            let call =
                async || self.services.addresses.associate_address(&address.id, interface).await;
            self.pace.patiently(self.pace.consistency, not_running_yet, call).await?;
            self.progress.told(&format!("{name} has the address {}", address.public_ip));
            Ok::<(), Problem>(())
        });
        // Changes are joined, not raced.
        for given in futures_util::future::join_all(given).await {
            given?;
        }
        Ok(())
    }

    /// Releases the cluster's addresses that lead nowhere, if these nodes have
    /// theirs.
    pub(super) async fn release_surplus(
        &self,
        nodes: &[Instance],
    ) -> std::result::Result<(), Problem> {
        let there = self.addresses().await?;
        let has_one = |node: &Instance| {
            node.interfaces
                .iter()
                .any(|nic| there.iter().any(|it| it.interface_id.as_ref() == Some(&nic.id)))
        };
        // A read that shows less was made too early to judge by.
        if !nodes.iter().all(has_one) {
            return Ok(());
        }
        for address in there.iter().filter(|it| it.interface_id.is_none()) {
            self.release(address).await?;
        }
        Ok(())
    }

    async fn allocate(&self, name: &str) -> std::result::Result<Address, Problem> {
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
                return Err(error.into());
            }
            self.rest(self.pace.retry_first).await?;
            // What was not reached allocated nothing.
            if !matches!(error.kind, ErrorKind::Unreachable)
                && let Some(made) = self.allocated(&named).await?
            {
                return Ok(made);
            }
        }
    }

    /// What a lost answer told of, looked for until it must be visible.
    async fn allocated(&self, named: &[Filter]) -> std::result::Result<Option<Address>, Problem> {
        let start = self.pace.clock.now();
        loop {
            let call = async || self.services.addresses.describe_addresses(named).await;
            let found = self.pace.patiently(self.pace.consistency, errors::passes, call).await?;
            if !found.is_empty() || self.pace.clock.since(start) >= self.pace.settle {
                return Ok(found.into_iter().next());
            }
            self.rest(self.pace.poll).await?;
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
