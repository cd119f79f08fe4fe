//! The catalogue of instance types: AWS's own figures
//! (`data/instance_types.json`, written by `scripts/instance_types.py`).

use crate::backend::Gpus;
use crate::state::capacity::Market;
use crate::state::ec2::ZONES;
use serde::Deserialize;
use std::sync::LazyLock;

/// Neighbouring network cards that are alike: how many, whether they take EFA,
/// interfaces on each, speed.
type CardsAlike = (u32, bool, u32, String);

/// One network card.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Card<'a> {
    /// Takes `efa` and `efa-only` interfaces too.
    pub efa: bool,
    /// Most interfaces.
    pub max_interfaces: u32,
    /// Speed.
    pub network: &'a str,
}

/// One type.
#[derive(Debug, Deserialize)]
pub struct InstanceType {
    /// Name.
    pub name: String,
    /// Of the current generation.
    pub current: bool,
    /// No hypervisor.
    pub bare_metal: bool,
    /// Earns CPU credits.
    pub burstable: bool,
    /// Free tier.
    pub free_tier: bool,
    /// Usage classes: `on-demand`, `spot`, `capacity-block`.
    pub usage: Vec<String>,
    /// Strategies of the placement groups it may be in.
    pub strategies: Vec<String>,
    /// `nitro` or `xen`.
    pub hypervisor: Option<String>,
    /// `x86_64`, `arm64`.
    pub architectures: Vec<String>,
    /// Default vCPUs.
    pub vcpus: u32,
    /// Default cores.
    pub cores: Option<u32>,
    /// Memory.
    pub memory_mib: u64,
    /// Local disks.
    pub storage_gb: Option<u64>,
    /// Manufacturer, name, count, memory of each in MiB.
    pub gpus: Vec<(String, String, u32, u64)>,
    /// Speed of the network.
    pub network: String,
    /// Most interfaces, all cards together.
    pub max_interfaces: u32,
    /// IPv4 addresses on one interface.
    pub addresses_per_interface: u32,
    /// `required`, `supported`, `unsupported`.
    pub ena: String,
    /// Most EFAs, all cards together.
    pub max_efa: u32,
    cards: Vec<CardsAlike>,
    /// Can hibernate.
    pub hibernation: bool,
    /// Runs on dedicated hosts.
    pub dedicated_hosts: bool,
    /// Is recovered by itself.
    pub auto_recovery: bool,
    /// Boot modes.
    pub boot: Vec<String>,
    /// Last letters of the zones that offer it; empty if the region does not.
    zones: String,
}

#[derive(Deserialize)]
struct Catalogue {
    types: Vec<InstanceType>,
}

static TYPES: LazyLock<Vec<InstanceType>> = LazyLock::new(|| {
    let text = include_str!("../../data/instance_types.json");
    let catalogue: Catalogue =
        serde_json::from_str(text).expect("the checked-in file is parsed by a test");
    catalogue.types
});

impl InstanceType {
    /// Every type, by name.
    pub fn all() -> &'static [Self] {
        &TYPES
    }

    /// By name.
    pub fn find(name: &str) -> Option<&'static Self> {
        TYPES.iter().find(|instance_type| instance_type.name == name)
    }

    /// GPUs that NVML knows.
    pub fn nvidia_gpus(&self) -> Option<Gpus> {
        let (maker, name, count, memory_mib) =
            self.gpus.iter().find(|(maker, ..)| maker == "NVIDIA")?;
        let model = format!("{maker} {name}");
        Some(Gpus { model, count: *count, memory_mib: *memory_mib })
    }

    /// Whether any zone of the region offers it.
    pub fn offered(&self) -> bool {
        !self.zones.is_empty()
    }

    /// Whether the zone offers it.
    pub fn offered_in(&self, zone: &str) -> bool {
        zone.chars().last().is_some_and(|letter| self.zones.contains(letter))
    }

    /// Zones that offer it.
    pub fn zones(&self) -> impl Iterator<Item = &'static str> {
        ZONES.iter().map(|(zone, _)| *zone).filter(|zone| self.offered_in(zone))
    }

    /// Whether it may be in such a placement group.
    pub fn supports(&self, strategy: &str) -> bool {
        self.strategies.iter().any(|supported| supported == strategy)
    }

    /// Whether it is sold on this market.
    pub fn sold(&self, market: Market) -> bool {
        self.usage.iter().any(|class| class == market.name())
    }

    /// Network cards in order.
    pub fn cards(&self) -> Vec<Card<'_>> {
        self.cards
            .iter()
            .flat_map(|(count, efa, max_interfaces, network)| {
                let card = Card { efa: *efa, max_interfaces: *max_interfaces, network };
                std::iter::repeat_n(card, *count as usize)
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_catalogue_agrees_with_the_guide() {
        let counts = [
            ("t3.micro", 0),
            ("g5.12xlarge", 1),
            ("g6e.48xlarge", 4),
            ("p4d.24xlarge", 4),
            ("p5.48xlarge", 32),
            ("p6-b300.48xlarge", 16),
        ];
        for (name, count) in counts {
            assert_eq!(InstanceType::find(name).unwrap().max_efa, count, "{name}");
        }
        assert!(!InstanceType::find("t3.micro").unwrap().supports("cluster"));
        let g5 = InstanceType::find("g5.12xlarge").unwrap();
        assert!(g5.offered_in("us-east-1a") && !g5.offered_in("us-east-1e"));
        let b300 = InstanceType::find("p6-b300.48xlarge").unwrap();
        assert!(!b300.cards()[0].efa && b300.cards()[16].efa && b300.sold(Market::CapacityBlock));
    }

    /// Four storage types have EFA on two cards and may have one; all others
    /// may have one on each card that takes it.
    #[test]
    fn every_efa_type_has_cards_for_its_efas() {
        let efa: Vec<_> = InstanceType::all().iter().filter(|t| t.max_efa > 0).collect();
        assert_eq!(efa.len(), 303);
        let mut fewer = Vec::new();
        for t in efa {
            let cards = t.cards();
            let able = cards.iter().filter(|card| card.efa).count();
            assert!(able >= t.max_efa as usize, "{}", t.name);
            if able > t.max_efa as usize {
                fewer.push(t.name.as_str());
            }
            let interfaces: u32 = cards.iter().map(|card| card.max_interfaces).sum();
            assert!(interfaces >= t.max_interfaces, "{}", t.name);
        }
        assert_eq!(fewer, ["i7ie.48xlarge", "i7ie.metal-48xl", "i8ge.48xlarge", "i8ge.metal-48xl"]);
    }
}
