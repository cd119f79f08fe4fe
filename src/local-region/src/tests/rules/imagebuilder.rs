//! Proofs of the rules of Image Builder.

use super::{Case, Found, case, same};
use crate::rules::imagebuilder as rules;
use crate::testing::Bench;
use http::Method;
use serde_json::{Value, json};

const ARN: &str = "arn:aws:imagebuilder:us-east-1:111122223333:";

/// A document whose build does what the word says to the recorder: `true`, `fail`, `hang`.
pub fn document(word: &str) -> String {
    format!(
        "schemaVersion: 1.0\nparameters:\n- Word: {{type: string, default: w}}\nphases:\n- name: build\n  steps:\n  - {{name: a, action: ExecuteBash, inputs: {{commands: [{word}]}}}}\n"
    )
}

/// What a call had for an outcome, `OK` or a code, and its answer.
pub async fn ask(bench: &Bench, method: Method, path: &str, body: Value) -> (String, Value) {
    let (_, answer) = bench.rest(method, path, body).await;
    let state = bench.region.inner.state();
    (state.calls.iter().last().unwrap().outcome.clone(), answer)
}

pub async fn get(bench: &Bench, path: &str) -> (String, Value) {
    ask(bench, Method::GET, path, Value::Null).await
}

async fn delete(bench: &Bench, path: &str) -> (String, Value) {
    ask(bench, Method::DELETE, path, Value::Null).await
}

/// Puts a body with the changes in it, and a client token of its own.
pub async fn put(bench: &Bench, path: &str, mut body: Value, changes: Value) -> (String, Value) {
    body["clientToken"] = json!(crate::state::ids::request());
    for (name, value) in changes.as_object().unwrap() {
        body[name] = value.clone();
    }
    ask(bench, Method::PUT, path, body).await
}

pub async fn component(bench: &Bench, changes: Value) -> (String, Value) {
    let body = json!({"name": "install", "semanticVersion": "1.0.0", "platform": "Linux", "data": document("true")});
    put(bench, "/CreateComponent", body, changes).await
}

pub async fn recipe(bench: &Bench, changes: Value) -> (String, Value) {
    let parent = format!("ssm:{}", crate::debian::PARAMETER);
    let body = json!({"name": "nixl", "semanticVersion": "1.0.0", "parentImage": parent, "components": []});
    put(bench, "/CreateImageRecipe", body, changes).await
}

pub async fn infrastructure(bench: &Bench, changes: Value) -> (String, Value) {
    bench.query("iam", "Action=CreateInstanceProfile&InstanceProfileName=builder").await;
    let body = json!({"name": "nixl node", "instanceProfileName": "builder"});
    put(bench, "/CreateInfrastructureConfiguration", body, changes).await
}

pub async fn distribution(bench: &Bench, distribution: Value) -> (String, Value) {
    let body = json!({"name": "nixl", "distributions": [distribution]});
    put(bench, "/CreateDistributionConfiguration", body, json!({})).await
}

/// The ARN of an image whose build does what the word says; its task has run as far as it can.
async fn image(bench: &Bench, word: &str) -> Result<String, String> {
    image_of(bench, &document(word), "1.0.0", json!({})).await
}

/// The same of a document, under a version and with more in the request.
pub async fn image_of(
    bench: &Bench,
    document: &str,
    version: &str,
    more: Value,
) -> Result<String, String> {
    let named = json!({"data": document, "semanticVersion": version});
    let made = component(bench, named).await;
    let used = json!([{"componentArn": made.1["componentBuildVersionArn"]}]);
    let recipe = recipe(bench, json!({"components": used, "semanticVersion": version})).await;
    infrastructure(bench, json!({})).await;
    let request = json!({
        "imageRecipeArn": recipe.1["imageRecipeArn"],
        "infrastructureConfigurationArn": format!("{ARN}infrastructure-configuration/nixl-node"),
        "imageTestsConfiguration": {"imageTestsEnabled": false},
    });
    let (outcome, answer) = put(bench, "/CreateImage", request, more).await;
    same(outcome.as_str(), "OK")?;
    settle().await;
    Ok(answer["imageBuildVersionArn"].as_str().unwrap().to_owned())
}

