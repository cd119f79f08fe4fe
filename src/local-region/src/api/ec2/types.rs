//! DescribeInstanceTypes and DescribeInstanceTypeOfferings.

use super::catalogue::InstanceType;
use super::paging::{page, page_by};
use super::{dry_run, filter::Filters};
use crate::api::{Answer, ApiError, Call, params::Params, tags::Tags};
use crate::rules::capacity as rules;
use crate::state::ec2::ZONES;
use serde_json::{Value, json};

const FILTERS: &[&str] = &[
    "auto-recovery-supported",
    "bare-metal",
    "burstable-performance-supported",
    "current-generation",
    "free-tier-eligible",
    "hypervisor",
    "instance-storage-supported",
    "instance-type",
    "memory-info.size-in-mib",
    "network-info.efa-info.maximum-efa-interfaces",
    "network-info.efa-supported",
    "network-info.ena-support",
    "network-info.maximum-network-cards",
    "network-info.maximum-network-interfaces",
    "network-info.network-performance",
    "processor-info.supported-architecture",
    "supported-boot-mode",
    "supported-root-device-type",
    "supported-usage-class",
    "supported-virtualization-type",
    "vcpu-info.default-cores",
    "vcpu-info.default-vcpus",
];

fn field(t: &InstanceType, name: &str) -> Vec<String> {
    match name {
        "auto-recovery-supported" => vec![t.auto_recovery.to_string()],
        "bare-metal" => vec![t.bare_metal.to_string()],
        "burstable-performance-supported" => vec![t.burstable.to_string()],
        "current-generation" => vec![t.current.to_string()],
        "free-tier-eligible" => vec![t.free_tier.to_string()],
        "hypervisor" => t.hypervisor.clone().into_iter().collect(),
        "instance-storage-supported" => vec![t.storage_gb.is_some().to_string()],
        "instance-type" => vec![t.name.clone()],
        "memory-info.size-in-mib" => vec![t.memory_mib.to_string()],
        "network-info.efa-info.maximum-efa-interfaces" => vec![t.max_efa.to_string()],
        "network-info.efa-supported" => vec![(t.max_efa > 0).to_string()],
        "network-info.ena-support" => vec![t.ena.clone()],
        "network-info.maximum-network-cards" => vec![t.cards().len().to_string()],
        "network-info.maximum-network-interfaces" => vec![t.max_interfaces.to_string()],
        "network-info.network-performance" => vec![t.network.clone()],
        "processor-info.supported-architecture" => t.architectures.clone(),
        "supported-boot-mode" => t.boot.clone(),
        "supported-root-device-type" => vec!["ebs".to_owned()],
        "supported-usage-class" => t.usage.clone(),
        "supported-virtualization-type" => vec!["hvm".to_owned()],
        "vcpu-info.default-cores" => t.cores.map(|cores| cores.to_string()).into_iter().collect(),
        "vcpu-info.default-vcpus" => vec![t.vcpus.to_string()],
        _ => Vec::new(),
    }
}

fn gpu_info(t: &InstanceType) -> Option<Value> {
    if t.gpus.is_empty() {
        return None;
    }
    let total: u64 = t.gpus.iter().map(|(_, _, count, mib)| u64::from(*count) * mib).sum();
    let gpus: Vec<Value> = t
        .gpus
        .iter()
        .map(|(maker, name, count, mib)| {
            json!({"name": name, "manufacturer": maker, "count": count, "memoryInfo": {"sizeInMiB": mib}})
        })
        .collect();
    Some(json!({"gpus": gpus, "totalGpuMemoryInMiB": total}))
}

fn network_info(t: &InstanceType) -> Value {
    let cards: Vec<Value> = t
        .cards()
        .iter()
        .enumerate()
        .map(|(index, card)| {
            let types: &[&str] =
                if card.efa { &["interface", "efa", "efa-only"] } else { &["interface"] };
            json!({
                "networkCardIndex": index,
                "networkPerformance": card.network,
                "maximumNetworkInterfaces": card.max_interfaces,
                "interfaceTypeSet": types,
            })
        })
        .collect();
    json!({
        "networkPerformance": t.network,
        "maximumNetworkInterfaces": t.max_interfaces,
        "maximumNetworkCards": cards.len(),
        "defaultNetworkCardIndex": 0,
        "networkCards": cards,
        "ipv4AddressesPerInterface": t.addresses_per_interface,
        "ipv6Supported": t.ena != "unsupported",
        "enaSupport": t.ena,
        "efaSupported": t.max_efa > 0,
        "efaInfo": (t.max_efa > 0).then(|| json!({"maximumEfaInterfaces": t.max_efa})),
    })
}

