//! What RunInstances is to start: every part of the request that names
//! something is checked here, before anything is made.

use super::types::InstanceType;
use super::{images, placement_groups, security_groups};
use crate::api::{ApiError, params::Params};
use crate::state::State;
use base64::Engine;

/// Limit of decoded user data.
const MAX_USER_DATA_BYTES: usize = 16 * 1024;

/// A parameter with a bad value.
pub fn invalid(message: impl Into<String>) -> ApiError {
    ApiError::new("InvalidParameterValue", message)
}

/// Parameters that do not go together.
pub fn combination(message: impl Into<String>) -> ApiError {
    ApiError::new("InvalidParameterCombination", message)
}

/// One interface as asked for.
pub struct Wanted {
    /// Network card.
    pub card: u32,
    /// Device index.
    pub device: u32,
    /// `interface`, `efa` or `efa-only`.
    pub kind: String,
    /// Security groups.
    pub group_ids: Vec<String>,
    /// Description.
    pub description: String,
    /// AssociatePublicIpAddress, if given.
    pub public: Option<bool>,
}

/// A launch whose every part was checked.
pub struct Plan {
    /// Instances.
    pub count: u32,
    /// Type name.
    pub instance_type: String,
    /// Index of the subnet.
    pub subnet: usize,
    /// Interfaces, primary first.
    pub interfaces: Vec<Wanted>,
    /// Placement group.
    pub placement_group: Option<String>,
    /// Instance profile.
    pub profile: Option<String>,
    /// Decoded user data.
    pub user_data: Option<Vec<u8>>,
}

/// Checks a request.
pub fn plan(state: &State, p: &Params, subnet: usize, zone: &str) -> Result<Plan, ApiError> {
    images::find(&state.ec2, p.need("ImageId")?)?;
    let name = p.get("InstanceType").unwrap_or("m1.small");
    let instance_type = InstanceType::find(name)
        .ok_or_else(|| invalid(format!("Invalid value '{name}' for InstanceType.")))?;
    let need = |name: &str| {
        p.number::<u32>(name)?.ok_or_else(|| {
            ApiError::new(
                "MissingParameter",
                format!("The request must contain the parameter {name}"),
            )
        })
    };
    let (least, count) = (need("MinCount")?, need("MaxCount")?);
    if least == 0 || least > count {
        return Err(invalid(format!(
            "Value ({least}) for parameter minCount is invalid: it must be 1 to MaxCount ({count})."
        )));
    }
    if !instance_type.offered_in(zone) {
        return Err(ApiError::new(
            "Unsupported",
            format!(
                "Your requested instance type ({name}) is not supported in your requested Availability Zone ({zone}). Please retry your request by not specifying an Availability Zone or choosing another one."
            ),
        ));
    }
    let interfaces = interfaces(state, p, instance_type)?;
    let free = state.ec2.subnets[subnet].free();
    let addresses = interfaces.iter().filter(|n| n.kind != "efa-only").count() * count as usize;
    if addresses > free {
        return Err(ApiError::new(
            "InsufficientFreeAddressesInSubnet",
            format!(
                "There are not enough free addresses in subnet '{}' to satisfy the requested number of instances.",
                state.ec2.subnets[subnet].id
            ),
        ));
    }
    Ok(Plan {
        count,
        instance_type: name.to_owned(),
        subnet,
        interfaces,
        placement_group: placement(state, p, instance_type, zone)?,
        profile: profile(state, p)?,
        user_data: user_data(p)?,
    })
}

