//! What the owner of an image changes of it: who may launch it, that its instances
//! need tokens of IMDS, when it is deprecated.

use super::images::{DEFAULT_KEY, check_available, find};
use super::plan::{combination, invalid};
use super::{done, dry_run};
use crate::api::{Answer, ApiError, Call, params::Params};
use crate::rules::{Rules, images as rules};
use crate::state::State;
use crate::state::images::{Image, Party};
use jiff::{SignedDuration, Timestamp, Unit};
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// The one value that an image's `imdsSupport` can be given.
const IMDS_V2: &str = "v2.0";
/// Everyone, as a permission.
const ALL: &str = "all";
/// Furthest time at which an image can be deprecated, in days.
const MAX_DAYS: i64 = 3653;

/// An image of the caller's account.
fn own<'a>(call: &Call<'_>, state: &'a mut State, id: &str) -> Result<&'a mut Image, ApiError> {
    let image = find(&state.ec2, id)?;
    let kept = image.owner == call.region.config.account_id;
    call.region.rules.check(&rules::OWNER, kept, || {
        ApiError::new("AuthFailure", format!("Not authorized for image:{id}"))
            .status(http::StatusCode::FORBIDDEN)
    })?;
    check_available(&call.region.rules, image, call.region.clock.now())?;
    state.ec2.images.get_mut(id).ok_or_else(|| super::images::not_found(id))
}

/// Parties and whether everyone is among them, of a list in either form.
#[derive(Default)]
struct Parties {
    named: BTreeSet<Party>,
    all: bool,
}

impl Parties {
    fn add(&mut self, in_force: &Rules, kind: &str, value: &str) -> Result<(), ApiError> {
        let fits = match kind {
            "UserId" => value.len() == 12 && value.bytes().all(|b| b.is_ascii_digit()),
            "Group" | "UserGroup" => value == ALL,
            _ => value.starts_with("arn:"),
        };
        in_force.check(&rules::PARTY, fits, || {
            let item = format!("{}{}", kind[..1].to_ascii_lowercase(), &kind[1..]);
            let message = format!("Invalid attribute item value \"{value}\" for {item} item type.");
            ApiError::new("InvalidAMIAttributeItemValue", message)
        })?;
        let value = value.to_owned();
        match kind {
            "UserId" => self.named.insert(Party::Account(value)),
            "OrganizationArn" => self.named.insert(Party::Organization(value)),
            "OrganizationalUnitArn" => self.named.insert(Party::Unit(value)),
            _ => !std::mem::replace(&mut self.all, true),
        };
        Ok(())
    }

    /// `LaunchPermission.Add` or `.Remove`, and what the older form says for it.
    fn read(in_force: &Rules, p: &Params, verb: &str) -> Result<Self, ApiError> {
        let mut read = Self::default();
        for entry in p.sub("LaunchPermission").groups(verb) {
            for kind in ["UserId", "Group", "OrganizationArn", "OrganizationalUnitArn"] {
                if let Some(value) = entry.get(kind) {
                    read.add(in_force, kind, value)?;
                }
            }
        }
        if p.get("OperationType") == Some(verb.to_ascii_lowercase().as_str()) {
            for kind in ["UserId", "UserGroup", "OrganizationArn", "OrganizationalUnitArn"] {
                for value in p.list(kind) {
                    read.add(in_force, kind, &value)?;
                }
            }
        }
        Ok(read)
    }

    fn is_empty(&self) -> bool {
        self.named.is_empty() && !self.all
    }
}

