//! Elastic IP addresses.

use super::ec2::{Ec2, Instance, InstanceState};
use std::net::Ipv4Addr;

/// An Elastic IP address of the account.
#[derive(Debug, Clone)]
pub struct Address {
    /// `eipalloc-…`
    pub id: String,
    /// The address.
    pub public_ip: Ipv4Addr,
    /// Where it leads, if anywhere.
    pub association: Option<Association>,
}

/// What an Elastic IP address leads to.
#[derive(Debug, Clone)]
pub struct Association {
    /// `eipassoc-…`
    pub id: String,
    /// Interface.
    pub interface_id: String,
}

impl Ec2 {
    /// The Elastic IP address of an interface.
    #[must_use]
    pub fn address_of(&self, interface_id: &str) -> Option<&Address> {
        let leads = |address: &&Address| {
            address.association.as_ref().is_some_and(|a| a.interface_id == interface_id)
        };
        self.addresses.values().find(leads)
    }

    /// The public address of an instance: an Elastic IP address of its primary
    /// interface, or else one out of Amazon's pool.
    #[must_use]
    pub fn public_ip_of(&self, instance: &Instance) -> Option<Ipv4Addr> {
        let elastic = instance.interfaces.first().and_then(|first| self.address_of(&first.id));
        elastic.map(|address| address.public_ip).or(instance.public_ip)
    }

    /// Ends associations. An instance that had a public address before gets
    /// another, as long as it runs.
    pub fn disassociate(&mut self, which: impl Fn(&Association) -> bool) {
        let ended: Vec<Association> = self
            .addresses
            .values_mut()
            .filter_map(|address| address.association.take_if(|association| which(association)))
            .collect();
        for association in ended {
            let public_ip = self.free_public_ip();
            let had = self.instances.values_mut().find(|i| {
                matches!(i.state, InstanceState::Pending | InstanceState::Running)
                    && i.wants_public_ip
                    && i.interfaces.first().is_some_and(|n| n.id == association.interface_id)
            });
            if let Some(instance) = had {
                instance.public_ip = public_ip;
            }
        }
    }
}