async fn cancel(bench: &Bench, arn: &str) -> String {
    let body = json!({"imageBuildVersionArn": arn});
    let (outcome, _) = put(bench, "/CancelImageCreation", body, json!({})).await;
    settle().await;
    outcome
}

/// A distribution to this region under a name.
pub fn named(name: &str) -> Value {
    json!({"region": "us-east-1", "amiDistributionConfiguration": {"name": name}})
}

/// Lets the builds of the recorder, which wait for nothing, come to their end.
async fn settle() {
    for _ in 0..20 {
        tokio::task::yield_now().await;
    }
}

pub async fn described(bench: &Bench, arn: &str) -> Value {
    get(bench, &format!("/GetImage?imageBuildVersionArn={arn}")).await.1["image"].clone()
}

async fn status(bench: &Bench, arn: &str) -> String {
    described(bench, arn).await["state"]["status"].as_str().unwrap().to_owned()
}

/// A request that is refused with the code of its rule, after one that is not.
fn refuses(
    rule: &'static crate::rules::Rule,
    good: Value,
    bad: Value,
    act: impl AsyncFn(&Bench, Value) -> (String, Value) + Copy + 'static,
) -> Case {
    case(rule, move |bench: Bench| {
        let (good, bad) = (good.clone(), bad.clone());
        async move {
            same(act(&bench, good).await.0.as_str(), "OK")?;
            same(act(&bench, bad).await.0.as_str(), rule.answer)
        }
    })
}

fn names_and_versions() -> Vec<Case> {
    vec![
        refuses(&rules::NAME, json!({"name": "a b"}), json!({"name": "a/b"}), component),
        refuses(&rules::NAME_NORMAL, json!({}), json!({"name": "NIXL_node"}), infrastructure),
        refuses(&rules::VERSION, json!({}), json!({"semanticVersion": "1.0"}), component),
        refuses(&rules::RECIPE_EXISTS, json!({}), json!({"description": "other"}), recipe),
        refuses(
            &rules::RECIPE_ONE_X,
            json!({"semanticVersion": "1.0.x"}),
            json!({"semanticVersion": "1.x.x"}),
            recipe,
        ),
        case(&rules::RECIPE_NEXT, async |bench: Bench| {
            for (wanted, given) in [
                ("1.0.x", "1.0.0"),
                ("1.0.x", "1.0.1"),
                ("1.x.0", "1.1.0"),
                ("x.0.0", "2.0.0"),
                ("1.0.x", "1.0.2"),
            ] {
                let made = recipe(&bench, json!({"semanticVersion": wanted})).await.1;
                same(&made["imageRecipeArn"], &json!(format!("{ARN}image-recipe/nixl/{given}")))?;
            }
            Ok(())
        }),
        case(&rules::ARN, async |bench: Bench| {
            component(&bench, json!({})).await;
            let path = format!("/GetComponent?componentBuildVersionArn={ARN}component/install/");
            for whole in ["1.0.0/1", "1.0.0", "x.x.x"] {
                same(get(&bench, &format!("{path}{whole}")).await.0.as_str(), "OK")?;
            }
            let (outcome, _) = get(&bench, &format!("{path}latest")).await;
            same(outcome.as_str(), "InvalidParameterValueException")
        }),
        case(&rules::NOT_FOUND, async |bench: Bench| {
            let path = format!("/DeleteImageRecipe?imageRecipeArn={ARN}image-recipe/nixl/1.0.0");
            recipe(&bench, json!({})).await;
            same(delete(&bench, &path).await.0.as_str(), "OK")?;
            same(delete(&bench, &path).await.0.as_str(), "ResourceNotFoundException")
        }),
        case(&rules::REFERENCE, async |bench: Bench| {
            let arn = component(&bench, json!({})).await.1["componentBuildVersionArn"].clone();
            let with = async |arn: Value| {
                let components = json!({"components": [{"componentArn": arn}]});
                recipe(&bench, components).await
            };
            same(with(arn).await.0.as_str(), "OK")?;
            let (outcome, answer) = with(json!(format!("{ARN}component/none/1.0.0/1"))).await;
            same(outcome.as_str(), "ResourceNotFoundException")?;
            let message = answer["message"].as_str().unwrap_or_default();
            same(message.contains("required resource 'Component' cannot be found"), true)
        }),
    ]
}

