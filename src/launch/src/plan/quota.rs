//! vCPU quotas: what a launch needs, and what is left.
//!
//! Source: EC2 user guide, "On-Demand Instance quotas", "Spot Instance quotas":
//! running and pending instances count with their vCPUs, and so do active
//! Capacity Reservations that nobody uses. Capacity Blocks do not.

use super::facts::Known;
use super::{Existing, Facts, Spec};
use crate::check::Check;
use crate::failure::joined;
use nixl_aws::ec2::{InstanceTypeInfo, Market};
use nixl_aws::quotas::Increase;
use nixl_cluster::instance_type;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Quotas of these are kept under this service code.
pub const SERVICE: &str = "ec2";
/// Elastic IP addresses of a region.
pub const ADDRESSES: &str = "L-0263D0A3";
const NAME: &str = "quota";

/// Families that share a quota, On-Demand and Spot; codes and names as Service
/// Quotas lists them. HPC and High Memory have no Spot.
const FAMILIES: &[(&[&str], &str, Option<&str>)] = &[
    (&["g", "gr", "vt"], "L-DB2E81BA", Some("L-3819A6DF")),
    (&["p"], "L-417A185B", None),
    (&["a", "c", "d", "h", "i", "im", "is", "m", "r", "t", "z"], "L-1216C47A", Some("L-34B43A08")),
    (&["trn"], "L-2C3B7624", Some("L-6B0D517C")),
    (&["inf"], "L-1945791B", Some("L-B5D1601B")),
    (&["dl"], "L-6E869C2A", Some("L-85EED4F7")),
    (&["f"], "L-74FC7D96", Some("L-88CF9481")),
    (&["x"], "L-7295265B", Some("L-E3A00192")),
    (&["hpc"], "L-F7808C92", None),
    (&["u"], "L-43DA4232", None),
];

/// Spot quotas of single generations: "All P4, P3 and P2 Spot Instance Requests"
/// and "All P5 Spot Instance Requests". None is known of later ones.
const SPOT_GENERATIONS: &[(&[&str], &str)] =
    &[(&["p2", "p3", "p4"], "L-7212CCBC"), (&["p5"], "L-C4BD4855")];

/// The leading run of letters: `inf` of `inf2.48xlarge`, `p` of `p6-b200.48xlarge`.
fn family(instance_type: &str) -> &str {
    let end = instance_type.find(|c: char| !c.is_ascii_lowercase());
    &instance_type[..end.unwrap_or(instance_type.len())]
}

/// The family with the digits after it: `p5` of `p5en.48xlarge`.
fn generation(instance_type: &str) -> &str {
    let letters = family(instance_type).len();
    let end = instance_type[letters..].find(|c: char| !c.is_ascii_digit());
    end.map_or(instance_type, |end| &instance_type[..letters + end])
}

/// Code of the quota that a type counts against; none is known of a Capacity Block.
#[must_use]
pub fn code(instance_type: &str, market: Market) -> Option<&'static str> {
    let of = family(instance_type);
    let (_, on_demand, spot) = FAMILIES.iter().find(|(families, ..)| families.contains(&of))?;
    match market {
        Market::OnDemand => Some(on_demand),
        Market::Spot => spot.or_else(|| {
            let of = generation(instance_type);
            let row = SPOT_GENERATIONS.iter().find(|(generations, _)| generations.contains(&of));
            row.map(|(_, code)| *code)
        }),
        Market::CapacityBlock => None,
    }
}

/// Whether two types draw on the same quota of a market. Of those without a known
/// one, types of a generation do.
#[must_use]
pub fn shared(a: &str, b: &str, market: Market) -> bool {
    match (code(a, market), code(b, market)) {
        (None, None) => generation(a) == generation(b),
        (code_a, code_b) => code_a == code_b,
    }
}

/// A quota beside what is needed of it, in vCPUs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Quota {
    /// `L-…`
    pub code: String,
    /// Market.
    pub market: Market,
    /// What all nodes need, by type of the plan that draws on it.
    pub need: BTreeMap<String, u32>,
    /// Its value; none if it cannot be read, which is never taken for 0.
    pub limit: Option<u32>,
    /// Of instances that run or are about to.
    pub used: Option<u32>,
    /// Of active reservations that nobody uses.
    pub reserved: Option<u32>,
    /// Increases asked for and not settled.
    pub pending: Vec<Increase>,
}

