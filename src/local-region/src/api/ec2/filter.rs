//! Filters of the describe operations: all filters must match, any value of
//! each suffices, values may hold `*` and `?`.

use crate::api::{ApiError, params::Params, policy::wildcard, tags::Tags};

/// Filters of a request.
pub struct Filters(Vec<(String, Vec<String>)>);

impl Filters {
    /// Reads them; a name that the operation does not know is an error.
    pub fn read(p: &Params, known: &[&str]) -> Result<Self, ApiError> {
        let mut filters = Vec::new();
        for entry in p.groups("Filter") {
            let name = entry.need("Name")?.to_owned();
            let tag = name.starts_with("tag:") || name == "tag-key" || name == "tag-value";
            if !tag && !known.contains(&name.as_str()) {
                return Err(ApiError::new(
                    "InvalidParameterValue",
                    format!("The filter '{name}' is invalid"),
                ));
            }
            let values = entry.list("Value");
            if values.is_empty() {
                return Err(ApiError::new(
                    "InvalidParameterValue",
                    "The filter 'null' is invalid: it has no values",
                ));
            }
            filters.push((name, values));
        }
        Ok(Self(filters))
    }

    /// Whether a resource matches; `field` gives its values for a name.
    pub fn keep(&self, tags: &Tags, field: impl Fn(&str) -> Vec<String>) -> bool {
        self.0.iter().all(|(name, wanted)| {
            let have = match name.as_str() {
                "tag-key" => tags.keys().cloned().collect(),
                "tag-value" => tags.values().cloned().collect(),
                name => match name.strip_prefix("tag:") {
                    Some(key) => tags.get(key).cloned().into_iter().collect(),
                    None => field(name),
                },
            };
            wanted.iter().any(|want| have.iter().any(|value| wildcard(want, value)))
        })
    }
}
