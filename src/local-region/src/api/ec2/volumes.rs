//! Root volumes of instances.

use super::{dry_run, filter::Filters, paging::page, tag_set};
use crate::api::{Answer, ApiError, Call, params::Params};
use crate::state::ec2::{Instance, InstanceState};
use serde_json::{Value, json};

/// Size that Debian's image asks for.
pub(super) const ROOT_VOLUME_GIB: u32 = 8;

/// DescribeVolumes.
pub fn describe(call: &Call<'_>, p: &Params) -> Answer {
    let filters = Filters::read(
        call,
        p,
        &[
            "volume-id",
            "attachment.instance-id",
            "status",
            "availability-zone",
            "size",
            "volume-type",
        ],
    )?;
    let ids = p.list("VolumeId");
    dry_run(p)?;
    let state = call.state();
    let ec2 = &state.ec2;
    if let Some(id) = ids.iter().find(|id| !ec2.exists(id)) {
        return Err(ApiError::new(
            "InvalidVolume.NotFound",
            format!("The volume '{id}' does not exist."),
        ));
    }
    let shown = ec2
        .live()
        .filter(|i| ids.is_empty() || ids.contains(&i.volume_id))
        .filter(|i| {
            filters.keep(&ec2.tags_of(&i.volume_id), |field| {
                vec![match field {
                    "volume-id" => i.volume_id.clone(),
                    "attachment.instance-id" => i.id.clone(),
                    "status" => "in-use".to_owned(),
                    "availability-zone" => i.zone.clone(),
                    "size" => ROOT_VOLUME_GIB.to_string(),
                    _ => "gp3".to_owned(),
                }]
            })
        })
        .map(|i| {
            let attached = if i.state == InstanceState::ShuttingDown { "detaching" } else { "attached" };
            json!({
                "volumeId": i.volume_id,
                "size": ROOT_VOLUME_GIB,
                "snapshotId": ec2.images.get(&i.image_id).map(|image| image.snapshot_id.clone()).unwrap_or_default(),
                "availabilityZone": i.zone,
                "status": "in-use",
                "createTime": i.launched,
                "volumeType": "gp3",
                "iops": 3000,
                "throughput": 125,
                "encrypted": false,
                "multiAttachEnabled": false,
                "tagSet": tag_set(&ec2.tags_of(&i.volume_id)),
                "attachmentSet": [{
                    "volumeId": i.volume_id, "instanceId": i.id, "device": "/dev/xvda",
                    "status": attached, "attachTime": i.launched, "deleteOnTermination": true,
                }],
            })
        })
        .collect();
    let (items, next) = page(call, shown, p, (5, 1000))?;
    Ok(json!({"volumeSet": items, "nextToken": next}))
}

/// The block devices of an instance.
pub fn mapping(i: &Instance) -> Value {
    if !i.state.holds_resources() {
        return json!([]);
    }
    json!([{
        "deviceName": "/dev/xvda",
        "ebs": {"volumeId": i.volume_id, "status": "attached", "attachTime": i.launched, "deleteOnTermination": true},
    }])
}
