//! Snapshots: an image has one, which may outlive it.

use super::{done, dry_run, filter::Filters, paging::page, tag_set, volumes::ROOT_VOLUME_GIB};
use crate::api::{Answer, ApiError, Call, params::Params};
use crate::rules::snapshots as rules;
use serde_json::json;

const NOT_FOUND: &str = "InvalidSnapshot.NotFound";

/// DescribeSnapshots: those of this account's images, those there are and those there were.
pub fn describe(call: &Call<'_>, p: &Params) -> Answer {
    let filters = Filters::read(call, p, &["snapshot-id", "status", "owner-id"])?;
    let ids = p.list("SnapshotId");
    let _ = p.list("Owner");
    dry_run(p)?;
    let state = call.state();
    let account = &call.region.config.account_id;
    if let Some(id) = ids.iter().find(|id| !state.ec2.exists(id)) {
        return Err(not_found(id));
    }
    let shown = state
        .ec2
        .images
        .values()
        .chain(state.ec2.loose_snapshots.values())
        .filter(|image| image.owner == *account)
        .filter(|image| ids.is_empty() || ids.contains(&image.snapshot_id))
        .filter(|image| {
            filters.keep(&state.ec2.tags_of(&image.snapshot_id), |field| {
                vec![match field {
                    "snapshot-id" => image.snapshot_id.clone(),
                    "status" => "completed".to_owned(),
                    _ => image.owner.clone(),
                }]
            })
        })
        .map(|image| {
            json!({
                "snapshotId": image.snapshot_id, "status": "completed", "startTime": image.created,
                "progress": "100%", "ownerId": image.owner, "volumeSize": ROOT_VOLUME_GIB,
                "encrypted": image.kms_key.is_some(), "kmsKeyId": image.kms_key,
                "description": format!("Created for {}", image.id),
                "tagSet": tag_set(&state.ec2.tags_of(&image.snapshot_id)),
            })
        })
        .collect();
    let (items, next) = page(call, shown, p, (5, 1000))?;
    Ok(json!({"snapshotSet": items, "nextToken": next}))
}

/// DeleteSnapshot.
pub fn delete(call: &Call<'_>, p: &Params) -> Answer {
    let id = p.need("SnapshotId")?;
    let mut state = call.state();
    let account = &call.region.config.account_id;
    let mut images = state.ec2.images.values();
    let user = images.find(|image| image.snapshot_id == id && image.owner == *account);
    call.region.rules.check(&rules::IN_USE, user.is_none(), || {
        let ami = user.map_or("", |image| &image.id);
        ApiError::new(
            "InvalidSnapshot.InUse",
            format!("The snapshot {id} is currently in use by {ami}"),
        )
    })?;
    if user.is_none() && !state.ec2.loose_snapshots.contains_key(id) {
        return Err(not_found(id));
    }
    dry_run(p)?;
    state.ec2.loose_snapshots.remove(id);
    state.ec2.tags.remove(id);
    done()
}

/// No snapshot of the account's own has this id.
pub fn not_found(id: &str) -> ApiError {
    ApiError::new(NOT_FOUND, format!("The snapshot '{id}' does not exist."))
}
