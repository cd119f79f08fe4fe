//! What may be asked. Whoever may read an App by IAM may delete it as well, so
//! this list is the only place where "log, never delete" holds.

use http::Method;
use percent_encoding::percent_decode_str;
use std::str::FromStr;

/// Groups of endpoints that no client needs to track a run.
const NOT_TRACKING: [&str; 2] = ["gateway", "webhooks"];
/// Changed by people and pipelines, not by runs.
const REGISTRY: [&str; 2] = ["registered-models", "model-versions"];
/// Last parts of paths that take something away.
const TAKES_AWAY: [&str; 3] = ["delete", "delete-traces", "restore"];

/// A rule that says nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{given:?} is no rule: expected `default`, or a method and a path such as `POST /api/2.0/mlflow/runs/delete` (`*` for one part, `**` for the rest)"
)]
pub struct RuleError {
    /// As given.
    pub given: String,
}

/// One rule.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Rule {
    Default,
    Path { method: String, parts: Vec<String> },
}

/// Rules, any of which allows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Allow(Vec<Rule>);

impl Default for Allow {
    fn default() -> Self {
        Self(vec![Rule::Default])
    }
}

impl Allow {
    /// From texts.
    ///
    /// # Errors
    /// If one is no rule.
    pub fn parse<T: AsRef<str>>(rules: &[T]) -> Result<Self, RuleError> {
        rules.iter().map(|rule| rule.as_ref().parse()).collect::<Result<_, _>>().map(Self)
    }

    /// Whether this may be asked, by the decoded parts of its path.
    pub(super) fn allows(&self, method: &Method, parts: &[String]) -> bool {
        self.0.iter().any(|rule| match rule {
            Rule::Default => usual(method, parts),
            Rule::Path { method: it, parts: wanted } => {
                it == method.as_str() && fits(wanted, parts)
            }
        })
    }
}

impl FromStr for Rule {
    type Err = RuleError;

    fn from_str(given: &str) -> Result<Self, RuleError> {
        let error = || RuleError { given: given.to_owned() };
        if given == "default" {
            return Ok(Self::Default);
        }
        let (method, path) = given.split_once(' ').ok_or_else(error)?;
        let path = path.strip_prefix('/').ok_or_else(error)?;
        if method.is_empty() || !method.bytes().all(|b| b.is_ascii_uppercase()) {
            return Err(error());
        }
        let parts: Vec<String> = path.split('/').map(str::to_owned).collect();
        let rest = parts.iter().position(|part| part == "**");
        if parts.iter().any(String::is_empty) || rest.is_some_and(|at| at + 1 != parts.len()) {
            return Err(error());
        }
        Ok(Self::Path { method: method.to_owned(), parts })
    }
}

fn fits(wanted: &[String], parts: &[String]) -> bool {
    match wanted.split_last() {
        Some((last, before)) if last == "**" => {
            parts.len() > before.len() && fits(before, &parts[..before.len()])
        }
        _ => {
            wanted.len() == parts.len()
                && wanted.iter().zip(parts).all(|(wanted, part)| wanted == "*" || wanted == part)
        }
    }
}

/// Tracking, artifacts and traces (MLflow's REST API 2.0 and 3.0, OTLP).
fn usual(method: &Method, parts: &[String]) -> bool {
    let parts: Vec<&str> = parts.iter().map(String::as_str).collect();
    let reads = *method == Method::GET || *method == Method::HEAD;
    let writes = *method == Method::POST || *method == Method::PATCH || *method == Method::PUT;
    match parts[..] {
        ["health" | "version"] => reads,
        ["get-artifact"] | ["model-versions", "get-artifact"] => reads,
        ["v1", "traces"] => *method == Method::POST,
        ["api", "2.0" | "3.0", "mlflow-artifacts", _, ..] => reads || writes,
        ["api", "2.0" | "3.0", "mlflow", ref rest @ ..] if !rest.is_empty() => {
            let none_of = |words: &[&str]| !rest.iter().any(|part| words.contains(part));
            none_of(&NOT_TRACKING)
                && (reads || (writes && none_of(&TAKES_AWAY) && none_of(&REGISTRY)))
        }
        _ => false,
    }
}

