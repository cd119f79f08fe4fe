//! CreateLaunchTemplate, DescribeLaunchTemplates, DescribeLaunchTemplateVersions,
//! DeleteLaunchTemplate, and what a launch takes of one.

mod shown;

use super::plan::combination;
use super::{dry_run, filter::Filters, paging::page, tag_set, tag_specifications};
use crate::api::{Answer, ApiError, Call, params::Params, timestamp};
use crate::rules::launch_templates as rules;
use crate::state::ec2::Ec2;
use crate::state::ids;
use crate::state::launch_templates::LaunchTemplate;
use serde_json::{Value, json};

/// Length of a name.
const NAME_CHARS: std::ops::RangeInclusive<usize> = 3..=128;
/// The one version.
const VERSION: &str = "1";

fn show(ec2: &Ec2, of: &LaunchTemplate) -> Value {
    json!({
        "launchTemplateId": of.id,
        "launchTemplateName": of.name,
        "createTime": of.created,
        "createdBy": of.created_by,
        "defaultVersionNumber": 1,
        "latestVersionNumber": 1,
        "tagSet": tag_set(&ec2.tags_of(&of.id)),
    })
}

/// CreateLaunchTemplate.
pub fn create(call: &Call<'_>, p: &Params) -> Answer {
    let name = p.need("LaunchTemplateName")?;
    let mut state = call.state();
    let in_force = state.rules.clone();
    let allowed = |c: char| c.is_ascii_alphanumeric() || "().-/_".contains(c);
    let good = NAME_CHARS.contains(&name.chars().count()) && name.chars().all(allowed);
    in_force.check(&rules::NAME, good, || {
        let message = format!("The launch template name '{name}' is not valid.");
        ApiError::new("InvalidLaunchTemplateName.MalformedException", message)
    })?;
    tag_specifications::check(&in_force, p, &["launch-template"])?;
    let tags = tag_specifications::specified(&in_force, p, "launch-template")?;
    let token = p.get("ClientToken").map(|token| (token.to_owned(), p.fingerprint(&["DryRun"])));
    let description = p.get("VersionDescription").map(str::to_owned);
    let data = p.sub("LaunchTemplateData").below();
    in_force.check(&rules::DATA, !data.is_empty(), || {
        ApiError::new(
            "MissingParameter",
            "The request must contain the parameter LaunchTemplateData",
        )
    })?;
    dry_run(p)?;
    let again = |of: &&LaunchTemplate| token.is_some() && of.token == token;
    if let Some(made) = state.ec2.launch_templates.values().find(again)
        && in_force.on(&rules::TOKEN)
    {
        return Ok(json!({"launchTemplate": show(&state.ec2, made)}));
    }
    let taken = state.ec2.launch_templates.values().any(|of| of.name == name);
    in_force.check(&rules::NAME_TAKEN, !taken, || {
        let message = format!("Launch template name already in use: {name}.");
        ApiError::new("InvalidLaunchTemplateName.AlreadyExistsException", message)
    })?;
    let template = LaunchTemplate {
        id: ids::resource("lt"),
        name: name.to_owned(),
        created: timestamp(),
        created_by: call.caller.arn(&call.region.config.account_id),
        description,
        data,
        token,
    };
    if !tags.is_empty() {
        state.ec2.tags.insert(template.id.clone(), tags);
    }
    let shown = show(&state.ec2, &template);
    state.ec2.launch_templates.insert(template.id.clone(), template);
    Ok(json!({"launchTemplate": shown}))
}

fn not_found(id: Option<&str>, name: Option<&str>) -> ApiError {
    match (id, name) {
        (Some(id), _) => ApiError::new(
            "InvalidLaunchTemplateId.NotFound",
            format!("The specified launch template, with template ID {id}, does not exist."),
        ),
        (None, name) => ApiError::new(
            "InvalidLaunchTemplateName.NotFoundException",
            format!(
                "The specified launch template, with template name {}, does not exist.",
                name.unwrap_or_default()
            ),
        ),
    }
}

