//! Writing and deleting parameters.

use super::{name_of, not_found, plain, resource, tags};
use crate::api::constraint::{one_of, text, texts};
use crate::api::ssm::invalid;
use crate::api::{Answer, ApiError, Call};
use crate::rules::parameters as rules;
use crate::state::ssm::Parameter;
use regex_lite::Regex;
use serde_json::{Value, json};

/// Largest values, in characters.
const MAX_STANDARD: usize = 4096;
const MAX_ADVANCED: usize = 8192;
/// Most levels of a path, the name included.
const MAX_LEVELS: usize = 15;
/// Longest name, as an ARN has room for.
const MAX_NAME: usize = 1011;
const TYPES: [&str; 3] = ["String", "StringList", "SecureString"];
const TIERS: [&str; 3] = ["Standard", "Advanced", "Intelligent-Tiering"];
const TOO_LARGE: &str = "Standard tier parameters support a maximum parameter value of 4096 characters. To create a larger parameter value, upgrade the parameter to use the advanced-parameter tier. For more information, see https://docs.aws.amazon.com/systems-manager/latest/userguide/parameter-store-advanced-parameters.html";
const OVERWRITE_TAGS: &str = "Invalid request: tags and overwrite can't be used together. To create a parameter with tags, please remove overwrite flag. To update tags for an existing parameter, please use AddTagsToResource or RemoveTagsFromResource.";

/// PutParameter.
pub fn put(call: &Call<'_>, input: &Value) -> Answer {
    let name = name_of(call, input)?;
    call.authorize(&resource(call, &name))?;
    check_name(call, &name)?;
    let overwrite = input["Overwrite"].as_bool() == Some(true);
    let new_tags = tags::read(input)?;
    let rule = &call.region.rules;
    rule.check(&rules::TAGS_OR_OVERWRITE, !overwrite || new_tags.is_empty(), || {
        invalid(OVERWRITE_TAGS)
    })?;
    if let Some(name) = ["Policies", "KeyId"].into_iter().find(|name| !input[*name].is_null()) {
        return Err(invalid(format!("{name} is not part of the local region: leave it out.")));
    }
    let value = input["Value"].as_str().unwrap_or_default();
    let description = text(input, "Description", 1024)?.map(str::to_owned);
    let pattern = text(input, "AllowedPattern", 1024)?.filter(|pattern| !pattern.is_empty());
    check_pattern(call, pattern, value)?;
    let mut state = call.state();
    let old = state.ssm.get(&name);
    rule.check(&rules::EXISTS, old.is_none() || overwrite, || {
        ApiError::new(
            "ParameterAlreadyExists",
            "The parameter already exists. To overwrite this value, set the overwrite option in the request to true.",
        )
    })?;
    let kind = kind(call, input, old)?;
    let tier = tier(call, input, old, value)?;
    let data_type = input["DataType"].as_str().unwrap_or("text");
    let image = data_type != "aws:ec2:image" || state.ec2.images.contains_key(value);
    rule.check(&rules::IMAGE, image, || invalid(format!("The AMI {value} does not exist.")))?;
    let by = call.caller.arn(&call.region.config.account_id);
    let version = match state.ssm.get_mut(&name) {
        Some(known) => known.write(value, &by),
        None => {
            let mut new = Parameter::new(&kind, data_type, value, &by);
            new.tags = new_tags;
            state.ssm.insert(name.clone(), new);
            1
        }
    };
    if let Some(parameter) = state.ssm.get_mut(&name) {
        parameter.kind = kind;
        parameter.tier.clone_from(&tier);
        if description.is_some() {
            parameter.description = description;
        }
        if pattern.is_some() {
            parameter.allowed_pattern = pattern.map(str::to_owned);
        }
    }
    Ok(json!({"Version": version, "Tier": tier}))
}

fn check_name(call: &Call<'_>, name: &str) -> Result<(), ApiError> {
    let rule = &call.region.rules;
    let lower = name.to_ascii_lowercase();
    let is_path = name.starts_with('/');
    rule.check(&rules::RESERVED, !lower.starts_with("/aws/"), || {
        let why = format!("No access to reserved parameter name: {name}.");
        ApiError::new("AccessDeniedException", why)
    })?;
    let bare = lower.trim_start_matches('/');
    rule.check(&rules::RESERVED, !bare.starts_with("aws") && !bare.starts_with("ssm"), || {
        invalid("Parameter name: can't be prefixed with \"aws\" or \"ssm\" (case-insensitive).")
    })?;
    rule.check(&rules::NAME, is_path || !name.contains('/'), || {
        invalid("Parameter name must be a fully qualified name.")
    })?;
    let letter = |c: char| c.is_ascii_alphanumeric() || "_.-/".contains(c);
    let fits = name.chars().all(letter) && name.len() <= MAX_NAME && !name.ends_with('/');
    rule.check(&rules::NAME, fits && !name.contains("//"), || {
        invalid("Parameter name: if formed as a path, it can consist of sub-paths divided by slash symbol; each sub-path can be formed as a mix of letters, numbers and the following 3 symbols .-_")
    })?;
    let levels = bare.split('/').count();
    rule.check(&rules::LEVELS, levels <= MAX_LEVELS, || {
        ApiError::new(
            "HierarchyLevelLimitExceededException",
            format!(
                "The hierarchy can have a maximum of {MAX_LEVELS} levels; {name} has {levels}."
            ),
        )
    })
}

