//! Images: create, get, cancel, delete, list.

use super::{
    Answer, Call, Input, build, chosen, invalid, list, names, not_found, required, resources,
    tokens,
};
use crate::api::timestamp;
use crate::rules::imagebuilder as rules;
use crate::state::workflow::Workflow;
use crate::state::{ids, imagebuilder::ImageBuild};
use serde_json::{Value, json};

const SUMMARY: &[&str] = &[
    "arn",
    "name",
    "type",
    "version",
    "platform",
    "osVersion",
    "state",
    "owner",
    "dateCreated",
    "outputResources",
    "tags",
    "buildType",
    "imageSource",
];

/// CreateImage: checks what it names, then builds in the background.
pub fn create(call: &Call<'_>, input: &Input<'_>) -> Answer {
    tokens::once(call, input, || {
        let recipe_arn = input.need("imageRecipeArn")?;
        let infrastructure_arn = input.need("infrastructureConfigurationArn")?;
        let tags = resources::read(input.body, "tags")?;
        let role = chosen::role(call, input)?;
        let mut state = call.state();
        let chosen = chosen::workflows(call, input, &state, role)?;
        let builder = &mut state.imagebuilder;
        let (recipes, infrastructures) = (&builder.recipes, &builder.infrastructures);
        let recipe = recipes.get(recipe_arn).ok_or_else(|| required(recipe_arn))?;
        let infrastructure =
            infrastructures.get(infrastructure_arn).ok_or_else(|| required(infrastructure_arn))?;
        let distribution = input
            .text("distributionConfigurationArn")
            .map(|arn| builder.distributions.get(arn).cloned().ok_or_else(|| required(arn)));
        let distribution = distribution.transpose()?;
        let name = recipe.body["name"].as_str().unwrap_or_default();
        let version = recipe.body["version"].as_str().unwrap_or_default();
        let prefix = names::arn(call, "image", name, version);
        let latest = names::resolve(builder.images.keys(), &prefix);
        let number =
            latest.and_then(|arn| arn.rsplit('/').next()?.parse::<u32>().ok()).unwrap_or(0) + 1;
        let arn = format!("{prefix}/{number}");
        let tests = match &input.body["imageTestsConfiguration"] {
            Value::Null => json!({"imageTestsEnabled": true, "timeoutMinutes": 720}),
            given => given.clone(),
        };
        let mut body = json!({
            "arn": arn,
            "type": "AMI",
            "name": name,
            "version": format!("{version}/{number}"),
            "platform": "Linux",
            "enhancedImageMetadataEnabled": input.body["enhancedImageMetadataEnabled"].as_bool().unwrap_or(true),
            "osVersion": "Debian 12",
            "state": {"status": "PENDING"},
            "imageRecipe": recipe.body,
            "infrastructureConfiguration": infrastructure.body,
            "imageTestsConfiguration": tests,
            "dateCreated": timestamp(),
            "owner": call.region.config.account_id,
            "outputResources": {"amis": [], "containers": []},
            "tags": tags,
            "buildType": "USER_INITIATED",
            "imageSource": "CUSTOM",
        });
        if let Some(distribution) = distribution {
            let mut distribution = distribution.body;
            distribution.as_object_mut().and_then(|body| body.remove("regions"));
            body["distributionConfiguration"] = distribution;
        }
        if let Some(role) = &chosen.role {
            body["executionRole"] = json!(role);
        }
        if chosen.shown.is_array() {
            body["workflows"] = chosen.shown;
        }
        let image = ImageBuild {
            body,
            ami_id: None,
            steps: Vec::new(),
            steps_total: 0,
            workflow: Workflow::build(),
            workflow_execution_id: format!("wf-{}", ids::request()),
            started: timestamp(),
            ended: None,
            test_flows: chosen.tests,
            tests: Vec::new(),
            execution_role: chosen.role,
            cancel: Default::default(),
        };
        builder.images.insert(arn.clone(), image);
        build::start(call.region, arn.clone());
        Ok(("imageBuildVersionArn", arn))
    })
}

/// GetImage.
pub fn get(call: &Call<'_>, input: &Input<'_>) -> Answer {
    let wanted = input.need("imageBuildVersionArn")?;
    let form = names::Form::VersionOrBuild;
    names::check_arn(call, "imageBuildVersionArn", wanted, "image", form)?;
    let state = call.state();
    let images = &state.imagebuilder.images;
    let arn = names::resolve(images.keys(), wanted).ok_or_else(|| not_found(wanted))?;
    let mut body = images[&arn].body.clone();
    body.as_object_mut().and_then(|body| body.remove("owner"));
    Ok(json!({"requestId": ids::request(), "image": body}))
}