/// The template that is named by `LaunchTemplateId` or `LaunchTemplateName`.
fn named(call: &Call<'_>, ec2: &Ec2, p: &Params) -> Result<Option<LaunchTemplate>, ApiError> {
    let in_force = &call.region.rules;
    let (id, name) = (p.get("LaunchTemplateId"), p.get("LaunchTemplateName"));
    in_force.check(&rules::ONE_NAME, id.is_none() || name.is_none(), || {
        combination("Specify the launch template by ID or by name, not both.")
    })?;
    if id.is_none() && name.is_none() {
        p.need("LaunchTemplateId")?;
    }
    let is = |of: &&LaunchTemplate| match id {
        Some(id) => of.id == id,
        None => Some(of.name.as_str()) == name,
    };
    let found = ec2.launch_templates.values().find(is);
    in_force.check(&rules::UNKNOWN, found.is_some(), || not_found(id, name))?;
    Ok(found.cloned())
}

fn check_version(call: &Call<'_>, of: &LaunchTemplate, version: &str) -> Result<(), ApiError> {
    let exists = [VERSION, "$Default", "$Latest"].contains(&version);
    call.region.rules.check(&rules::VERSION, exists, || {
        let message = format!(
            "Could not find the specified version {version} for the launch template {}.",
            of.id
        );
        ApiError::new("InvalidLaunchTemplateId.VersionNotFound", message)
    })
}

/// DescribeLaunchTemplates.
pub fn describe(call: &Call<'_>, p: &Params) -> Answer {
    let filters = Filters::read(call, p, &["create-time", "launch-template-name"])?;
    let (ids, names) = (p.list("LaunchTemplateId"), p.list("LaunchTemplateName"));
    dry_run(p)?;
    let state = call.state();
    let all = &state.ec2.launch_templates;
    let missing_id = ids.iter().find(|id| !all.contains_key(*id));
    let missing = names.iter().find(|name| !all.values().any(|of| of.name == **name));
    call.region.rules.check(&rules::UNKNOWN, missing_id.is_none() && missing.is_none(), || {
        not_found(missing_id.map(String::as_str), missing.map(String::as_str))
    })?;
    let every = ids.is_empty() && names.is_empty();
    let shown = all
        .values()
        .filter(|of| every || ids.contains(&of.id) || names.contains(&of.name))
        .filter(|of| {
            filters.keep(&state.ec2.tags_of(&of.id), |field| {
                vec![if field == "create-time" { of.created.clone() } else { of.name.clone() }]
            })
        })
        .map(|of| show(&state.ec2, of))
        .collect();
    let (items, next) = page(call, shown, p, (1, 200))?;
    Ok(json!({"launchTemplates": items, "nextToken": next}))
}

/// DescribeLaunchTemplateVersions, of one template.
pub fn versions(call: &Call<'_>, p: &Params) -> Answer {
    let versions = p.list("LaunchTemplateVersion");
    let state = call.state();
    let found = named(call, &state.ec2, p)?;
    dry_run(p)?;
    let mut shown = Vec::new();
    for of in found.iter() {
        for version in &versions {
            check_version(call, of, version)?;
        }
        shown.push(json!({
            "launchTemplateId": of.id,
            "launchTemplateName": of.name,
            "versionNumber": 1,
            "versionDescription": of.description,
            "createTime": of.created,
            "createdBy": of.created_by,
            "defaultVersion": true,
            "launchTemplateData": shown::data(&of.data),
        }));
    }
    let (items, next) = page(call, shown, p, (1, 200))?;
    Ok(json!({"launchTemplateVersionSet": items, "nextToken": next}))
}

/// DeleteLaunchTemplate; instances that it started run on.
pub fn delete(call: &Call<'_>, p: &Params) -> Answer {
    let mut state = call.state();
    let found = named(call, &state.ec2, p)?;
    dry_run(p)?;
    let shown = found.map(|of| {
        let shown = show(&state.ec2, &of);
        state.ec2.launch_templates.remove(&of.id);
        state.ec2.tags.remove(&of.id);
        shown
    });
    Ok(json!({"launchTemplate": shown}))
}

/// A launch with what it takes from its template.
pub fn expand(call: &Call<'_>, p: &Params) -> Result<Params, ApiError> {
    let spec = p.sub("LaunchTemplate");
    if spec.is_empty() {
        return Ok(p.clone());
    }
    let found = named(call, &call.state().ec2, &spec)?;
    let Some(of) = found else { return Ok(p.clone()) };
    check_version(call, &of, spec.get("Version").unwrap_or("$Default"))?;
    let in_force = &call.region.rules;
    if !in_force.on(&rules::USED) {
        return Ok(p.clone());
    }
    Ok(p.completed(&of.data, in_force.on(&rules::OVERRIDE)))
}
