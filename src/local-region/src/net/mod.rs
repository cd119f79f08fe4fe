//! The region's network: one namespace with a bridge, one namespace and one
//! veth per machine. Addresses are set from outside, as the hypervisor does
//! on EC2; nothing in a machine needs DHCP.

mod command;
mod fabric;
mod filter;
mod links;
mod namespace;
mod prompt;
pub mod shaper;

pub use command::{CommandError, run};
pub use fabric::{GATEWAY, IMDS, Network, remove_all};
pub use links::{LinkError, Links, Partition, SlowLink};
#[cfg(test)]
pub(crate) use namespace::inside;
pub use namespace::{connect_in, listen_in};
pub(crate) use prompt::prompt;