fn components() -> Vec<Case> {
    let size = |more: usize| {
        let padding = "#".repeat(16_000 - document("true").len() + more);
        json!({"data": document("true") + &padding})
    };
    vec![
        refuses(&rules::COMPONENT_SIZE, size(0), size(1), component),
        refuses(
            &rules::COMPONENT_SOURCE,
            json!({}),
            json!({"data": document("false"), "uri": "s3://bucket/key"}),
            component,
        ),
        refuses(&rules::COMPONENT_DOCUMENT, json!({}), json!({"data": "phases: []"}), component),
        case(&rules::COMPONENT_EXISTS, async |bench: Bench| {
            component(&bench, json!({})).await;
            let (_, other) = component(&bench, json!({"data": document("false")})).await;
            let second = json!(format!("{ARN}component/install/1.0.0/2"));
            same(&other["componentBuildVersionArn"], &second)?;
            let (outcome, _) = component(&bench, json!({"data": document("false")})).await;
            same(outcome.as_str(), "ResourceAlreadyExistsException")
        }),
        case(&rules::COMPONENT_TYPE, async |bench: Bench| {
            for (phase, expected) in [("validate", "BUILD"), ("test", "TEST")] {
                let data = document("true").replace("build", phase);
                let made = component(&bench, json!({"data": data})).await.1;
                let arn = made["componentBuildVersionArn"].as_str().unwrap().to_owned();
                let path = format!("/GetComponent?componentBuildVersionArn={arn}");
                same(&get(&bench, &path).await.1["component"]["type"], &json!(expected))?;
            }
            Ok(())
        }),
        case(&rules::COMPONENT_IN_USE, async |bench: Bench| {
            let made = component(&bench, json!({})).await.1;
            let arn = &made["componentBuildVersionArn"];
            recipe(&bench, json!({"components": [{"componentArn": arn}]})).await;
            let path =
                format!("/DeleteComponent?componentBuildVersionArn={}", arn.as_str().unwrap());
            same(delete(&bench, &path).await.0.as_str(), "ResourceDependencyException")?;
            let used = format!("/DeleteImageRecipe?imageRecipeArn={ARN}image-recipe/nixl/1.0.0");
            same(delete(&bench, &used).await.0.as_str(), "OK")?;
            same(delete(&bench, &path).await.0.as_str(), "OK")
        }),
        case(&rules::RECIPE_COMPONENTS, async |bench: Bench| {
            let arn = component(&bench, json!({})).await.1["componentBuildVersionArn"].clone();
            let with = async |count: usize, version: &str| {
                let components = vec![json!({"componentArn": arn}); count];
                recipe(&bench, json!({"components": components, "semanticVersion": version}))
                    .await
                    .0
            };
            same(with(20, "1.0.0").await.as_str(), "OK")?;
            same(with(21, "1.0.1").await.as_str(), "ServiceQuotaExceededException")
        }),
        case(&rules::RECIPE_PARAMETERS, async |bench: Bench| {
            let arn = component(&bench, json!({})).await.1["componentBuildVersionArn"].clone();
            let with = async |name: &str, version: &str| {
                let given = json!([{"name": name, "value": ["v"]}]);
                let components = json!([{"componentArn": arn, "parameters": given}]);
                recipe(&bench, json!({"components": components, "semanticVersion": version}))
                    .await
                    .0
            };
            same(with("Word", "1.0.0").await.as_str(), "OK")?;
            same(with("Wrod", "1.0.1").await.as_str(), "InvalidParameterCombinationException")
        }),
    ]
}

