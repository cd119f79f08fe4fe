//! Nodes of five instance types, each a text beside this file, and what is
//! found on them; then the same nodes with something wrong.

#![allow(clippy::unwrap_used)]

mod tree;

use nixl_efa::counters::{Bytes, DEVICE, PORT};
use nixl_efa::{Device, Fact, Inventory, Tree, Uverbs, Versions};
use std::collections::BTreeSet;
use std::fmt::Display;
use std::fs;
use std::path::Path;
use std::time::Duration;
use tree::{folder, remove, spoil, unfold};

fn said<T: Display>(fact: &Fact<T>) -> String {
    match fact {
        Ok(Some(value)) => format!("{value:?}", value = value.to_string()),
        Ok(None) => "-".to_owned(),
        Err(unreadable) => format!("({unreadable})"),
    }
}

/// What was found, as a person reads it.
fn summary(root: &Path) -> String {
    let tree = Tree::below(root);
    let inventory = tree.look();
    let mut text = format!(
        "driver {} {}, kernel {}, {} GPUs\nhuge pages {:?}\n",
        if inventory.driver_loaded { "loaded" } else { "not loaded" },
        said(&inventory.driver_version),
        said(&inventory.kernel),
        inventory.gpus,
        inventory.huge_pages.as_ref().unwrap().unwrap(),
    );
    for device in &inventory.devices {
        text += &line(&tree, device, root);
    }
    text
}

fn line(tree: &Tree, device: &Device, root: &Path) -> String {
    let place = tree.place(&device.pci_address);
    let mut text = format!(
        "{} driver {} numa {} p2p {} near {}",
        device.pci_address,
        said(&device.driver),
        said(&device.numa_node),
        said(&device.p2p),
        place.gpus.join(" "),
    );
    if let Some(verbs) = &device.verbs {
        let uverbs = verbs.uverbs.as_ref().map(|path| path.strip_prefix(root).unwrap().display());
        text += &format!(
            " | {} guid {} firmware {} Gb/s {} gid {} at {} | {} counters, tx_bytes {}, lifespan {:?}",
            verbs.name,
            said(&verbs.node_guid),
            said(&verbs.firmware),
            said(&verbs.rate_gbps),
            said(&verbs.gid),
            uverbs.map_or_else(ToString::to_string, |path| path.to_string()),
            verbs.counters.values.len(),
            verbs.counters.values["tx_bytes"],
            verbs.counters.lifespan.unwrap_or_default(),
        );
    }
    text + "\n"
}

fn look(root: &Path) -> Inventory {
    Tree::below(root).look()
}

fn present(inventory: &Inventory) -> Vec<&str> {
    inventory.present().map(|(device, _)| device.name()).collect()
}

#[test]
fn every_type_is_found_as_it_is() {
    for (name, devices) in [
        ("g5.12xlarge", 1),
        ("p4d.24xlarge", 4),
        ("p5.48xlarge", 32),
        ("p5en.48xlarge", 16),
        ("p6-b300.48xlarge", 16),
    ] {
        let root = unfold(name);
        let inventory = look(root.path());
        assert_eq!(inventory.present().count(), devices, "{name}");
        assert_eq!(inventory.devices.iter().flat_map(Device::unreadable).count(), 0, "{name}");
        let expected = fs::read_to_string(folder().join(format!("{name}.summary"))).unwrap();
        let found = summary(root.path());
        assert!(found == expected, "{name}.summary should be\n{found}");
    }
}

#[test]
fn counters_that_a_device_has_not_are_absent() {
    let counted = |name: &str| {
        let inventory = look(unfold(name).path());
        let (_, verbs) = inventory.present().next().unwrap();
        verbs.counters.values.keys().copied().collect::<BTreeSet<_>>()
    };
    let all: BTreeSet<&str> = PORT.iter().chain(&DEVICE).copied().collect();
    assert_eq!(counted("p5.48xlarge"), all);
    let network: BTreeSet<&str> = PORT[17..].iter().copied().collect();
    assert_eq!(counted("p4d.24xlarge"), &all - &network);
    assert!(!counted("g5.12xlarge").contains("rdma_write_wr_err"));
}

