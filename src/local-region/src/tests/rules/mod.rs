//! For each rule a proof, run twice: it must hold, and must not hold once the
//! rule is switched off. A proof that cannot fail proves nothing.

mod capacity;
mod iam;
mod instances;
mod interfaces;
mod launch;
mod pagination;
mod placement_groups;
mod power;
mod quotas;
mod reservations;
mod security_groups;
mod sessions;
mod sts;
mod tags;

use crate::rules::{self, Proof, Rule};
use crate::testing::Bench;
use std::collections::BTreeMap;
use std::pin::Pin;

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
        power::cases(),
        instances::cases(),
        interfaces::cases(),
        placement_groups::cases(),
        capacity::cases(),
        reservations::cases(),
        sessions::cases(),
        security_groups::cases(),
        tags::cases(),
        pagination::cases(),
        quotas::cases(),
        iam::cases(),
        sts::cases(),
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
    let mut wrong = Vec::new();
    for rule in rules::all().filter(|rule| rule.proof == Proof::Api) {
        let mut proofs = cases.iter().filter(|case| case.rule.id == rule.id).peekable();
        if proofs.peek().is_none() {
            wrong.push(format!("{}: no proof", rule.id));
        }
        for proof in proofs {
            if let Err(why) = (proof.prove)(Bench::new()).await {
                wrong.push(format!("{}: {why}", rule.id));
            }
            let without = Bench::new();
            without.region.inner.rules.switch(rule.id, false);
            if (proof.prove)(without).await.is_ok() {
                wrong.push(format!("{}: its proof holds without it too", rule.id));
            }
        }
    }
    let count = rules::all().filter(|rule| rule.proof == Proof::Api).count();
    println!("{count} rules, {} proofs, {} wrong", cases.len(), wrong.len());
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
