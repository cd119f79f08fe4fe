//! Filters of GetProducts.

use super::invalid;
use super::products::Product;
use crate::api::{ApiError, Call};
use crate::rules::pricing as rules;
use serde_json::Value;

/// One filter.
pub struct Filter<'a> {
    kind: &'a str,
    field: &'a str,
    value: &'a str,
}

/// Reads the filters of a request; every one must match.
pub fn read<'a>(call: &Call<'_>, input: &'a Value) -> Result<Vec<Filter<'a>>, ApiError> {
    let mut filters = Vec::new();
    for filter in input["Filters"].as_array().into_iter().flatten() {
        let text = |name: &str| filter[name].as_str().unwrap_or_default();
        let (kind, field, value) = (text("Type"), text("Field"), text("Value"));
        let known = matches!(kind, "TERM_MATCH" | "EQUALS" | "CONTAINS" | "ANY_OF" | "NONE_OF");
        let whole = known && !field.is_empty() && !value.is_empty();
        call.region.rules.check(&rules::FILTER, whole, || {
            invalid("Input Parameters are invalid. A filter has a Field, a Value and the Type TERM_MATCH, EQUALS, CONTAINS, ANY_OF or NONE_OF.")
        })?;
        filters.push(Filter { kind, field, value });
    }
    Ok(filters)
}

impl Filter<'_> {
    /// Whether a product is one of those asked for.
    pub fn keeps(&self, product: &Product) -> bool {
        let Self { kind, field, value } = self;
        let found = product.fields().find(|(name, _)| name.eq_ignore_ascii_case(field));
        let have = found.map(|(_, have)| have);
        let listed = || value.split(',').any(|value| Some(value.trim()) == have);
        match *kind {
            "CONTAINS" => have.is_some_and(|have| have.contains(value)),
            "ANY_OF" => listed(),
            "NONE_OF" => !listed(),
            _ => have == Some(*value),
        }
    }
}
