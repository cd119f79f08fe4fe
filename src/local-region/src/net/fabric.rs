//! Namespaces, bridge and links through `ip` (iproute2).

use std::net::Ipv4Addr;

use super::command::{CommandError, run};
use super::links::Links;
use crate::layout::Layout;

/// Address of the bridge, the machines' default route.
pub const GATEWAY: Ipv4Addr = Ipv4Addr::new(10, 77, 0, 1);
/// Address of the instance metadata service, on every machine's loopback.
pub const IMDS: Ipv4Addr = Ipv4Addr::new(169, 254, 169, 254);

/// The network of one region.
#[derive(Debug, Clone)]
pub struct Network {
    layout: Layout,
    links: Links,
}

impl Network {
    /// Makes the bridge in its namespace, replacing what a killed region left.
    pub fn create(layout: &Layout) -> Result<Self, CommandError> {
        remove_all(layout)?;
        let ns = layout.bridge_netns();
        let gateway = format!("{GATEWAY}/16");
        run("ip", &["netns", "add", &ns])?;
        run("ip", &["-n", &ns, "link", "set", "lo", "up"])?;
        run("ip", &["-n", &ns, "link", "add", "br0", "type", "bridge"])?;
        run("ip", &["-n", &ns, "addr", "add", &gateway, "dev", "br0"])?;
        run("ip", &["-n", &ns, "link", "set", "br0", "up"])?;
        Ok(Self { layout: layout.clone(), links: Links::new(layout)? })
    }

    /// What is done to the machines' links.
    pub fn links(&self) -> &Links {
        &self.links
    }

    /// Gives a machine its namespace, link, address and route; nothing is
    /// left when it fails.
    pub fn attach(&self, id: &str, address: Ipv4Addr, mac: &str) -> Result<(), CommandError> {
        let attached = self.wire(id, address, mac);
        if attached.is_err() {
            // The first failure is the one to tell.
            let _ = self.detach(id);
        }
        attached
    }

    fn wire(&self, id: &str, at: Ipv4Addr, mac: &str) -> Result<(), CommandError> {
        let (bridge, ns, veth) =
            (self.layout.bridge_netns(), self.layout.machine_netns(id), self.layout.veth(id));
        let address = format!("{at}/16");
        let imds = format!("{IMDS}/32");
        let gateway = GATEWAY.to_string();
        run("ip", &["netns", "add", &ns])?;
        run("ip", &["-n", &ns, "link", "set", "lo", "up"])?;
        run("ip", &["-n", &ns, "addr", "add", &imds, "dev", "lo"])?;
        run(
            "ip",
            &[
                "link", "add", "name", "eth0", "netns", &ns, "address", mac, "type", "veth",
                "peer", "name", &veth, "netns", &bridge,
            ],
        )?;
        run("ip", &["-n", &bridge, "link", "set", &veth, "master", "br0", "up"])?;
        run("ip", &["-n", &ns, "addr", "add", &address, "dev", "eth0"])?;
        run("ip", &["-n", &ns, "link", "set", "eth0", "up"])?;
        run("ip", &["-n", &ns, "route", "add", "default", "via", &gateway])?;
        self.links.add(id, at);
        Ok(())
    }

    /// Removes a machine's link and namespace, if there.
    pub fn detach(&self, id: &str) -> Result<(), CommandError> {
        // The link goes first: a namespace lives on while a process is in it.
        let forgotten = self.links.remove(id);
        let bridge = self.layout.bridge_netns();
        let veth = self.layout.veth(id);
        if run("ip", &["-n", &bridge, "link", "show", "dev", &veth]).is_ok() {
            run("ip", &["-n", &bridge, "link", "del", &veth])?;
        }
        let ns = self.layout.machine_netns(id);
        if std::path::Path::new("/run/netns").join(&ns).exists() {
            run("ip", &["netns", "del", &ns])?;
        }
        forgotten
    }
}

/// Removes every namespace of the region, and with them bridge and links.
pub fn remove_all(layout: &Layout) -> Result<(), CommandError> {
    let bridge = layout.bridge_netns();
    let machines = format!("{bridge}-");
    let Ok(entries) = std::fs::read_dir("/run/netns") else { return Ok(()) };
    for entry in entries.flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        if name == bridge || name.starts_with(&machines) {
            run("ip", &["netns", "del", &name])?;
        }
    }
    Ok(())
}