fn check_pattern(call: &Call<'_>, pattern: Option<&str>, value: &str) -> Result<(), ApiError> {
    let Some(pattern) = pattern else { return Ok(()) };
    let regex = Regex::new(pattern).map_err(|error| {
        ApiError::new("InvalidAllowedPatternException", format!("AllowedPattern: {error}"))
    })?;
    call.region.rules.check(&rules::PATTERN, regex.is_match(value), || {
        ApiError::new(
            "ParameterPatternMismatchException",
            format!("Parameter value, cannot be validated against allowedPattern: {pattern}"),
        )
    })
}

fn kind(call: &Call<'_>, input: &Value, old: Option<&Parameter>) -> Result<String, ApiError> {
    let given = input["Type"].as_str();
    let known = given.is_none_or(|given| TYPES.contains(&given));
    let rule = &call.region.rules;
    rule.check(&rules::TYPE, known, || {
        ApiError::new(
            "UnsupportedParameterType",
            "Type must be String, StringList or SecureString.",
        )
    })?;
    rule.check(&rules::TYPE, given.is_some() || old.is_some(), || {
        invalid("A parameter type is required when you create a parameter.")
    })?;
    let same = old.is_none_or(|old| given.is_none_or(|given| given == old.kind));
    rule.check(&rules::TYPE, same, || {
        ApiError::new(
            "HierarchyTypeMismatchException",
            "Parameter Store does not support changing a parameter type: create a new parameter.",
        )
    })?;
    let kept = old.map_or("String", |old| &old.kind);
    Ok(given.unwrap_or(kept).to_owned())
}

/// The tier the value ends up in; an advanced parameter never becomes a standard one.
fn tier(
    call: &Call<'_>,
    input: &Value,
    old: Option<&Parameter>,
    value: &str,
) -> Result<String, ApiError> {
    let asked = one_of(input, "Tier", &TIERS)?.unwrap_or("Standard");
    let length = value.chars().count();
    let was_advanced = old.is_some_and(|old| old.tier == "Advanced");
    let large = asked == "Intelligent-Tiering" && length > MAX_STANDARD;
    let advanced = asked == "Advanced" || was_advanced || large;
    let most = if advanced { MAX_ADVANCED } else { MAX_STANDARD };
    call.region.rules.check(&rules::SIZE, (1..=most).contains(&length), || {
        if advanced || length == 0 {
            invalid(format!("Value must have 1 to {most} characters."))
        } else {
            invalid(TOO_LARGE)
        }
    })?;
    Ok(if advanced { "Advanced" } else { "Standard" }.to_owned())
}

/// DeleteParameter.
pub fn delete(call: &Call<'_>, input: &Value) -> Answer {
    let name = name_of(call, input)?;
    call.authorize(&resource(call, &name))?;
    let mut state = call.state();
    let mine = state.ssm.get(&name).is_some_and(|parameter| !parameter.public);
    call.region.rules.check(&rules::DELETE_UNKNOWN, mine, || not_found(&name))?;
    if mine {
        state.ssm.remove(&name);
    }
    Ok(json!({}))
}

/// DeleteParameters: what there is, and what there was not.
pub fn delete_many(call: &Call<'_>, input: &Value) -> Answer {
    let names = texts(&input["Names"]);
    let few = (1..=10).contains(&names.len());
    call.region.rules.check(&rules::TEN_NAMES, few, || invalid("Names takes 1 to 10 names."))?;
    let (mut deleted, mut unknown) = (Vec::new(), Vec::new());
    for given in names {
        let name = plain(call, given);
        call.authorize(&resource(call, &name))?;
        let mut state = call.state();
        if state.ssm.get(&name).is_some_and(|parameter| !parameter.public) {
            state.ssm.remove(&name);
            deleted.push(given);
        } else {
            unknown.push(given);
        }
    }
    Ok(json!({"DeletedParameters": deleted, "InvalidParameters": unknown}))
}