#[test]
fn kernels_before_5_14_have_all_counters_in_one_folder() {
    let root = unfold("p4d.24xlarge");
    let device = "sys/class/infiniband/rdmap16s27";
    for name in DEVICE {
        let [from, to] = ["hw_counters", "ports/1/hw_counters"]
            .map(|folder| root.path().join(device).join(folder).join(name));
        fs::rename(from, to).unwrap();
    }
    remove(root.path(), &format!("{device}/hw_counters"));
    let inventory = look(root.path());
    let (_, verbs) = inventory.present().next().unwrap();
    assert_eq!(verbs.counters.values["keep_alive_rcvd"], 86_400);
}

#[test]
fn other_infiniband_devices_are_not_counted() {
    let root = unfold("p6-b300.48xlarge");
    let listed = fs::read_dir(root.path().join("sys/class/infiniband")).unwrap().count();
    let inventory = look(root.path());
    assert_eq!((listed, present(&inventory).len()), (18, 16));
    assert!(present(&inventory).iter().all(|name| name.starts_with("rdmap")));
}

#[test]
fn a_device_without_a_driver_and_one_that_vanished_are_told_apart() {
    let root = unfold("p4d.24xlarge");
    let root = root.path();
    let pci = "sys/devices/pci0000:20/0000:20:1b.0";
    remove(root, "sys/class/infiniband/rdmap32s27");
    let no_verbs = look(root);
    let device = &no_verbs.devices[1];
    assert_eq!((device.name(), &device.driver), ("0000:20:1b.0", &Ok(Some("efa".to_owned()))));
    remove(root, &format!("{pci}/driver"));
    assert_eq!(look(root).devices[1].driver, Ok(None));
    assert_eq!(look(root).devices.len(), 4);

    remove(root, "sys/bus/pci/devices/0000:20:1b.0");
    remove(root, pci);
    let inventory = look(root);
    assert_eq!(present(&inventory), ["rdmap16s27", "rdmap144s27", "rdmap160s27"]);
    assert_eq!(inventory.devices.len(), 3);
    // Between the two: the class still lists what is gone.
    remove(root, "sys/devices/pci0000:90/0000:90:1b.0");
    assert_eq!(present(&look(root)), ["rdmap16s27", "rdmap160s27"]);
}

#[test]
fn a_file_that_cannot_be_read_makes_one_value_unknown() {
    let root = unfold("p4d.24xlarge");
    let root = root.path();
    let device = "sys/class/infiniband/rdmap16s27";
    let pci = "sys/bus/pci/devices/0000:10:1b.0";
    for path in [
        format!("{device}/ports/1/rate"),
        format!("{device}/node_guid"),
        format!("{device}/ports/1/hw_counters/rx_drops"),
        format!("{device}/hw_counters/reg_mr_err"),
        format!("{pci}/numa_node"),
        format!("{pci}/vendor"),
    ] {
        spoil(root, &path);
    }
    tree::write(root, &format!("{device}/ports/1/hw_counters/tx_bytes"), "plenty");
    let inventory = look(root);
    let (device, verbs) = inventory.present().next().unwrap();
    assert_eq!((device.name(), verbs.gid.is_ok()), ("rdmap16s27", true));
    let mut told: Vec<String> = device.unreadable().iter().map(ToString::to_string).collect();
    told.sort();
    assert_eq!(told.len(), 6, "{told:#?}");
    assert!(told.iter().any(|told| told.ends_with("rate: Is a directory (os error 21)")));
    assert!(told.iter().any(|told| told.ends_with("tx_bytes: holds \"plenty\"")), "{told:#?}");
    assert!(!verbs.counters.values.contains_key("rx_drops"));
    assert_eq!(verbs.counters.values["rx_bytes"], 1_000_000);
    assert_eq!(inventory.devices.len(), 4);
}

#[test]
fn a_list_that_cannot_be_read_leaves_the_other() {
    let root = unfold("p4d.24xlarge");
    let root = root.path();
    let list = root.join("sys/bus/pci/devices");
    remove(root, "sys/bus/pci/devices");
    fs::write(list, "").unwrap();
    let inventory = look(root);
    assert_eq!(inventory.present().count(), 4);
    assert!(inventory.unreadable.iter().all(|told| told.why.contains("Not a directory")));
    assert!(!inventory.unreadable.is_empty());
}