impl Quota {
    /// What is left of it, if all of it is known.
    #[must_use]
    pub fn left(&self) -> Option<u32> {
        Some(self.limit?.saturating_sub(self.used?).saturating_sub(self.reserved?))
    }

    /// Value that would be enough for the largest type beside what is there.
    #[must_use]
    pub fn enough(&self) -> u32 {
        let there = self.used.unwrap_or(0).saturating_add(self.reserved.unwrap_or(0));
        self.need.values().max().copied().unwrap_or(0).saturating_add(there)
    }

    /// The command that asks for [`Self::enough`].
    #[must_use]
    pub fn command(&self, region: &str) -> String {
        format!(
            "aws service-quotas request-service-quota-increase --service-code {SERVICE} --quota-code {} --desired-value {} --region {region}",
            self.code,
            self.enough()
        )
    }

    /// Whether it is known to be too small for a type of the plan.
    #[must_use]
    pub fn is_short_of(&self, instance_type: &str) -> bool {
        let most = self.left().or(self.limit);
        self.need.get(instance_type).is_some_and(|need| most.is_some_and(|most| most < *need))
    }

    fn told(&self) -> String {
        let number = |value: Option<u32>| value.map_or("unknown".to_owned(), |it| it.to_string());
        let need: Vec<String> =
            self.need.iter().map(|(name, need)| format!("{need} for {name}")).collect();
        let mut told = format!(
            "{} {}: vCPUs needed: {}; {} used, {} reserved, limit {}",
            self.code,
            self.market,
            joined(&need),
            number(self.used),
            number(self.reserved),
            number(self.limit),
        );
        for increase in &self.pending {
            told.push_str(&format!("; an increase to {} is {}", increase.desired, increase.status));
        }
        told
    }

    fn check(&self, region: &str, verdict_if_short: fn(&str, String, String) -> Check) -> Check {
        let found = self.told();
        let short: Vec<&String> = self.need.keys().filter(|name| self.is_short_of(name)).collect();
        if !short.is_empty() {
            let found = format!("{found}; EC2 would refuse {}", joined(&short));
            let granted = |it: &Increase| it.desired >= f64::from(self.enough());
            let fix = if self.pending.iter().any(granted) {
                "wait until the increase is granted, or choose a smaller --instance-type".to_owned()
            } else {
                format!("ask for more: `{}`", self.command(region))
            };
            return verdict_if_short(NAME, found, fix);
        }
        let verdict = if self.left().is_none() { Check::skip } else { Check::pass };
        verdict(NAME, found)
    }
}

/// vCPUs of a type: as EC2 says, as known, or by its size.
fn vcpus(facts: &Facts, name: &str) -> Option<u32> {
    let said = facts.types.iter().find(|of| of.info.name == name).map(|of| of.info.vcpus);
    let known = || instance_type::find(name).map(|known| known.vcpus);
    said.or_else(known).or_else(|| {
        // Naming conventions: an xlarge has 4 vCPUs in almost every family.
        match name.split_once('.')?.1 {
            "large" => Some(2),
            size => match size.strip_suffix("xlarge")? {
                "" => Some(4),
                times => times.parse::<u32>().ok()?.checked_mul(4),
            },
        }
    })
}

/// The quotas that the types draw on, in the order of the plan.
pub(super) fn quotas(spec: &Spec, facts: &Facts, types: &[InstanceTypeInfo]) -> Vec<Quota> {
    let mut quotas: Vec<Quota> = Vec::new();
    if spec.reservation_id.is_some() {
        return quotas;
    }
    for info in types {
        for market in &spec.markets {
            let Some(code) = code(&info.name, *market) else { continue };
            let need = (info.name.clone(), info.vcpus.saturating_mul(spec.size));
            if let Some(quota) = quotas.iter_mut().find(|it| it.code == code) {
                quota.need.extend([need]);
                continue;
            }
            let read = facts.quotas.iter().find(|it| it.code == code);
            // Rounded down: a part of a vCPU runs nothing.
            let limit = read.and_then(|it| it.limit.value()).map(|value| *value as u32);
            let same = |name: &str| shared(name, &info.name, *market);
            let used = facts.usage.value().map(|instances| {
                let counted = instances.iter().filter(|it| it.market == *market);
                counted.filter(|it| same(&it.instance_type)).map(|it| it.vcpus).sum()
            });
            quotas.push(Quota {
                code: code.to_owned(),
                market: *market,
                need: BTreeMap::from([need]),
                limit,
                used,
                reserved: reserved(facts, *market, same),
                pending: read.and_then(|it| it.pending.value()).cloned().unwrap_or_default(),
            });
        }
    }
    quotas
}

