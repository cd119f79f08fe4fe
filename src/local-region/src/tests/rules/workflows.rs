//! Proofs of the rules of Image Builder's workflows.

use super::imagebuilder::{ask, component, described, get, infrastructure, put, recipe};
use super::managed_nodes::{CORE, role};
use super::{Case, case, same};
use crate::rules::workflows as rules;
use crate::testing::Bench;
use http::Method;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Value, json};

const ARN: &str = "arn:aws:imagebuilder:us-east-1:111122223333:";
const BUILD: &str = "arn:aws:imagebuilder:us-east-1:aws:workflow/build/build-image/x.x.x";
const ROLE: &str = "arn:aws:iam::111122223333:role/execution";

/// Launches on these types, executes components, terminates; the middle step as it is given.
fn document(kinds: &[&str], middle: &str) -> String {
    format!(
        "schemaVersion: 1.0\nsteps:\n- {{name: Launch, action: LaunchInstance, inputs: {{waitFor: ssmAgent, instanceTypesOverride: [{}]}}}}\n- {{name: Middle, {middle}}}\n- {{name: End, action: TerminateInstance, onFailure: Continue, inputs: {{instanceId.$: $.stepOutputs.Launch.instanceId}}}}\n",
        kinds.join(", ")
    )
}

/// The middle step that runs components.
const EXECUTE: &str =
    "action: ExecuteComponents, inputs: {instanceId.$: $.stepOutputs.Launch.instanceId}";

async fn workflow(bench: &Bench, changes: Value) -> (String, Value) {
    let data = document(&["g6.12xlarge"], EXECUTE);
    let body = json!({"name": "on gpu", "semanticVersion": "1.0.0", "type": "TEST", "data": data});
    put(bench, "/CreateWorkflow", body, changes).await
}

/// What CreateWorkflow answers to a document.
async fn of(bench: &Bench, data: &str) -> String {
    workflow(bench, json!({"data": data, "name": crate::state::ids::request()})).await.0
}

/// A role that trusts a service, with this statement's condition, and may launch.
async fn execution(bench: &Bench, service: &str, condition: Value, attached: bool) {
    let trust = json!({"Version": "2012-10-17", "Statement": [{
        "Effect": "Allow", "Principal": {"Service": service}, "Action": "sts:AssumeRole",
        "Condition": condition}]});
    let trust = utf8_percent_encode(&trust.to_string(), NON_ALPHANUMERIC).to_string();
    bench.query("iam", "Action=DeleteRole&RoleName=execution").await;
    let call = format!("Action=CreateRole&RoleName=execution&AssumeRolePolicyDocument={trust}");
    bench.query("iam", &call).await;
    if attached {
        let policy = "arn:aws:iam::aws:policy/EC2ImageBuilderExecutionPolicy";
        let call = format!("Action=AttachRolePolicy&RoleName=execution&PolicyArn={policy}");
        bench.query("iam", &call).await;
    }
}

async fn builder(bench: &Bench, attached: bool) {
    let account = json!({"StringEquals": {"aws:SourceAccount": "111122223333"}});
    execution(bench, "imagebuilder.amazonaws.com", account, attached).await;
}

/// A request for an image whose component does in its test what the word says; builds on c7i.
async fn request(bench: &Bench, word: &str, changes: Value) -> Value {
    role(bench, "builder", CORE).await;
    let phase = |name, word| {
        format!(
            "- name: {name}\n  steps:\n  - {{name: a, action: ExecuteBash, inputs: {{commands: [{word}]}}}}\n"
        )
    };
    let text =
        format!("schemaVersion: 1.0\nphases:\n{}{}", phase("build", "true"), phase("test", word));
    let made = component(bench, json!({"data": text})).await.1;
    let used = json!([{"componentArn": made["componentBuildVersionArn"]}]);
    recipe(bench, json!({"components": used})).await;
    let cheap = json!({"instanceTypes": ["c7i.large"]});
    infrastructure(bench, cheap).await;
    let mut request = json!({
        "imageRecipeArn": format!("{ARN}image-recipe/nixl/1.0.0"),
        "infrastructureConfigurationArn": format!("{ARN}infrastructure-configuration/nixl-node"),
        "workflows": [{"workflowArn": BUILD}, {"workflowArn": format!("{ARN}workflow/test/on-gpu/1.0.0")}],
        "executionRole": ROLE,
    });
    for (name, value) in changes.as_object().unwrap() {
        request[name] = value.clone();
    }
    request
}

