//! Image recipes; immutable.

use super::{
    Answer, Call, Input, bad, components::without_null, list, names, not_found, resources, tokens,
};
use crate::api::{ApiError, timestamp};
use crate::state::imagebuilder::Resource;
use serde_json::{Value, json};

/// Components of a recipe.
const MAX_COMPONENTS: usize = 20;

/// CreateImageRecipe.
pub fn create(call: &Call<'_>, input: &Input<'_>) -> Answer {
    tokens::once(call, input, || {
        let name = input.need("name")?;
        names::check(name)?;
        let parent = input.need("parentImage")?;
        let wanted = input.body["components"].as_array().cloned().unwrap_or_default();
        if wanted.len() > MAX_COMPONENTS {
            return Err(ApiError::new(
                "ServiceQuotaExceededException",
                format!("A recipe has at most {MAX_COMPONENTS} components."),
            ));
        }
        resources::read(input.body, "amiTags")?;
        let tags = resources::read(input.body, "tags")?;
        let mut state = call.state();
        let builder = &mut state.imagebuilder;
        for component in &wanted {
            let arn = component["componentArn"].as_str().unwrap_or_default();
            if names::resolve(builder.components.keys(), arn).is_none() {
                return Err(bad("components", format!("The component '{arn}' does not exist.")));
            }
        }
        let version = version(builder.recipes.keys(), call, name, input.need("semanticVersion")?)?;
        let arn = names::arn(call, "image-recipe", name, &version);
        if builder.recipes.contains_key(&arn) {
            return Err(tokens::exists(&arn));
        }
        tokens::dry_run(input)?;
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

/// `1.0.x` is the next free patch; anything else is taken as it is.
fn version<'a>(
    arns: impl Iterator<Item = &'a String>,
    call: &Call<'_>,
    name: &str,
    wanted: &str,
) -> Result<String, ApiError> {
    let Some(stem) = wanted.strip_suffix(".x") else {
        names::version(wanted)?;
        return Ok(wanted.to_owned());
    };
    names::version(&format!("{stem}.0"))?;
    let latest = names::resolve(arns, &names::arn(call, "image-recipe", name, wanted));
    let patch = latest.and_then(|arn| arn.rsplit('.').next()?.parse::<u32>().ok());
    Ok(format!("{stem}.{}", patch.map_or(0, |patch| patch + 1)))
}

/// GetImageRecipe.
pub fn get(call: &Call<'_>, input: &Input<'_>) -> Answer {
    let arn = input.need("imageRecipeArn")?;
    let state = call.state();
    let recipe = state.imagebuilder.recipes.get(arn).ok_or_else(|| not_found(arn))?;
    Ok(json!({"requestId": crate::state::ids::request(), "imageRecipe": recipe.body}))
}

/// DeleteImageRecipe.
pub fn delete(call: &Call<'_>, input: &Input<'_>) -> Answer {
    let arn = input.need("imageRecipeArn")?;
    let removed = call.state().imagebuilder.recipes.remove(arn);
    removed.ok_or_else(|| not_found(arn))?;
    Ok(json!({"requestId": crate::state::ids::request(), "imageRecipeArn": arn}))
}

/// ListImageRecipes.
pub fn list(call: &Call<'_>, input: &Input<'_>) -> Answer {
    let fields = ["arn", "name", "platform", "owner", "parentImage", "dateCreated", "tags"];
    let state = call.state();
    let recipes = state.imagebuilder.recipes.values();
    let shown: Vec<Value> = recipes.map(|recipe| list::pick(&recipe.body, &fields)).collect();
    list::answer(input, "imageRecipeSummaryList", shown)
}
