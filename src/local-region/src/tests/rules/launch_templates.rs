//! Proofs of the rules of launch templates.

use super::launch::{accepted, refused};
use super::{Case, case, same};
use crate::rules::{Rule, launch_templates as rules};
use crate::testing::{Bench, element};

const DATA: &str = "&LaunchTemplateData.InstanceType=g6.12xlarge";

async fn create(bench: &Bench, more: &str) -> String {
    bench.query("ec2", &format!("Action=CreateLaunchTemplate{more}")).await.1
}

/// One called `nixl` of a g6.12xlarge, and what a launch from it is answered.
async fn launch_from(bench: &Bench, spec: &str, more: &str) -> String {
    let ami = bench.region.inner.state().ec2.images.keys().next().unwrap().clone();
    let image = format!("{DATA}&LaunchTemplateData.ImageId={ami}");
    create(bench, &format!("&LaunchTemplateName=nixl{image}")).await;
    let body = format!("Action=RunInstances&MinCount=1&MaxCount=1{spec}{more}");
    bench.query("ec2", &body).await.1
}

const BY_NAME: &str = "&LaunchTemplate.LaunchTemplateName=nixl";

fn creates(rule: &'static Rule, bad: &'static str, good: &'static str) -> Case {
    case(rule, move |bench: Bench| async move {
        accepted(&create(&bench, good).await)?;
        refused(&create(&bench, bad).await, rule.answer)
    })
}

pub fn cases() -> Vec<Case> {
    const GOOD: &str = "&LaunchTemplateName=nixl&LaunchTemplateData.InstanceType=g6.12xlarge";
    vec![
        creates(
            &rules::NAME,
            "&LaunchTemplateName=a%20b&LaunchTemplateData.InstanceType=g6.12xlarge",
            GOOD,
        ),
        creates(&rules::NAME_TAKEN, GOOD, GOOD),
        creates(&rules::DATA, "&LaunchTemplateName=other", GOOD),
        case(&rules::TOKEN, async |bench: Bench| {
            let first = create(&bench, &format!("{GOOD}&ClientToken=t")).await;
            let again = create(&bench, &format!("{GOOD}&ClientToken=t")).await;
            accepted(&again)?;
            same(element(&again, "launchTemplateId"), element(&first, "launchTemplateId"))
        }),
        case(&rules::UNKNOWN, async |bench: Bench| {
            let other = "&LaunchTemplate.LaunchTemplateName=other";
            refused(&launch_from(&bench, other, "").await, rules::UNKNOWN.answer)?;
            let id = "Action=DeleteLaunchTemplate&LaunchTemplateId=lt-0123456789abcdef0";
            refused(&bench.query("ec2", id).await.1, "InvalidLaunchTemplateId.NotFound")
        }),
        case(&rules::ONE_NAME, async |bench: Bench| {
            let both = format!("{BY_NAME}&LaunchTemplate.LaunchTemplateId=lt-0123456789abcdef0");
            refused(&launch_from(&bench, &both, "").await, rules::ONE_NAME.answer)
        }),
        case(&rules::VERSION, async |bench: Bench| {
            for good in ["1", "$Default", "$Latest"] {
                let spec = format!("{BY_NAME}&LaunchTemplate.Version={good}");
                accepted(&launch_from(&bench, &spec, "").await)?;
            }
            let bad = format!("{BY_NAME}&LaunchTemplate.Version=2");
            refused(&launch_from(&bench, &bad, "").await, rules::VERSION.answer)
        }),
        case(&rules::USED, async |bench: Bench| {
            let text = launch_from(&bench, BY_NAME, "").await;
            accepted(&text)?;
            same(element(&text, "instanceType"), "g6.12xlarge")
        }),
        case(&rules::OVERRIDE, async |bench: Bench| {
            let text = launch_from(&bench, BY_NAME, "&InstanceType=g5.12xlarge").await;
            accepted(&text)?;
            same(element(&text, "instanceType"), "g5.12xlarge")
        }),
    ]
}
