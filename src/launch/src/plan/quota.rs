//! vCPU quotas: what a launch needs, and what is left.
//!
//! Source: EC2 user guide, "On-Demand Instance quotas", "Spot Instance quotas":
//! running and pending instances count with their vCPUs, and so do active
//! Capacity Reservations that nobody uses. Capacity Blocks do not.

use super::facts::Known;
use super::{Existing, Facts, Spec};
use crate::check::Check;
use nixl_aws::ec2::{InstanceTypeInfo, Market};
use nixl_aws::quotas::Increase;
use nixl_cluster::instance_type;
use serde::{Deserialize, Serialize};

/// Quotas of these are kept under this service code.
pub const SERVICE: &str = "ec2";
/// Elastic IP addresses of a region.
pub const ADDRESSES: &str = "L-0263D0A3";
const NAME: &str = "quota";

/// Families that share a quota, On-Demand and Spot; codes as Service Quotas
/// tells them. HPC and High Memory have no Spot.
const FAMILIES: &[(&[&str], &str, Option<&str>)] = &[
    (&["g", "gr", "vt"], "L-DB2E81BA", Some("L-3819A6DF")),
    (&["p"], "L-417A185B", Some("L-7212CCBC")),
    (&["a", "c", "d", "h", "i", "im", "is", "m", "r", "t", "z"], "L-1216C47A", Some("L-34B43A08")),
    (&["trn"], "L-2C3B7624", Some("L-6B0D517C")),
    (&["inf"], "L-1945791B", Some("L-B5D1601B")),
    (&["dl"], "L-6E869C2A", Some("L-85EED4F7")),
    (&["f"], "L-74FC7D96", Some("L-88CF9481")),
    (&["x"], "L-7295265B", Some("L-E3A00192")),
    (&["hpc"], "L-F7808C92", None),
    (&["u"], "L-43DA4232", None),
];

/// The leading run of letters: `inf` of `inf2.48xlarge`, `p` of `p6-b200.48xlarge`.
fn family(instance_type: &str) -> &str {
    let end = instance_type.find(|c: char| !c.is_ascii_lowercase());
    &instance_type[..end.unwrap_or(instance_type.len())]
}

fn group(
    instance_type: &str,
) -> Option<&'static (&'static [&'static str], &'static str, Option<&'static str>)> {
    FAMILIES.iter().find(|(families, ..)| families.contains(&family(instance_type)))
}

/// Code of the quota that a type counts against; none is known of a Capacity Block.
#[must_use]
pub fn code(instance_type: &str, market: Market) -> Option<&'static str> {
    let (_, on_demand, spot) = group(instance_type)?;
    match market {
        Market::OnDemand => Some(on_demand),
        Market::Spot => *spot,
        Market::CapacityBlock => None,
    }
}

/// Whether two types draw on the same quotas.
#[must_use]
pub fn shared(a: &str, b: &str) -> bool {
    code(a, Market::OnDemand).is_some_and(|code_a| code(b, Market::OnDemand) == Some(code_a))
}

