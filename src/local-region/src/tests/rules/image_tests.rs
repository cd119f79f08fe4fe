//! Proofs of what Image Builder tests.

use super::imagebuilder::{ask, component, described, distribution, infrastructure, put, recipe};
use super::managed_nodes::{CORE, role};
use super::{Case, Found, case, same};
use crate::rules::imagebuilder as rules;
use crate::testing::Bench;
use http::Method;
use serde_json::{Value, json};

/// An image that is tested on a type, by a step with this word; its ARN, once it ended.
async fn tested(bench: &Bench, word: &str, kind: &str) -> String {
    role(bench, "builder", CORE).await;
    let step = |phase, word| {
        format!(
            "- name: {phase}\n  steps:\n  - {{name: a, action: ExecuteBash, inputs: {{commands: [{word}]}}}}\n"
        )
    };
    let text =
        format!("schemaVersion: 1.0\nphases:\n{}{}", step("build", "true"), step("test", word));
    let made = component(bench, json!({"data": text})).await.1;
    let used = json!([{"componentArn": made["componentBuildVersionArn"]}]);
    let recipe = recipe(bench, json!({"components": used})).await.1;
    let infrastructure = infrastructure(bench, json!({"instanceTypes": [kind], "instanceMetadataOptions": {"httpTokens": "required", "httpPutResponseHopLimit": 1}})).await.1;
    let tags = json!({"region": "us-east-1", "amiDistributionConfiguration": {"amiTags": {"nixl:digest": "d"}}});
    let distribution = distribution(bench, tags).await.1;
    let request = json!({
        "imageRecipeArn": recipe["imageRecipeArn"],
        "infrastructureConfigurationArn": infrastructure["infrastructureConfigurationArn"],
        "distributionConfigurationArn": distribution["distributionConfigurationArn"],
    });
    let answer = put(bench, "/CreateImage", request, json!({})).await.1;
    let arn = answer["imageBuildVersionArn"].as_str().unwrap().to_owned();
    ended(bench, &arn).await;
    arn
}

async fn ended(bench: &Bench, arn: &str) {
    let over = |status: &str| matches!(status, "AVAILABLE" | "FAILED" | "CANCELLED");
    bench
        .until(|region| over(region.inner.state().imagebuilder.images[arn].status()).then_some(()))
        .await;
}

/// What the machine half was asked, by its first word.
fn asked(bench: &Bench) -> Vec<String> {
    let first = |line: String| line.split(' ').next().unwrap_or_default().to_owned();
    bench.machines.log().into_iter().map(first).collect()
}

async fn workflows(bench: &Bench, arn: &str) -> Vec<(String, String)> {
    let body = json!({"imageBuildVersionArn": arn});
    let told = ask(bench, Method::POST, "/ListWorkflowExecutions", body).await.1;
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let all = told["workflowExecutions"].as_array().unwrap();
    all.iter().map(|one| (text(&one["type"]), text(&one["status"]))).collect()
}

/// Tags of the only image that was made.
fn tags(bench: &Bench) -> Vec<String> {
    let state = bench.region.inner.state();
    let made = state.imagebuilder.images.values().find_map(|image| image.ami_id.clone());
    state.ec2.tags_of(&made.unwrap()).keys().cloned().collect()
}

pub fn cases() -> Vec<Case> {
    vec![case(&rules::TEST, async |bench: Bench| {
        let arn = tested(&bench, "true", "g6.12xlarge").await;
        same(asked(&bench).as_slice(), &["build", "start", "test", "terminate"].map(String::from))?;
        let pair = |kind: &str, status: &str| (kind.to_owned(), status.to_owned());
        let all = vec![pair("BUILD", "COMPLETED"), pair("TEST", "COMPLETED")];
        same(workflows(&bench, &arn).await, all)?;
        let state = bench.region.inner.state();
        let made = state.ec2.instances.values();
        let made = made.map(|one| (one.instance_type.as_str(), one.tokens_required, one.hop_limit));
        same(made.collect::<Vec<_>>(), vec![("g6.12xlarge", true, 1)])
    })]
}

#[tokio::test]
async fn a_failed_test_keeps_an_ami_without_its_tags_and_can_be_tried_again() {
    let bench = Bench::new();
    let arn = tested(&bench, "broken", "g6.12xlarge").await;
    let failed = described(&bench, &arn).await;
    let context = &failed["state"]["failureContext"];
    assert_eq!(context["imageStatus"], "TESTING", "{failed}");
    assert_eq!(context["failedStep"], "ApplyTestComponents");
    assert_eq!(context["componentFailure"]["phaseName"], "test");
    assert_eq!(failed["outputResources"]["amis"], json!([]));
    assert_eq!(tags(&bench), ["CreatedBy", "Ec2ImageBuilderArn"]);
    assert_eq!(asked(&bench), ["build", "start", "test", "terminate"]);
    // The component is another one now: what was flaky is well.
    for resource in bench.region.inner.state().imagebuilder.components.values_mut() {
        resource.body["data"] =
            json!(resource.body["data"].as_str().unwrap().replace("broken", "true"));
    }
    let body = json!({"imageBuildVersionArn": arn});
    assert_eq!(put(&bench, "/RetryImage", body, json!({})).await.0, "OK");
    ended(&bench, &arn).await;
    assert_eq!(described(&bench, &arn).await["state"]["status"], "AVAILABLE");
    assert!(tags(&bench).contains(&"nixl:digest".to_owned()));
    assert_eq!(asked(&bench)[4..], ["start", "test", "terminate"], "nothing is built again");
    assert_eq!(workflows(&bench, &arn).await.len(), 3);
}

#[tokio::test]
async fn a_test_instance_that_cannot_be_had_fails_the_image() {
    let bench = Bench::new();
    let arn = tested(&bench, "true", "g6.12xlargest").await;
    let failed = described(&bench, &arn).await;
    let context = &failed["state"]["failureContext"];
    let found: Found = same(&context["failedStep"], &json!("LaunchTestInstance"));
    found.unwrap();
    assert!(failed["state"]["reason"].as_str().unwrap().contains("g6.12xlargest"), "{failed}");
    assert!(context["componentFailure"].is_null());
}
