//! DescribeParameters and its filters.

use super::read::page;
use super::{details, merge, show};
use crate::api::constraint::texts;
use crate::api::ssm::silent;
use crate::api::{Answer, ApiError, Call};
use crate::rules::parameters as rules;
use crate::state::ssm::Parameter;
use serde_json::Value;

const KEYS: [&str; 6] = ["Name", "Type", "KeyId", "Path", "Tier", "DataType"];

struct Filter<'a> {
    key: &'a str,
    option: &'a str,
    values: Vec<&'a str>,
}

/// Filters of a request, in both forms.
pub struct Filters<'a>(Vec<Filter<'a>>);

impl<'a> Filters<'a> {
    /// Reads `ParameterFilters` and the older `Filters`.
    pub fn read(call: &Call<'_>, input: &'a Value) -> Result<Self, ApiError> {
        let list = |name: &str| input[name].as_array().map(Vec::as_slice).unwrap_or_default();
        let read = |filter: &'a Value| {
            let key = filter["Key"].as_str().unwrap_or_default();
            let default = if key == "Path" { "OneLevel" } else { "Equals" };
            let option = filter["Option"].as_str().unwrap_or(default);
            Filter { key, option, values: texts(&filter["Values"]) }
        };
        let filters: Vec<Filter<'_>> =
            list("ParameterFilters").iter().chain(list("Filters")).map(read).collect();
        for filter in &filters {
            filter.check(call)?;
        }
        Ok(Self(filters))
    }

    /// Whether a parameter passes.
    pub fn keep(&self, name: &str, parameter: &Parameter) -> bool {
        self.0.iter().all(|filter| filter.keeps(name, parameter))
    }
}

impl Filter<'_> {
    fn check(&self, call: &Call<'_>) -> Result<(), ApiError> {
        let refuse = |kept: bool, code: &str, why: String| {
            call.region.rules.check(&rules::FILTERS, kept, || ApiError::new(code, why))
        };
        let known = KEYS.contains(&self.key) || self.key.starts_with("tag:");
        call.region.rules.check(&rules::FILTERS, known, || silent("InvalidFilterKey"))?;
        let options: &[&str] = match self.key {
            "Path" => &["Recursive", "OneLevel"],
            "Name" => &["Equals", "BeginsWith", "Contains"],
            "Type" | "KeyId" | "DataType" => &["Equals", "BeginsWith"],
            _ => &["Equals"],
        };
        let why = format!("Filter {} takes no option {}.", self.key, self.option);
        refuse(options.contains(&self.option), "InvalidFilterOption", why)?;
        let paths = self.key != "Path" || self.values.iter().all(|value| value.starts_with('/'));
        let why = "A path begins with a forward slash.".to_owned();
        refuse(paths && !self.values.is_empty(), "InvalidFilterValue", why)
    }

    fn keeps(&self, name: &str, parameter: &Parameter) -> bool {
        let have = match self.key {
            "Name" => name,
            "Type" => &parameter.kind,
            "Tier" => &parameter.tier,
            "DataType" => &parameter.data_type,
            "KeyId" if parameter.kind == "SecureString" => "alias/aws/ssm",
            "Path" => return self.values.iter().any(|path| self.is_below(name, path)),
            key => match key.strip_prefix("tag:").and_then(|tag| parameter.tags.get(tag)) {
                Some(value) => value,
                None => return false,
            },
        };
        self.values.iter().any(|value| match self.option {
            "BeginsWith" => have.starts_with(value),
            "Contains" => have.contains(value),
            _ => have == *value,
        })
    }

    fn is_below(&self, name: &str, path: &str) -> bool {
        let below = format!("{}/", path.trim_end_matches('/'));
        name.strip_prefix(&below)
            .is_some_and(|rest| self.option == "Recursive" || !rest.contains('/'))
    }
}

/// DescribeParameters: those of the account, without their values.
pub fn describe(call: &Call<'_>, input: &Value) -> Answer {
    call.authorize("*")?;
    let filters = Filters::read(call, input)?;
    let state = call.state();
    let found = state
        .ssm
        .iter()
        .filter(|(name, parameter)| !parameter.public && filters.keep(name, parameter))
        .filter_map(|(name, parameter)| {
            let version = parameter.latest()?;
            let mut shown = show(call, name, parameter, version);
            shown.as_object_mut()?.remove("Value");
            merge(&mut shown, details(parameter, version));
            Some(shown)
        })
        .collect();
    drop(state);
    Ok(page(call, found, input, 50)?.answer("Parameters"))
}
