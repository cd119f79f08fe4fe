//! Pairing over a bad network: loss, reordering, duplicates, partitions and restarts.

#![allow(clippy::unwrap_used)]

mod sim;

use nixl_pairing::{Input, PeerState};
use sim::{Weather, World, ms};

#[test]
fn nodes_pair_within_a_second_in_fair_weather() {
    for (size, seed) in [(2, 1), (2, 2), (5, 3), (5, 4)] {
        let took = World::started(size, seed, Weather::fair()).run_until_paired(ms(1000));
        assert!(took < ms(1000), "{took:?}");
    }
}

#[test]
fn nodes_pair_through_loss_reordering_and_duplicates() {
    for seed in 0..30 {
        World::started(2, seed, Weather::stormy()).run_until_paired(ms(8000));
        World::started(5, seed, Weather::stormy()).run_until_paired(ms(12_000));
    }
}

#[test]
fn a_pair_stays_paired_and_looks_nothing_up() {
    let mut world = World::paired(5, 5, Weather::fair());
    let look_ups: Vec<u64> = world.nodes.values().map(|node| node.look_ups).collect();
    let (sent, dropped) = (world.wire.len(), world.nodes[&3].pairing.dropped());
    world.run(ms(60_000));
    assert!(world.all_paired());
    assert!((0..5).all(|rank| world.nodes[&rank].changes.len() == 8), "two changes a peer");
    assert_eq!(look_ups, world.nodes.values().map(|node| node.look_ups).collect::<Vec<_>>());
    assert_eq!(world.needless_look_ups(), 0);
    assert_eq!(world.nodes[&3].pairing.dropped(), dropped);
    // 20 directed links, 4 heartbeats a second, 60 s, and a few tokens.
    let beats = world.wire.len() - sent;
    assert!((4700..=4900).contains(&beats), "{beats} messages");
}

#[test]
fn loss_alone_makes_no_needless_look_up() {
    let mut world = World::paired(2, 6, Weather { loss: 0.2, ..Weather::fair() });
    world.run(ms(60_000));
    assert_eq!(world.needless_look_ups(), 0);
}

#[test]
fn both_sides_arm_the_same_token_also_under_loss() {
    for seed in 0..10 {
        let mut world = World::paired(2, seed, Weather { loss: 0.2, ..Weather::fair() });
        world.run_until(ms(3000), "common token", |world| {
            let tokens: Vec<_> = world.nodes.values().map(|node| node.tokens.values()).collect();
            tokens[0].clone().eq(tokens[1].clone()) && tokens[0].len() == 1
        });
    }
}

#[test]
fn a_partition_is_noticed_and_heals() {
    for (seed, api_down) in [(1, false), (2, true), (3, false), (4, true)] {
        let mut world = World::paired(2, seed, Weather::fair());
        world.weather.api_down = api_down;
        world.cut.insert((0, 1));
        let took = world.run_until(ms(1500), "loss", |world| {
            [(0, 1), (1, 0)].iter().all(|(a, b)| world.state(*a, *b).0 != PeerState::Paired)
        });
        assert!(took > ms(700), "three heartbeats may be lost: {took:?}");
        world.run(ms(30_000));
        assert_eq!(world.state(0, 1).1, Some("pair.peer_lost"));
        world.cut.clear();
        let took = world.run_until_paired(ms(3000));
        assert!(took < ms(3000), "{took:?}");
        assert_eq!((world.pairings(0, 1), world.pairings(1, 0)), (2, 2));
    }
}

#[test]
fn one_way_silence_ends_the_session_on_both_sides() {
    let mut world = World::paired(2, 8, Weather::fair());
    // Rank 1 hears nothing, and so falls silent; no message says so.
    let node = world.nodes.get_mut(&0).unwrap();
    node.table.insert(1, vec![1, 255]);
    world.run(ms(2500));
    let lost = |rank| {
        let changes = &world.nodes[&rank].changes;
        changes.iter().any(|(_, from, to, _)| (*from, *to) == (PeerState::Paired, PeerState::Lost))
    };
    assert!(lost(0) && lost(1));
}

#[test]
fn a_restarted_node_is_paired_again_within_three_seconds() {
    for seed in 0..20 {
        for rank in [0, 1] {
            let weather = Weather { stale: ms(300), ..Weather::fair() };
            let mut world = World::paired(2, seed, weather);
            world.run(ms(7000));
            world.start(rank);
            let took = world.run_until_paired(ms(3000));
            assert!(took < ms(3000), "rank {rank}, seed {seed}: {took:?}");
            assert_eq!(world.pairings(1 - rank, rank), 2);
        }
    }
}

