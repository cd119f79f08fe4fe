//! Network interfaces, attached to an instance or for themselves.

use super::ec2::{Ec2, Instance};
use super::{ids, subnet::Subnet};
use crate::rules::{Rules, addresses as rules};
use std::net::Ipv4Addr;

/// A network interface.
#[derive(Debug, Clone)]
pub struct Interface {
    /// `eni-…`
    pub id: String,
    /// `interface`, `efa` or `efa-only`.
    pub kind: String,
    /// Subnet.
    pub subnet_id: String,
    /// Address; an `efa-only` interface has none.
    pub private_ip: Option<Ipv4Addr>,
    /// MAC address.
    pub mac: String,
    /// Security groups.
    pub group_ids: Vec<String>,
    /// Description.
    pub description: String,
    /// It is the source or destination of all its traffic.
    pub source_dest_check: bool,
    /// How it is attached, if it is.
    pub attachment: Option<Attachment>,
}

/// How an interface is attached to its instance.
#[derive(Debug, Clone)]
pub struct Attachment {
    /// `eni-attach-…`
    pub id: String,
    /// Network card.
    pub card: u32,
    /// Device index.
    pub device: u32,
    /// It goes with the instance.
    pub delete_on_termination: bool,
}

impl Attachment {
    /// A new attachment.
    #[must_use]
    pub fn new(card: u32, device: u32, delete_on_termination: bool) -> Self {
        Self { id: ids::resource("eni-attach"), card, device, delete_on_termination }
    }
}

impl Interface {
    /// A new interface in a subnet, with an address if its kind has one.
    #[must_use]
    pub fn new(subnet: &mut Subnet, kind: &str, group_ids: Vec<String>, description: &str) -> Self {
        Self {
            id: ids::resource("eni"),
            kind: kind.to_owned(),
            subnet_id: subnet.id.clone(),
            private_ip: if kind == "efa-only" { None } else { subnet.take() },
            mac: ids::mac(),
            group_ids,
            description: description.to_owned(),
            source_dest_check: true,
            attachment: None,
        }
    }

    /// Whether it is its instance's first.
    #[must_use]
    pub fn is_primary(&self) -> bool {
        self.attachment.as_ref().is_some_and(|a| a.card == 0 && a.device == 0)
    }
}

impl Ec2 {
    /// All interfaces and the instances that have them.
    pub fn all_interfaces(&self) -> impl Iterator<Item = (Option<&Instance>, &Interface)> {
        let attached = self.live().flat_map(|i| i.interfaces.iter().map(move |n| (Some(i), n)));
        attached.chain(self.interfaces.values().map(|n| (None, n)))
    }

    /// An interface and the instance that has it.
    #[must_use]
    pub fn interface(&self, id: &str) -> Option<(Option<&Instance>, &Interface)> {
        self.all_interfaces().find(|(_, n)| n.id == id)
    }

    /// An interface, to be changed.
    pub fn interface_mut(&mut self, id: &str) -> Option<&mut Interface> {
        let attached = self.instances.values_mut().flat_map(|i| &mut i.interfaces);
        attached.chain(self.interfaces.values_mut()).find(|n| n.id == id)
    }

    /// Deletes an interface that is attached to nothing: its address is free
    /// again, an Elastic IP address stays allocated.
    pub fn delete_interface(&mut self, interface: &Interface, in_force: &Rules) {
        self.tags.remove(&interface.id);
        let subnet = self.subnets.iter_mut().find(|subnet| subnet.id == interface.subnet_id);
        if let (Some(subnet), Some(address)) = (subnet, interface.private_ip) {
            subnet.release(address);
        }
        if in_force.on(&rules::FREED) {
            self.disassociate(|association| association.interface_id == interface.id);
        }
    }
}