/// A quota beside what is needed of it, in vCPUs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Quota {
    /// `L-…`
    pub code: String,
    /// Market.
    pub market: Market,
    /// Types of the plan that draw on it.
    pub instance_types: Vec<String>,
    /// What the largest of them needs for all nodes.
    pub need: u32,
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

    /// Value that would be enough for this launch beside what is there.
    #[must_use]
    pub fn enough(&self) -> u32 {
        let there = self.used.unwrap_or(0).saturating_add(self.reserved.unwrap_or(0));
        self.need.saturating_add(there)
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

    fn told(&self) -> String {
        let number = |value: Option<u32>| value.map_or("unknown".to_owned(), |it| it.to_string());
        format!(
            "{} {} ({}): {} vCPUs needed, {} used, {} reserved, limit {}",
            self.code,
            self.market,
            self.instance_types.join(", "),
            self.need,
            number(self.used),
            number(self.reserved),
            number(self.limit),
        )
    }

    fn check(&self, region: &str, verdict_if_short: fn(&str, String, String) -> Check) -> Check {
        let mut found = self.told();
        for increase in &self.pending {
            found
                .push_str(&format!("; an increase to {} is {}", increase.desired, increase.status));
        }
        match (self.limit, self.left()) {
            (None, _) => Check::skip(NAME, found),
            (Some(limit), _) if limit < self.need => self.short(found, region, verdict_if_short),
            (_, Some(left)) if left < self.need => self.short(found, region, verdict_if_short),
            (_, None) => Check::skip(NAME, found),
            (_, Some(_)) => Check::pass(NAME, found),
        }
    }

    fn is_short(&self) -> bool {
        self.left().is_some_and(|left| left < self.need)
            || self.limit.is_some_and(|limit| limit < self.need)
    }

    fn short(
        &self,
        found: String,
        region: &str,
        check: fn(&str, String, String) -> Check,
    ) -> Check {
        let fix = if self.pending.iter().any(|it| it.desired >= f64::from(self.enough())) {
            "wait until the increase is granted, or choose a smaller --instance-type".to_owned()
        } else {
            format!("ask for more: `{}`", self.command(region))
        };
        check(NAME, format!("{found}; EC2 would answer VcpuLimitExceeded"), fix)
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
            let need = info.vcpus.saturating_mul(spec.size);
            if let Some(quota) = quotas.iter_mut().find(|it| it.code == code) {
                quota.need = quota.need.max(need);
                quota.instance_types.push(info.name.clone());
                continue;
            }
            let read = facts.quotas.iter().find(|it| it.code == code);
            // Rounded down: a part of a vCPU runs nothing.
            let limit = read.and_then(|it| it.limit.value()).map(|value| *value as u32);
            let same = |name: &str| shared(name, &info.name);
            let used = facts.usage.value().map(|instances| {
                let counted = instances.iter().filter(|it| it.market == *market);
                counted.filter(|it| same(&it.instance_type)).map(|it| it.vcpus).sum()
            });
            quotas.push(Quota {
                code: code.to_owned(),
                market: *market,
                instance_types: vec![info.name.clone()],
                need,
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

/// One check each; too little fails only if no other quota has enough.
pub(super) fn checks(spec: &Spec, existing: &Existing, quotas: &[Quota]) -> Vec<Check> {
    if matches!(existing, Existing::Complete(_)) {
        return vec![Check::skip(NAME, "the nodes are there already")];
    }
    if spec.reservation_id.is_some() {
        return vec![Check::skip(NAME, "a reservation counts already, a Capacity Block never")];
    }
    if quotas.is_empty() {
        return vec![Check::skip(NAME, "no quota of these types is known")];
    }
    let all_short = quotas.iter().all(Quota::is_short);
    let verdict = if all_short { Check::fail } else { Check::warn };
    quotas.iter().map(|quota| quota.check(&spec.region, verdict)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn quota(limit: Option<u32>, used: Option<u32>, reserved: Option<u32>, need: u32) -> Quota {
        Quota {
            code: "L-DB2E81BA".to_owned(),
            market: Market::OnDemand,
            instance_types: vec!["g6.12xlarge".to_owned()],
            need,
            limit,
            used,
            reserved,
            pending: Vec::new(),
        }
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
        assert!(shared("g5.12xlarge", "g6e.48xlarge") && !shared("g5.12xlarge", "p5.48xlarge"));
    }

    #[test]
    fn unknown_is_never_taken_for_zero() {
        for unknown in [quota(None, Some(0), Some(0), 96), quota(Some(96), None, Some(0), 96)] {
            let checks =
                checks(&Spec::new(Default::default(), "us-east-1"), &Existing::None, &[unknown]);
            assert_eq!(checks[0].verdict, nixl_cluster::check::Verdict::Skip, "{}", checks[0]);
        }
    }

    #[test]
    fn too_little_says_the_command_and_fails_only_alone() {
        let spec = Spec::new(Default::default(), "us-east-1");
        let short = quota(Some(128), Some(48), Some(8), 96);
        let told = checks(&spec, &Existing::None, std::slice::from_ref(&short));
        assert_eq!(told[0].verdict, nixl_cluster::check::Verdict::Fail);
        let text = told[0].to_string();
        assert!(text.contains("--quota-code L-DB2E81BA --desired-value 152"), "{text}");
        let roomy = quota(Some(1000), Some(0), Some(0), 96);
        let told = checks(&spec, &Existing::None, &[short.clone(), roomy]);
        assert_eq!(told[0].verdict, nixl_cluster::check::Verdict::Warn);
        let asked = Increase { desired: 200.0, status: "PENDING".to_owned() };
        let waiting = Quota { pending: vec![asked], ..short };
        let text = checks(&spec, &Existing::None, &[waiting])[0].to_string();
        assert!(text.contains("an increase to 200 is PENDING") && text.contains("wait"), "{text}");
    }

    proptest! {
        /// What the command asks for is enough, and one less is not.
        #[test]
        fn the_value_asked_for_is_just_enough(used in 0u32..1 << 20, reserved in 0u32..1 << 20, need in 1u32..1 << 20) {
            let with = |limit| quota(Some(limit), Some(used), Some(reserved), need);
            let enough = with(0).enough();
            prop_assert!(!with(enough).is_short());
            prop_assert!(with(enough - 1).is_short());
        }

        #[test]
        fn more_use_never_leaves_more(limit: u32, used: u32, more: u32, reserved: u32) {
            let left = |used| quota(Some(limit), Some(used), Some(reserved), 1).left().unwrap();
            prop_assert!(left(used.saturating_add(more)) <= left(used));
            prop_assert!(left(used) <= limit);
        }
    }
}
