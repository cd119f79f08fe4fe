//! Instance types and where they are offered.
//!
//! Figures: EC2 DescribeInstanceTypes and the EFA chapter of the user guide
//! (`data/instance_types.json`); every EFA card takes `efa` and `efa-only`.

use super::{dry_run, filter::Filters, page};
use crate::api::{Answer, ApiError, params::Params, tags::Tags};
use crate::state::ec2::ZONES;
use serde::Deserialize;
use serde_json::{Value, json};
use std::sync::LazyLock;

/// One type.
#[derive(Debug, Deserialize)]
pub struct InstanceType {
    /// Name.
    pub name: String,
    /// Default vCPUs.
    pub vcpus: u32,
    memory_mib: u64,
    #[serde(default)]
    gpus: Option<(String, String, u32, u64)>,
    /// (`efa` or `interface`, interfaces per card, cards), in card order.
    cards: Vec<(String, u32, u32)>,
    #[serde(default = "every_strategy")]
    strategies: Vec<String>,
    network: String,
    /// Last letters of the zones that offer it.
    zones: String,
}

fn every_strategy() -> Vec<String> {
    ["cluster", "partition", "spread"].map(str::to_owned).to_vec()
}

static TYPES: LazyLock<Vec<InstanceType>> = LazyLock::new(|| {
    serde_json::from_str(include_str!("../../data/instance_types.json"))
        .expect("the checked-in file is parsed by a test")
});

impl InstanceType {
    /// By name.
    pub fn find(name: &str) -> Option<&'static Self> {
        TYPES.iter().find(|instance_type| instance_type.name == name)
    }

    /// Whether the zone offers it.
    pub fn offered_in(&self, zone: &str) -> bool {
        zone.chars().last().is_some_and(|letter| self.zones.contains(letter))
    }

    /// Whether it may be in such a placement group.
    pub fn supports(&self, strategy: &str) -> bool {
        self.strategies.iter().any(|supported| supported == strategy)
    }

    /// Cards in order: (EFA, interfaces).
    pub fn cards(&self) -> Vec<(bool, u32)> {
        self.cards
            .iter()
            .flat_map(|(kind, interfaces, count)| {
                std::iter::repeat_n((kind == "efa", *interfaces), *count as usize)
            })
            .collect()
    }

    fn show(&self) -> Value {
        let cards = self.cards();
        let efa = cards.iter().filter(|(efa, _)| *efa).count();
        let gpus = self.gpus.as_ref().map(|(maker, name, count, memory_mib)| {
            json!({
                "gpus": [{"name": name, "manufacturer": maker, "count": count, "memoryInfo": {"sizeInMiB": memory_mib}}],
                "totalGpuMemoryInMiB": u64::from(*count) * memory_mib,
            })
        });
        let shown: Vec<Value> = cards
            .iter()
            .enumerate()
            .map(|(index, (efa, interfaces))| {
                let types: &[&str] =
                    if *efa { &["interface", "efa", "efa-only"] } else { &["interface"] };
                json!({
                    "networkCardIndex": index,
                    "networkPerformance": self.network,
                    "maximumNetworkInterfaces": interfaces,
                    "interfaceTypeSet": types,
                })
            })
            .collect();
        json!({
            "instanceType": self.name,
            "currentGeneration": true,
            "freeTierEligible": self.name == "t3.micro",
            "supportedUsageClasses": ["on-demand", "spot"],
            "supportedRootDeviceTypes": ["ebs"],
            "supportedVirtualizationTypes": ["hvm"],
            "bareMetal": false,
            "hypervisor": "nitro",
            "processorInfo": {"supportedArchitectures": ["x86_64"]},
            "vCpuInfo": {"defaultVCpus": self.vcpus, "defaultCores": self.vcpus / 2, "defaultThreadsPerCore": 2},
            "memoryInfo": {"sizeInMiB": self.memory_mib},
            "instanceStorageSupported": false,
            "networkInfo": {
                "networkPerformance": self.network,
                "maximumNetworkInterfaces": cards.iter().map(|(_, interfaces)| interfaces).sum::<u32>(),
                "maximumNetworkCards": cards.len(),
                "defaultNetworkCardIndex": 0,
                "networkCards": shown,
                "ipv6Supported": true,
                "enaSupport": "required",
                "efaSupported": efa > 0,
                "efaInfo": (efa > 0).then(|| json!({"maximumEfaInterfaces": efa})),
            },
            "gpuInfo": gpus,
            "placementGroupInfo": {"supportedStrategies": self.strategies},
            "hibernationSupported": false,
            "burstablePerformanceSupported": self.name.starts_with('t'),
            "dedicatedHostsSupported": false,
            "autoRecoverySupported": false,
            "supportedBootModes": ["legacy-bios", "uefi"],
        })
    }
}

