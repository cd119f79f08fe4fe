//! The workflows that an image names in place of Image Builder's own, and the
//! role that they run as.
//!
//! Source: Image Builder user guide, "Configure image pipeline workflows" and
//! "Manage build, test, and distribution workflows"; agent-toolkit-for-aws,
//! "custom image workflows and execution roles".

use super::{
    ApiError, Call, Input, bad, invalid, managed, names, own_workflows, required, workflow_document,
};
use crate::api::trust::{self, Principal, Trust};
use crate::rules::workflows as rules;
use crate::state::State;
use crate::state::workflow::Flow;
use serde_json::{Value, json};

/// Who assumes an execution role.
const SERVICE: &str = "imagebuilder.amazonaws.com";
const MAX_WORKFLOWS: usize = 10;
/// What a test workflow can do here.
const RUN_HERE: [&str; 3] = ["LaunchInstance", "ExecuteComponents", "TerminateInstance"];

/// What an image runs.
pub struct Chosen {
    /// Test workflows, in the order they run.
    pub tests: Vec<Flow>,
    /// ARN of the role, if one is named.
    pub role: Option<String>,
    /// As GetImage tells them.
    pub shown: Value,
}

/// Name, or what stands behind it in an ARN.
fn arn_of_role(call: &Call<'_>, given: &str) -> String {
    match given.starts_with("arn:") {
        true => given.to_owned(),
        false => format!("arn:aws:iam::{}:role/{given}", call.region.config.account_id),
    }
}

/// The role of a request, which must be one that may be handed to Image Builder.
pub fn role(call: &Call<'_>, input: &Input<'_>) -> Result<Option<String>, ApiError> {
    let in_force = &call.region.rules;
    let named = input.text("executionRole").map(|given| arn_of_role(call, given));
    let has = input.body["workflows"].as_array().is_some_and(|all| !all.is_empty());
    in_force.check(&rules::ROLE_NEEDED, named.is_some() || !has, || {
        invalid("An execution role is required to provide workflows.")
    })?;
    let Some(arn) = named else { return Ok(None) };
    call.pass_role(&arn, SERVICE)?;
    let account = call.region.config.account_id.clone();
    let context = vec![("aws:SourceAccount".to_owned(), vec![account])];
    let trusts = call.state().iam.role_of(&arn).is_some_and(|role| {
        trust::of(&role.trust, &Principal::Service(SERVICE), context) != Trust::No
    });
    in_force.check(&rules::ROLE_TRUST, trusts, || {
        bad(
            "executionRole",
            format!("The role '{arn}' does not exist or cannot be assumed by Image Builder."),
        )
    })?;
    Ok(Some(arn))
}

/// The workflows of a request.
pub fn workflows(
    call: &Call<'_>,
    input: &Input<'_>,
    state: &State,
    role: Option<String>,
) -> Result<Chosen, ApiError> {
    let in_force = &call.region.rules;
    let region = &call.region.config.region;
    let all = input.body["workflows"].as_array().cloned().unwrap_or_default();
    if all.is_empty() {
        return Ok(Chosen { tests: vec![managed::test(region)], role, shown: Value::Null });
    }
    let mut found = Vec::new();
    for (index, one) in all.iter().enumerate() {
        let arn = one["workflowArn"].as_str().unwrap_or_default();
        let parameter = format!("workflows[{index}].workflowArn");
        names::check_arn(call, &parameter, arn, "workflow", names::Form::VersionOrBuild)?;
        let body = own_workflows::find(&state.imagebuilder, region, arn);
        let body = body.ok_or_else(|| required(arn))?;
        let grouped = !one["parallelGroup"].is_null() || !one["onFailure"].is_null();
        in_force.check(&rules::GROUP, !grouped || body["type"] == "TEST", || {
            ApiError::new(
                "InvalidParameterCombinationException",
                format!("parallelGroup and onFailure are of test workflows, and '{arn}' is none."),
            )
        })?;
        found.push((one, body));
    }
    let of = |stage: &str| found.iter().filter(|(_, body)| body["type"] == stage).count();
    let (builds, distributions) = (of("BUILD"), of("DISTRIBUTION"));
    let fits = found.len() <= MAX_WORKFLOWS && builds <= 1 && distributions <= 1;
    in_force.check(&rules::COUNT, fits, || {
        invalid(format!(
            "An image has at most {MAX_WORKFLOWS} workflows, one that builds and one that distributes among them."
        ))
    })?;
    let mut tests = Vec::new();
    let mut shown = Vec::new();
    for (one, body) in &found {
        let arn = body["arn"].as_str().unwrap_or_default();
        if body["type"] == "TEST" {
            tests.push(flow(one, body)?);
        } else if arn != managed::build_arn(region) {
            return Err(invalid(format!(
                "The local region does not run '{arn}': it builds by {} only.",
                managed::build_arn(region)
            )));
        }
        let mut entry = (*one).clone();
        entry["workflowArn"] = json!(arn);
        shown.push(entry);
    }
    if builds == 0 {
        return Err(invalid("The local region makes no image without a workflow that builds it."));
    }
    Ok(Chosen { tests, role, shown: json!(shown) })
}

/// A test workflow, if it can run here.
fn flow(one: &Value, body: &Value) -> Result<Flow, ApiError> {
    let arn = body["arn"].as_str().unwrap_or_default();
    let cannot =
        |what: &str| invalid(format!("The local region does not run '{arn}': it has {what}."));
    if one["parameters"].as_array().is_some_and(|all| !all.is_empty())
        || body["parameters"].as_array().is_some_and(|all| !all.is_empty())
    {
        return Err(cannot("parameters"));
    }
    let text = body["data"].as_str().unwrap_or_default();
    let steps = workflow_document::outline(text).map(|outline| outline.steps).unwrap_or_default();
    for step in &steps {
        if !RUN_HERE.contains(&step.action.as_str()) {
            return Err(cannot(&format!("the action {}", step.action)));
        }
        if step.is_conditional {
            return Err(cannot(&format!("a condition in step {}", step.name)));
        }
    }
    let goes_on = one["onFailure"] == "CONTINUE";
    Ok(Flow { arn: arn.to_owned(), steps, goes_on })
}
