//! Rules that only real machines can prove: each proof must hold, and must not
//! hold once the rule is switched off. Those of traffic between machines are
//! proved with packets alone, in `src/tests/network`.

use std::pin::Pin;

use nixl_local_region::rules::{self, Proof, Rule, imagebuilder, network, power};

use crate::ground::Ground;
use crate::region::Whole;
use crate::toe;

/// What a proof found.
type Found = Result<(), String>;
type Proving<'a> = Pin<Box<dyn Future<Output = Found> + 'a>>;

/// A rule and its proof.
struct Case {
    rule: &'static Rule,
    prove: for<'a> fn(&'a Ground, &'a Whole) -> Proving<'a>,
}

const CASES: &[Case] = &[
    Case {
        rule: &power::DISK_KEPT,
        prove: |ground, whole| {
            Box::pin(async move {
                let ids = whole.launch(1).await;
                whole.reach(&ids, "running").await;
                ground.until(&ids[0], "echo kept > /var/keep").await;
                whole.turn("StopInstances", &ids, "stopped").await;
                whole.turn("StartInstances", &ids, "running").await;
                match ground.until(&ids[0], "cat /var/keep || echo gone").await {
                    found if found == "kept" => Ok(()),
                    found => Err(found),
                }
            })
        },
    },
    Case {
        rule: &imagebuilder::REBOOT,
        prove: |ground, whole| {
            Box::pin(async move {
                // With an exit code alone it would be ignored and run once.
                let told = toe::built(ground, &whole.region.rules(), &toe::rebooting(1)).await?;
                if told == "x\nx" { Ok(()) } else { Err(told) }
            })
        },
    },
    Case {
        rule: &imagebuilder::REBOOT_LIMIT,
        prove: |ground, whole| {
            Box::pin(async move {
                let rules = &whole.region.rules();
                toe::built(ground, rules, &toe::rebooting(15)).await?;
                match toe::built(ground, rules, &toe::rebooting(16)).await {
                    Err(why) if why.contains("rebooted 15 times") => Ok(()),
                    found => Err(format!("{found:?}")),
                }
            })
        },
    },
    Case {
        rule: &imagebuilder::WEB_DOWNLOAD,
        prove: |ground, whole| {
            Box::pin(async move {
                let url = toe::served("hello").await;
                let wrong = toe::download(&url, &"0".repeat(64));
                match toe::built(ground, &whole.region.rules(), &wrong).await {
                    Err(why) if why.contains("the checksum is 2cf24dba") => Ok(()),
                    found => Err(format!("{found:?}")),
                }
            })
        },
    },
];

#[tokio::test(flavor = "multi_thread")]
async fn every_rule_holds_with_real_machines_and_not_without_it() {
    let Some(ground) = Ground::new() else { return };
    let by_packets = |rule: &Rule| network::RULES.iter().any(|known| known.id == rule.id);
    let here = rules::all().filter(|rule| rule.proof == Proof::Machines && !by_packets(rule));
    let mut wrong = Vec::new();
    for rule in here {
        let Some(case) = CASES.iter().find(|case| case.rule.id == rule.id) else {
            wrong.push(format!("{}: no proof", rule.id));
            continue;
        };
        for on in [true, false] {
            let whole = Whole::on(&ground);
            whole.region.rules().switch(rule.id, on);
            match ((case.prove)(&ground, &whole).await, on) {
                (Err(why), true) => wrong.push(format!("{}: {why}", rule.id)),
                (Ok(()), false) => wrong.push(format!("{}: holds without it too", rule.id)),
                _ => {}
            }
            whole.region.shutdown().await;
        }
    }
    println!("{} rules with real machines, {} wrong", CASES.len(), wrong.len());
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
