//! Network interfaces of a launch, checked against the cards of its type.

use super::catalogue::{Card, InstanceType};
use super::plan::{combination, invalid};
use super::security_groups;
use crate::api::{ApiError, params::Params};
use crate::rules::interfaces as rules;
use crate::state::State;

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

impl Wanted {
    fn is_efa(&self) -> bool {
        self.kind != "interface"
    }

    fn is_primary(&self) -> bool {
        self.card == 0 && self.device == 0
    }
}

/// Reads and checks them; primary first.
pub fn read(state: &State, p: &Params, t: &InstanceType) -> Result<Vec<Wanted>, ApiError> {
    let asked = p.groups("NetworkInterface");
    if asked.is_empty() {
        return Ok(vec![Wanted {
            card: 0,
            device: 0,
            kind: "interface".to_owned(),
            group_ids: security_groups::of_interface(state, named_groups(state, p)?)?,
            description: String::new(),
            public: None,
        }]);
    }
    let mut wanted = Vec::new();
    for entry in &asked {
        let nic = one(state, entry)?;
        check(state, t, &wanted, &nic)?;
        wanted.push(nic);
    }
    check_all(state, t, &wanted)?;
    wanted.sort_by_key(|w| (w.card, w.device));
    Ok(wanted)
}

fn one(state: &State, entry: &Params) -> Result<Wanted, ApiError> {
    let in_force = &state.rules;
    if let Some(id) = entry.get("NetworkInterfaceId") {
        in_force.check(&rules::EXISTING, state.ec2.exists(id), || {
            let message = format!("The networkInterface ID '{id}' does not exist");
            ApiError::new("InvalidNetworkInterfaceID.NotFound", message)
        })?;
        // Interfaces exist only on instances, so one that exists is taken.
        if state.ec2.exists(id) {
            let message = format!("Interface: [{id}] in use.");
            return Err(ApiError::new("InvalidNetworkInterface.InUse", message));
        }
    }
    let device: Option<u32> = entry.number("DeviceIndex")?;
    in_force.check(&rules::DEVICE_NEEDED, device.is_some(), || {
        ApiError::new("MissingParameter", "Each network interface requires a device index.")
    })?;
    let mut kind = entry.get("InterfaceType").unwrap_or("interface").to_owned();
    if !matches!(kind.as_str(), "interface" | "efa" | "efa-only") {
        in_force.check(&rules::KIND, false, || {
            invalid(format!("Value ({kind}) for parameter InterfaceType is invalid."))
        })?;
        kind = "interface".to_owned();
    }
    if entry.get("DeleteOnTermination").is_some() && !entry.flag("DeleteOnTermination")? {
        return Err(ApiError::new(
            "UnsupportedOperation",
            "Network interfaces of the local region go with their instance.",
        ));
    }
    let public = entry.get("AssociatePublicIpAddress").is_some();
    Ok(Wanted {
        card: entry.number("NetworkCardIndex")?.unwrap_or(0),
        device: device.unwrap_or(0),
        kind,
        group_ids: security_groups::of_interface(state, entry.list("SecurityGroupId"))?,
        description: entry.get("Description").unwrap_or_default().to_owned(),
        public: public.then(|| entry.flag("AssociatePublicIpAddress")).transpose()?,
    })
}

/// One interface against the card it is on and those before it.
fn check(state: &State, t: &InstanceType, before: &[Wanted], nic: &Wanted) -> Result<(), ApiError> {
    let in_force = &state.rules;
    let (card, name) = (nic.card, &t.name);
    let cards = t.cards();
    let found = cards.get(card as usize).copied();
    in_force.check(&rules::CARD, found.is_some(), || {
        let count = cards.len();
        invalid(format!(
            "Network card index {card} exceeds the limit for {name}: it has {count} network cards."
        ))
    })?;
    let any = Card { efa: true, max_interfaces: u32::MAX, network: "" };
    let Card { efa, max_interfaces, .. } = found.unwrap_or(any);
    in_force.check(&rules::EFA_CARD, efa || !nic.is_efa(), || {
        combination(format!("EFA interfaces are not supported on {name} (network card {card})."))
    })?;
    in_force.check(
        &rules::EFA_ONLY_PRIMARY,
        !(nic.is_primary() && nic.kind == "efa-only"),
        || combination("An efa-only network interface cannot be the primary network interface."),
    )?;
    let on_card = || before.iter().filter(|w| w.card == card);
    in_force.check(&rules::UNIQUE, !on_card().any(|w| w.device == nic.device), || {
        invalid(format!(
            "Each network interface requires a unique device index: network card {card}, device {} is used twice.",
            nic.device
        ))
    })?;
    let full = |message| ApiError::new("AttachmentLimitExceeded", message);
    let second = nic.is_efa() && on_card().any(Wanted::is_efa);
    in_force.check(&rules::ONE_EFA_PER_CARD, !second, || {
        full(format!("Network card {card} of {name} takes one EFA."))
    })?;
    in_force.check(&rules::CARD_LIMIT, on_card().count() < max_interfaces as usize, || {
        full(format!(
            "Interface count exceeds the limit of {max_interfaces} for network card {card} of {name}."
        ))
    })
}

/// What concerns all interfaces together.
fn check_all(state: &State, t: &InstanceType, wanted: &[Wanted]) -> Result<(), ApiError> {
    let in_force = &state.rules;
    let public = |w: &Wanted| w.public == Some(true);
    let efa_only = wanted.iter().any(|w| w.kind == "efa-only" && public(w));
    in_force.check(&rules::PUBLIC_EFA_ONLY, !efa_only, || {
        invalid("A public IP address cannot be associated with an efa-only network interface.")
    })?;
    in_force.check(&rules::PUBLIC_ONE, wanted.len() < 2 || !wanted.iter().any(public), || {
        combination("The associatePublicIPAddress parameter cannot be specified when launching with multiple network interfaces.")
    })?;
    // More than one EFA on a card is the business of another rule.
    let mut efa_cards: Vec<u32> = wanted.iter().filter(|w| w.is_efa()).map(|w| w.card).collect();
    efa_cards.sort_unstable();
    efa_cards.dedup();
    let many = efa_cards.len() > t.max_efa as usize && t.max_efa > 0;
    in_force.check(&rules::EFA_LIMIT, !many, || {
        let message = format!("EFA count exceeds the limit of {} for {}.", t.max_efa, t.name);
        ApiError::new("AttachmentLimitExceeded", message)
    })?;
    in_force.check(&rules::PRIMARY, wanted.iter().any(Wanted::is_primary), || {
        invalid("A primary network interface (device index 0 on network card 0) is required.")
    })
}

/// Ids of the launch's security groups, given by id or name.
fn named_groups(state: &State, p: &Params) -> Result<Vec<String>, ApiError> {
    let mut ids = p.list("SecurityGroupId");
    for name in p.list("SecurityGroup") {
        let group = state.ec2.groups.values().find(|group| group.name == name);
        state.rules.check(&rules::GROUP_NAME, group.is_some(), || {
            let vpc = &state.ec2.vpc_id;
            let message =
                format!("The security group '{name}' does not exist in default VPC '{vpc}'");
            ApiError::new("InvalidGroup.NotFound", message)
        })?;
        ids.extend(group.map(|group| group.id.clone()));
    }
    Ok(ids)
}