fn interfaces(state: &State, p: &Params, t: &InstanceType) -> Result<Vec<Wanted>, ApiError> {
    let default_group = || {
        state
            .ec2
            .groups
            .values()
            .filter(|group| group.name == "default")
            .map(|group| group.id.clone())
            .collect::<Vec<_>>()
    };
    let groups = |ids: Vec<String>| -> Result<Vec<String>, ApiError> {
        for id in &ids {
            security_groups::check_id(&state.ec2, id)?;
        }
        Ok(if ids.is_empty() { default_group() } else { ids })
    };
    let asked = p.groups("NetworkInterface");
    if asked.is_empty() {
        let mut ids = p.list("SecurityGroupId");
        for name in p.list("SecurityGroup") {
            let group =
                state.ec2.groups.values().find(|group| group.name == name).ok_or_else(|| {
                    ApiError::new(
                        "InvalidGroup.NotFound",
                        format!(
                            "The security group '{name}' does not exist in default VPC '{}'",
                            state.ec2.vpc_id
                        ),
                    )
                })?;
            ids.push(group.id.clone());
        }
        return Ok(vec![Wanted {
            card: 0,
            device: 0,
            kind: "interface".to_owned(),
            group_ids: groups(ids)?,
            description: String::new(),
            public: None,
        }]);
    }
    let cards = t.cards();
    let mut wanted: Vec<Wanted> = Vec::new();
    for entry in &asked {
        let device: u32 = entry.number("DeviceIndex")?.ok_or_else(|| {
            ApiError::new("MissingParameter", "Each network interface requires a device index.")
        })?;
        let card: u32 = entry.number("NetworkCardIndex")?.unwrap_or(0);
        let kind = entry.get("InterfaceType").unwrap_or("interface").to_owned();
        let Some((efa, most)) = cards.get(card as usize).copied() else {
            return Err(invalid(format!(
                "Network card index {card} exceeds the limit for {}: it has {} network cards.",
                t.name,
                cards.len()
            )));
        };
        match kind.as_str() {
            "interface" => {}
            "efa" | "efa-only" if efa => {}
            "efa" | "efa-only" => {
                return Err(combination(format!(
                    "EFA interfaces are not supported on {} (network card {card}).",
                    t.name
                )));
            }
            other => {
                return Err(invalid(format!(
                    "Value ({other}) for parameter InterfaceType is invalid."
                )));
            }
        }
        if kind == "efa-only" && device == 0 && card == 0 {
            return Err(combination(
                "An efa-only network interface cannot be the primary network interface.",
            ));
        }
        let on_card = |w: &&Wanted| w.card == card;
        if wanted.iter().filter(on_card).any(|w| w.device == device) {
            return Err(invalid(format!(
                "Each network interface requires a unique device index: network card {card}, device {device} is used twice."
            )));
        }
        if kind != "interface" && wanted.iter().filter(on_card).any(|w| w.kind != "interface") {
            return Err(ApiError::new(
                "AttachmentLimitExceeded",
                format!("Network card {card} of {} takes one EFA.", t.name),
            ));
        }
        if wanted.iter().filter(on_card).count() >= most as usize {
            return Err(ApiError::new(
                "AttachmentLimitExceeded",
                format!(
                    "Interface count exceeds the limit of {most} for network card {card} of {}.",
                    t.name
                ),
            ));
        }
        let public = entry
            .get("AssociatePublicIpAddress")
            .map(|_| entry.flag("AssociatePublicIpAddress"))
            .transpose()?;
        if public.is_some() && asked.len() > 1 {
            return Err(combination(
                "The associatePublicIPAddress parameter cannot be specified when launching with multiple network interfaces.",
            ));
        }
        if entry.get("DeleteOnTermination").is_some() && !entry.flag("DeleteOnTermination")? {
            return Err(ApiError::new(
                "UnsupportedOperation",
                "Network interfaces of the local region go with their instance.",
            ));
        }
        let ids = entry.list("SecurityGroupId");
        let description = entry.get("Description").unwrap_or_default().to_owned();
        wanted.push(Wanted { card, device, kind, group_ids: groups(ids)?, description, public });
    }
    wanted.sort_by_key(|w| (w.card, w.device));
    if !wanted.iter().any(|w| w.card == 0 && w.device == 0) {
        return Err(invalid(
            "A primary network interface (device index 0 on network card 0) is required.",
        ));
    }
    Ok(wanted)
}

fn placement(
    state: &State,
    p: &Params,
    t: &InstanceType,
    zone: &str,
) -> Result<Option<String>, ApiError> {
    let wanted = p.sub("Placement");
    let Some(name) = wanted.get("GroupName").filter(|name| !name.is_empty()) else {
        return Ok(None);
    };
    let group = placement_groups::usable(&state.ec2, name)?;
    if !t.supports(&group.strategy) {
        let mut strategy = group.strategy.clone();
        strategy[..1].make_ascii_uppercase();
        return Err(combination(format!(
            "{strategy} placement groups are not supported by the '{}' instance type. Specify a supported instance type or change the placement group strategy, and try again.",
            t.name
        )));
    }
    let used = state.ec2.live().any(|i| i.placement_group.as_deref() == Some(name));
    if group.strategy == "cluster"
        && used
        && group.zone.as_deref().is_some_and(|bound| bound != zone)
    {
        return Err(invalid(format!(
            "The placement group '{name}' is in use in another availability zone: {}",
            group.zone.as_deref().unwrap_or_default()
        )));
    }
    Ok(Some(name.to_owned()))
}

fn profile(state: &State, p: &Params) -> Result<Option<String>, ApiError> {
    let given = p.sub("IamInstanceProfile");
    let (name, arn) = (given.get("Name"), given.get("Arn"));
    let profile = match (name, arn) {
        (None, None) => return Ok(None),
        (Some(_), Some(_)) => return Err(combination("The parameter 'iamInstanceProfile.name' may not be used in combination with 'iamInstanceProfile.arn'")),
        (Some(name), None) => state.iam.profiles.get(name).ok_or_else(|| invalid(format!("Value ({name}) for parameter iamInstanceProfile.name is invalid. Invalid IAM Instance Profile name")))?,
        (None, Some(arn)) => state.iam.profiles.values().find(|profile| profile.arn == arn).ok_or_else(|| invalid(format!("Value ({arn}) for parameter iamInstanceProfile.arn is invalid. Invalid IAM Instance Profile ARN")))?,
    };
    if profile.role.is_none() {
        return Err(invalid(format!(
            "IAM Instance Profile \"{}\" has no associated IAM Roles",
            profile.arn
        )));
    }
    Ok(Some(profile.name.clone()))
}

fn user_data(p: &Params) -> Result<Option<Vec<u8>>, ApiError> {
    let Some(text) = p.get("UserData").filter(|text| !text.is_empty()) else { return Ok(None) };
    let data = base64::engine::general_purpose::STANDARD
        .decode(text)
        .map_err(|_| invalid("Invalid BASE64 encoding of user data."))?;
    if data.len() > MAX_USER_DATA_BYTES {
        return Err(ApiError::new(
            "InvalidUserData.Malformed",
            "User data is limited to 16384 bytes",
        ));
    }
    Ok(Some(data))
}
