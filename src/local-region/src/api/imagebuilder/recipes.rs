//! Image recipes; immutable.

use super::{
    Answer, Call, Input, components::without_null, list, names, not_found, required, resources,
    tokens,
};
use crate::api::{ApiError, timestamp};
use crate::rules::imagebuilder as rules;
use crate::state::imagebuilder::Resource;
use serde_json::{Value, json};

/// Components of a recipe.
const MAX_COMPONENTS: usize = 20;

/// CreateImageRecipe.
pub fn create(call: &Call<'_>, input: &Input<'_>) -> Answer {
    tokens::once(call, input, || {
        let name = input.need("name")?;
        names::check(call, name)?;
        let parent = input.need("parentImage")?;
        let wanted = input.body["components"].as_array().cloned().unwrap_or_default();
        let in_force = &call.region.rules;
        in_force.check(&rules::RECIPE_COMPONENTS, wanted.len() <= MAX_COMPONENTS, || {
            ApiError::new(
                "ServiceQuotaExceededException",
                format!("A recipe has at most {MAX_COMPONENTS} components."),
            )
            .status(http::StatusCode::PAYMENT_REQUIRED)
        })?;
        resources::read(input.body, "amiTags")?;
        let tags = resources::read(input.body, "tags")?;
        let mut state = call.state();
        let builder = &mut state.imagebuilder;
        for (index, component) in wanted.iter().enumerate() {
            let arn = component["componentArn"].as_str().unwrap_or_default();
            let found = names::resolve(builder.components.keys(), arn);
            in_force.check(&rules::REFERENCE, found.is_some(), || required(arn))?;
            let declared = found.map(|found| builder.components[&found].body["parameters"].clone());
            check_parameters(call, index, &component["parameters"], declared.as_ref())?;
        }
        if parent.starts_with("arn:") {
            let found = names::resolve(builder.images.keys(), parent);
            in_force.check(&rules::REFERENCE, found.is_some(), || required(parent))?;
        }
        let version = version(builder.recipes.keys(), call, name, input.need("semanticVersion")?)?;
        let arn = names::arn(call, "image-recipe", name, &version);
        let free = !builder.recipes.contains_key(&arn);
        in_force.check(&rules::RECIPE_EXISTS, free, || tokens::exists(&arn))?;
        tokens::dry_run(call, input)?;
        let body = json!({
            "arn": arn,
            "type": "AMI",
            "name": name,
            "description": input.text("description"),
            "platform": "Linux",
            "owner": call.region.config.account_id,
            "version": version,
            "components": wanted,
            "parentImage": parent,
            "blockDeviceMappings": input.body["blockDeviceMappings"],
            "dateCreated": timestamp(),
            "tags": tags,
            "workingDirectory": input.text("workingDirectory"),
            "additionalInstanceConfiguration": input.body["additionalInstanceConfiguration"],
            "amiTags": input.body["amiTags"],
        });
        builder.recipes.insert(arn.clone(), Resource { body: without_null(body) });
        Ok(("imageRecipeArn", arn))
    })
}

/// Parameters given to a component are among those that its document declares.
fn check_parameters(
    call: &Call<'_>,
    index: usize,
    given: &Value,
    declared: Option<&Value>,
) -> Result<(), ApiError> {
    let names = |list: Option<&Value>| -> Vec<String> {
        let entries = list.and_then(Value::as_array).into_iter().flatten();
        entries.filter_map(|entry| entry["name"].as_str().map(str::to_owned)).collect()
    };
    let declared = names(declared);
    let unknown: Vec<_> =
        names(Some(given)).into_iter().filter(|name| !declared.contains(name)).collect();
    call.region.rules.check(&rules::RECIPE_PARAMETERS, unknown.is_empty(), || {
        ApiError::new(
            "InvalidParameterCombinationException",
            format!(
                "The value supplied for parameter 'components[{index}].parameters' is not valid. The following parameters are not defined in the provided component: {}",
                unknown.join(", ")
            ),
        )
    })
}

/// The version with its `x`, if it has one, replaced by the next free number.
fn version<'a>(
    arns: impl Iterator<Item = &'a String>,
    call: &Call<'_>,
    name: &str,
    wanted: &str,
) -> Result<String, ApiError> {
    let mut nodes: Vec<String> = wanted.split('.').map(str::to_owned).collect();
    let wild = nodes.iter().position(|node| node == "x");
    let in_force = &call.region.rules;
    if let Some(place) = wild
        && in_force.on(&rules::RECIPE_NEXT)
    {
        let one = nodes.iter().filter(|node| *node == "x").count() == 1;
        in_force.check(&rules::RECIPE_ONE_X, one, || {
            names::invalid_version(wanted, "it has more than one x")
        })?;
        let latest = names::resolve(arns, &names::arn(call, "image-recipe", name, wanted));
        let number = latest
            .and_then(|arn| arn.rsplit('/').next()?.split('.').nth(place)?.parse::<u32>().ok());
        nodes[place] = number.map_or(0, |number| number + 1).to_string();
        // Only with the rule of one x switched off is there another.
        nodes.iter_mut().filter(|node| *node == "x").for_each(|node| *node = "0".to_owned());
    }
    let version = nodes.join(".");
    names::version(call, &version)?;
    Ok(version)
}

/// GetImageRecipe.
pub fn get(call: &Call<'_>, input: &Input<'_>) -> Answer {
    let arn = input.need("imageRecipeArn")?;
    names::check_arn(call, "imageRecipeArn", arn, "image-recipe", names::Form::Version)?;
    let state = call.state();
    let recipe = state.imagebuilder.recipes.get(arn).ok_or_else(|| not_found(arn))?;
    Ok(json!({"requestId": crate::state::ids::request(), "imageRecipe": recipe.body}))
}

/// DeleteImageRecipe.
pub fn delete(call: &Call<'_>, input: &Input<'_>) -> Answer {
    let arn = input.need("imageRecipeArn")?;
    let found = call.state().imagebuilder.recipes.remove(arn).is_some();
    call.region.rules.check(&rules::NOT_FOUND, found, || not_found(arn))?;
    Ok(json!({"requestId": crate::state::ids::request(), "imageRecipeArn": arn}))
}

/// ListImageRecipes.
pub fn list(call: &Call<'_>, input: &Input<'_>) -> Answer {
    let fields = ["arn", "name", "platform", "owner", "parentImage", "dateCreated", "tags"];
    let state = call.state();
    let recipes = state.imagebuilder.recipes.values();
    let shown: Vec<Value> = recipes.map(|recipe| list::pick(&recipe.body, &fields)).collect();
    list::answer(call, input, "imageRecipeSummaryList", shown)
}
