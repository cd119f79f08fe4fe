//! Checks policy documents as IAM does when they are written.
//!
//! Source: IAM User Guide, "Grammar of the IAM JSON policy language".

use super::ApiError;
use super::policy::{many, texts};
use crate::rules::{Rules, iam as rules};
use serde_json::Value;

/// What a document is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Says what its bearer may do; names resources.
    Identity,
    /// Says who may assume a role; names principals.
    Trust,
}

/// Parses a document as PutRolePolicy and CreateRole do.
pub fn parse(in_force: &Rules, text: &str, kind: Kind) -> Result<Value, ApiError> {
    let document = serde_json::from_str(text).unwrap_or_default();
    let wrong = check(&document, kind).err();
    in_force.check(&rules::DOCUMENT, wrong.is_none(), || {
        ApiError::new("MalformedPolicyDocument", wrong.unwrap_or_default())
    })?;
    Ok(document)
}

fn check(document: &Value, kind: Kind) -> Result<(), String> {
    let statements = many(&document["Statement"]);
    if !document.is_object() || statements.is_empty() {
        return Err("Syntax errors in policy.".to_owned());
    }
    if let Some(version) = document.get("Version")
        && !matches!(version.as_str(), Some("2012-10-17" | "2008-10-17"))
    {
        return Err("The policy must contain a valid version string.".to_owned());
    }
    statements.iter().try_for_each(|statement| check_statement(statement, kind))
}

fn check_statement(statement: &Value, kind: Kind) -> Result<(), String> {
    let has = |name: &str| statement.get(name).is_some();
    if !matches!(statement["Effect"].as_str(), Some("Allow" | "Deny")) {
        return Err("Syntax errors in policy: Effect must be Allow or Deny.".to_owned());
    }
    if has("Action") == has("NotAction") {
        return Err("Policy statement must contain actions.".to_owned());
    }
    for action in texts(&statement["Action"]).iter().chain(&texts(&statement["NotAction"])) {
        if action != "*" && !action.contains(':') {
            return Err(
                "Actions/Conditions must be prefaced by a vendor, e.g., iam, sdb, ec2, etc."
                    .to_owned(),
            );
        }
    }
    if kind == Kind::Trust {
        return match (has("Principal"), has("Resource")) {
            (_, true) => Err("Has prohibited field Resource.".to_owned()),
            (false, _) => Err("AssumeRole policy must contain a principal.".to_owned()),
            _ => Ok(()),
        };
    }
    if has("Principal") {
        return Err("Policy document should not specify a principal.".to_owned());
    }
    if has("Resource") == has("NotResource") {
        return Err("Policy statement must contain resources.".to_owned());
    }
    for resource in texts(&statement["Resource"]).iter().chain(&texts(&statement["NotResource"])) {
        if resource != "*" && (!resource.starts_with("arn:") || resource.splitn(6, ':').count() < 6)
        {
            return Err(format!("Resource {resource} must be in ARN format or \"*\"."));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refuses_malformed_documents() {
        for (text, kind) in [
            ("{", Kind::Identity),
            (r#"{"Statement":[]}"#, Kind::Identity),
            (
                r#"{"Statement":{"Effect":"Allow","Action":"ec2:*","Resource":"${ec2:SourceInstanceARN}"}}"#,
                Kind::Identity,
            ),
            (r#"{"Statement":{"Effect":"Allow","Action":"sts:AssumeRole"}}"#, Kind::Trust),
            (
                r#"{"Version":"2020-01-01","Statement":{"Effect":"Allow","Action":"*","Resource":"*"}}"#,
                Kind::Identity,
            ),
        ] {
            assert_eq!(
                parse(&Rules::default(), text, kind).unwrap_err().code,
                "MalformedPolicyDocument",
                "{text}"
            );
        }
        parse(
            &Rules::default(),
            r#"{"Statement":{"Effect":"Allow","Action":"ec2:*","Resource":"*"}}"#,
            Kind::Identity,
        )
        .unwrap();
    }
}