fn requests() -> Vec<Case> {
    vec![
        refuses(
            &rules::PROFILE,
            json!({}),
            json!({"name": "other", "instanceProfileName": "none"}),
            infrastructure,
        ),
        case(&rules::AMI_NAME, async |bench: Bench| {
            let (outcome, _) = distribution(&bench, named("nixl")).await;
            same(outcome.as_str(), "InvalidParameterValueException")?;
            let dated = named("nixl {{ imagebuilder:buildDate }}");
            same(distribution(&bench, dated).await.0.as_str(), "OK")
        }),
        case(&rules::OUTPUTS, async |bench: Bench| {
            let (outcome, _) = distribution(&bench, json!({"region": "us-east-1"})).await;
            same(outcome.as_str(), "InvalidParameterValueException")
        }),
        case(&rules::TOKEN_REPLAY, async |bench: Bench| {
            let token = json!({"clientToken": "t"});
            let (_, first) = recipe(&bench, token.clone()).await;
            let (outcome, again) = recipe(&bench, token).await;
            same((outcome.as_str(), &again), ("OK", &first))
        }),
        refuses(
            &rules::TOKEN_MISMATCH,
            json!({"clientToken": "t"}),
            json!({"clientToken": "t", "semanticVersion": "2.0.0"}),
            recipe,
        ),
        refuses(
            &rules::TOKEN_LENGTH,
            json!({"clientToken": "t".repeat(64)}),
            json!({"clientToken": "t".repeat(65), "semanticVersion": "2.0.0"}),
            recipe,
        ),
        case(&rules::DRY_RUN, async |bench: Bench| {
            let dry = json!({"dryRun": true});
            same(recipe(&bench, dry.clone()).await.0.as_str(), "DryRunOperationException")?;
            same(recipe(&bench, json!({})).await.0.as_str(), "OK")?;
            same(recipe(&bench, dry).await.0.as_str(), "ResourceAlreadyExistsException")
        }),
        case(&rules::PAGE_SIZE, async |bench: Bench| {
            let list = async |most: u32| {
                ask(&bench, Method::POST, "/ListImageRecipes", json!({"maxResults": most})).await.0
            };
            same((list(1).await.as_str(), list(100).await.as_str()), ("OK", "OK"))?;
            same(list(101).await.as_str(), "InvalidRequestException")
        }),
        case(&rules::PAGE_TOKEN, async |bench: Bench| {
            recipe(&bench, json!({})).await;
            recipe(&bench, json!({"semanticVersion": "2.0.0"})).await;
            let list = async |token: Value| {
                let body = json!({"maxResults": 1, "nextToken": token});
                ask(&bench, Method::POST, "/ListImageRecipes", body).await
            };
            let first = list(Value::Null).await.1;
            let (outcome, second) = list(first["nextToken"].clone()).await;
            let more = second["nextToken"].is_string();
            same((outcome.as_str(), more, first == second), ("OK", false, false))?;
            same(list(json!("next")).await.0.as_str(), "InvalidPaginationTokenException")
        }),
    ]
}