/// The parts of a path, decoded, so that no spelling slips past a rule.
///
/// # Errors
/// With what is wrong with it.
pub(super) fn parts(path: &str) -> Result<Vec<String>, &'static str> {
    let path = path.strip_prefix('/').ok_or("does not begin with a slash")?;
    let parts: Vec<String> = path
        .split('/')
        .map(|part| percent_decode_str(part).decode_utf8().map(String::from))
        .collect::<Result<_, _>>()
        .map_err(|_| "is not UTF-8")?;
    if parts.iter().any(|part| part == "." || part == "..") {
        return Err("has . or .. in it");
    }
    if parts.iter().any(|part| part.contains(['\\', '\0', '\r', '\n'])) {
        return Err("has a control character or a backslash in it");
    }
    // Artifacts may have any name; an encoded slash elsewhere hides a part.
    let artifact = parts.get(2).is_some_and(|part| part == "mlflow-artifacts");
    if !artifact && parts.iter().any(|part| part.contains('/')) {
        return Err("has an encoded slash in it");
    }
    if !artifact && parts.iter().any(String::is_empty) {
        return Err("has an empty part in it");
    }
    Ok(parts)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn allows(allow: &Allow, request: &str) -> bool {
        let (method, path) = request.split_once(' ').unwrap();
        parts(path).is_ok_and(|parts| allow.allows(&method.parse().unwrap(), &parts))
    }

    #[test]
    fn tracking_passes_and_nothing_that_takes_away() {
        let usual = Allow::default();
        for good in [
            "GET /api/2.0/mlflow/experiments/get-by-name",
            "POST /api/2.0/mlflow/runs/log-batch",
            "POST /api/2.0/mlflow/runs/delete-tag",
            "PATCH /api/2.0/mlflow/traces/tr-1",
            "POST /api/3.0/mlflow/traces",
            "POST /v1/traces",
            "GET /version",
            "PUT /api/2.0/mlflow-artifacts/artifacts/0/a/artifacts/b%20c%2Fd.txt",
            "GET /api/2.0/mlflow/registered-models/get",
        ] {
            assert!(allows(&usual, good), "{good}");
        }
        for bad in [
            "POST /api/2.0/mlflow/runs/delete",
            "POST /api/2.0/mlflow/runs/%64elete",
            "POST /api/2.0/mlflow/experiments/restore",
            "POST /api/2.0/mlflow/traces/delete-traces",
            "POST /api/2.0/mlflow/registered-models/create",
            "DELETE /api/2.0/mlflow-artifacts/artifacts/a",
            "DELETE /api/2.0/mlflow/traces/1/tags",
            "GET /api/2.0/mlflow/gateway/endpoints",
            "POST /ajax-api/2.0/mlflow/runs/create",
            "POST /graphql",
            "GET /",
            "GET /api/2.0/mlflow/../preview",
            "GET /api/2.0/mlflow/runs%2Fget",
            "GET //api/2.0/mlflow/runs/get",
            "CONNECT /api/2.0/mlflow/runs/get",
        ] {
            assert!(!allows(&usual, bad), "{bad}");
        }
    }

    #[test]
    fn further_rules_add_to_the_usual() {
        let rules = ["default", "POST /api/2.0/mlflow/registered-models/**", "GET /a/*"];
        let allow = Allow::parse(&rules).unwrap();
        assert!(allows(&allow, "POST /api/2.0/mlflow/registered-models/create"));
        assert!(allows(&allow, "GET /version") && allows(&allow, "GET /a/b"));
        assert!(!allows(&allow, "GET /a/b/c") && !allows(&allow, "GET /a"));
        assert!(!allows(&Allow::parse(&["GET /a/*"]).unwrap(), "GET /version"));
        for bad in ["", "all", "get /a", "GET a", "GET /a//b", "GET /**/a", "GET "] {
            assert!(Allow::parse(&[bad]).is_err(), "{bad:?}");
        }
    }

    proptest! {
        #[test]
        fn no_spelling_of_delete_passes(
            mask in prop::collection::vec(any::<bool>(), 6),
            group in "(runs|experiments|logged-models/m-1)",
        ) {
            let spelt: String = "delete".bytes().zip(mask)
                .map(|(byte, encode)| if encode { format!("%{byte:02x}") } else { char::from(byte).to_string() })
                .collect();
            let path = format!("POST /api/2.0/mlflow/{group}/{spelt}");
            prop_assert!(!allows(&Allow::default(), &path));
        }

        #[test]
        fn no_path_panics(path in ".*") {
            let _ = parts(&path);
        }
    }
}
