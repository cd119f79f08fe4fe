//! Infrastructure and distribution configurations.

use super::{
    Answer, Call, Input, bad, components::without_null, list, names, not_found, resources, tokens,
};
use crate::api::timestamp;
use crate::rules::imagebuilder as rules;
use crate::state::imagebuilder::{ImageBuilder, Resource};
use serde_json::{Value, json};
use std::collections::BTreeMap;

type Map = BTreeMap<String, Resource>;

/// Characters of the name of a distributed AMI, before its date is put in.
const MAX_AMI_NAME_CHARS: usize = 127;

/// What the two kinds differ in.
pub struct Kind {
    arn_field: &'static str,
    body_field: &'static str,
    list_field: &'static str,
    summary: &'static [&'static str],
    map: fn(&mut ImageBuilder) -> &mut Map,
}

/// Infrastructure configurations.
pub const INFRASTRUCTURE: Kind = Kind {
    arn_field: "infrastructureConfigurationArn",
    body_field: "infrastructureConfiguration",
    list_field: "infrastructureConfigurationSummaryList",
    summary: &[
        "arn",
        "name",
        "description",
        "dateCreated",
        "dateUpdated",
        "resourceTags",
        "tags",
        "instanceTypes",
        "instanceProfileName",
        "placement",
    ],
    map: |builder| &mut builder.infrastructures,
};

/// Distribution configurations.
pub const DISTRIBUTION: Kind = Kind {
    arn_field: "distributionConfigurationArn",
    body_field: "distributionConfiguration",
    list_field: "distributionConfigurationSummaryList",
    summary: &["arn", "name", "description", "dateCreated", "dateUpdated", "tags", "regions"],
    map: |builder| &mut builder.distributions,
};

impl Kind {
    /// Get….
    pub fn get(&self, call: &Call<'_>, input: &Input<'_>) -> Answer {
        let arn = input.need(self.arn_field)?;
        let mut state = call.state();
        let found = (self.map)(&mut state.imagebuilder).get(arn).ok_or_else(|| not_found(arn))?;
        let mut body = found.body.clone();
        body.as_object_mut().and_then(|body| body.remove("regions"));
        Ok(json!({"requestId": crate::state::ids::request(), self.body_field: body}))
    }

    /// Delete….
    pub fn delete(&self, call: &Call<'_>, input: &Input<'_>) -> Answer {
        let arn = input.need(self.arn_field)?;
        let mut state = call.state();
        let found = (self.map)(&mut state.imagebuilder).remove(arn).is_some();
        call.region.rules.check(&rules::NOT_FOUND, found, || not_found(arn))?;
        Ok(json!({"requestId": crate::state::ids::request(), self.arn_field: arn}))
    }

    /// List….
    pub fn list(&self, call: &Call<'_>, input: &Input<'_>) -> Answer {
        let mut state = call.state();
        let all = (self.map)(&mut state.imagebuilder).values();
        let shown: Vec<Value> = all.map(|found| list::pick(&found.body, self.summary)).collect();
        list::answer(call, input, self.list_field, shown)
    }
}

/// CreateInfrastructureConfiguration; the instance profile must exist.
pub fn create_infrastructure(call: &Call<'_>, input: &Input<'_>) -> Answer {
    tokens::once(call, input, || {
        let name = input.need("name")?;
        names::check(call, name)?;
        let profile = input.need("instanceProfileName")?;
        let tags = resources::read(input.body, "tags")?;
        let arn = names::arn(call, "infrastructure-configuration", name, "");
        let mut state = call.state();
        let in_force = &call.region.rules;
        in_force.check(&rules::PROFILE, state.iam.profiles.contains_key(profile), || {
            bad(
                "instanceProfileName",
                "The provided instance profile does not exist. Please specify a different instance profile and try again.",
            )
        })?;
        let map = &mut state.imagebuilder.infrastructures;
        in_force.check(&rules::NAME_NORMAL, !map.contains_key(&arn), || tokens::exists(&arn))?;
        tokens::dry_run(call, input)?;
        let mut body = json!({"arn": arn, "name": name, "dateCreated": timestamp(), "tags": tags});
        for field in [
            "description",
            "instanceTypes",
            "instanceProfileName",
            "securityGroupIds",
            "subnetId",
            "logging",
            "keyPair",
            "snsTopicArn",
            "resourceTags",
            "instanceMetadataOptions",
            "placement",
        ] {
            body[field] = input.body[field].clone();
        }
        for field in ["terminateInstanceOnFailure", "terminateInstanceOnCompletion"] {
            body[field] = json!(input.body[field].as_bool().unwrap_or(true));
        }
        map.insert(arn.clone(), Resource { body: without_null(body) });
        Ok(("infrastructureConfigurationArn", arn))
    })
}

/// CreateDistributionConfiguration.
pub fn create_distribution(call: &Call<'_>, input: &Input<'_>) -> Answer {
    tokens::once(call, input, || {
        let name = input.need("name")?;
        names::check(call, name)?;
        let in_force = &call.region.rules;
        let distributions = input.body["distributions"].as_array().cloned().unwrap_or_default();
        if distributions.is_empty() {
            return Err(bad("distributions", "At least one is needed."));
        }
        for (index, distribution) in distributions.iter().enumerate() {
            let outputs = distribution.as_object().is_some_and(|fields| fields.len() > 1);
            in_force.check(&rules::OUTPUTS, outputs, || {
                bad(
                    &format!("distributions[{index}]"),
                    "One or more outputs should be provided for each region in a distribution configuration.",
                )
            })?;
            let region = distribution["region"].as_str().unwrap_or_default();
            if region != call.region.config.region {
                return Err(bad(
                    "distributions",
                    format!("The region '{region}' is not there: the local region is one region."),
                ));
            }
            let ami = &distribution["amiDistributionConfiguration"];
            if let Some(name) = ami["name"].as_str() {
                let fits =
                    super::distribute::has_build_date(name) && name.len() <= MAX_AMI_NAME_CHARS;
                in_force.check(&rules::AMI_NAME, fits, || {
                    bad(
                        &format!("distributions[{index}].amiDistributionConfiguration.name"),
                        format!(
                            "'{name}' must contain {{{{ imagebuilder:buildDate }}}} and have at most {MAX_AMI_NAME_CHARS} characters."
                        ),
                    )
                })?;
            }
            resources::read(ami, "amiTags")?;
        }
        let tags = resources::read(input.body, "tags")?;
        let arn = names::arn(call, "distribution-configuration", name, "");
        let mut state = call.state();
        let map = &mut state.imagebuilder.distributions;
        in_force.check(&rules::NAME_NORMAL, !map.contains_key(&arn), || tokens::exists(&arn))?;
        tokens::dry_run(call, input)?;
        let body = json!({
            "arn": arn,
            "name": name,
            "description": input.text("description"),
            "distributions": distributions,
            "timeoutMinutes": 720,
            "dateCreated": timestamp(),
            "tags": tags,
            "regions": [call.region.config.region],
        });
        map.insert(arn.clone(), Resource { body: without_null(body) });
        Ok(("distributionConfigurationArn", arn))
    })
}
