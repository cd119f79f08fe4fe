//! A build and what comes of it.

use crate::state::workflow::Step;
use crate::testing::Bench;
use http::{Method, StatusCode};
use serde_json::{Value, json};

const DOCUMENT: &str = "schemaVersion: 1.0\nphases:\n- name: build\n  steps:\n  - {name: a, action: ExecuteBash, inputs: {commands: [WORD]}}\n";

async fn put(bench: &Bench, path: &str, mut body: Value) -> Value {
    body["clientToken"] = json!(crate::state::ids::request());
    let (status, answer) = bench.rest(Method::PUT, path, body).await;
    assert_eq!(status, StatusCode::OK, "{path}: {answer}");
    answer
}

/// Returns the image's ARN.
async fn build(bench: &Bench, word: &str) -> String {
    bench.query("iam", "Action=CreateInstanceProfile&InstanceProfileName=builder").await;
    let component = put(bench, "/CreateComponent", json!({"name": "install", "semanticVersion": "1.0.0", "platform": "Linux", "data": DOCUMENT.replace("WORD", word)})).await;
    let recipe = put(bench, "/CreateImageRecipe", json!({
        "name": "nixl", "semanticVersion": "1.0.0", "parentImage": format!("ssm:{}", crate::debian::PARAMETER),
        "components": [{"componentArn": component["componentBuildVersionArn"]}], "amiTags": {"nixl:digest": "d"},
    })).await;
    let infrastructure = put(
        bench,
        "/CreateInfrastructureConfiguration",
        json!({"name": "nixl", "instanceProfileName": "builder"}),
    )
    .await;
    let image = put(
        bench,
        "/CreateImage",
        json!({
            "imageRecipeArn": recipe["imageRecipeArn"],
            "infrastructureConfigurationArn": infrastructure["infrastructureConfigurationArn"],
            "imageTestsConfiguration": {"imageTestsEnabled": false},
        }),
    )
    .await;
    image["imageBuildVersionArn"].as_str().unwrap().to_owned()
}

async fn until(bench: &Bench, arn: &str, status: &str) {
    bench
        .until(|region| {
            (region.inner.state().imagebuilder.images[arn].status() == status).then_some(())
        })
        .await;
}

#[tokio::test]
async fn registers_an_ami_whose_layers_go_when_it_is_deregistered() {
    let bench = Bench::new();
    let arn = build(&bench, "true").await;
    until(&bench, &arn, "AVAILABLE").await;
    let (_, got) = bench
        .rest(Method::GET, &format!("/GetImage?imageBuildVersionArn={arn}"), Value::Null)
        .await;
    let ami = got["image"]["outputResources"]["amis"][0]["image"].as_str().unwrap().to_owned();
    assert_eq!(bench.region.inner.state().ec2.tags_of(&ami)["nixl:digest"], "d");
    assert_eq!(bench.machines.log(), ["build 1 documents on [\"/debian\"]"]);
    bench.query("ec2", &format!("Action=DeregisterImage&ImageId={ami}")).await;
    bench
        .until(|_| {
            bench
                .machines
                .log()
                .iter()
                .any(|line| line.starts_with("discard [\"/new\", \"/debian\"]"))
                .then_some(())
        })
        .await;
}

#[tokio::test]
async fn a_cancelled_build_stops_and_makes_nothing() {
    let bench = Bench::new();
    let arn = build(&bench, "hang").await;
    bench
        .until(|region| {
            (!region.inner.state().imagebuilder.images[&arn].steps.is_empty()).then_some(())
        })
        .await;
    let running = |status| {
        let state = bench.region.inner.state();
        let executions = state.imagebuilder.images[&arn].workflow.executions();
        executions.iter().filter(|one| one.status == status).map(|one| one.name.clone()).collect()
    };
    let running: [Vec<String>; 2] = ["RUNNING", "COMPLETED"].map(running);
    assert_eq!(
        running,
        [Step::Components, Step::Launch].map(|step| vec![step.shown().0.to_owned()])
    );
    put(&bench, "/CancelImageCreation", json!({"imageBuildVersionArn": arn})).await;
    until(&bench, &arn, "CANCELLED").await;
    assert_eq!(bench.region.inner.state().ec2.images.len(), 1, "only Debian");
}

#[tokio::test]
async fn tags_are_found_by_an_encoded_arn() {
    let bench = Bench::new();
    let arn = build(&bench, "true").await;
    let encoded = arn.replace(':', "%3A").replace('/', "%2F");
    let (status, _) =
        bench.rest(Method::POST, &format!("/tags/{encoded}"), json!({"tags": {"k": "v"}})).await;
    assert_eq!(status, StatusCode::OK);
    let (_, got) = bench.rest(Method::GET, &format!("/tags/{encoded}"), Value::Null).await;
    assert_eq!(got, json!({"tags": {"k": "v"}}));
}
