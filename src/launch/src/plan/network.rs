//! Network interfaces of a node, from what EC2 says of the type's cards.
//!
//! Source: EC2 User Guide, "Maximize network bandwidth with multiple network
//! cards" and the EFA chapter: card 0 carries the addresses, every further card
//! an `efa-only` interface, which has none.

use super::{Attempt, WayOut};
use nixl_aws::ec2::{InstanceTypeInfo, NetworkCard, NetworkInterfaceSpec};
use nixl_cluster::{Provider, ProviderChoice};
use serde::{Deserialize, Serialize};

const PLAIN: &str = "interface";
const EFA: &str = "efa";
const EFA_ONLY: &str = "efa-only";

/// Device index on further cards where it is not the rule's, and what is doubtful
/// about it. p5 and p5e can have more addresses ("max IP bandwidth": `efa` on each
/// fourth card); the default here is one address a node.
const DEVICE_INDEX: &[(&str, u32, &str)] = &[
    (
        "p6-b300.48xlarge",
        0,
        "device index 0 on further cards is AWS's own command, its guide says 1; not tried on AWS",
    ),
    ("p6e-gb200.36xlarge", 0, "device index 0 on further cards is not tried on AWS"),
];

/// What is doubtful about a type's layout.
pub(super) fn doubt(name: &str) -> Option<&'static str> {
    DEVICE_INDEX.iter().find(|row| row.0 == name).map(|row| row.2)
}

/// A place on a network card for an interface.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Slot {
    /// Network card.
    pub card_index: u32,
    /// Device index on the card.
    pub device_index: u32,
    /// `interface`, `efa` or `efa-only`.
    pub interface_type: String,
}

/// The interfaces of one node, without their subnet.
#[must_use]
pub fn layout(info: &InstanceTypeInfo, provider: ProviderChoice) -> Vec<Slot> {
    let first = info.network_cards.iter().find(|card| card.index == 0);
    // A type may have cards without EFA, even the first (p6-b300).
    let first_has_efa = info.efa_supported && first.is_none_or(|card| offers(card, EFA));
    let mut chosen = vec![(0, 0, if first_has_efa { EFA } else { PLAIN })];
    if provider != Provider::Tcp.into() && info.efa_supported {
        let further = info.network_cards.iter().filter(|card| card.index != 0);
        chosen.extend(further.filter_map(|card| {
            let kind = [EFA_ONLY, EFA].into_iter().find(|kind| offers(card, kind))?;
            // A card that takes a single interface has only device index 0.
            let known = DEVICE_INDEX.iter().find(|row| row.0 == info.name).map(|row| row.1);
            let device = known.unwrap_or(u32::from(card.max_interfaces != 1));
            Some((card.index, device, kind))
        }));
        let plain = usize::from(!first_has_efa);
        chosen.truncate((info.efa_max_interfaces as usize + plain).max(1));
    }
    chosen
        .into_iter()
        .map(|(card_index, device_index, interface_type)| Slot {
            card_index,
            device_index,
            interface_type: interface_type.to_owned(),
        })
        .collect()
}

/// The interfaces of one node.
#[must_use]
pub fn interfaces(
    info: &InstanceTypeInfo,
    provider: ProviderChoice,
    attempt: &Attempt,
    group_id: &str,
) -> Vec<NetworkInterfaceSpec> {
    let slots = layout(info, provider);
    // Refused by EC2 as soon as there are several interfaces, even as `false`.
    let public = (slots.len() == 1).then_some(attempt.way_out == WayOut::Assigned);
    slots
        .into_iter()
        .map(|slot| NetworkInterfaceSpec {
            card_index: slot.card_index,
            device_index: slot.device_index,
            interface_type: slot.interface_type,
            subnet_id: attempt.place.subnet_id.clone(),
            group_ids: vec![group_id.to_owned()],
            associate_public_ip: public,
        })
        .collect()
}

/// Regions that do not yet tell a card's interface types are taken to offer all.
fn offers(card: &NetworkCard, kind: &str) -> bool {
    card.interface_types.is_empty() || card.interface_types.iter().any(|offered| offered == kind)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn card(index: u32, max_interfaces: u32, types: &[&str]) -> NetworkCard {
        NetworkCard {
            index,
            max_interfaces,
            interface_types: types.iter().map(|t| (*t).to_owned()).collect(),
            ..Default::default()
        }
    }

    fn with(efa_max_interfaces: u32, network_cards: Vec<NetworkCard>) -> InstanceTypeInfo {
        InstanceTypeInfo {
            efa_supported: efa_max_interfaces > 0,
            efa_max_interfaces,
            network_cards,
            ..Default::default()
        }
    }

    fn slots(
        info: &InstanceTypeInfo,
        provider: impl Into<ProviderChoice>,
    ) -> Vec<(u32, u32, String)> {
        let slots = layout(info, provider.into());
        slots.into_iter().map(|it| (it.card_index, it.device_index, it.interface_type)).collect()
    }

    const ALL: &[&str] = &["interface", "efa", "efa-only"];

    #[test]
    fn a_single_card_gets_efa() {
        let info = with(1, vec![card(0, 7, ALL)]);
        assert_eq!(slots(&info, Provider::Efa), [(0, 0, "efa".to_owned())]);
    }

    #[test]
    fn further_cards_are_efa_only() {
        let info = with(4, (0..4).map(|i| card(i, 15, ALL)).collect());
        let got = slots(&info, Provider::Efa);
        assert_eq!(got[0], (0, 0, "efa".to_owned()));
        assert_eq!(
            got[1..].iter().map(|i| (i.0, i.1)).collect::<Vec<_>>(),
            [(1, 1), (2, 1), (3, 1)]
        );
        assert!(got[1..].iter().all(|i| i.2 == "efa-only"));
        assert_eq!(slots(&info, ProviderChoice::Auto), got, "what may be used must be there");
        assert_eq!(slots(&info, Provider::Tcp).len(), 1);
    }

    #[test]
    fn a_first_card_without_efa_stays_plain_and_single_slot_cards_use_device_0() {
        let mut cards = vec![card(0, 2, &["interface"])];
        cards.extend((1..=2).map(|i| card(i, 1, ALL)));
        let got = slots(&with(2, cards), Provider::Efa);
        assert_eq!(got.iter().map(|i| (i.0, i.1)).collect::<Vec<_>>(), [(0, 0), (1, 0), (2, 0)]);
        assert_eq!(got[0].2, "interface");
    }

    #[test]
    fn tcp_needs_one_interface_only() {
        let efa = with(4, (0..4).map(|i| card(i, 15, ALL)).collect());
        assert_eq!(slots(&efa, Provider::Tcp), [(0, 0, "efa".to_owned())]);
        let plain = with(0, vec![card(0, 3, &["interface"])]);
        assert_eq!(slots(&plain, Provider::Tcp), [(0, 0, "interface".to_owned())]);
    }
}