fn reserved(facts: &Facts, market: Market, same: impl Fn(&str) -> bool) -> Option<u32> {
    if market != Market::OnDemand {
        return Some(0);
    }
    let Known::Value(reservations) = &facts.reservations else { return None };
    let unused = reservations
        .iter()
        .filter(|it| it.state == "active" && !it.capacity_block && same(&it.instance_type));
    let mut sum: u32 = 0;
    for reservation in unused {
        let each = vcpus(facts, &reservation.instance_type)?;
        sum = sum.saturating_add(each.saturating_mul(reservation.available));
    }
    Some(sum)
}

/// One check each, and one of what has none. Too little fails only if it is known
/// to be too little for every type on every market.
pub(super) fn checks(
    spec: &Spec,
    existing: &Existing,
    types: &[InstanceTypeInfo],
    quotas: &[Quota],
) -> Vec<Check> {
    if matches!(existing, Existing::Complete(_)) {
        return vec![Check::skip(NAME, "the nodes are there already")];
    }
    if spec.reservation_id.is_some() {
        return vec![Check::skip(NAME, "a reservation counts already, a Capacity Block never")];
    }
    let ways = || types.iter().flat_map(|it| spec.markets.iter().map(|market| (&it.name, *market)));
    let of = |name: &str, market: Market| {
        quotas.iter().find(|it| it.market == market && it.need.contains_key(name))
    };
    let is_short =
        |(name, market): (&String, Market)| of(name, market).is_some_and(|it| it.is_short_of(name));
    let verdict = if ways().all(is_short) { Check::fail } else { Check::warn };
    let mut checks: Vec<Check> =
        quotas.iter().map(|quota| quota.check(&spec.region, verdict)).collect();
    checks.extend(
        ways().filter(|(name, market)| of(name, *market).is_none()).map(|(name, market)| {
            Check::skip(NAME, format!("no quota is known of {name} {market}"))
        }),
    );
    checks
}

#[cfg(test)]
mod tests {
    use super::*;
    use nixl_cluster::check::Verdict;
    use proptest::prelude::*;

    fn quota(limit: Option<u32>, used: Option<u32>, reserved: Option<u32>, need: u32) -> Quota {
        Quota {
            code: "L-DB2E81BA".to_owned(),
            market: Market::OnDemand,
            need: BTreeMap::from([("g6.12xlarge".to_owned(), need)]),
            limit,
            used,
            reserved,
            pending: Vec::new(),
        }
    }

    fn is_short(quota: &Quota) -> bool {
        quota.is_short_of("g6.12xlarge")
    }

    /// Of the types named, on the markets named.
    fn told(names: &[&str], markets: &[Market], quotas: &[Quota]) -> Vec<Check> {
        let spec = Spec { markets: markets.to_vec(), ..Spec::new(Default::default(), "us-east-1") };
        let info =
            |name: &&str| InstanceTypeInfo { name: (*name).to_owned(), ..Default::default() };
        let types: Vec<_> = names.iter().map(info).collect();
        checks(&spec, &Existing::None, &types, quotas)
    }

    #[test]
    fn a_family_is_the_leading_run_of_letters() {
        for (name, expected) in [
            ("g6e.12xlarge", Some("L-DB2E81BA")),
            ("gr6.4xlarge", Some("L-DB2E81BA")),
            ("p6-b200.48xlarge", Some("L-417A185B")),
            ("inf2.48xlarge", Some("L-1945791B")),
            ("i4i.large", Some("L-1216C47A")),
            ("dl1.24xlarge", Some("L-6E869C2A")),
            ("d3.xlarge", Some("L-1216C47A")),
            ("trn1.32xlarge", Some("L-2C3B7624")),
            ("t3.micro", Some("L-1216C47A")),
            ("hpc7g.4xlarge", Some("L-F7808C92")),
            ("brandnew1.large", None),
        ] {
            assert_eq!(code(name, Market::OnDemand), expected, "{name}");
            assert_eq!(code(name, Market::CapacityBlock), None);
        }
    }

