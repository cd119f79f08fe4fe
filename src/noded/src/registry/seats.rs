//! Who has which rank where the launch does not say it: pure functions of what
//! EC2 shows, so that every node that sees the same decides the same.
//!
//! A rank is held as long as its instance is pending or running, whether its
//! daemon lives or not; a replacement takes the rank that is free then, and
//! nobody else's changes.

use super::Standing;
use nixl_cluster::ClaimRecord;
use nixl_cluster::reason;
use std::collections::BTreeMap;

/// Once ranks have been dealt out, a node waits so long for others that may have
/// registered at the same moment before it takes one of several that are free:
/// a few times EC2's lag.
pub(super) const SETTLE_MILLIS: u64 = 10_000;

/// Ranks that are held, by whom, and how this node stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Seats<'a> {
    /// Instance id by rank.
    pub holders: BTreeMap<u32, &'a str>,
    /// This node.
    pub standing: Standing,
}

/// An instance whose rank is in its tag `nixl:rank`.
#[derive(Debug, Clone, Copy)]
pub(super) struct Tagged<'a> {
    pub id: &'a str,
    pub launched_secs: i64,
    pub rank: Option<&'a str>,
}

/// An instance that registers itself.
#[derive(Debug, Clone, Copy)]
pub(super) struct Registrant<'a> {
    pub id: &'a str,
    pub launched_secs: i64,
    pub claim: Option<ClaimRecord>,
}

/// By the tags: of two instances with one rank, the one that was launched first
/// holds it.
pub(super) fn by_tag<'a>(all: &[Tagged<'a>], own: &str, size: u32) -> Seats<'a> {
    let rank = |of: &Tagged<'_>| of.rank?.parse().ok().filter(|rank| *rank < size);
    let mut order = all.to_vec();
    order.sort_by_key(|of| (of.launched_secs, of.id));
    let mut holders = BTreeMap::new();
    for of in &order {
        if let Some(rank) = rank(of) {
            holders.entry(rank).or_insert(of.id);
        }
    }
    let standing = match all.iter().find(|of| of.id == own) {
        None => Standing::Unseen,
        Some(of) => match (rank(of), of.rank) {
            (Some(rank), _) => match holders.get(&rank) {
                Some(holder) if *holder != own => Standing::Waits(
                    &reason::SURPLUS,
                    format!("rank {rank} is held by {holder}, which was launched earlier"),
                ),
                _ => Standing::Ranked(rank),
            },
            (None, Some(told)) => {
                let why = format!("its tag nixl:rank is {told:?}; ranks are 0 to {}", size - 1);
                Standing::Waits(&reason::RANK_MISSING, why)
            }
            (None, None) => {
                Standing::Waits(&reason::RANK_MISSING, "it has no tag nixl:rank".to_owned())
            }
        },
    };
    Seats { holders, standing }
}

/// By order of registration. `claimed` is what this node has claimed last, which
/// EC2 may not show yet.
pub(super) fn by_registration<'a>(
    all: &[Registrant<'a>],
    own: &str,
    size: u32,
    claimed: Option<ClaimRecord>,
    now_millis: u64,
) -> Seats<'a> {
    let shown = all.iter().find(|of| of.id == own).and_then(|of| of.claim);
    let all = all.iter().map(|of| match claimed {
        Some(_) if of.id == own => Registrant { claim: claimed, ..*of },
        _ => *of,
    });
    let registered: Vec<(Registrant<'_>, ClaimRecord)> = all
        .clone()
        .filter_map(|of| Some((of, of.claim.filter(|it| it.launched_secs == of.launched_secs)?)))
        .collect();
    let mut held: BTreeMap<u32, (u64, i64, &str)> = BTreeMap::new();
    for (of, claim) in &registered {
        let Some(rank) = claim.rank.filter(|rank| *rank < size) else { continue };
        let this = (claim.since_millis, of.launched_secs, of.id);
        let holder = held.entry(rank).or_insert(this);
        *holder = (*holder).min(this);
    }
    let holders: BTreeMap<u32, &str> = held.into_iter().map(|(rank, of)| (rank, of.2)).collect();
    let mut waiting: Vec<(Registrant<'_>, ClaimRecord)> = registered.clone();
    waiting.retain(|(of, _)| !holders.values().any(|holder| *holder == of.id));
    waiting.sort_by_key(|(of, _)| (of.launched_secs, of.id));

    let mine = all.clone().find(|of| of.id == own);
    let of_mine = registered.iter().find(|(of, _)| of.id == own).map(|(_, claim)| *claim);
    let standing = match (mine, of_mine) {
        (None, _) => claimed.and_then(|it| it.rank).map_or(Standing::Unseen, Standing::Claimed),
        (Some(of), None) => Standing::Claims(ClaimRecord {
            rank: None,
            launched_secs: of.launched_secs,
            since_millis: now_millis,
        }),
        (Some(_), Some(claim)) => match holders.iter().find(|(_, holder)| **holder == own) {
            Some((rank, _)) if shown == Some(claim) => Standing::Ranked(*rank),
            Some((rank, _)) => Standing::Claimed(*rank),
            None => {
                let place = waiting.iter().position(|(of, _)| of.id == own).unwrap_or_default();
                wait(claim, &holders, registered.len(), place, size, now_millis)
            }
        },
    };
    Seats { holders, standing }
}

/// How a node stands that is registered and has no rank, `place`th of those.
fn wait(
    claim: ClaimRecord,
    holders: &BTreeMap<u32, &str>,
    registered: usize,
    place: usize,
    size: u32,
    now_millis: u64,
) -> Standing {
    let patient = now_millis.saturating_sub(claim.since_millis) >= SETTLE_MILLIS;
    if registered < size as usize && (holders.is_empty() || !patient) {
        let why = format!("{registered} of {size} nodes are registered");
        return Standing::Waits(&reason::MEMBERS_MISSING, why);
    }
    match (0..size).filter(|rank| !holders.contains_key(rank)).nth(place) {
        Some(rank) => {
            Standing::Claims(ClaimRecord { rank: Some(rank), since_millis: now_millis, ..claim })
        }
        None => {
            let free = size as usize - holders.len();
            let why = format!(
                "{} of {size} ranks are held, {free} are for those of {place} waiting nodes that were launched earlier",
                holders.len()
            );
            Standing::Waits(&reason::SURPLUS, why)
        }
    }
}

#[cfg(test)]
mod simulation;
#[cfg(test)]
mod tests;
