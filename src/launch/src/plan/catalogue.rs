//! Every EFA type of AWS's catalogue, as the local region keeps it.

use super::layout;
use nixl_aws::ec2::{InstanceTypeInfo, NetworkCard};
use nixl_cluster::Provider;
use serde_json::Value;
use std::collections::BTreeSet;

/// Types with EFA.
pub(crate) fn types() -> Vec<InstanceTypeInfo> {
    let text = include_str!("../../../local-region/src/data/instance_types.json");
    let catalogue: Value = serde_json::from_str(text).unwrap();
    let types = catalogue["types"].as_array().unwrap();
    types.iter().map(info).filter(|info| info.efa_supported).collect()
}

fn number(value: &Value) -> u32 {
    value.as_u64().unwrap_or_default().try_into().unwrap()
}

/// A type; its cards are kept as runs of `[count, efa, most interfaces, speed]`.
fn info(said: &Value) -> InstanceTypeInfo {
    let texts = |key: &str| -> Vec<String> {
        let found = said[key].as_array().unwrap();
        found.iter().map(|it| it.as_str().unwrap().to_owned()).collect()
    };
    let mut network_cards = Vec::new();
    for run in said["cards"].as_array().unwrap() {
        let efa = run[1].as_bool().unwrap();
        let kinds = if efa { &["interface", "efa", "efa-only"][..] } else { &["interface"] };
        for _ in 0..number(&run[0]) {
            network_cards.push(NetworkCard {
                index: network_cards.len() as u32,
                max_interfaces: number(&run[2]),
                interface_types: kinds.iter().map(|kind| (*kind).to_owned()).collect(),
                performance: run[3].as_str().unwrap().to_owned(),
            });
        }
    }
    InstanceTypeInfo {
        name: said["name"].as_str().unwrap().to_owned(),
        vcpus: number(&said["vcpus"]),
        gpus: said["gpus"].as_array().unwrap().iter().map(|gpu| number(&gpu[2])).sum(),
        efa_supported: number(&said["max_efa"]) > 0,
        efa_max_interfaces: number(&said["max_efa"]),
        architectures: texts("architectures"),
        placement_strategies: texts("strategies"),
        network_cards,
    }
}

#[test]
fn every_efa_type_has_a_layout_that_ec2_takes() {
    let types = types();
    assert_eq!(types.len(), 303);
    let mut fewer = Vec::new();
    for info in &types {
        let name = &info.name;
        let slots = layout(info, Provider::Efa.into());
        let primary = slots.iter().find(|it| (it.card_index, it.device_index) == (0, 0)).unwrap();
        assert_ne!(primary.interface_type, "efa-only", "{name}");
        let places: BTreeSet<_> = slots.iter().map(|it| (it.card_index, it.device_index)).collect();
        assert_eq!(places.len(), slots.len(), "{name}: a place is taken twice");
        let efa: Vec<u32> = slots
            .iter()
            .filter(|it| it.interface_type != "interface")
            .map(|it| it.card_index)
            .collect();
        let cards: BTreeSet<&u32> = efa.iter().collect();
        assert_eq!(cards.len(), efa.len(), "{name}: two EFA on one card");
        for slot in &slots {
            let card = &info.network_cards[slot.card_index as usize];
            assert!(card.interface_types.contains(&slot.interface_type), "{name}");
        }
        if efa.len() != info.efa_max_interfaces as usize {
            fewer.push(name.clone());
        }
        let single = slots.len() == 1;
        assert_eq!(layout(info, Provider::Tcp.into()).len(), 1, "{name}");
        assert!(single || info.network_cards.len() > 1, "{name}");
    }
    // EC2 says more EFA than cards that take one; one a card is its rule.
    assert!(fewer.len() <= 4, "{fewer:?}");
}

/// Types of the golden layouts: one card, several, plain first card.
pub(crate) const GOLDEN_TYPES: [&str; 9] = [
    "g5.12xlarge",
    "g6.12xlarge",
    "g6e.24xlarge",
    "g6e.48xlarge",
    "p4d.24xlarge",
    "p5.48xlarge",
    "p5en.48xlarge",
    "p6-b200.48xlarge",
    "p6-b300.48xlarge",
];

/// The layouts as they are sent, a line an interface.
#[test]
fn layouts_are_those_of_the_golden_file() {
    let types = types();
    let mut text = String::new();
    for name in GOLDEN_TYPES {
        let info = types.iter().find(|info| info.name == name).unwrap();
        text.push_str(&format!("{name}\n"));
        for slot in layout(info, Provider::Efa.into()) {
            let (card, device) = (slot.card_index, slot.device_index);
            text.push_str(&format!("  card {card} device {device} {}\n", slot.interface_type));
        }
    }
    golden("layouts.txt", &text);
}

/// Compares with `tests/golden/NAME`; `UPDATE_GOLDEN=1` writes it.
pub(crate) fn golden(name: &str, text: &str) {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(name);
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, text).unwrap();
    }
    let expected = std::fs::read_to_string(&path).unwrap_or_default();
    assert_eq!(text, expected, "{}: UPDATE_GOLDEN=1 writes it", path.display());
}
