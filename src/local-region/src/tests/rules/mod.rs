//! For each rule a proof, run twice: it must hold, and must not hold once the
//! rule is switched off. A proof that cannot fail proves nothing.

mod addresses;
mod built_images;
mod capacity;
mod capacity_blocks;
mod consistency;
mod copies;
mod iam;
mod image_tests;
mod imagebuilder;
mod images;
mod instances;
mod interfaces;
pub(crate) mod launch;
mod launch_templates;
mod logs;
pub(crate) mod managed_nodes;
mod mlflow_api;
mod mlflow_apps;
mod mlflow_urls;
mod pagination;
mod parameters;
mod placement_groups;
mod power;
mod pricing;
mod quotas;
mod requests;
mod reservations;
mod route_tables;
mod run_command;
mod s3;
mod scheduler;
mod security_groups;
mod sessions;
mod snapshots;
mod spot_prices;
mod standalone;
mod sts;
mod tags;
mod throttling;
mod topology;
mod tracking_servers;
mod workflows;

use crate::rules::{self, Proof, Rule};
use crate::testing::Bench;
use futures_util::StreamExt;
use std::collections::{BTreeMap, BTreeSet};
use std::pin::Pin;

const PROOFS_AT_A_TIME: usize = 16;

/// What a proof found.
pub type Found = Result<(), String>;
type Running = Pin<Box<dyn Future<Output = Found>>>;

/// The proof of one rule, on a new region of its own.
pub struct Case {
    pub rule: &'static Rule,
    pub prove: Box<dyn Fn(Bench) -> Running>,
}

/// A case from a rule and an async function.
pub fn case<F: Future<Output = Found> + 'static>(
    rule: &'static Rule,
    prove: impl Fn(Bench) -> F + 'static,
) -> Case {
    Case { rule, prove: Box::new(move |bench| Box::pin(prove(bench))) }
}

/// Fails a proof unless both are the same.
pub fn same<T: PartialEq + std::fmt::Debug>(found: T, expected: T) -> Found {
    if found == expected { Ok(()) } else { Err(format!("{found:?} instead of {expected:?}")) }
}

fn cases() -> Vec<Case> {
    [
        launch::cases(),
        launch_templates::cases(),
        power::cases(),
        instances::cases(),
        topology::cases(),
        interfaces::cases(),
        standalone::cases(),
        addresses::cases(),
        route_tables::cases(),
        placement_groups::cases(),
        capacity::cases(),
        capacity_blocks::cases(),
        reservations::cases(),
        spot_prices::cases(),
        parameters::cases(),
        tracking_servers::cases(),
        mlflow_apps::cases(),
        mlflow_urls::cases(),
        mlflow_api::cases(),
        managed_nodes::cases(),
        run_command::cases(),
        sessions::cases(),
        security_groups::cases(),
        tags::cases(),
        pagination::cases(),
        consistency::cases(),
        requests::cases(),
        quotas::cases(),
        scheduler::cases(),
        s3::cases(),
        pricing::cases(),
        iam::cases(),
        images::cases(),
        copies::cases(),
        snapshots::cases(),
        imagebuilder::cases(),
        image_tests::cases(),
        built_images::cases(),
        workflows::cases(),
        logs::cases(),
        sts::cases(),
        throttling::cases(),
    ]
    .into_iter()
    .flatten()
    .collect()
}

#[test]
fn rule_ids_are_unique_and_every_rule_cites_its_source() {
    let mut seen = BTreeMap::new();
    for rule in rules::all() {
        assert!(seen.insert(rule.id, ()).is_none(), "{} is there twice", rule.id);
        assert!(!rule.source.is_empty() && !rule.says.is_empty(), "{} is empty", rule.id);
    }
}

#[tokio::test]
async fn every_rule_has_a_proof_that_fails_without_it() {
    let cases = cases();
    let proved: BTreeSet<&str> = cases.iter().map(|case| case.rule.id).collect();
    let by_api = || rules::all().filter(|rule| rule.proof == Proof::Api);
    let unproved = by_api().filter(|rule| !proved.contains(rule.id));
    let mut wrong: Vec<String> = unproved.map(|rule| format!("{}: no proof", rule.id)).collect();
    // Most of their time they wait, for what must not happen.
    let proofs = cases.iter().filter(|case| case.rule.proof == Proof::Api).map(async |case| {
        let id = case.rule.id;
        let with = (case.prove)(Bench::new()).await;
        match (with, (case.prove)(Bench::without(case.rule)).await) {
            (Err(why), _) => Some(format!("{id}: {why}")),
            (_, Ok(())) => Some(format!("{id}: its proof holds without it too")),
            _ => None,
        }
    });
    let found: Vec<Option<String>> =
        futures_util::stream::iter(proofs).buffer_unordered(PROOFS_AT_A_TIME).collect().await;
    wrong.extend(found.into_iter().flatten());
    let count = by_api().count();
    println!("{count} rules, {} proofs, {} wrong", cases.len(), wrong.len());
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
