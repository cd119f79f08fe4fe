//! Prefill and decode: who is paired with whom, and who never exchanges a byte.

#![allow(clippy::unwrap_used)]

mod sim;

use nixl_pairing::{Mismatch, PROTOCOL_VERSION, PeerState};
use proptest::prelude::*;
use sim::{Weather, World, ms};
use std::collections::BTreeSet;

/// Sender and receiver of every message so far.
fn talked(world: &World) -> BTreeSet<(u32, u32)> {
    let ends = |(to, bytes): &(Vec<u8>, Vec<u8>)| (u32::from(bytes[2]), u32::from(to[0]));
    world.wire.iter().map(ends).collect()
}

/// Both directions of every pair of one that prefills and one that decodes.
fn across(size: u32, prefill: u32) -> BTreeSet<(u32, u32)> {
    let pairs = (0..prefill).flat_map(|a| (prefill..size).map(move |b| (a, b)));
    pairs.flat_map(|(a, b)| [(a, b), (b, a)]).collect()
}

fn paired(world: &World) -> BTreeSet<(u32, u32)> {
    let of = |rank: &u32| {
        let views = world.nodes[rank].pairing.peers();
        let rank = *rank;
        let paired = views.into_iter().filter(|view| view.state == PeerState::Paired);
        paired.map(move |view| (rank, view.rank)).collect::<Vec<_>>()
    };
    world.nodes.keys().flat_map(of).collect()
}

fn world(size: u32, prefill: u32, seed: u64) -> World {
    let mut world = World::new(size, seed, Weather::fair());
    world.prefill = Some(prefill);
    (0..size).for_each(|rank| world.start(rank));
    world
}

#[test]
fn two_that_prefill_and_three_that_decode_pair_across_and_no_others_exchange_a_byte() {
    let mut world = world(5, 2, 60);
    let took = world.run_until_paired(ms(1000));
    assert!(took < ms(1000), "{took:?}");
    world.run(ms(10_000));
    assert_eq!(paired(&world), across(5, 2));
    assert_eq!(talked(&world), across(5, 2));
    assert_eq!(world.needless_look_ups(), 0);
}

#[test]
fn a_node_is_ready_without_the_others_of_its_role() {
    let mut world = World::new(5, 61, Weather::fair());
    world.prefill = Some(2);
    // The other one that prefills never comes.
    [0, 2, 3, 4].into_iter().for_each(|rank| world.start(rank));
    world.run(ms(5000));
    assert!(world.nodes[&0].pairing.all_paired());
    let look_ups = world.nodes[&0].look_ups;
    world.run(ms(60_000));
    assert_eq!(world.nodes[&0].look_ups, look_ups, "nobody is looked for any more");
    assert!(!world.nodes[&2].pairing.all_paired());
}

#[test]
fn a_restart_is_mended_and_stays_between_roles() {
    let mut world = world(5, 2, 62);
    world.run_until_paired(ms(1000));
    world.run(ms(3000));
    for rank in [0, 4] {
        world.start(rank);
        world.run_until_paired(ms(3000));
    }
    assert_eq!(talked(&world), across(5, 2));
}

#[test]
fn words_of_ones_own_role_are_dropped_like_those_of_strangers() {
    let mut world = world(4, 2, 63);
    world.run_until_paired(ms(1000));
    world.run(ms(3000));
    let (address, dropped) = (world.address(1), world.nodes[&1].pairing.dropped());
    let look_ups = world.nodes[&1].look_ups;
    // What rank 0 says to its peers, and whatever else it might say.
    let words = world.wire.iter().filter(|(_, bytes)| bytes[2] == 0).map(|(_, bytes)| bytes);
    let mut words: Vec<Vec<u8>> = words.cloned().collect();
    words.extend((0..4).map(|kind| [&[PROTOCOL_VERSION, kind, 0, 0][..], &[7; 56]].concat()));
    words.push(vec![PROTOCOL_VERSION + 1, 0, 0, 0]);
    let count = words.len() as u64;
    words.into_iter().for_each(|bytes| world.inject(address.clone(), bytes));
    world.run(ms(3000));
    assert_eq!(world.nodes[&1].pairing.dropped(), dropped + count);
    assert_eq!(world.nodes[&1].look_ups, look_ups, "nor does it make us look");
    assert_eq!((paired(&world), talked(&world)), (across(4, 2), across(4, 2)));
}

#[test]
fn another_layout_is_told_with_both_values_and_mended_by_a_restart() {
    for (ours, theirs) in [(Some(1), Some(2)), (None, Some(1)), (Some(2), None)] {
        let mut world = World::new(3, 64, Weather::fair());
        world.prefill = ours;
        [0, 1].into_iter().for_each(|rank| world.start(rank));
        world.prefill = theirs;
        world.start(2);
        world.run(ms(5000));
        // Rank 0 prefills and rank 2 decodes by every layout, so each expects the other.
        for (rank, peer, own, other) in [(0, 2, ours, theirs), (2, 0, theirs, ours)] {
            let refused = (PeerState::Refused, Some("pair.role_differs"));
            assert_eq!(world.state(rank, peer), refused, "{ours:?} {theirs:?}");
            let views = world.nodes[&rank].pairing.peers();
            let told = views.iter().find(|view| view.rank == peer).unwrap().mismatch;
            assert_eq!(told, Some(Mismatch::Roles { own, peer: other }));
        }
        assert!(!talked(&world).iter().any(|(from, to)| *from == 2 || *to == 2));
        world.prefill = ours;
        world.start(2);
        world.run_until_paired(ms(8000));
    }
}

#[test]
fn one_that_is_no_peer_by_its_own_layout_is_told_of_all_the_same() {
    // By rank 0 all but rank 2 prefill: it does not expect rank 1, which expects it.
    let mut world = World::new(3, 65, Weather::fair());
    world.prefill = Some(2);
    world.start(0);
    world.prefill = Some(1);
    world.start(1);
    world.run(ms(10_000));
    assert_eq!(world.state(1, 0), (PeerState::Refused, Some("pair.role_differs")));
    assert_eq!(world.nodes[&0].pairing.peers().len(), 1);
    assert_eq!(talked(&world), BTreeSet::new());
}

#[test]
fn a_layout_that_the_tags_hide_is_never_paired() {
    let mut world = World::new(2, 66, Weather::fair());
    world.prefill = Some(1);
    world.start(0);
    world.prefill = None;
    let mut local = world.identity(1);
    world.run_as(local.clone());
    // Published as if it had the same settings.
    local.identity.prefill = Some(1);
    world.publish(&local, local.identity.public_key);
    world.run(ms(30_000));
    assert_eq!(world.state(1, 0), (PeerState::Refused, Some("pair.role_differs")));
    assert_eq!(paired(&world), BTreeSet::new());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn every_layout_pairs_exactly_prefill_with_decode(
        (size, prefill) in (2_u32..9).prop_flat_map(|size| (Just(size), 1..size)),
        seed: u64,
    ) {
        let mut world = world(size, prefill, seed);
        world.run_until_paired(ms(3000));
        world.run(ms(2000));
        prop_assert_eq!(paired(&world), across(size, prefill));
        prop_assert_eq!(talked(&world), across(size, prefill));
    }
}
