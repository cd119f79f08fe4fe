//! The AMI that comes of a build, and where it goes.

use super::components::without_null;
use crate::api::ec2::images;
use crate::api::{tags::Tags, timestamp};
use crate::backend::RootFs;
use crate::rules::imagebuilder as rules;
use crate::server::Inner;
use crate::state::{ec2::Image, ssm::Parameter};
use serde_json::{Value, json};

/// Who writes the parameters of a distribution.
const SERVICE: &str = "imagebuilder.amazonaws.com";

/// Whether an AMI name tells the build's date, which makes it unique.
#[must_use]
pub fn has_build_date(name: &str) -> bool {
    with_build_date(name, "") != name
}

fn with_build_date(name: &str, date: &str) -> String {
    name.replace("{{ imagebuilder:buildDate }}", date).replace("{{imagebuilder:buildDate}}", date)
}

/// Key that the image is encrypted with: its distribution's, or its recipe's.
fn key(region: &Inner, distribution: &Value, recipe: &Value) -> Option<String> {
    let ebs = &recipe["blockDeviceMappings"][0]["ebs"];
    let named = ebs["kmsKeyId"].as_str().unwrap_or(images::DEFAULT_KEY);
    let of_recipe = (ebs["encrypted"].as_bool() == Some(true)).then_some(named);
    let distributed = region.rules.on(&rules::KMS_KEY);
    let named = distribution["kmsKeyId"].as_str().filter(|_| distributed).or(of_recipe);
    named.map(str::to_owned)
}

/// Makes the AMI of what was built. It has its recipe's tags; those of its
/// distribution come when it is distributed.
pub(super) fn register(region: &Inner, arn: &str, root: RootFs) {
    let mut state = region.state();
    let state = &mut *state;
    let Some(image) = state.imagebuilder.images.get_mut(arn) else { return };
    let distribution = image.body["distributionConfiguration"]["distributions"][0].clone();
    let ami_settings = &distribution["amiDistributionConfiguration"];
    let recipe_name = image.body["imageRecipe"]["name"].as_str().unwrap_or_default();
    let template = ami_settings["name"]
        .as_str()
        .map_or_else(|| format!("{recipe_name} {{{{ imagebuilder:buildDate }}}}"), str::to_owned);
    let date = jiff::Timestamp::now().strftime("%Y-%m-%dT%H-%M-%S.%3fZ").to_string();
    let name = with_build_date(&template, &date);
    let mut tags = Tags::from([
        ("CreatedBy".to_owned(), "EC2 Image Builder".to_owned()),
        ("Ec2ImageBuilderArn".to_owned(), arn.to_owned()),
    ]);
    add(&mut tags, &image.body["imageRecipe"]["amiTags"]);
    let ami = Image {
        description: ami_settings["description"].as_str().unwrap_or_default().to_owned(),
        kms_key: key(region, ami_settings, &image.body["imageRecipe"]),
        ..Image::new(name, &region.config.account_id, root)
    };
    image.ami_id = Some(ami.id.clone());
    state.ec2.tags.insert(ami.snapshot_id.clone(), tags.clone());
    state.ec2.tags.insert(ami.id.clone(), tags);
    state.ec2.images.insert(ami.id.clone(), ami);
}

/// Tags the AMI, writes the parameters, and says where it is.
pub(super) fn finish(region: &Inner, arn: &str) {
    let mut state = region.state();
    let state = &mut *state;
    let Some(image) = state.imagebuilder.images.get_mut(arn) else { return };
    let Some(ami) = image.ami_id.as_ref().and_then(|id| state.ec2.images.get(id)) else { return };
    let distribution = image.body["distributionConfiguration"]["distributions"][0].clone();
    let ami_settings = &distribution["amiDistributionConfiguration"];
    for id in [&ami.snapshot_id, &ami.id] {
        add(state.ec2.tags.entry(id.clone()).or_default(), &ami_settings["amiTags"]);
    }
    for target in distribution["ssmParameterConfigurations"].as_array().into_iter().flatten() {
        let Some(parameter) = target["parameterName"].as_str() else { continue };
        let data_type = target["dataType"].as_str().unwrap_or("text");
        match state.ssm.get_mut(parameter) {
            Some(known) => {
                known.write(&ami.id, SERVICE);
            }
            None => {
                let new = Parameter::new("String", data_type, &ami.id, SERVICE);
                state.ssm.insert(parameter.to_owned(), new);
            }
        }
    }
    image.ended = Some(timestamp());
    image.body["outputResources"]["amis"] = json!([without_null(json!({
        "region": region.config.region,
        "image": ami.id,
        "name": ami.name,
        "description": ami_settings["description"],
        "accountId": region.config.account_id,
        "state": {"status": "AVAILABLE"},
    }))]);
    image.body["state"] = json!({"status": "AVAILABLE"});
}

fn add(tags: &mut Tags, source: &Value) {
    for (key, value) in source.as_object().into_iter().flatten() {
        tags.insert(key.clone(), value.as_str().unwrap_or_default().to_owned());
    }
}