fn show(t: &InstanceType) -> Value {
    json!({
        "instanceType": t.name,
        "currentGeneration": t.current,
        "freeTierEligible": t.free_tier,
        "supportedUsageClasses": t.usage,
        "supportedRootDeviceTypes": ["ebs"],
        "supportedVirtualizationTypes": ["hvm"],
        "bareMetal": t.bare_metal,
        "hypervisor": t.hypervisor,
        "processorInfo": {"supportedArchitectures": t.architectures},
        "vCpuInfo": {
            "defaultVCpus": t.vcpus,
            "defaultCores": t.cores,
            "defaultThreadsPerCore": t.cores.filter(|cores| *cores > 0).map(|cores| t.vcpus / cores),
        },
        "memoryInfo": {"sizeInMiB": t.memory_mib},
        "instanceStorageSupported": t.storage_gb.is_some(),
        "instanceStorageInfo": t.storage_gb.map(|size| json!({"totalSizeInGB": size})),
        "networkInfo": network_info(t),
        "gpuInfo": gpu_info(t),
        "placementGroupInfo": {"supportedStrategies": t.strategies},
        "hibernationSupported": t.hibernation,
        "burstablePerformanceSupported": t.burstable,
        "dedicatedHostsSupported": t.dedicated_hosts,
        "autoRecoverySupported": t.auto_recovery,
        "supportedBootModes": t.boot,
        "supportedInRegion": t.offered(),
    })
}

/// DescribeInstanceTypes.
pub fn describe(call: &Call<'_>, p: &Params) -> Answer {
    let filters = Filters::read(call, p, FILTERS)?;
    let names = p.list("InstanceType");
    let elsewhere = p.flag("IncludeUnsupportedInRegion")?;
    dry_run(p)?;
    let there = |t: &InstanceType| elsewhere || t.offered();
    let unknown: Vec<&str> = names
        .iter()
        .map(String::as_str)
        .filter(|name| !InstanceType::find(name).is_some_and(there))
        .collect();
    call.region.rules.check(&rules::TYPE_DESCRIBED, unknown.is_empty(), || {
        let message =
            format!("The following supplied instance types do not exist: [{}]", unknown.join(", "));
        ApiError::new("InvalidInstanceType", message)
    })?;
    let shown = InstanceType::all()
        .iter()
        .filter(|t| there(t) && (names.is_empty() || names.contains(&t.name)))
        .filter(|t| filters.keep(&Tags::new(), |name| field(t, name)))
        .map(show)
        .collect();
    let usual = call.region.rules.on(&rules::TYPES_PAGE).then_some(100);
    let (items, next) = page_by(call, shown, p, (5, 100), usual)?;
    Ok(json!({"instanceTypeSet": items, "nextToken": next}))
}

/// DescribeInstanceTypeOfferings.
pub fn offerings(call: &Call<'_>, p: &Params) -> Answer {
    let filters = Filters::read(call, p, &["instance-type", "location"])?;
    let kind = p.get("LocationType").unwrap_or("region").to_owned();
    let known = matches!(kind.as_str(), "region" | "availability-zone" | "availability-zone-id");
    call.region.rules.check(&rules::LOCATION_TYPE, known, || {
        let message = format!("Value ({kind}) for parameter locationType is invalid.");
        ApiError::new("InvalidParameterValue", message)
    })?;
    dry_run(p)?;
    let mut shown = Vec::new();
    for t in InstanceType::all().iter().filter(|t| t.offered()) {
        let zones = ZONES.iter().filter(|(zone, _)| t.offered_in(zone));
        let places: Vec<&str> = match kind.as_str() {
            "availability-zone" => zones.map(|(zone, _)| *zone).collect(),
            "availability-zone-id" => zones.map(|(_, id)| *id).collect(),
            _ => vec![call.region.config.region.as_str()],
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
    let (items, next) = page(call, shown, p, (5, 1000))?;
    Ok(json!({"instanceTypeOfferingSet": items, "nextToken": next}))
}