/// An image of such a request, once it ended.
async fn tested(bench: &Bench, word: &str, changes: Value) -> Result<String, String> {
    let request = request(bench, word, changes).await;
    let (outcome, answer) = put(bench, "/CreateImage", request, json!({})).await;
    same(outcome.as_str(), "OK")?;
    let arn = answer["imageBuildVersionArn"].as_str().unwrap().to_owned();
    let over = |status: &str| matches!(status, "AVAILABLE" | "FAILED" | "CANCELLED");
    bench
        .until(|region| over(region.inner.state().imagebuilder.images[&arn].status()).then_some(()))
        .await;
    Ok(arn)
}

/// Types of all instances, and how many still run.
fn instances(bench: &Bench) -> (Vec<String>, usize) {
    let state = bench.region.inner.state();
    let all = state.ec2.instances.values();
    let live = all.clone().filter(|one| one.state.holds_resources()).count();
    (all.map(|one| one.instance_type.clone()).collect(), live)
}

/// Name, status and inputs of the steps of an image's test.
async fn steps(bench: &Bench, arn: &str) -> Vec<(String, String, String)> {
    let body = json!({"imageBuildVersionArn": arn});
    let told = ask(bench, Method::POST, "/ListWorkflowExecutions", body).await.1;
    let id = &told["workflowExecutions"][1]["workflowExecutionId"];
    let body = json!({"workflowExecutionId": id});
    let told = ask(bench, Method::POST, "/ListWorkflowStepExecutions", body).await.1;
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let all = told["steps"].as_array().unwrap();
    all.iter().map(|one| (text(&one["name"]), text(&one["status"]), text(&one["inputs"]))).collect()
}

