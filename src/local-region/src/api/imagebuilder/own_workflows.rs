//! Workflows as resources. As with components, a version's build is immutable:
//! other content makes the next build, the same content is refused.

use super::components::without_null;
use super::{
    Answer, Call, Input, bad, document, list, managed, names, not_found, resources, tokens,
    workflow_document,
};
use crate::api::timestamp;
use crate::rules::workflows as rules;
use crate::state::imagebuilder::{ImageBuilder, Resource};
use serde_json::{Value, json};

const SUMMARY: &[&str] = &[
    "arn",
    "name",
    "version",
    "description",
    "changeDescription",
    "type",
    "owner",
    "dateCreated",
    "tags",
];
/// The parameter of all requests that name one.
const ARN: &str = "workflowBuildVersionArn";

/// CreateWorkflow.
pub fn create(call: &Call<'_>, input: &Input<'_>) -> Answer {
    let made = tokens::once(call, input, || {
        let name = input.need("name")?;
        names::check(call, name)?;
        let version = input.need("semanticVersion")?;
        names::version(call, version)?;
        let stage = input.need("type")?;
        if !matches!(stage, "BUILD" | "TEST" | "DISTRIBUTION") {
            return Err(bad("type", format!("'{stage}' is not BUILD, TEST or DISTRIBUTION.")));
        }
        let data = document::read(call, input.body["data"].as_str(), input.text("uri"))?;
        let outline = workflow_document::checked(call, &data, stage)?;
        let tags = resources::read(input.body, "tags")?;
        let mut state = call.state();
        let workflows = &mut state.imagebuilder.workflows;
        let kind = format!("workflow/{}", stage.to_lowercase());
        let prefix = names::arn(call, &kind, name, version);
        let mut number = 1;
        if let Some(latest) = names::resolve(workflows.keys(), &prefix) {
            let other = workflows[&latest].body["data"] != json!(data);
            let exists = || tokens::exists(&latest);
            call.region.rules.check(&rules::EXISTS, other, exists)?;
            number = latest.rsplit('/').next().and_then(|n| n.parse::<u32>().ok()).unwrap_or(0) + 1;
        }
        tokens::dry_run(call, input)?;
        let arn = format!("{prefix}/{number}");
        let body = json!({
            "arn": arn,
            "name": name,
            "version": version,
            "description": input.text("description"),
            "changeDescription": input.text("changeDescription"),
            "type": stage,
            "owner": call.region.config.account_id,
            "data": data,
            "kmsKeyId": input.text("kmsKeyId"),
            "dateCreated": timestamp(),
            "tags": tags,
            "parameters": outline.parameters,
        });
        workflows.insert(arn.clone(), Resource { body: without_null(body) });
        Ok((ARN, arn))
    })?;
    without_id(made)
}

/// The one that an ARN stands for, of one's own and of Image Builder's.
#[must_use]
pub fn find(builder: &ImageBuilder, region: &str, wanted: &str) -> Option<Value> {
    let own = builder.workflows.values().map(|resource| resource.body.clone());
    let all: Vec<(String, Value)> = own
        .chain(managed::bodies(region))
        .map(|body| (body["arn"].as_str().unwrap_or_default().to_owned(), body))
        .collect();
    let arn = names::resolve(all.iter().map(|(arn, _)| arn), wanted)?;
    all.into_iter().find(|(one, _)| *one == arn).map(|(_, body)| body)
}

/// GetWorkflow.
pub fn get(call: &Call<'_>, input: &Input<'_>) -> Answer {
    let wanted = input.need(ARN)?;
    names::check_arn(call, ARN, wanted, "workflow", names::Form::VersionOrBuild)?;
    let state = call.state();
    let body = find(&state.imagebuilder, &call.region.config.region, wanted);
    let body = body.ok_or_else(|| not_found(wanted))?;
    Ok(json!({"workflow": body}))
}

/// DeleteWorkflow; only pipelines, of which there are none, keep one from it.
pub fn delete(call: &Call<'_>, input: &Input<'_>) -> Answer {
    let arn = input.need(ARN)?;
    names::check_arn(call, ARN, arn, "workflow", names::Form::Build)?;
    call.state().imagebuilder.workflows.remove(arn).ok_or_else(|| not_found(arn))?;
    Ok(json!({ARN: arn}))
}

/// ListWorkflows: one entry for each version, of one's own or of Image Builder's.
pub fn list(call: &Call<'_>, input: &Input<'_>) -> Answer {
    let owner = input.text("owner").unwrap_or("Self");
    let known = matches!(owner, "Self" | "Amazon" | "AWSMarketplace");
    call.region.rules.check(&rules::OWNER, known, || {
        bad("owner", format!("Workflows are not listed by the owner {owner}."))
    })?;
    let bodies: Vec<Value> = match owner {
        "Self" => {
            let state = call.state();
            state.imagebuilder.workflows.values().map(|resource| resource.body.clone()).collect()
        }
        "Amazon" => managed::bodies(&call.region.config.region),
        _ => Vec::new(),
    };
    let mut shown: Vec<Value> = Vec::new();
    for body in bodies {
        let mut entry = list::pick(&body, SUMMARY);
        let arn = entry["arn"].as_str().and_then(|arn| arn.rsplit_once('/'));
        entry["arn"] = json!(arn.map(|(arn, _)| arn));
        for field in ["tags", "changeDescription"] {
            entry.as_object_mut().and_then(|entry| entry.remove(field));
        }
        shown.retain(|old| old["arn"] != entry["arn"]);
        shown.push(entry);
    }
    without_id(list::page(call, input, "workflowVersionList", shown)?)
}

/// ListWorkflowBuildVersions; without a version all of one's own.
pub fn list_builds(call: &Call<'_>, input: &Input<'_>) -> Answer {
    let version = input.text("workflowVersionArn").unwrap_or_default().to_owned();
    if !version.is_empty() {
        let form = names::Form::Version;
        names::check_arn(call, "workflowVersionArn", &version, "workflow", form)?;
    }
    let state = call.state();
    let workflows = state.imagebuilder.workflows.iter();
    let shown = workflows
        .filter(|(arn, _)| version.is_empty() || arn.starts_with(&format!("{version}/")))
        .map(|(_, resource)| list::pick(&resource.body, SUMMARY))
        .collect();
    without_id(list::page(call, input, "workflowSummaryList", shown)?)
}

/// The operations on workflows are those of this service that tell no requestId.
fn without_id(mut answer: Value) -> Answer {
    answer.as_object_mut().map(|answer| answer.remove("requestId"));
    Ok(answer)
}
