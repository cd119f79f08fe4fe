//! A launch into a Capacity Reservation or a Capacity Block.

use super::{Facts, Spec, is_live};
use crate::check::Check;
use crate::failure::joined;
use nixl_aws::ec2::{Instance, Reservation};

const NAME: &str = "reservation";

/// The reservation asked for, if it is there.
pub(super) fn of<'a>(spec: &Spec, facts: &'a Facts) -> Option<&'a Reservation> {
    spec.reservation_id.as_ref()?;
    facts.reservation.as_ref()
}

/// Whether the reservation asked for is a Capacity Block.
pub(super) fn is_block(facts: &Facts) -> bool {
    facts.reservation.as_ref().is_some_and(|it| it.capacity_block)
}

/// Nodes of this cluster that run in it: a run that is continued needs no other room.
fn held_by_us(reservation: &Reservation, facts: &Facts) -> u32 {
    let used = |node: &&Instance| node.reservation_used.as_deref() == Some(&reservation.id);
    let held = facts.instances.iter().filter(|node| is_live(node)).filter(used).count();
    u32::try_from(held).unwrap_or(u32::MAX)
}

pub(super) fn checks(spec: &Spec, facts: &Facts) -> Vec<Check> {
    let Some(id) = &spec.reservation_id else { return Vec::new() };
    let Some(found) = of(spec, facts) else {
        let fix = "list yours with `aws ec2 describe-capacity-reservations`";
        return vec![Check::fail(NAME, format!("{id} is not there or not shared with you"), fix)];
    };
    let kind = if found.capacity_block { "Capacity Block" } else { "Capacity Reservation" };
    let mut checks = Vec::new();
    if found.state != "active" {
        let fix = "only an active one can be launched into: wait for its start, or name another";
        checks.push(Check::fail(NAME, format!("{kind} {id} is {}", found.state), fix));
    }
    let room = found.available + held_by_us(found, facts);
    if room < spec.size {
        checks.push(Check::fail(
            NAME,
            format!("{kind} {id} has room for {room} of {} nodes", spec.size),
            "end what runs in it, ask for fewer --nodes, or name another",
        ));
    }
    if !spec.instance_types.contains(&found.instance_type) {
        checks.push(Check::fail(
            NAME,
            format!(
                "{kind} {id} is for {}, not {}",
                found.instance_type,
                joined(&spec.instance_types)
            ),
            format!("say --instance-type {}", found.instance_type),
        ));
    }
    if !spec.zones.is_empty() && !spec.zones.contains(&found.zone) {
        checks.push(Check::fail(
            NAME,
            format!("{kind} {id} is in {}, not {}", found.zone, joined(&spec.zones)),
            format!("leave out --zone, or say --zone {}", found.zone),
        ));
    }
    if found.tenancy == "dedicated" {
        let fix = "nodes have default tenancy: name another";
        checks.push(Check::fail(NAME, format!("{kind} {id} is for dedicated tenancy"), fix));
    }
    if checks.is_empty() {
        let group = match &found.placement_group {
            Some(group) => format!("in placement group {group}, in which it was made"),
            None => {
                "no placement group: it was not made in one, so EC2 could find no room".to_owned()
            }
        };
        checks.push(Check::pass(
            NAME,
            format!(
                "{kind} {id}: {} in {}, room for {} of {}; {group}",
                found.instance_type, found.zone, room, found.total
            ),
        ));
    }
    checks
}