fn images() -> Vec<Case> {
    vec![
        case(&rules::STATES, async |bench: Bench| {
            let arn = image(&bench, "hang").await?;
            let building = described(&bench, &arn).await;
            same(&building["state"]["status"], &json!("BUILDING"))?;
            same(&building["outputResources"]["amis"], &json!([]))
        }),
        case(&rules::WORKFLOW, async |bench: Bench| {
            let arn = image(&bench, "fail").await?;
            let list =
                async |path: &str, body: Value| ask(&bench, Method::POST, path, body).await.1;
            let workflows =
                list("/ListWorkflowExecutions", json!({"imageBuildVersionArn": arn})).await;
            let id = &workflows["workflowExecutions"][0]["workflowExecutionId"];
            let steps =
                list("/ListWorkflowStepExecutions", json!({"workflowExecutionId": id})).await;
            same(&steps["steps"][1]["name"], &json!("ApplyBuildComponents"))?;
            let status = |step: &Value| step["status"].as_str().unwrap().to_owned();
            let statuses: Vec<String> =
                steps["steps"].as_array().into_iter().flatten().map(status).collect();
            let pending = "PENDING";
            let told = ["COMPLETED", "FAILED", pending, pending, pending, pending, pending];
            same(statuses.iter().map(String::as_str).collect::<Vec<_>>().as_slice(), &told)
        }),
        case(&rules::LOG, async |bench: Bench| {
            image(&bench, "hang").await?;
            let state = bench.region.inner.state();
            let stream = state
                .logs
                .groups
                .get("/aws/imagebuilder/nixl")
                .and_then(|group| group.streams.get("1.0.0/1"));
            let told = stream.is_some_and(|stream| {
                stream
                    .events
                    .iter()
                    .any(|event| event.message.starts_with("Started step ApplyBuildComponents"))
            });
            same(told, true)
        }),
        case(&rules::FAILURE, async |bench: Bench| {
            let arn = image(&bench, "fail").await?;
            let state = described(&bench, &arn).await["state"].clone();
            let failure = &state["failureContext"];
            same(&state["status"], &json!("FAILED"))?;
            same(&failure["imageStatus"], &json!("BUILDING"))?;
            let component = &failure["componentFailure"];
            same(&component["componentArn"], &json!(format!("{ARN}component/install/1.0.0/1")))?;
            same((&component["phaseName"], &component["stepName"]), (&json!("build"), &json!("a")))
        }),
        case(&rules::FAILURE_CUT, async |bench: Bench| {
            let arn = image(&bench, "fail").await?;
            let state = described(&bench, &arn).await["state"].clone();
            let message = &state["failureContext"]["componentFailure"]["errorMessage"];
            same(message.as_str().map(str::len), Some(1024))
        }),
        case(&rules::CANCEL, async |bench: Bench| {
            let arn = image(&bench, "hang").await?;
            same(cancel(&bench, &arn).await.as_str(), "OK")?;
            same(status(&bench, &arn).await.as_str(), "CANCELLED")?;
            same(bench.region.inner.state().ec2.images.len(), 1)
        }),
        case(&rules::CANCEL_ENDED, async |bench: Bench| {
            let arn = image(&bench, "true").await?;
            same(status(&bench, &arn).await.as_str(), "AVAILABLE")?;
            same(cancel(&bench, &arn).await.as_str(), "InvalidRequestException")
        }),
        case(&rules::DELETE_BUILDING, async |bench: Bench| {
            let arn = image(&bench, "hang").await?;
            let path = format!("/DeleteImage?imageBuildVersionArn={arn}");
            same(delete(&bench, &path).await.0.as_str(), "InvalidRequestException")?;
            cancel(&bench, &arn).await;
            same(delete(&bench, &path).await.0.as_str(), "OK")
        }),
        case(&rules::RETRY, async |bench: Bench| {
            let arn = image(&bench, "fail").await?;
            let body = json!({"imageBuildVersionArn": arn});
            let (outcome, _) = put(&bench, "/RetryImage", body, json!({})).await;
            same(outcome.as_str(), "InvalidRequestException")
        }),
    ]
}

/// All of them.
pub fn cases() -> Vec<Case> {
    [names_and_versions(), components(), requests(), images()].into_iter().flatten().collect()
}

/// DeleteImage leaves the AMI that the image became.
#[tokio::test]
async fn an_ami_outlives_its_image() {
    let bench = Bench::new();
    let arn = image(&bench, "true").await.unwrap();
    let ami = described(&bench, &arn).await["outputResources"]["amis"][0]["image"].clone();
    let found: Found = same(
        delete(&bench, &format!("/DeleteImage?imageBuildVersionArn={arn}")).await.0.as_str(),
        "OK",
    );
    found.unwrap();
    assert!(bench.region.inner.state().ec2.images.contains_key(ami.as_str().unwrap()));
}