/// DescribeInstanceTypes.
pub fn describe(p: &Params) -> Answer {
    let filters = Filters::read(
        p,
        &[
            "instance-type",
            "current-generation",
            "network-info.efa-supported",
            "processor-info.supported-architecture",
            "vcpu-info.default-vcpus",
        ],
    )?;
    let names = p.list("InstanceType");
    dry_run(p)?;
    let unknown: Vec<&str> = names
        .iter()
        .map(String::as_str)
        .filter(|name| InstanceType::find(name).is_none())
        .collect();
    if !unknown.is_empty() {
        return Err(ApiError::new(
            "InvalidInstanceType",
            format!("The following supplied instance types do not exist: [{}]", unknown.join(", ")),
        ));
    }
    let shown = TYPES
        .iter()
        .filter(|t| names.is_empty() || names.contains(&t.name))
        .filter(|t| {
            filters.keep(&Tags::new(), |field| {
                vec![match field {
                    "instance-type" => t.name.clone(),
                    "network-info.efa-supported" => {
                        t.cards().iter().any(|(efa, _)| *efa).to_string()
                    }
                    "processor-info.supported-architecture" => "x86_64".to_owned(),
                    "vcpu-info.default-vcpus" => t.vcpus.to_string(),
                    _ => "true".to_owned(),
                }]
            })
        })
        .map(InstanceType::show)
        .collect();
    let (items, next) = page(shown, p, (5, 100))?;
    Ok(json!({"instanceTypeSet": items, "nextToken": next}))
}

/// DescribeInstanceTypeOfferings.
pub fn offerings(p: &Params) -> Answer {
    let filters = Filters::read(p, &["instance-type", "location"])?;
    let kind = p.get("LocationType").unwrap_or("region").to_owned();
    dry_run(p)?;
    let mut shown = Vec::new();
    for t in TYPES.iter() {
        let places: Vec<&str> = match kind.as_str() {
            "region" => vec!["us-east-1"],
            "availability-zone" => {
                ZONES.iter().map(|(zone, _)| *zone).filter(|zone| t.offered_in(zone)).collect()
            }
            "availability-zone-id" => {
                ZONES.iter().filter(|(zone, _)| t.offered_in(zone)).map(|(_, id)| *id).collect()
            }
            other => {
                return Err(ApiError::new(
                    "InvalidParameterValue",
                    format!("Value ({other}) for parameter locationType is invalid."),
                ));
            }
        };
        for place in places {
            let kept = filters.keep(&Tags::new(), |field| {
                vec![if field == "location" { place.to_owned() } else { t.name.clone() }]
            });
            if kept {
                shown
                    .push(json!({"instanceType": t.name, "locationType": kind, "location": place}));
            }
        }
    }
    let (items, next) = page(shown, p, (5, 1000))?;
    Ok(json!({"instanceTypeOfferingSet": items, "nextToken": next}))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_data_file_agrees_with_the_guide() {
        let efa = |name: &str| {
            let t = InstanceType::find(name).unwrap();
            t.cards().iter().filter(|(efa, _)| *efa).count()
        };
        let counts = [
            ("t3.micro", 0),
            ("g5.12xlarge", 1),
            ("g6e.48xlarge", 4),
            ("p4d.24xlarge", 4),
            ("p5.48xlarge", 32),
        ];
        for (name, count) in counts {
            assert_eq!(efa(name), count, "{name}");
        }
        assert!(!InstanceType::find("t3.micro").unwrap().supports("cluster"));
        assert!(!InstanceType::find("g5.12xlarge").unwrap().offered_in("us-east-1e"));
    }
}
