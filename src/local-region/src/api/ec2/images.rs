//! DescribeImages, DeregisterImage.

use super::{dry_run, filter::Filters, paging::page, tag_set};
use crate::api::{Answer, ApiError, Call, params::Params, tags::Tags};
use crate::lifecycle;
use crate::rules::{Rules, images as rules, snapshots};
use crate::state::ec2::{Ec2, Image};
use jiff::Timestamp;
use serde_json::json;

/// Architecture of every image here.
pub const ARCHITECTURE: &str = "x86_64";
/// Key of every account that AWS manages, with which volumes are encrypted where none is named.
pub const DEFAULT_KEY: &str = "alias/aws/ebs";

const FILTERS: &[&str] = &[
    "architecture",
    "creation-date",
    "description",
    "image-id",
    "image-type",
    "is-public",
    "name",
    "owner-id",
    "root-device-type",
    "state",
    "virtualization-type",
];

/// Images by id, owner and filter.
pub fn describe(call: &Call<'_>, p: &Params) -> Answer {
    let filters = Filters::read(call, p, FILTERS)?;
    let ids = p.list("ImageId");
    let owners = p.list("Owner");
    let account = call.region.config.account_id.clone();
    let deprecated = p.flag("IncludeDeprecated")?;
    let _ = p.flag("IncludeDisabled")?;
    let users = p.list("ExecutableBy");
    dry_run(p)?;
    let in_force = &call.region.rules;
    let now = call.region.clock.now();
    let state = call.state();
    for id in &ids {
        find(&state.ec2, id)?;
    }
    let owned = |image: &Image| {
        owners.is_empty()
            || owners
                .iter()
                .any(|owner| *owner == image.owner || (owner == "self" && image.owner == account))
    };
    let current = |image: &Image| {
        deprecated
            || image.owner == account
            || !image.deprecated(now)
            || !in_force.on(&rules::DEPRECATED_HIDDEN)
    };
    let tags = |image: &Image| {
        if image.owner == account || !in_force.on(&rules::TAGS_PRIVATE) {
            return state.ec2.tags_of(&image.id);
        }
        Tags::new()
    };
    // Its owner's permission is implicit, so it is not among those that are asked for.
    let permitted = |image: &Image, user: &str| match user {
        "all" => image.public,
        "self" => image.is_shared_with(&account),
        other => image.is_shared_with(other),
    };
    let executable = |image: &Image| {
        users.is_empty()
            || !in_force.on(&rules::EXECUTABLE_BY)
            || users.iter().any(|user| permitted(image, user))
    };
    let seen = |image: &Image| {
        let shared = in_force.on(&rules::SHARED) && image.is_shared_with(&account);
        image.public || image.owner == account || shared
    };
    let shown = state
        .ec2
        .images
        .values()
        .filter(|image| if ids.is_empty() { current(image) } else { ids.contains(&image.id) })
        .filter(|image| owned(image) && seen(image) && executable(image))
        .filter(|image| filters.keep(&tags(image), |name| vec![field(image, name, now)]))
        .map(|image| {
            json!({
                "imageId": image.id,
                "name": image.name,
                "imageLocation": format!("{}/{}", image.owner, image.name),
                "imageState": image.state(now),
                "imageOwnerId": image.owner,
                "isPublic": image.public,
                "architecture": "x86_64",
                "imageType": "machine",
                "description": image.description,
                "creationDate": image.created,
                "rootDeviceType": "ebs",
                "rootDeviceName": "/dev/xvda",
                "virtualizationType": "hvm",
                "hypervisor": "xen",
                "enaSupport": true,
                "platformDetails": "Linux/UNIX",
                "usageOperation": "RunInstances",
                "bootMode": "uefi-preferred",
                "productCodes": [],
                "blockDeviceMapping": [{"deviceName": "/dev/xvda", "ebs": {
                    "snapshotId": image.snapshot_id, "volumeSize": 8, "volumeType": "gp3",
                    "deleteOnTermination": true, "encrypted": image.kms_key.is_some(),
                }}],
                "imdsSupport": image.imds_v2.then_some("v2.0"),
                "deprecationTime": image.deprecated_at.map(|at| at.strftime("%Y-%m-%dT%H:%M:%S.000Z").to_string()),
                "tagSet": tag_set(&tags(image)),
            })
        })
        .collect();
    let (items, next) = page(call, shown, p, (1, 1000))?;
    Ok(json!({"imagesSet": items, "nextToken": next}))
}

fn field(image: &Image, name: &str, now: Timestamp) -> String {
    match name {
        "architecture" => "x86_64".to_owned(),
        "creation-date" => image.created.clone(),
        "description" => image.description.clone(),
        "image-id" => image.id.clone(),
        "image-type" => "machine".to_owned(),
        "is-public" => image.public.to_string(),
        "name" => image.name.clone(),
        "owner-id" => image.owner.clone(),
        "root-device-type" => "ebs".to_owned(),
        "state" => image.state(now).to_owned(),
        _ => "hvm".to_owned(),
    }
}

/// An image by id, with AWS's errors.
pub fn find<'a>(ec2: &'a Ec2, id: &str) -> Result<&'a Image, ApiError> {
    let well_formed = id.strip_prefix("ami-").is_some_and(|hex| {
        matches!(hex.len(), 8 | 17) && hex.chars().all(|c| c.is_ascii_hexdigit())
    });
    if !well_formed {
        return Err(ApiError::new(
            "InvalidAMIID.Malformed",
            format!("Invalid id: \"{id}\" (expecting \"ami-...\")"),
        ));
    }
    ec2.images.get(id).ok_or_else(|| not_found(id))
}

/// Nothing is made of an image that is pending, and nothing changed of it.
pub fn check_available(in_force: &Rules, image: &Image, now: Timestamp) -> Result<(), ApiError> {
    let available = image.state(now) == "available";
    in_force.check(&rules::COPY_PENDING, available, || {
        let message = format!("The image ID '{}' is not available", image.id);
        ApiError::new("InvalidAMIID.Unavailable", message)
    })
}

/// No image has this id.
pub fn not_found(id: &str) -> ApiError {
    ApiError::new("InvalidAMIID.NotFound", format!("The image id '[{id}]' does not exist"))
}

/// Takes an image out; its files go when nothing stands on them any more.
pub fn deregister(call: &Call<'_>, p: &Params) -> Answer {
    let id = p.need("ImageId")?;
    let whole = p.flag("DeleteAssociatedSnapshots")?;
    let mut state = call.state();
    let image = find(&state.ec2, id).map_err(|error| match error.code.as_str() {
        "InvalidAMIID.NotFound" => ApiError::new(
            "InvalidAMIID.Unavailable",
            format!("The image ID '{id}' is no longer available"),
        ),
        _ => error,
    })?;
    if image.owner != call.region.config.account_id {
        return Err(ApiError::new("AuthFailure", format!("Not authorized for image:{id}"))
            .status(http::StatusCode::FORBIDDEN));
    }
    dry_run(p)?;
    let Some(image) = state.ec2.images.remove(id) else { return Ok(json!({"return": true})) };
    state.ec2.tags.remove(id);
    let (root, snapshot) = (image.root.clone(), image.snapshot_id.clone());
    let mut answer = json!({"return": true});
    if whole {
        state.ec2.tags.remove(&snapshot);
        answer["deleteSnapshotResultSet"] =
            json!([{"snapshotId": snapshot, "returnCode": "success"}]);
    } else if call.region.rules.on(&snapshots::KEPT) {
        state.ec2.loose_snapshots.insert(snapshot, image);
    }
    drop(state);
    lifecycle::discard(call.region, root);
    Ok(answer)
}