#[test]
fn a_restart_does_not_wait_for_the_silence() {
    for rank in [0, 1] {
        let mut world = World::paired(2, 9, Weather::fair());
        world.run(ms(5000));
        world.start(rank);
        let took = world.run_until_paired(ms(1000));
        assert!(took < ms(700), "{took:?}");
        let changes = &world.nodes[&(1 - rank)].changes;
        assert!(changes.iter().all(|(_, _, to, _)| *to != PeerState::Lost), "{changes:?}");
    }
}

#[test]
fn restarts_of_any_in_five_leave_the_other_pairs_alone() {
    let mut world = World::paired(5, 10, Weather::fair());
    world.run(ms(5000));
    world.start(2);
    world.run_until_paired(ms(3000));
    for (a, b) in [(0, 1), (0, 3), (1, 4), (3, 4)] {
        assert_eq!((world.pairings(a, b), world.pairings(b, a)), (1, 1));
    }
}

#[test]
fn both_restarted_at_once_pair_again_within_three_seconds() {
    for seed in 0..20 {
        let mut world = World::paired(2, seed, Weather { stale: ms(300), ..Weather::fair() });
        world.run(ms(5000));
        world.start(0);
        world.start(1);
        let took = world.run_until_paired(ms(3000));
        assert!(took < ms(3000), "seed {seed}: {took:?}");
    }
}

#[test]
fn a_restart_in_a_storm_is_still_mended() {
    for seed in 0..20 {
        let mut world = World::paired(2, seed, Weather::stormy());
        world.start(1);
        world.run_until_paired(ms(10_000));
    }
}

#[test]
fn a_late_node_is_found_without_waiting_for_the_schedule() {
    for late in [0, 1] {
        let mut world = World::new(2, 11, Weather::fair());
        world.start(1 - late);
        world.run(ms(60_000));
        assert_eq!(world.state(1 - late, late), (PeerState::Unknown, Some("pair.peer_unknown")));
        let look_ups = world.nodes[&(1 - late)].look_ups;
        assert!((13..=20).contains(&look_ups), "{look_ups} look-ups in a minute");
        world.start(late);
        world.run_until_paired(ms(1500));
    }
}

#[test]
fn a_peer_that_never_answers_is_called_unreachable() {
    let mut world = World::new(2, 12, Weather::fair());
    world.cut.insert((0, 1));
    world.start(0);
    world.start(1);
    world.run(ms(4000));
    assert_eq!(world.state(0, 1), (PeerState::Handshaking, None));
    world.run(ms(2500));
    let unreachable = (PeerState::Handshaking, Some("pair.peer_unreachable"));
    assert_eq!((world.state(0, 1), world.state(1, 0)), (unreachable, unreachable));
    world.cut.clear();
    world.run_until_paired(ms(1500));
}

#[test]
fn a_new_fabric_worker_is_paired_anew_with_the_same_tags() {
    for rank in [0, 1] {
        let mut world = World::paired(2, 13, Weather::fair());
        world.run(ms(5000));
        world.nodes.get_mut(&rank).unwrap().table.clear();
        world.input(rank, Input::FabricRestarted);
        assert_eq!(world.state(rank, 1 - rank), (PeerState::Handshaking, Some("pair.peer_lost")));
        assert_eq!(world.nodes[&rank].table.len(), 1, "the address is inserted anew");
        world.run_until_paired(ms(1500));
        let peer = &world.nodes[&(1 - rank)];
        assert!(peer.changes.iter().all(|(_, _, to, _)| *to != PeerState::Lost));
    }
}

#[test]
fn a_new_fabric_worker_elsewhere_goes_on_under_a_new_identity() {
    let mut world = World::paired(3, 14, Weather::fair());
    world.run(ms(5000));
    let local = world.identity(1);
    world.publish(&local, local.identity.public_key);
    let now = world.now;
    let node = world.nodes.get_mut(&1).unwrap();
    node.table.clear();
    node.local = local.clone();
    let outputs = node.pairing.republished(now, local);
    world.carry_out(1, outputs, false);
    world.run_until_paired(ms(3000));
}

#[test]
fn goodbye_is_a_loss_at_once_and_only_new_tags_end_it() {
    let mut world = World::paired(2, 15, Weather::fair());
    let now = world.now;
    let outputs = world.nodes.get_mut(&1).unwrap().pairing.bye(now);
    world.carry_out(1, outputs, false);
    world.run(ms(1));
    assert_eq!(world.state(0, 1), (PeerState::Lost, Some("pair.peer_lost")));
    world.nodes.remove(&1);
    world.run(ms(20_000));
    assert_eq!(world.state(0, 1).0, PeerState::Lost);
    world.start(1);
    world.run_until_paired(ms(3000));
}
