//! Network interfaces of a launch, checked against the cards of its type.

use super::catalogue::{Card, InstanceType};
use super::plan::{combination, invalid};
use super::{interfaces, security_groups};
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
    /// It goes with the instance.
    pub delete_on_termination: bool,
    /// Id of an interface that was made before.
    pub existing: Option<String>,
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
            delete_on_termination: true,
            existing: None,
        }]);
    }
    let mut wanted = Vec::new();
    for entry in &asked {
        let nic = one(state, entry)?;
        check(state, t, &wanted, &nic)?;
        wanted.push(nic);
    }
    check_all(state, p, t, &wanted)?;
    wanted.sort_by_key(|w| (w.card, w.device));
    Ok(wanted)
}

fn one(state: &State, entry: &Params) -> Result<Wanted, ApiError> {
    let in_force = &state.rules;
    let device: Option<u32> = entry.number("DeviceIndex")?;
    in_force.check(&rules::DEVICE_NEEDED, device.is_some(), || {
        ApiError::new("MissingParameter", "Each network interface requires a device index.")
    })?;
    let (card, device) = (entry.number("NetworkCardIndex")?.unwrap_or(0), device.unwrap_or(0));
    let goes = entry.get("DeleteOnTermination").map(|_| entry.flag("DeleteOnTermination"));
    let goes = goes.transpose()?;
    if let Some(id) = entry.get("NetworkInterfaceId") {
        let existing = existing(state, entry, id, goes)?;
        return Ok(Wanted { card, device, ..existing });
    }
    let public = entry.get("AssociatePublicIpAddress").is_some();
    Ok(Wanted {
        card,
        device,
        kind: interfaces::kind(in_force, entry.get("InterfaceType"))?,
        group_ids: security_groups::of_interface(state, entry.list("SecurityGroupId"))?,
        description: entry.get("Description").unwrap_or_default().to_owned(),
        public: public.then(|| entry.flag("AssociatePublicIpAddress")).transpose()?,
        delete_on_termination: goes.unwrap_or(true),
        existing: None,
    })
}

/// An interface that was made before; it is what it is, and outlives the
/// instance.
fn existing(
    state: &State,
    entry: &Params,
    id: &str,
    goes: Option<bool>,
) -> Result<Wanted, ApiError> {
    let in_force = &state.rules;
    let found = state.ec2.interface(id);
    in_force.check(&rules::EXISTING, found.is_some(), || interfaces::unknown(id))?;
    let used = found.is_some_and(|(instance, _)| instance.is_some());
    in_force.check(&rules::EXISTING_USED, !used, || {
        ApiError::new("InvalidNetworkInterface.InUse", format!("Interface: [{id}] in use."))
    })?;
    let of_new = ["SubnetId", "Description", "AssociatePublicIpAddress", "PrivateIpAddress"];
    let other = of_new.iter().any(|name| entry.get(name).is_some());
    let kept = !other && entry.list("SecurityGroupId").is_empty() && goes != Some(true);
    in_force.check(&rules::EXISTING_AS_IT_IS, kept, || {
        combination(format!("A network interface that exists ({id}) is attached as it is and not deleted on termination."))
    })?;
    let free = found.filter(|(instance, _)| instance.is_none()).map(|(_, n)| n);
    Ok(Wanted {
        card: 0,
        device: 0,
        kind: free.map_or("interface", |n| &n.kind).to_owned(),
        group_ids: free.map(|n| n.group_ids.clone()).unwrap_or_default(),
        description: String::new(),
        public: free.map(|_| false),
        delete_on_termination: free.is_none(),
        existing: free.map(|n| n.id.clone()),
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
fn check_all(
    state: &State,
    p: &Params,
    t: &InstanceType,
    wanted: &[Wanted],
) -> Result<(), ApiError> {
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
    let count: u32 = p.number("MaxCount")?.unwrap_or(1);
    let existing = wanted.iter().any(|w| w.existing.is_some());
    in_force.check(&rules::EXISTING_ONCE, count < 2 || !existing, || {
        combination(
            "Network interface IDs may not be specified when launching more than one instance.",
        )
    })?;
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
