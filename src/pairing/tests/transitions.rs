//! Every transition of the table is brought about by what its cause says, in
//! the machine as the daemon drives it; no other is ever seen.

#![allow(clippy::unwrap_used)]

mod sim;

use nixl_pairing::PeerState::{self, Handshaking, Lost, Paired, Refused, Unknown};
use nixl_pairing::{Input, PROTOCOL_VERSION, TRANSITIONS};
use sim::{Weather, World, ms};
use std::collections::BTreeSet;

type Ways = BTreeSet<String>;

fn way(from: PeerState, to: PeerState) -> String {
    format!("{from:?} to {to:?}")
}

fn ways(world: &World) -> Ways {
    let changes = world.nodes.values().flat_map(|node| &node.changes);
    changes.map(|(_, from, to, _)| way(*from, *to)).collect()
}

/// What a story adds to the ways seen before it.
fn told(world: &mut World, story: impl FnOnce(&mut World)) -> Ways {
    world.nodes.values_mut().for_each(|node| node.changes.clear());
    story(world);
    ways(world)
}

fn of(list: &[(PeerState, PeerState)]) -> Ways {
    list.iter().map(|(from, to)| way(*from, *to)).collect()
}

#[test]
fn tags_and_a_proof_pair() {
    let world = World::paired(2, 40, Weather::fair());
    assert_eq!(ways(&world), of(&[(Unknown, Handshaking), (Handshaking, Paired)]));
}

#[test]
fn silence_loses_and_tags_read_again_bring_back() {
    let mut world = World::paired(2, 41, Weather::fair());
    world.cut.insert((0, 1));
    let seen = told(&mut world, |world| world.run(ms(4000)));
    assert_eq!(seen, of(&[(Paired, Lost), (Lost, Handshaking)]));
    world.cut.clear();
    let seen = told(&mut world, |world| _ = world.run_until_paired(ms(3000)));
    assert_eq!(seen, of(&[(Handshaking, Paired)]));
}

#[test]
fn goodbye_loses_and_only_new_tags_bring_back() {
    let mut world = World::paired(2, 42, Weather::fair());
    let now = world.now;
    let outputs = world.nodes.get_mut(&1).unwrap().pairing.bye(now);
    let seen = told(&mut world, |world| {
        world.carry_out(1, outputs, false);
        world.nodes.remove(&1);
        world.run(ms(10_000));
    });
    assert_eq!(seen, of(&[(Paired, Lost)]));
}

#[test]
fn new_tags_end_a_pair_without_a_loss() {
    let mut world = World::paired(2, 43, Weather::fair());
    world.run(ms(5000));
    let seen = told(&mut world, |world| {
        world.start(1);
        world.run_until_paired(ms(1000));
        world.nodes.remove(&1);
    });
    assert_eq!(seen, of(&[(Paired, Handshaking), (Handshaking, Paired)]));
}

#[test]
fn an_own_fabric_anew_ends_a_pair_without_a_loss() {
    let mut world = World::paired(2, 44, Weather::fair());
    let seen = told(&mut world, |world| {
        world.nodes.get_mut(&0).unwrap().table.clear();
        world.input(0, Input::FabricRestarted);
    });
    assert_eq!(seen, of(&[(Paired, Handshaking)]));
}

#[test]
fn a_wrong_key_is_refused_until_it_is_put_right() {
    let mut world = World::new(2, 45, Weather::fair());
    world.start(0);
    let local = world.identity(1);
    let wrong = world.identity(1).identity.public_key;
    world.publish(&local, wrong);
    world.run_as(local.clone());
    world.run_until(ms(15_000), "refusal", |world| world.state(0, 1).0 == Refused);
    assert!(ways(&world).contains(&way(Handshaking, Refused)));
    world.publish(&local, local.identity.public_key);
    let seen = told(&mut world, |world| _ = world.run_until_paired(ms(15_000)));
    assert!(seen.contains(&way(Refused, Handshaking)), "{seen:?}");
}

#[test]
fn another_version_is_refused_and_a_proof_ends_that() {
    let mut world = World::new(2, 46, Weather::fair());
    world.cut.insert((0, 1));
    world.start(0);
    world.start(1);
    world.run(ms(1000));
    let seen = told(&mut world, |world| {
        for _ in 0..3 {
            world.inject(world.address(0), vec![PROTOCOL_VERSION + 1, 0, 1, 0]);
        }
        world.run(ms(10));
    });
    assert_eq!(seen, of(&[(Handshaking, Refused)]));
    world.cut.clear();
    let seen = told(&mut world, |world| _ = world.run_until_paired(ms(15_000)));
    assert!(seen.contains(&way(Refused, Handshaking)), "{seen:?}");
}

#[test]
fn storms_and_restarts_take_no_other_way() {
    let table: Ways = TRANSITIONS.iter().map(|t| way(t.from, t.to)).collect();
    for seed in 50..60 {
        let mut world = World::started(3, seed, Weather::stormy());
        for rank in [0, 2, 1, 0] {
            world.run(ms(3000));
            world.start(rank);
        }
        world.run(ms(5000));
        let other: Vec<_> = ways(&world).difference(&table).cloned().collect();
        assert!(other.is_empty(), "seed {seed}: {other:?}");
    }
}