/// CancelImageCreation; the image is CANCELLED once its build has stopped.
pub fn cancel(call: &Call<'_>, input: &Input<'_>) -> Answer {
    let arn = input.need("imageBuildVersionArn")?;
    tokens::once(call, input, || {
        let state = call.state();
        let image = state.imagebuilder.images.get(arn).ok_or_else(|| not_found(arn))?;
        let in_force = &call.region.rules;
        in_force.check(&rules::CANCEL_ENDED, image.is_building(), || {
            let status = image.status();
            invalid(format!("The image '{arn}' is {status}: its creation cannot be cancelled."))
        })?;
        if in_force.on(&rules::CANCEL) {
            image.cancel.notify_one();
        }
        Ok(("imageBuildVersionArn", arn.to_owned()))
    })
}

/// RetryImage: goes on with a test that failed or was cancelled. Distribution does not fail here.
pub fn retry(call: &Call<'_>, input: &Input<'_>) -> Answer {
    let arn = input.need("imageBuildVersionArn")?;
    names::check_arn(call, "imageBuildVersionArn", arn, "image", names::Form::Build)?;
    let mut answer = tokens::once(call, input, || {
        let mut state = call.state();
        let image = state.imagebuilder.images.get_mut(arn).ok_or_else(|| not_found(arn))?;
        let ended = matches!(image.status(), "FAILED" | "CANCELLED");
        let can = ended && !image.tests.is_empty();
        call.region.rules.check(&rules::RETRY, can, || {
            let status = image.status();
            invalid(format!("The image '{arn}' is {status}: no test or distribution of it failed."))
        })?;
        if can {
            image.body["state"] = json!({"status": "TESTING"});
            image.ended = None;
            image.cancel = Default::default();
            build::test_again(call.region, arn.to_owned());
        }
        Ok(("imageBuildVersionArn", arn.to_owned()))
    })?;
    // The one call of the service that tells none.
    answer.as_object_mut().map(|answer| answer.remove("requestId"));
    Ok(answer)
}

/// DeleteImage; the AMI stays.
pub fn delete(call: &Call<'_>, input: &Input<'_>) -> Answer {
    let arn = input.need("imageBuildVersionArn")?;
    let mut state = call.state();
    let image = state.imagebuilder.images.get(arn).ok_or_else(|| not_found(arn))?;
    call.region.rules.check(&rules::DELETE_BUILDING, !image.is_building(), || {
        invalid(format!("The image '{arn}' is being built: cancel it first."))
    })?;
    state.imagebuilder.images.remove(arn);
    Ok(json!({"requestId": ids::request(), "imageBuildVersionArn": arn}))
}

/// ListImages: one entry for each version.
pub fn list(call: &Call<'_>, input: &Input<'_>) -> Answer {
    let fields = [
        "arn",
        "name",
        "type",
        "version",
        "platform",
        "osVersion",
        "owner",
        "dateCreated",
        "buildType",
        "imageSource",
    ];
    let state = call.state();
    let mut shown: Vec<Value> = Vec::new();
    for image in state.imagebuilder.images.values() {
        let mut entry = list::pick(&image.body, &fields);
        for field in ["arn", "version"] {
            let short = entry[field]
                .as_str()
                .and_then(|text| text.rsplit_once('/'))
                .map(|(text, _)| text.to_owned());
            entry[field] = json!(short);
        }
        shown.retain(|old| old["arn"] != entry["arn"]);
        shown.push(entry);
    }
    list::answer(call, input, "imageVersionList", shown)
}

/// ListImageBuildVersions.
pub fn list_builds(call: &Call<'_>, input: &Input<'_>) -> Answer {
    let version = input.text("imageVersionArn").unwrap_or_default().to_owned();
    let state = call.state();
    let shown = state
        .imagebuilder
        .images
        .iter()
        .filter(|(arn, _)| version.is_empty() || arn.starts_with(&format!("{version}/")))
        .map(|(_, image)| list::pick(&image.body, SUMMARY))
        .collect();
    list::answer(call, input, "imageSummaryList", shown)
}
