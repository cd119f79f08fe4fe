//! CopyImage: an image of this or another region under an id of its own here.

use super::images::{DEFAULT_KEY, find};
use super::plan::invalid;
use super::{dry_run, seen_at, tag_specifications};
use crate::api::{Answer, ApiError, Call, params::Params, tags::Tags};
use crate::elsewhere;
use crate::rules::{Rules, images as rules};
use crate::state::images::Image;
use crate::windows::IMAGE_COPIED;
use serde_json::json;

/// CopyImage.
pub fn copy(call: &Call<'_>, p: &Params) -> Answer {
    let in_force = &call.region.rules;
    let account = &call.region.config.account_id;
    let token = p.get("ClientToken").unwrap_or_default().to_owned();
    if let Some(id) = call.state().ec2.copy_tokens.get(&token)
        && in_force.on(&rules::COPY_TOKEN)
    {
        p.read_all();
        let id = id.clone();
        dry_run(p)?;
        return Ok(json!({"imageId": id}));
    }
    let name = p.need("Name")?.to_owned();
    let (source, source_tags) = source(call, p)?;
    let key = key(in_force, p, &source)?;
    tag_specifications::check(in_force, p, &["image", "snapshot"])?;
    let mut tags = tag_specifications::specified(in_force, p, "image")?;
    let of_snapshot = tag_specifications::specified(in_force, p, "snapshot")?;
    if p.flag("CopyImageTags")? || !in_force.on(&rules::COPY_TAGS) {
        for (key, value) in source_tags {
            tags.entry(key).or_insert(value);
        }
    }
    let taken = |image: &&Image| image.owner == *account && image.name == name;
    let mut state = call.state();
    let twin = state.ec2.images.values().find(taken).map(|image| image.id.clone());
    in_force.check(&rules::NAME_TAKEN, twin.is_none(), || {
        let twin = twin.unwrap_or_default();
        let message = format!("AMI name {name} is already in use by AMI {twin}");
        ApiError::new("InvalidAMIName.Duplicate", message)
    })?;
    dry_run(p)?;
    let image = Image {
        description: p.get("Description").unwrap_or(&source.description).to_owned(),
        kms_key: key,
        available_at: seen_at(call, &rules::COPY_PENDING, &IMAGE_COPIED),
        ..Image::new(name, account, source.root)
    };
    let id = image.id.clone();
    if !token.is_empty() {
        state.ec2.copy_tokens.insert(token, id.clone());
    }
    state.ec2.tags.insert(id.clone(), tags);
    state.ec2.tags.insert(image.snapshot_id.clone(), of_snapshot);
    state.ec2.images.insert(id.clone(), image);
    Ok(json!({"imageId": id}))
}

/// What is copied, and its tags where they are the caller's.
fn source(call: &Call<'_>, p: &Params) -> Result<(Image, Tags), ApiError> {
    let account = &call.region.config.account_id;
    let name = p.need("SourceRegion")?;
    let from = elsewhere::region(call.region, name)
        .ok_or_else(|| invalid(format!("Value ({name}) for parameter sourceRegion is invalid.")))?;
    let state = from.state();
    let image = find(&state.ec2, p.need("SourceImageId")?)?;
    super::images::check_available(&call.region.rules, image, call.region.clock.now())?;
    let own = image.owner == *account;
    Ok((image.clone(), if own { state.ec2.tags_of(&image.id) } else { Tags::new() }))
}

/// The key of the copy: what an image was encrypted with stays in its region.
fn key(in_force: &Rules, p: &Params, source: &Image) -> Result<Option<String>, ApiError> {
    let encrypted = p.get("Encrypted").is_some().then(|| p.flag("Encrypted")).transpose()?;
    let named = p.get("KmsKeyId").map(str::to_owned);
    in_force.check(&rules::COPY_KEY, named.is_none() || encrypted == Some(true), || {
        let message = "The parameter KmsKeyId requires the parameter Encrypted to be set.";
        ApiError::new("InvalidParameterDependency", message)
    })?;
    let plain = encrypted == Some(false) && source.kms_key.is_some();
    in_force.check(&rules::COPY_ENCRYPTED, !plain, || {
        let snapshot = &source.snapshot_id;
        let message = format!("Snapshot {snapshot} is encrypted. Creating an unencrypted copy from an encrypted snapshot is not supported.");
        ApiError::new("InvalidRequest", message)
    })?;
    let encrypted = encrypted.unwrap_or(source.kms_key.is_some());
    Ok(encrypted.then(|| named.unwrap_or_else(|| DEFAULT_KEY.to_owned())))
}
