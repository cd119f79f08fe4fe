//! What the region refuses and how it behaves, as a table of rules.
//!
//! A rule is declared once, in the file of its area, with its source; the code
//! that carries it out asks [`Rules`], and a test in `tests/rules` proves it:
//! the test must pass, and must fail once the rule is switched off.
//! `docs/local-region.md` is written from the same table.

pub mod addresses;
pub mod capacity;
pub mod capacity_blocks;
pub mod consistency;
pub mod iam;
pub mod imagebuilder;
pub mod images;
pub mod instances;
pub mod interfaces;
pub mod launch;
pub mod launch_templates;
pub mod logs;
pub mod managed_nodes;
pub mod mlflow_api;
pub mod mlflow_apps;
pub mod mlflow_urls;
pub mod network;
pub mod pagination;
pub mod parameters;
pub mod placement_groups;
pub mod power;
pub mod pricing;
pub mod quotas;
pub mod requests;
pub mod reservations;
pub mod route_tables;
pub mod run_command;
pub mod s3;
pub mod scheduler;
pub mod security_groups;
pub mod sessions;
pub mod snapshots;
pub mod spot_prices;
pub mod sts;
pub mod tags;
pub mod throttling;
pub mod topology;
pub mod tracking_servers;
pub mod workflows;

use crate::api::ApiError;
use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};

/// One rule.
#[derive(Debug, PartialEq, Eq, serde::Serialize)]
pub struct Rule {
    /// Stable name, `service.subject.what`.
    pub id: &'static str,
    /// What AWS does, in one sentence.
    pub says: &'static str,
    /// The AWS document, model or report that says so.
    pub source: &'static str,
    /// Error code that the caller sees, or `-`.
    pub answer: &'static str,
    /// Which suite proves it.
    pub proof: Proof,
}

/// Where a rule is proved.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Proof {
    /// `src/tests/rules`, with recorded machines.
    Api,
    /// With real machines (`tests/machines/rules.rs`) or real packets
    /// (`src/tests/network`), as root.
    Machines,
}

/// Something AWS does and the region does not, or not in the same way.
#[derive(Debug, PartialEq, Eq, serde::Serialize)]
pub struct Gap {
    /// Area, e.g. `ec2`.
    pub area: &'static str,
    /// What is different.
    pub says: &'static str,
}

/// Declares the rules and gaps of one area as constants and as `RULES` and `GAPS`.
macro_rules! rules {
    (gaps: [$($area:literal: $gap:literal),* $(,)?] $($name:ident = $id:literal { says: $says:literal, source: $source:literal, answer: $answer:literal, proof: $proof:ident $(,)? })*) => {
        $(#[doc = $says] pub static $name: $crate::rules::Rule = $crate::rules::Rule {
            id: $id, says: $says, source: $source, answer: $answer, proof: $crate::rules::Proof::$proof,
        };)*
        /// Rules of this area.
        pub static RULES: &[&$crate::rules::Rule] = &[$(&$name),*];
        /// Gaps of this area.
        pub static GAPS: &[$crate::rules::Gap] = &[$($crate::rules::Gap { area: $area, says: $gap }),*];
    };
}
pub(crate) use rules;

/// Every area, in the order of the document: title, rules, gaps.
pub static AREAS: &[(&str, &[&Rule], &[Gap])] = &[
    ("Launching", launch::RULES, launch::GAPS),
    ("Launch templates", launch_templates::RULES, launch_templates::GAPS),
    ("Stop and start", power::RULES, power::GAPS),
    ("Instances", instances::RULES, instances::GAPS),
    ("Topology", topology::RULES, topology::GAPS),
    ("Network interfaces", interfaces::RULES, interfaces::GAPS),
    ("Elastic IP addresses", addresses::RULES, addresses::GAPS),
    ("Security groups", security_groups::RULES, security_groups::GAPS),
    ("Traffic between machines", network::RULES, network::GAPS),
    ("Route tables", route_tables::RULES, route_tables::GAPS),
    ("Placement groups", placement_groups::RULES, placement_groups::GAPS),
    ("Types, markets and capacity", capacity::RULES, capacity::GAPS),
    ("Quotas", quotas::RULES, quotas::GAPS),
    ("Spot prices", spot_prices::RULES, spot_prices::GAPS),
    ("Capacity Reservations", reservations::RULES, reservations::GAPS),
    ("Capacity Blocks", capacity_blocks::RULES, capacity_blocks::GAPS),
    ("Tags and filters", tags::RULES, tags::GAPS),
    ("Requests of EC2", requests::RULES, requests::GAPS),
    ("Eventual consistency of EC2", consistency::RULES, consistency::GAPS),
    ("Pages", pagination::RULES, pagination::GAPS),
    ("Parameters", parameters::RULES, parameters::GAPS),
    ("Managed nodes", managed_nodes::RULES, managed_nodes::GAPS),
    ("Run Command", run_command::RULES, run_command::GAPS),
    ("MLflow tracking servers", tracking_servers::RULES, tracking_servers::GAPS),
    ("MLflow Apps", mlflow_apps::RULES, mlflow_apps::GAPS),
    ("Presigned MLflow URLs", mlflow_urls::RULES, mlflow_urls::GAPS),
    ("MLflow's own API", mlflow_api::RULES, mlflow_api::GAPS),
    ("Sessions", sessions::RULES, sessions::GAPS),
    ("Attributes of images", images::RULES, images::GAPS),
    ("Snapshots", snapshots::RULES, snapshots::GAPS),
    ("Image Builder", imagebuilder::RULES, imagebuilder::GAPS),
    ("Workflows of Image Builder", workflows::RULES, workflows::GAPS),
    ("CloudWatch Logs", logs::RULES, logs::GAPS),
    ("Identities and access", iam::RULES, iam::GAPS),
    ("Assumed roles", sts::RULES, sts::GAPS),
    ("Objects", s3::RULES, s3::GAPS),
    ("Prices", pricing::RULES, pricing::GAPS),
    ("Schedules", scheduler::RULES, scheduler::GAPS),
    ("Request throttling", throttling::RULES, throttling::GAPS),
];

/// All rules.
pub fn all() -> impl Iterator<Item = &'static Rule> {
    AREAS.iter().flat_map(|(_, rules, _)| rules.iter().copied())
}

/// Which rules are in force; clones share it. All are, until one is switched off.
#[derive(Debug, Clone, Default)]
pub struct Rules(Arc<Mutex<BTreeSet<&'static str>>>);

impl Rules {
    /// Whether the rule is in force.
    #[must_use]
    pub fn on(&self, rule: &Rule) -> bool {
        !self.0.lock().unwrap_or_else(PoisonError::into_inner).contains(rule.id)
    }

    /// Refuses what breaks a rule that is in force.
    ///
    /// # Errors
    /// `refusal`, marked with the rule.
    pub fn check(
        &self,
        rule: &'static Rule,
        kept: bool,
        refusal: impl FnOnce() -> ApiError,
    ) -> Result<(), ApiError> {
        if kept || !self.on(rule) { Ok(()) } else { Err(refusal().by(rule)) }
    }

    /// Switches a rule; false if there is none of this name.
    pub fn switch(&self, id: &str, on: bool) -> bool {
        let Some(rule) = all().find(|rule| rule.id == id) else { return false };
        let mut off = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if on {
            off.remove(rule.id)
        } else {
            off.insert(rule.id)
        };
        true
    }
}
