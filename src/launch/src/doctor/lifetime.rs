//! When the nodes end, by each of the layers that end them: their tags, which the
//! daemon follows, a schedule for each, and each one's own timer.

use super::{Facts, Read, unread};
use crate::check::Check;
use crate::lifetime::End;
use crate::node_says::NodeSays;
use crate::plan::is_live;
use jiff::Timestamp;
use nixl_aws::ec2::Instance;
use std::collections::{BTreeMap, BTreeSet};

const END_FIX: &str = "`nixl-launch extend --ttl 8h` moves it, `nixl-launch down` ends the cluster";

/// An `extend` that was cut off leaves the later layers at the old end.
fn mend(end: End) -> String {
    let asked = match end {
        // There is no moving an end to never.
        End::Never => "--ttl 8h".to_owned(),
        End::At(_) => format!("--until {end}"),
    };
    format!("`nixl-launch extend {asked}` sets tag, schedule and timer of all nodes")
}

pub(super) fn judge(facts: &Facts, nodes: &[Instance]) -> Vec<Check> {
    vec![end(facts, nodes), schedule(&facts.scheduled, nodes, facts.now)]
}

/// The end of all nodes that live, if any does.
pub(super) fn same_end(nodes: &[Instance]) -> Result<Option<End>, Check> {
    let live = nodes.iter().filter(|node| is_live(node));
    let ends: Result<BTreeSet<End>, _> = live.map(End::of).collect();
    let ends = ends.map_err(|error| Check::fail("end", error.to_string(), END_FIX))?;
    match (ends.first().copied(), ends.last().copied()) {
        // The latest is what an `extend` that was cut off was to reach.
        (Some(first), Some(last)) if first != last => {
            let found = format!("nodes end at different times, the first at {first}");
            Err(Check::warn("end", found, mend(last)))
        }
        (first, _) => Ok(first),
    }
}

fn end(facts: &Facts, nodes: &[Instance]) -> Check {
    let first = match same_end(nodes) {
        Err(check) => return check,
        Ok(None) => return Check::skip("end", "no node runs"),
        Ok(Some(first)) => first,
    };
    match first.left_secs(facts.now) {
        None => Check::warn("end", "never: somebody has to take the cluster down", END_FIX),
        Some(left) if left < 0 => {
            Check::fail("end", format!("{first} is over and nodes still run"), END_FIX)
        }
        Some(left) => {
            Check::pass("end", format!("{first}, in {}", crate::render::age(left.unsigned_abs())))
        }
    }
}

/// Whether it runs, and will end.
fn ends(node: &Instance, now: Timestamp) -> Option<End> {
    let end = End::of(node).ok()?;
    (node.state == "running" && end.left_secs(now)? > 0).then_some(end)
}

/// The layer that works with a dead node.
pub(super) fn schedule(
    scheduled: &Read<BTreeMap<String, String>>,
    nodes: &[Instance],
    now: Timestamp,
) -> Check {
    const NAME: &str = "schedule";
    let scheduled = match scheduled {
        Ok(scheduled) => scheduled,
        Err(error) => return unread(NAME, error),
    };
    let ending: Vec<_> = nodes.iter().filter_map(|it| Some((it, ends(it, now)?))).collect();
    let Some((_, first)) = ending.first() else {
        return Check::skip(NAME, "no node runs that has an end");
    };
    let other: Vec<String> = ending
        .iter()
        .filter_map(|(node, end)| Some((node, end, scheduled.get(&node.id)?)))
        .filter(|(_, end, at)| format!("{at}Z") != end.to_string())
        .map(|(node, end, at)| {
            format!("{} ends at {at}Z by its schedule, its tag says {end}", node.id)
        })
        .collect();
    let without: Vec<&str> = ending
        .iter()
        .map(|(node, _)| node.id.as_str())
        .filter(|id| !scheduled.contains_key(*id))
        .collect();
    if !without.is_empty() {
        let found =
            format!("none for {}: nothing ends it if its own timers fail", without.join(", "));
        return Check::fail(NAME, found, mend(*first));
    }
    if !other.is_empty() {
        return Check::warn(NAME, other.join("; "), mend(*first));
    }
    Check::pass(NAME, "EventBridge Scheduler ends each node when its tag says")
}

/// A machine that boots before its tag is written counts its life from then on.
const LONGEST_BOOT_SECS: i64 = 300;

/// Whether a machine's own end is that of its tag, as near as it could know.
fn fits(kept: Timestamp, end: End) -> bool {
    matches!(end, End::At(end) if (0..=LONGEST_BOOT_SECS).contains(&(kept.as_second() - end.as_second())))
}

/// The layer that works without AWS.
pub(super) fn timer(node: &Instance, says: &NodeSays) -> Check {
    const NAME: &str = "timer";
    let Some(state) = &says.state else { return Check::skip(NAME, "it does not say") };
    let Ok(end) = End::of(node) else { return Check::skip(NAME, "its tag is no time") };
    let kept = state.end_secs.and_then(|end| Timestamp::from_second(end).ok());
    match kept {
        None if end == End::Never => Check::skip(NAME, "none, as it has no end"),
        None => Check::fail(NAME, format!("none, its tag says {end}"), mend(end)),
        Some(kept) if !fits(kept, end) => {
            let found = format!("ends it at {}, its tag says {end}", End::At(kept));
            Check::warn(NAME, found, mend(end))
        }
        Some(_) if !state.timer => {
            Check::fail(NAME, format!("does not wait, though it is to end it at {end}"), mend(end))
        }
        Some(_) => Check::pass(NAME, format!("its own, at {end}")),
    }
}