/// ModifyImageAttribute.
pub fn modify(call: &Call<'_>, p: &Params) -> Answer {
    let in_force = &call.region.rules;
    let id = p.need("ImageId")?.to_owned();
    let named = p.get("Attribute").map(str::to_owned);
    let mut state = call.state();
    let image = own(call, &mut state, &id)?;
    let (add, remove) = (Parties::read(in_force, p, "Add")?, Parties::read(in_force, p, "Remove")?);
    let own_form = |name: &str, parameter: &str| {
        let plain = p.get("Value").filter(|_| named.as_deref() == Some(name));
        p.sub(parameter).get("Value").or(plain).map(str::to_owned)
    };
    let imds = own_form("imdsSupport", "ImdsSupport");
    let description = own_form("description", "Description");
    let asked = [!add.is_empty() || !remove.is_empty(), imds.is_some(), description.is_some()];
    let asked = asked.into_iter().filter(|asked| *asked).count();
    in_force.check(&rules::ONE_ATTRIBUTE, asked == 1, || {
        combination(match asked {
            0 => "No attributes specified.",
            _ => "Fields for multiple attribute types specified.",
        })
    })?;
    if let Some(value) = &imds {
        in_force.check(&rules::IMDS_ONE_WAY, value == IMDS_V2, || {
            invalid(format!("Value ({value}) for parameter imdsSupport is invalid."))
        })?;
    }
    let default_key = image.kms_key.as_deref().is_some_and(|key| key.ends_with(DEFAULT_KEY));
    in_force.check(&rules::DEFAULT_KEY_SHARED, add.is_empty() || !default_key, || {
        let message = "Snapshots encrypted with the AWS Managed CMK can\u{2019}t be shared. Specify another snapshot.";
        ApiError::new("InvalidParameter", message)
    })?;
    in_force.check(&rules::ENCRYPTED_PUBLIC, !add.all || image.kms_key.is_none(), || {
        ApiError::new("InvalidParameter", "Encrypted snapshots can\u{2019}t be shared with all.")
    })?;
    dry_run(p)?;
    if let Some(value) = imds {
        image.imds_v2 = value == IMDS_V2;
    }
    if let Some(description) = description {
        image.description = description;
    }
    image.public = (image.public || add.all) && !remove.all;
    image.shared_with.extend(add.named);
    image.shared_with.retain(|party| !remove.named.contains(party));
    done()
}

/// DescribeImageAttribute.
pub fn describe(call: &Call<'_>, p: &Params) -> Answer {
    let id = p.need("ImageId")?.to_owned();
    let attribute = p.need("Attribute")?;
    let mut state = call.state();
    let image = own(call, &mut state, &id)?;
    let shown = match attribute {
        "launchPermission" => Some(permissions(image)),
        "imdsSupport" => Some(if image.imds_v2 { json!({"value": IMDS_V2}) } else { json!({}) }),
        "description" => Some(json!({"value": image.description})),
        "bootMode" => Some(json!({"value": "uefi-preferred"})),
        "productCodes" => Some(json!([])),
        "kernel" | "ramdisk" | "sriovNetSupport" | "tpmSupport" => Some(json!({})),
        _ => None,
    };
    let shown = shown.ok_or_else(|| {
        invalid(format!(
            "Value ({attribute}) for parameter attribute is invalid. Unknown attribute."
        ))
    })?;
    dry_run(p)?;
    Ok(json!({"imageId": id, attribute: shown}))
}

fn permissions(image: &Image) -> Value {
    let named = image.shared_with.iter().map(|party| match party {
        Party::Account(id) => json!({"userId": id}),
        Party::Organization(arn) => json!({"organizationArn": arn}),
        Party::Unit(arn) => json!({"organizationalUnitArn": arn}),
    });
    let all = image.public.then(|| json!({"group": ALL}));
    Value::Array(named.chain(all).collect())
}

/// EnableImageDeprecation.
pub fn deprecate(call: &Call<'_>, p: &Params) -> Answer {
    let id = p.need("ImageId")?.to_owned();
    let text = p.need("DeprecateAt")?;
    let at: Timestamp = text
        .parse()
        .map_err(|_| invalid(format!("Value ({text}) for parameter DeprecateAt is invalid.")))?;
    let now = call.region.clock.now();
    let furthest = now.checked_add(SignedDuration::from_hours(24 * MAX_DAYS));
    let kept = at > now && furthest.is_ok_and(|furthest| at <= furthest);
    call.region.rules.check(&rules::DEPRECATE_AT, kept, || {
        invalid(format!("Value ({text}) for parameter DeprecateAt is invalid. It must be in the future, and at most 10 years from now."))
    })?;
    let mut state = call.state();
    let image = own(call, &mut state, &id)?;
    dry_run(p)?;
    image.deprecated_at = Some(at.round(Unit::Minute).unwrap_or(at));
    done()
}

/// DisableImageDeprecation.
pub fn undo_deprecation(call: &Call<'_>, p: &Params) -> Answer {
    let id = p.need("ImageId")?.to_owned();
    let mut state = call.state();
    let image = own(call, &mut state, &id)?;
    dry_run(p)?;
    image.deprecated_at = None;
    done()
}
