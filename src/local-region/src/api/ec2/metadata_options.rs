//! Options of an instance's metadata service, at the launch and later.

use super::instances::check_ids;
use super::plan::invalid;
use super::{dry_run, either};
use crate::api::{Answer, ApiError, Call, params::Params, tags::Tags};
use crate::rules::{Rules, images, instances as table, launch as rules};
use crate::state::ec2::{Image, Instance, InstanceState};
use serde_json::{Value, json};

/// The options.
#[derive(Debug, Clone, Copy)]
pub struct MetadataOptions {
    /// IMDSv2 only.
    pub tokens_required: bool,
    /// Tags in IMDS.
    pub metadata_tags: bool,
    /// Hop limit of IMDS answers.
    pub hop_limit: u8,
}

impl MetadataOptions {
    fn of(instance: &Instance) -> Self {
        Self {
            tokens_required: instance.tokens_required,
            metadata_tags: instance.metadata_tags,
            hop_limit: instance.hop_limit,
        }
    }

    /// Those of a launch of an image: what is not given has its default. `tags`
    /// are the instance's.
    pub fn of_launch(
        in_force: &Rules,
        p: &Params,
        tags: &Tags,
        image: &Image,
    ) -> Result<Self, ApiError> {
        let tokens_required = image.imds_v2 && in_force.on(&images::IMDS_DEFAULT);
        Self::read(in_force, p, tags, tokens_required, None)
    }

    /// Reads them; what is not given stays as it is, or has its default if
    /// there is nothing yet.
    fn read(
        in_force: &Rules,
        p: &Params,
        tags: &Tags,
        tokens: bool,
        current: Option<Self>,
    ) -> Result<Self, ApiError> {
        let was = |flag: fn(Self) -> bool| current.is_some_and(flag);
        let words = ("HttpTokens", ["optional", "required"]);
        let tokens_required = either(in_force, &rules::HTTP_TOKENS, p, words, tokens)?;
        let shown = ("InstanceMetadataTags", ["disabled", "enabled"]);
        let metadata_tags =
            either(in_force, &rules::METADATA_TAGS, p, shown, was(|now| now.metadata_tags))?;
        if p.get("HttpEndpoint") == Some("disabled") {
            return Err(ApiError::new(
                "UnsupportedOperation",
                "IMDS cannot be switched off in the local region.",
            ));
        }
        let usual = current.map_or(if tokens_required { 2 } else { 1 }, |now| now.hop_limit);
        let hop_limit: u8 = p.number("HttpPutResponseHopLimit")?.unwrap_or(usual);
        in_force.check(&rules::HOP_LIMIT, (1..=64).contains(&hop_limit), || {
            invalid(format!(
                "Value ({hop_limit}) for parameter HttpPutResponseHopLimit is invalid."
            ))
        })?;
        check_keys(in_force, metadata_tags, tags)?;
        Ok(Self { tokens_required, metadata_tags, hop_limit })
    }

    /// As the API shows them.
    pub fn show(self, state: &str) -> Value {
        json!({
            "state": state,
            "httpTokens": if self.tokens_required { "required" } else { "optional" },
            "httpPutResponseHopLimit": self.hop_limit,
            "httpEndpoint": "enabled",
            "httpProtocolIpv6": "disabled",
            "instanceMetadataTags": if self.metadata_tags { "enabled" } else { "disabled" },
        })
    }
}

/// Options of an instance as DescribeInstances shows them.
pub fn show_of(instance: &Instance) -> Value {
    MetadataOptions::of(instance).show("applied")
}

/// Tags that IMDS shows have keys that can be part of a path.
pub fn check_keys(in_force: &Rules, shown: bool, tags: &Tags) -> Result<(), ApiError> {
    let bad =
        |key: &&String| key.contains(['/', ' ']) || matches!(key.as_str(), "." | ".." | "_index");
    let bad = tags.keys().find(bad).filter(|_| shown);
    in_force.check(&rules::METADATA_TAG_KEYS, bad.is_none(), || {
        invalid(format!(
            "'{}' is not a valid tag key. Tag keys must match pattern ([0-9a-zA-Z\\-_+=,.@:]{{1,255}}), and must not be a reserved name ('.', '..', '_index')",
            bad.map(String::as_str).unwrap_or_default()
        ))
    })
}

/// ModifyInstanceMetadataOptions.
pub fn modify(call: &Call<'_>, p: &Params) -> Answer {
    let in_force = &call.region.rules;
    let id = p.need("InstanceId")?.to_owned();
    let mut state = call.state();
    check_ids(&state, std::slice::from_ref(&id))?;
    let tags = state.ec2.tags_of(&id);
    let Some(instance) = state.ec2.instances.get_mut(&id) else {
        return Ok(json!({"instanceId": id}));
    };
    let kept = matches!(instance.state, InstanceState::Running | InstanceState::Stopped);
    in_force.check(&table::METADATA_STATE, kept, || {
        let message = format!("The instance '{id}' is not in the 'running' or 'stopped' state.");
        ApiError::new("IncorrectInstanceState", message)
    })?;
    let current = MetadataOptions::of(instance);
    let options =
        MetadataOptions::read(in_force, p, &tags, current.tokens_required, Some(current))?;
    dry_run(p)?;
    instance.tokens_required = options.tokens_required;
    instance.metadata_tags = options.metadata_tags;
    instance.hop_limit = options.hop_limit;
    Ok(json!({"instanceId": id, "instanceMetadataOptions": options.show("pending")}))
}