    #[test]
    fn markets_have_quotas_of_their_own() {
        for (a, b, on_demand, spot) in [
            ("g5.12xlarge", "g6e.48xlarge", true, true),
            ("g5.12xlarge", "p5.48xlarge", false, false),
            ("p4d.24xlarge", "p5en.48xlarge", true, false),
            ("p5.48xlarge", "p5en.48xlarge", true, true),
            ("p6-b200.48xlarge", "p6-b300.48xlarge", true, true),
            ("p5.48xlarge", "p6-b200.48xlarge", true, false),
            ("c5n.9xlarge", "m5.large", true, true),
            ("trn1.32xlarge", "inf2.48xlarge", false, false),
        ] {
            assert_eq!(shared(a, b, Market::OnDemand), on_demand, "{a} {b}");
            assert_eq!(shared(a, b, Market::Spot), spot, "{a} {b}");
        }
        assert_eq!(code("p4de.24xlarge", Market::Spot), Some("L-7212CCBC"));
        assert_eq!(code("p5e.48xlarge", Market::Spot), Some("L-C4BD4855"));
        assert_eq!(code("p6-b200.48xlarge", Market::Spot), None);
    }

    #[test]
    fn unknown_is_never_taken_for_zero() {
        for unknown in [quota(None, Some(0), Some(0), 96), quota(Some(96), None, Some(0), 96)] {
            let checks = told(&["g6.12xlarge"], &[Market::OnDemand], &[unknown]);
            assert_eq!(checks[0].verdict, Verdict::Skip, "{}", checks[0]);
        }
    }

    #[test]
    fn too_little_says_the_command_and_fails_only_alone() {
        let (g6, g6_and_p5) = (&["g6.12xlarge"][..], &["g6.12xlarge", "p5.48xlarge"][..]);
        let short = quota(Some(128), Some(48), Some(8), 96);
        let only =
            |quota: &Quota| told(g6, &[Market::OnDemand], std::slice::from_ref(quota)).remove(0);
        let check = only(&short);
        assert_eq!(check.verdict, Verdict::Fail);
        let text = check.to_string();
        assert!(text.contains("--quota-code L-DB2E81BA --desired-value 152"), "{text}");
        assert!(text.contains("EC2 would refuse g6.12xlarge"), "{text}");
        let need = BTreeMap::from([("p5.48xlarge".to_owned(), 384)]);
        let roomy = Quota { need, ..quota(Some(1000), Some(0), Some(0), 0) };
        let checks = told(g6_and_p5, &[Market::OnDemand], &[short.clone(), roomy]);
        assert_eq!(checks[0].verdict, Verdict::Warn);
        // Of the other market nothing is known: it may have room.
        let checks = told(g6, &[Market::OnDemand, Market::Spot], std::slice::from_ref(&short));
        assert_eq!((checks[0].verdict, checks[1].verdict), (Verdict::Warn, Verdict::Skip));
        let asked = Increase { desired: 200.0, status: "PENDING".to_owned() };
        let waiting = Quota { pending: vec![asked], ..short };
        let text = only(&waiting).to_string();
        assert!(text.contains("an increase to 200 is PENDING") && text.contains("wait"), "{text}");
    }

    #[test]
    fn what_is_too_little_for_the_largest_type_may_be_enough_for_another() {
        let mut both = quota(Some(400), Some(0), Some(0), 192);
        both.need.insert("g6.48xlarge".to_owned(), 768);
        let names = ["g6.48xlarge", "g6.12xlarge"];
        let check = told(&names, &[Market::OnDemand], std::slice::from_ref(&both)).remove(0);
        assert_eq!(check.verdict, Verdict::Warn);
        let text = check.to_string();
        assert!(text.contains("EC2 would refuse g6.48xlarge;"), "{text}");
        assert!(text.contains("--desired-value 768"), "{text}");
        both.limit = Some(100);
        assert_eq!(told(&names, &[Market::OnDemand], &[both])[0].verdict, Verdict::Fail);
    }

    proptest! {
        /// What the command asks for is enough, and one less is not.
        #[test]
        fn the_value_asked_for_is_just_enough(used in 0u32..1 << 20, reserved in 0u32..1 << 20, need in 1u32..1 << 20) {
            let with = |limit| quota(Some(limit), Some(used), Some(reserved), need);
            let enough = with(0).enough();
            prop_assert!(!is_short(&with(enough)));
            prop_assert!(is_short(&with(enough - 1)));
        }

        #[test]
        fn more_use_never_leaves_more(limit: u32, used: u32, more: u32, reserved: u32) {
            let left = |used| quota(Some(limit), Some(used), Some(reserved), 1).left().unwrap();
            prop_assert!(left(used.saturating_add(more)) <= left(used));
            prop_assert!(left(used) <= limit);
        }
    }
}