#[test]
fn what_programs_open_must_be_there() {
    let root = unfold("p4d.24xlarge");
    let root = root.path();
    let uverbs = |root: &Path| look(root).devices[0].verbs.as_ref().unwrap().uverbs.clone();
    assert!(uverbs(root).unwrap().ends_with("dev/infiniband/uverbs0"));
    remove(root, "dev/infiniband/uverbs0");
    let error = uverbs(root).unwrap_err();
    assert!(error.to_string().ends_with("dev/infiniband/uverbs0 is not there"), "{error}");
    remove(root, "dev/infiniband");
    fs::write(root.join("dev/infiniband"), "").unwrap();
    assert!(matches!(uverbs(root), Err(Uverbs::Refused { .. })));
    remove(root, "sys/bus/pci/devices/0000:10:1b.0/infiniband_verbs");
    assert_eq!(uverbs(root), Err(Uverbs::NotMade));
}

#[test]
fn ids_decide_where_they_can_be_read() {
    let root = unfold("p4d.24xlarge");
    let root = root.path();
    let found = |path: &str, id: &str| {
        tree::write(root, &format!("sys/bus/pci/devices/0000:10:1b.0/{path}"), id);
        Tree::below(root).efa_addresses().len()
    };
    for (id, count) in [("0xefaf", 4), ("0xefa", 3), ("0xefa10", 3), ("0xefag", 3), ("0xefa0", 4)] {
        assert_eq!(found("device", id), count, "{id}");
    }
    assert_eq!(found("vendor", "0x15b3"), 3);
}

#[test]
fn places_are_found_behind_switches_and_on_flat_buses() {
    let near = |name: &str, address: &str| {
        let place = Tree::below(unfold(name).path()).place(address);
        (place.numa_node, place.gpus.join(" "))
    };
    assert_eq!(near("p5.48xlarge", "0000:51:00.0"), (Some(0), "0000:53:00.0".to_owned()));
    assert_eq!(near("p5.48xlarge", "0000:c9:00.0"), (Some(1), "0000:ca:00.0".to_owned()));
    assert_eq!(
        near("p4d.24xlarge", "0000:90:1b.0"),
        (Some(1), "0000:90:1c.0 0000:90:1d.0".to_owned())
    );
    assert_eq!(near("p4d.24xlarge", "0000:00:06.0"), (None, String::new()));
    // Where no bridge is shared the NUMA node decides.
    let root = unfold("p4d.24xlarge");
    for slot in ["1c", "1d"] {
        remove(root.path(), &format!("sys/bus/pci/devices/0000:10:{slot}.0"));
    }
    let place = Tree::below(root.path()).place("0000:10:1b.0");
    assert_eq!(place.gpus, ["0000:20:1c.0", "0000:20:1d.0"]);
}

#[test]
fn nothing_is_found_where_nothing_is() {
    let inventory = look(Path::new("/nonexistent"));
    assert_eq!((inventory.devices.len(), inventory.gpus, inventory.driver_loaded), (0, 0, false));
    assert_eq!(inventory.versions(), Versions::default());
    assert_eq!((inventory.huge_pages, inventory.unreadable), (Ok(None), Vec::new()));
}

#[test]
fn bytes_are_counted_by_name() {
    let root = unfold("p4d.24xlarge");
    let tree = Tree::below(root.path());
    let bytes = tree.byte_counter("rdmap16s27").unwrap().read();
    assert_eq!(bytes, Some(Bytes { sent: 1_000_000, received: 1_000_000 }));
    for none in ["", "..", "../infiniband/rdmap16s27", "eth9"] {
        assert!(tree.byte_counter(none).is_none(), "{none}");
    }
}

#[test]
fn versions_and_lifespan_are_told() {
    let inventory = look(unfold("p5.48xlarge").path());
    let versions = inventory.versions();
    assert_eq!(versions.driver.as_deref(), Some("2.13.0g"));
    assert_eq!(versions.firmware, BTreeSet::from(["0.0.0.0".to_owned()]));
    let (_, verbs) = inventory.present().next().unwrap();
    assert_eq!(verbs.counters.lifespan, Some(Duration::from_millis(12)));
}
