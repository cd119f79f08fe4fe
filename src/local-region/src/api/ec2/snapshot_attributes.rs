//! Who may make volumes of a snapshot, and so copy the image that it is of.

use super::images::DEFAULT_KEY;
use super::plan::{combination, invalid};
use super::snapshots::not_found;
use super::{done, dry_run};
use crate::api::{Answer, ApiError, Call, params::Params};
use crate::rules::snapshots as rules;
use crate::state::{State, ec2::Image};
use serde_json::json;

/// The one attribute that can be changed.
const PERMISSION: &str = "createVolumePermission";
/// Everyone, as a permission.
const ALL: &str = "all";

/// The image of a snapshot of the account's own, be it registered or not.
fn own<'a>(call: &Call<'_>, state: &'a mut State, id: &str) -> Result<&'a mut Image, ApiError> {
    let account = &call.region.config.account_id;
    let ec2 = &mut state.ec2;
    let mut all = ec2.images.values_mut().chain(ec2.loose_snapshots.values_mut());
    all.find(|image| image.snapshot_id == id && image.owner == *account)
        .ok_or_else(|| not_found(id))
}

/// ModifySnapshotAttribute.
pub fn modify(call: &Call<'_>, p: &Params) -> Answer {
    let in_force = &call.region.rules;
    let id = p.need("SnapshotId")?.to_owned();
    let attribute = p.get("Attribute").unwrap_or(PERMISSION);
    if attribute != PERMISSION {
        return Err(invalid(format!("Value ({attribute}) for parameter attribute is invalid.")));
    }
    let (add, remove) = (parties(p, "Add"), parties(p, "Remove"));
    in_force.check(&rules::ONE_WAY, add.is_empty() || remove.is_empty(), || {
        combination("Add and remove cannot be used in one request.")
    })?;
    let mut state = call.state();
    let image = own(call, &mut state, &id)?;
    let default_key = image.kms_key.as_deref().is_some_and(|key| key.ends_with(DEFAULT_KEY));
    in_force.check(&rules::DEFAULT_KEY_SHARED, add.is_empty() || !default_key, || {
        let message = "Encrypted snapshots with EBS default key cannot be shared";
        ApiError::new("OperationNotPermitted", message)
    })?;
    let public = add.iter().any(|party| party == ALL);
    in_force.check(&rules::ENCRYPTED_PUBLIC, !public || image.kms_key.is_none(), || {
        ApiError::new("OperationNotPermitted", "Encrypted snapshots cannot be shared with all")
    })?;
    for party in add.iter().chain(&remove) {
        let fits = party == ALL || party.len() == 12 && party.bytes().all(|b| b.is_ascii_digit());
        in_force.check(&rules::PARTY, fits, || {
            invalid(format!("Value ({party}) for parameter createVolumePermission is invalid."))
        })?;
    }
    dry_run(p)?;
    image.copied_by.extend(add);
    image.copied_by.retain(|party| !remove.contains(party));
    done()
}

/// Accounts, and `all`, of `CreateVolumePermission.Add` or `.Remove` and of what the
/// older form says for it.
fn parties(p: &Params, verb: &str) -> Vec<String> {
    let entries = p.sub("CreateVolumePermission").groups(verb);
    let of = |entry: &Params| ["UserId", "Group"].map(|kind| entry.get(kind).map(str::to_owned));
    let mut parties: Vec<String> = entries.iter().flat_map(of).flatten().collect();
    if p.get("OperationType") == Some(verb.to_ascii_lowercase().as_str()) {
        parties.extend(p.list("UserId").into_iter().chain(p.list("UserGroup")));
    }
    parties
}

/// DescribeSnapshotAttribute.
pub fn describe(call: &Call<'_>, p: &Params) -> Answer {
    let id = p.need("SnapshotId")?.to_owned();
    let attribute = p.need("Attribute")?;
    let mut state = call.state();
    let image = own(call, &mut state, &id)?;
    let party = |party: &String| match party.as_str() {
        ALL => json!({"group": party}),
        _ => json!({"userId": party}),
    };
    let shown = match attribute {
        PERMISSION => image.copied_by.iter().map(party).collect(),
        "productCodes" => Vec::new(),
        _ => {
            let message = format!("Value ({attribute}) for parameter attribute is invalid.");
            return Err(invalid(message));
        }
    };
    dry_run(p)?;
    Ok(json!({"snapshotId": id, attribute: shown}))
}
