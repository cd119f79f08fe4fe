//! Options of a launch that choose among few values.

use super::plan::invalid;
use crate::api::{ApiError, params::Params, tags::Tags};
use crate::rules::{Rule, Rules, launch as rules};

/// Metadata options and shutdown behaviour.
pub struct LaunchOptions {
    /// IMDSv2 only.
    pub tokens_required: bool,
    /// Tags in IMDS.
    pub metadata_tags: bool,
    /// Hop limit of IMDS answers.
    pub hop_limit: u8,
    /// A power-off terminates instead of stopping.
    pub terminate_on_shutdown: bool,
}

/// Whether the parameter has its second value rather than its first.
fn second(
    in_force: &Rules,
    rule: &'static Rule,
    p: &Params,
    name: &str,
    [first, second]: [&str; 2],
) -> Result<bool, ApiError> {
    let value = p.get(name).unwrap_or(first);
    in_force.check(rule, value == first || value == second, || {
        invalid(format!("Value ({value}) for parameter {name} is invalid."))
    })?;
    Ok(value == second)
}

impl LaunchOptions {
    /// Reads them; `tags` are the instance's.
    pub fn read(in_force: &Rules, p: &Params, tags: &Tags) -> Result<Self, ApiError> {
        let imds = p.sub("MetadataOptions");
        let either = |rule, p: &Params, name, values| second(in_force, rule, p, name, values);
        let tokens_required =
            either(&rules::HTTP_TOKENS, &imds, "HttpTokens", ["optional", "required"])?;
        let metadata_tags =
            either(&rules::METADATA_TAGS, &imds, "InstanceMetadataTags", ["disabled", "enabled"])?;
        if imds.get("HttpEndpoint") == Some("disabled") {
            return Err(ApiError::new(
                "UnsupportedOperation",
                "IMDS cannot be switched off in the local region.",
            ));
        }
        let hop_limit: u8 =
            imds.number("HttpPutResponseHopLimit")?.unwrap_or(if tokens_required { 2 } else { 1 });
        in_force.check(&rules::HOP_LIMIT, (1..=64).contains(&hop_limit), || {
            invalid(format!(
                "Value ({hop_limit}) for parameter HttpPutResponseHopLimit is invalid."
            ))
        })?;
        let bad = |key: &&String| {
            key.contains(['/', ' ']) || matches!(key.as_str(), "." | ".." | "_index")
        };
        let bad = tags.keys().find(bad).filter(|_| metadata_tags);
        in_force.check(&rules::METADATA_TAG_KEYS, bad.is_none(), || {
            invalid(format!(
                "'{}' is not a valid tag key. Tag keys must match pattern ([0-9a-zA-Z\\-_+=,.@:]{{1,255}}), and must not be a reserved name ('.', '..', '_index')",
                bad.map(String::as_str).unwrap_or_default()
            ))
        })?;
        let name = "InstanceInitiatedShutdownBehavior";
        let terminate_on_shutdown = either(&rules::SHUTDOWN, p, name, ["stop", "terminate"])?;
        Ok(Self { tokens_required, metadata_tags, hop_limit, terminate_on_shutdown })
    }
}
