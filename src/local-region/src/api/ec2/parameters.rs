//! What an operation can be asked: EC2 refuses parameters it does not know
//! (`data/ec2_parameters.txt`, written by `scripts/ec2_parameters.py`).

use crate::api::{ApiError, Call, params::Params};
use crate::rules::requests as rules;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

static TEXT: &str = include_str!("../../data/ec2_parameters.txt");

/// Parameters by operation; `N` stands for a number.
static KNOWN: LazyLock<BTreeMap<&str, BTreeSet<&str>>> = LazyLock::new(|| {
    let lines = TEXT.lines().filter_map(|line| line.split_once(':'));
    lines.map(|(operation, names)| (operation, names.split_whitespace().collect())).collect()
});

/// Refuses a request with a parameter that the operation does not have.
pub fn check(call: &Call<'_>, p: &Params) -> Result<(), ApiError> {
    let Some(known) = KNOWN.get(call.operation) else { return Ok(()) };
    let unknown = p.keys().find(|key| {
        !matches!(*key, "Action" | "Version") && !known.contains(pattern(key).as_str())
    });
    call.region.rules.check(&rules::UNKNOWN_PARAMETER, unknown.is_none(), || {
        let name = unknown.and_then(|key| key.split('.').next()).unwrap_or_default();
        ApiError::new("UnknownParameter", format!("The parameter {name} is not recognized"))
    })
}

/// `Filter.1.Name` as `Filter.N.Name`.
fn pattern(key: &str) -> String {
    let numeric = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    let parts = key.split('.').map(|part| if numeric(part) { "N" } else { part });
    parts.collect::<Vec<_>>().join(".")
}

/// The operations that there are.
#[cfg(test)]
pub fn operations() -> impl Iterator<Item = &'static str> {
    KNOWN.keys().copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_operation_has_its_parameters() {
        let arms = include_str!("mod.rs").lines().filter_map(|line| {
            let (name, _) = line.trim().strip_prefix('"')?.split_once("\" =>")?;
            Some(name)
        });
        let carried_out: BTreeSet<&str> = arms.collect();
        let known: BTreeSet<&str> = operations().collect();
        assert_eq!(known, carried_out, "run scripts/ec2_parameters.py");
        assert_eq!(pattern("Filter.12.Value.1"), "Filter.N.Value.N");
    }
}
