//! Reading parameters: by name, by path, their history.

use super::{details, merge, name_of, not_found, plain, resource, show};
use crate::api::constraint::{Page, texts};
use crate::api::ssm::invalid;
use crate::api::{Answer, ApiError, Call};
use crate::rules::parameters as rules;
use crate::state::ssm::{Parameter, Version};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

/// `name` or `name:version`.
struct Selected {
    name: String,
    version: Option<u64>,
    selector: Option<String>,
}

impl Selected {
    fn read(call: &Call<'_>, text: &str) -> Self {
        let name = plain(call, text);
        let by_version = call.region.rules.on(&rules::VERSION);
        match name.rsplit_once(':') {
            Some((before, after)) if by_version && after.bytes().all(|b| b.is_ascii_digit()) => {
                Self {
                    name: before.to_owned(),
                    version: after.parse().ok(),
                    selector: Some(format!(":{after}")),
                }
            }
            _ => Self { name, version: None, selector: None },
        }
    }

    fn find<'a>(&self, parameter: &'a Parameter) -> Option<&'a Version> {
        match self.version {
            Some(number) => parameter.version(number),
            None => parameter.latest(),
        }
    }

    fn show(&self, call: &Call<'_>, input: &Value) -> Result<Value, ApiError> {
        let state = call.state();
        let parameter = state.ssm.get(&self.name).ok_or_else(|| not_found(&self.name))?;
        let version = self.find(parameter).ok_or_else(|| {
            let number = self.version.unwrap_or_default();
            ApiError::new(
                "ParameterVersionNotFound",
                format!("Systems Manager could not find version {number} of {}. Verify the version and try again.", self.name),
            )
        })?;
        let mut shown = show(call, &self.name, parameter, version);
        if let Some(selector) = &self.selector {
            shown["Selector"] = json!(selector);
        }
        Ok(conceal(call, input, shown))
    }
}

/// A SecureString that is not to be decrypted is told as KMS would have it:
/// something that says nothing of the value.
fn conceal(call: &Call<'_>, input: &Value, mut shown: Value) -> Value {
    let secret = shown["Type"] == "SecureString" && input["WithDecryption"].as_bool() != Some(true);
    if secret && call.region.rules.on(&rules::SECURE) {
        let about = format!("{}{}", shown["ARN"], shown["Version"]);
        shown["Value"] = json!(format!("AQICAH{}", STANDARD.encode(Sha256::digest(about))));
    }
    shown
}

/// GetParameter.
pub fn get(call: &Call<'_>, input: &Value) -> Answer {
    let selected = Selected::read(call, &name_of(call, input)?);
    call.authorize(&resource(call, &selected.name))?;
    Ok(json!({ "Parameter": selected.show(call, input)? }))
}

/// GetParameters.
pub fn get_many(call: &Call<'_>, input: &Value) -> Answer {
    let names = texts(&input["Names"]);
    let few = (1..=10).contains(&names.len());
    call.region.rules.check(&rules::TEN_NAMES, few, || invalid("Names takes 1 to 10 names."))?;
    let (mut found, mut unknown) = (Vec::new(), Vec::new());
    for name in names {
        let selected = Selected::read(call, name);
        call.authorize(&resource(call, &selected.name))?;
        match selected.show(call, input) {
            Ok(shown) => found.push(shown),
            Err(_) => unknown.push(name),
        }
    }
    Ok(json!({"Parameters": found, "InvalidParameters": unknown}))
}

/// GetParametersByPath.
pub fn by_path(call: &Call<'_>, input: &Value) -> Answer {
    let path = input["Path"].as_str().unwrap_or_default();
    call.region.rules.check(&rules::PATH, path.starts_with('/'), || {
        invalid("The parameter doesn't meet the parameter name requirements. The parameter name must begin with a forward slash \"/\".")
    })?;
    call.authorize(&resource(call, path))?;
    let below = format!("{}/", path.trim_end_matches('/'));
    let recursive =
        input["Recursive"].as_bool() == Some(true) || !call.region.rules.on(&rules::PATH);
    let filters = super::list::Filters::read(call, input)?;
    let state = call.state();
    let found = state
        .ssm
        .iter()
        .filter(|(name, _)| {
            name.strip_prefix(&below).is_some_and(|rest| recursive || !rest.contains('/'))
        })
        .filter(|(name, parameter)| filters.keep(name, parameter))
        .filter_map(|(name, parameter)| Some(show(call, name, parameter, parameter.latest()?)))
        .map(|shown| conceal(call, input, shown))
        .collect();
    drop(state);
    Ok(page(call, found, input, 10)?.answer("Parameters"))
}

/// One page of parameters.
pub fn page(
    call: &Call<'_>,
    found: Vec<Value>,
    input: &Value,
    most: u64,
) -> Result<Page, ApiError> {
    let most = if call.region.rules.on(&rules::PAGES) { most } else { u64::MAX };
    Page::cut(found, input, 1..=most, "InvalidNextToken").map_err(|e| e.by(&rules::PAGES))
}

/// GetParameterHistory.
pub fn history(call: &Call<'_>, input: &Value) -> Answer {
    let name = name_of(call, input)?;
    call.authorize(&resource(call, &name))?;
    let state = call.state();
    let parameter = state.ssm.get(&name).filter(|p| !p.public).ok_or_else(|| not_found(&name))?;
    let found = parameter
        .versions()
        .map(|version| {
            let mut shown = conceal(call, input, show(call, &name, parameter, version));
            if let Some(fields) = shown.as_object_mut() {
                fields.remove("ARN");
            }
            merge(&mut shown, details(parameter, version));
            shown
        })
        .collect();
    drop(state);
    Ok(page(call, found, input, 50)?.answer("Parameters"))
}
