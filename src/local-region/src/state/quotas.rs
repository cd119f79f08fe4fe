//! Quotas of the account: vCPUs that may run at once, by family and market, and
//! the increases that were asked for.
//!
//! Codes, names and defaults: EC2 user guide, On-Demand Instance quotas and Spot
//! Instance quotas; codes as Service Quotas tells them.

use super::capacity::Market;
use jiff::Timestamp;
use std::collections::BTreeMap;

/// One quota.
#[derive(Debug, PartialEq, Eq)]
pub struct Quota {
    /// `L-…`
    pub code: &'static str,
    /// Name.
    pub name: &'static str,
    /// Market it is about.
    pub market: Market,
    /// Families it is about, or generations of one.
    pub families: &'static [&'static str],
    /// vCPUs of a new account at AWS.
    pub default: u32,
}

/// vCPUs of the local account in every quota: four p5.48xlarge. A new account
/// at AWS has none of those with an accelerator, and asks for them.
const LOCAL_VCPUS: u32 = 4 * 192;

const STANDARD: &[&str] = &["a", "c", "d", "h", "i", "im", "is", "m", "r", "t", "z"];

/// All quotas.
pub static QUOTAS: &[Quota] = &[
    on_demand("L-6E869C2A", "Running On-Demand DL instances", &["dl"], 0),
    on_demand("L-74FC7D96", "Running On-Demand F instances", &["f"], 0),
    on_demand("L-DB2E81BA", "Running On-Demand G and VT instances", &["g", "gr", "vt"], 0),
    on_demand("L-F7808C92", "Running On-Demand HPC instances", &["hpc"], 0),
    on_demand("L-43DA4232", "Running On-Demand High Memory instances", &["u"], 0),
    on_demand("L-1945791B", "Running On-Demand Inf instances", &["inf"], 0),
    on_demand("L-417A185B", "Running On-Demand P instances", &["p"], 0),
    on_demand(
        "L-1216C47A",
        "Running On-Demand Standard (A, C, D, H, I, M, R, T, Z) instances",
        STANDARD,
        5,
    ),
    on_demand("L-2C3B7624", "Running On-Demand Trn instances", &["trn"], 0),
    on_demand("L-7295265B", "Running On-Demand X instances", &["x"], 0),
    spot("L-85EED4F7", "All DL Spot Instance Requests", &["dl"], 0),
    spot("L-88CF9481", "All F Spot Instance Requests", &["f"], 0),
    spot("L-3819A6DF", "All G and VT Spot Instance Requests", &["g", "gr", "vt"], 0),
    spot("L-B5D1601B", "All Inf Spot Instance Requests", &["inf"], 0),
    spot("L-7212CCBC", "All P4, P3 and P2 Spot Instance Requests", &["p2", "p3", "p4"], 0),
    spot("L-C4BD4855", "All P5 Spot Instance Requests", &["p5"], 0),
    spot(
        "L-34B43A08",
        "All Standard (A, C, D, H, I, M, R, T, Z) Spot Instance Requests",
        STANDARD,
        5,
    ),
    spot("L-6B0D517C", "All Trn Spot Instance Requests", &["trn"], 0),
    spot("L-E3A00192", "All X Spot Instance Requests", &["x"], 0),
];

const fn on_demand(
    code: &'static str,
    name: &'static str,
    families: &'static [&'static str],
    default: u32,
) -> Quota {
    Quota { code, name, market: Market::OnDemand, families, default }
}

const fn spot(
    code: &'static str,
    name: &'static str,
    families: &'static [&'static str],
    default: u32,
) -> Quota {
    Quota { code, name, market: Market::Spot, families, default }
}

/// Family of an instance type, its leading run of letters: `inf` of `inf1.xlarge`.
#[must_use]
pub fn family(instance_type: &str) -> &str {
    let end = instance_type.find(|c: char| !c.is_ascii_lowercase()).unwrap_or(instance_type.len());
    &instance_type[..end]
}

/// Family with the digits after it: `p5` of `p5en.48xlarge`.
fn generation(instance_type: &str) -> &str {
    let letters = family(instance_type).len();
    let end = instance_type[letters..].find(|c: char| !c.is_ascii_digit());
    end.map_or(instance_type, |end| &instance_type[..letters + end])
}

impl Quota {
    /// By its code.
    #[must_use]
    pub fn find(code: &str) -> Option<&'static Self> {
        QUOTAS.iter().find(|quota| quota.code == code)
    }

    /// The one that a type counts against on a market; Capacity Blocks have none.
    #[must_use]
    pub fn of(instance_type: &str, market: Market) -> Option<&'static Self> {
        QUOTAS.iter().find(|quota| quota.market == market && quota.covers(instance_type))
    }

    /// Whether the type counts against it on its market.
    #[must_use]
    pub fn covers(&self, instance_type: &str) -> bool {
        self.families.contains(&family(instance_type))
            || self.families.contains(&generation(instance_type))
    }
}

/// An increase that was asked for.
#[derive(Debug, Clone)]
pub struct Increase {
    /// Id.
    pub id: String,
    /// The quota.
    pub quota: &'static Quota,
    /// Value that is asked for.
    pub desired: f64,
    /// `PENDING` or `APPROVED`.
    pub status: &'static str,
    /// When it was asked for.
    pub created: Timestamp,
    /// When its status last changed.
    pub updated: Timestamp,
    /// ARN of who asked.
    pub requester: String,
}

/// Quotas as applied to the account.
#[derive(Debug, Default)]
pub struct Quotas {
    values: BTreeMap<&'static str, f64>,
    /// Increases, oldest first.
    pub increases: Vec<Increase>,
}

impl Quotas {
    /// Value of a quota.
    #[must_use]
    pub fn value(&self, quota: &Quota) -> f64 {
        self.values.get(quota.code).copied().unwrap_or(f64::from(LOCAL_VCPUS))
    }

    /// Sets a value, as AWS does when it approves an increase: one that asked
    /// for no more is approved by it. False if no quota has the code.
    pub fn set(&mut self, code: &str, value: f64, now: Timestamp) -> bool {
        let Some(quota) = Quota::find(code) else { return false };
        self.values.insert(quota.code, value);
        for increase in self.open(quota).filter(|increase| increase.desired <= value) {
            increase.status = "APPROVED";
            increase.updated = now;
        }
        true
    }

    /// Increases of a quota that are not decided.
    pub fn open(&mut self, quota: &'static Quota) -> impl Iterator<Item = &mut Increase> {
        let open = move |i: &&mut Increase| i.quota == quota && i.status == "PENDING";
        self.increases.iter_mut().filter(open)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn every_type_of_the_catalogue_counts_against_one_quota() {
        for market in [Market::OnDemand, Market::Spot] {
            for t in crate::api::ec2::InstanceType::all().iter().filter(|t| t.sold(market)) {
                let covering =
                    QUOTAS.iter().filter(|q| q.market == market && q.covers(&t.name)).count();
                // The gap of the table: no Spot quota of P6 is known.
                let known = market != Market::Spot || generation(&t.name) != "p6";
                assert_eq!(covering, usize::from(known), "{} on {}", t.name, market.name());
            }
        }
        let codes: BTreeSet<_> = QUOTAS.iter().map(|quota| quota.code).collect();
        assert_eq!(codes.len(), QUOTAS.len());
    }
}