fn documents() -> Vec<Case> {
    let refuses = |rule: &'static crate::rules::Rule, bad: String| {
        case(rule, move |bench: Bench| {
            let bad = bad.clone();
            async move {
                same(of(&bench, &document(&["g6.12xlarge"], EXECUTE)).await.as_str(), "OK")?;
                same(of(&bench, &bad).await.as_str(), rule.answer)
            }
        })
    };
    vec![
        refuses(&rules::DOCUMENT, "phases: []".to_owned()),
        refuses(&rules::ACTION, document(&["g6.12xlarge"], "action: Sleep, inputs: {}")),
        refuses(
            &rules::INPUTS,
            document(&["g6.12xlarge"], "action: ExecuteComponents, inputs: {instance: i-1}"),
        ),
        case(&rules::EXISTS, async |bench: Bench| {
            same(workflow(&bench, json!({})).await.0.as_str(), "OK")?;
            let other = json!({"data": document(&["p5.48xlarge"], EXECUTE)});
            let second = json!(format!("{ARN}workflow/test/on-gpu/1.0.0/2"));
            same(&workflow(&bench, other.clone()).await.1["workflowBuildVersionArn"], &second)?;
            same(workflow(&bench, other).await.0.as_str(), "ResourceAlreadyExistsException")
        }),
        case(&rules::OWNER, async |bench: Bench| {
            let list = async |owner: &str| {
                ask(&bench, Method::POST, "/ListWorkflows", json!({"owner": owner})).await
            };
            let names = list("Amazon").await.1["workflowVersionList"].as_array().map(|all| {
                all.iter().map(|one| one["name"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
            });
            let all = vec!["build-image".to_owned(), "test-image".to_owned()];
            same(names, Some(all))?;
            same(list("Shared").await.0.as_str(), "InvalidParameterValueException")
        }),
    ]
}

/// What CreateImage answers to a request with the workflow, changed like this.
async fn with(bench: &Bench, changes: Value) -> (String, Value) {
    workflow(bench, json!({})).await;
    let request = request(bench, "true", changes).await;
    put(bench, "/CreateImage", request, json!({})).await
}

fn requests() -> Vec<Case> {
    vec![
        case(&rules::COUNT, async |bench: Bench| {
            builder(&bench, true).await;
            let tests = |count: usize| {
                let test = json!({"workflowArn": format!("{ARN}workflow/test/on-gpu/1.0.0/1")});
                let all = [vec![json!({"workflowArn": BUILD})], vec![test; count]].concat();
                json!({ "workflows": all })
            };
            same(with(&bench, tests(9)).await.0.as_str(), "OK")?;
            same(with(&bench, tests(10)).await.0.as_str(), "InvalidRequestException")
        }),
        case(&rules::GROUP, async |bench: Bench| {
            builder(&bench, true).await;
            let grouped = |build: Value| {
                let test = format!("{ARN}workflow/test/on-gpu/1.0.0/1");
                let test = json!({"workflowArn": test, "parallelGroup": "a"});
                json!({"workflows": [build, test]})
            };
            let plain = grouped(json!({"workflowArn": BUILD}));
            same(with(&bench, plain).await.0.as_str(), "OK")?;
            let bad = grouped(json!({"workflowArn": BUILD, "onFailure": "CONTINUE"}));
            let refused = with(&bench, bad).await.0;
            same(refused.as_str(), "InvalidParameterCombinationException")
        }),
        case(&rules::ROLE_NEEDED, async |bench: Bench| {
            let (outcome, answer) = with(&bench, json!({"executionRole": null})).await;
            same(outcome.as_str(), "InvalidRequestException")?;
            let message = answer["message"].as_str().unwrap_or_default();
            same(message, "An execution role is required to provide workflows.")
        }),
        case(&rules::ROLE_TRUST, async |bench: Bench| {
            builder(&bench, false).await;
            same(with(&bench, json!({"executionRole": "execution"})).await.0.as_str(), "OK")?;
            let foreign = json!({"StringEquals": {"aws:SourceAccount": "999999999999"}});
            for (service, condition) in
                [("ec2.amazonaws.com", json!({})), ("imagebuilder.amazonaws.com", foreign)]
            {
                execution(&bench, service, condition, false).await;
                let outcome = with(&bench, json!({})).await.0;
                same(outcome.as_str(), "InvalidParameterValueException")?;
            }
            Ok(())
        }),
    ]
}

fn runs() -> Vec<Case> {
    vec![
        case(&rules::TEST_TYPE, async |bench: Bench| {
            builder(&bench, true).await;
            // The first is not to be had.
            let data = document(&["g6.12xlargest", "g6.12xlarge"], EXECUTE);
            workflow(&bench, json!({"data": data})).await;
            let arn = tested(&bench, "true", json!({})).await?;
            let image = described(&bench, &arn).await;
            same(&image["state"]["status"], &json!("AVAILABLE"))?;
            let ran = json!(format!("{ARN}workflow/test/on-gpu/1.0.0/1"));
            same(&image["workflows"][1]["workflowArn"], &ran)?;
            same(instances(&bench), (vec!["g6.12xlarge".to_owned()], 0))
        }),
        case(&rules::ROLE_MAY, async |bench: Bench| {
            builder(&bench, false).await;
            workflow(&bench, json!({})).await;
            let arn = tested(&bench, "true", json!({})).await?;
            let state = described(&bench, &arn).await["state"].clone();
            same(&state["failureContext"]["failedStep"], &json!("Launch"))?;
            let reason = state["reason"].as_str().unwrap_or_default();
            same(reason.contains("not authorized to perform: ec2:RunInstances"), true)
        }),
        case(&rules::ROLLBACK, async |bench: Bench| {
            builder(&bench, true).await;
            workflow(&bench, json!({})).await;
            let arn = tested(&bench, "broken", json!({})).await?;
            let statuses = steps(&bench, &arn).await.into_iter().map(|(_, status, _)| status);
            let expected = ["COMPLETED", "FAILED", "PENDING"].map(str::to_owned);
            same(statuses.collect::<Vec<_>>().as_slice(), &expected)?;
            same(instances(&bench).1, 0)
        }),
    ]
}

/// All of them.
pub fn cases() -> Vec<Case> {
    [documents(), requests(), runs()].into_iter().flatten().collect()
}

#[tokio::test]
async fn a_workflow_is_read_listed_and_deleted() {
    let bench = Bench::new();
    let tags = json!({"tags": {"k": "v"}, "description": "d"});
    let arn = workflow(&bench, tags).await.1["workflowBuildVersionArn"].clone();
    let arn = arn.as_str().unwrap();
    assert_eq!(arn, format!("{ARN}workflow/test/on-gpu/1.0.0/1"));
    for wanted in [arn, &arn[..arn.len() - 2], &arn.replace("1.0.0/1", "x.x.x")] {
        let path = format!("/GetWorkflow?workflowBuildVersionArn={wanted}");
        let told = get(&bench, &path).await.1["workflow"].clone();
        assert_eq!((&told["arn"], &told["tags"]["k"]), (&json!(arn), &json!("v")), "{wanted}");
    }
    let managed = get(&bench, &format!("/GetWorkflow?workflowBuildVersionArn={BUILD}")).await.1;
    assert_eq!(managed["workflow"]["owner"], "Amazon");
    let filters = json!({"filters": [{"name": "name", "values": ["on gpu"]}]});
    let listed = ask(&bench, Method::POST, "/ListWorkflows", filters).await.1;
    let version = &listed["workflowVersionList"][0];
    assert_eq!((&version["version"], &version["type"]), (&json!("1.0.0"), &json!("TEST")));
    let builds = json!({"workflowVersionArn": version["arn"]});
    let builds = ask(&bench, Method::POST, "/ListWorkflowBuildVersions", builds).await.1;
    assert_eq!(builds["workflowSummaryList"][0]["tags"]["k"], "v");
    let path = format!("/DeleteWorkflow?workflowBuildVersionArn={arn}");
    let outcomes = [
        ask(&bench, Method::DELETE, &path, Value::Null).await.0,
        ask(&bench, Method::DELETE, &path, Value::Null).await.0,
    ];
    assert_eq!(outcomes, ["OK", "ResourceNotFoundException"]);
}

#[tokio::test]
async fn steps_are_told_with_their_inputs_and_a_failed_test_is_tried_again() {
    let bench = Bench::new();
    builder(&bench, true).await;
    workflow(&bench, json!({})).await;
    let arn = tested(&bench, "broken", json!({})).await.unwrap();
    let failed = described(&bench, &arn).await;
    let context = &failed["state"]["failureContext"];
    assert_eq!(
        (&context["imageStatus"], &context["failedStep"]),
        (&json!("TESTING"), &json!("Middle"))
    );
    assert_eq!(context["workflowArn"], format!("{ARN}workflow/test/on-gpu/1.0.0/1"));
    assert_eq!(context["componentFailure"]["phaseName"], "test");
    let told = steps(&bench, &arn).await;
    let inputs: Value = serde_json::from_str(&told[0].2).unwrap();
    assert_eq!(inputs, json!({"waitFor": "ssmAgent", "instanceTypesOverride": ["g6.12xlarge"]}));
    for resource in bench.region.inner.state().imagebuilder.components.values_mut() {
        let text = resource.body["data"].as_str().unwrap().replace("broken", "true");
        resource.body["data"] = json!(text);
    }
    let body = json!({"imageBuildVersionArn": arn});
    assert_eq!(put(&bench, "/RetryImage", body, json!({})).await.0, "OK");
    bench
        .until(|region| {
            let state = region.inner.state();
            (state.imagebuilder.images[&arn].status() == "AVAILABLE").then_some(())
        })
        .await;
    let kinds = vec!["g6.12xlarge".to_owned(); 2];
    assert_eq!(instances(&bench), (kinds, 0));
}

#[tokio::test]
async fn what_cannot_run_here_is_refused() {
    let bench = Bench::new();
    builder(&bench, true).await;
    let conditional = format!("if: {{booleanEquals: true, value: true}}, {EXECUTE}");
    let waiting = "action: WaitForAction".to_owned();
    for (version, middle) in [("2.0.0", &conditional), ("3.0.0", &waiting)] {
        let data = document(&["g6.12xlarge"], middle);
        let made = workflow(&bench, json!({"data": data, "semanticVersion": version})).await;
        assert_eq!(made.0, "OK", "{}", made.1);
        let arn = format!("{ARN}workflow/test/on-gpu/{version}");
        let named = json!({"workflows": [{"workflowArn": BUILD}, {"workflowArn": arn}]});
        let request = request(&bench, "true", named).await;
        let (outcome, answer) = put(&bench, "/CreateImage", request, json!({})).await;
        assert_eq!(outcome, "InvalidRequestException", "{answer}");
        assert!(answer["message"].as_str().unwrap().contains("local region"), "{answer}");
    }
}

#[tokio::test]
async fn who_may_not_pass_the_role_makes_no_image() {
    let bench = Bench::new();
    builder(&bench, true).await;
    workflow(&bench, json!({})).await;
    let mut request = request(&bench, "true", json!({})).await;
    request["clientToken"] = json!("t");
    role(&bench, "caller", &["imagebuilder:*"]).await;
    let trust = json!({"Version": "2012-10-17", "Statement": [{
        "Effect": "Allow", "Principal": {"AWS": "111122223333"}, "Action": "sts:AssumeRole"}]});
    let trust = utf8_percent_encode(&trust.to_string(), NON_ALPHANUMERIC).to_string();
    let call = format!("Action=UpdateAssumeRolePolicy&RoleName=caller&PolicyDocument={trust}");
    bench.query("iam", &call).await;
    let who = super::sts::assume(&bench, None, "caller", "").await.unwrap();
    let (status, text) = bench
        .send("imagebuilder", Some(&who), &[], Method::PUT, "/CreateImage", &request.to_string())
        .await;
    assert_eq!(status.as_u16(), 403);
    let denied = "iam:PassRole on resource: arn:aws:iam::111122223333:role/execution";
    assert!(text.contains(denied), "{text}");
}
