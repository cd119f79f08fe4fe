//! What must not happen: pairing with somebody else, or anything a stranger
//! on the fabric could bring about.

#![allow(clippy::unwrap_used)]

mod sim;

use nixl_cluster::{IdentityRecord, Provider};
use nixl_pairing::{Input, Member, Mismatch, PROTOCOL_VERSION, PeerState};
use proptest::prelude::*;
use sim::{Weather, World, ms};

#[test]
fn a_key_that_is_not_the_tags_is_refused_until_the_tags_are_new() {
    for wrong in [0, 1] {
        let mut world = World::new(2, 20, Weather::fair());
        world.start(1 - wrong);
        let local = world.identity(wrong);
        let other = world.identity(wrong).identity.public_key;
        world.publish(&local, other);
        world.run_as(local);
        let refused = (PeerState::Refused, Some("pair.peer_refused"));
        // Who refuses knocks only every 5 s, and the other needs three of them.
        world.run_until(ms(30_000), "refusal", |world| {
            world.state(0, 1) == refused && world.state(1, 0) == refused
        });
        world.run(ms(30_000));
        assert!(world.nodes.values().all(|node| !node.pairing.all_paired()));
        world.start(wrong);
        world.run_until_paired(ms(3000));
    }
}

#[test]
fn right_tags_put_back_after_wrong_newer_ones_are_believed() {
    for edited in [0, 1] {
        let mut world = World::paired(2, 29, Weather { stale: ms(300), ..Weather::fair() });
        // The node that runs knows its own keys; what it has published is edited.
        let running = world.nodes[&edited].local.clone();
        let mut wrong = running.clone();
        wrong.identity.epoch += 1;
        let other = world.identity(edited).identity.public_key;
        world.publish(&wrong, other);
        world.run(ms(500));
        // Its peer starts anew, and so meets the edited tags.
        world.start(1 - edited);
        world.run(ms(20_000));
        assert!(!world.all_paired());
        world.publish(&running, running.identity.public_key);
        let took = world.run_until_paired(ms(25_000));
        assert!(took > ms(9000), "older tags are not believed at once: {took:?}");
    }
}

#[test]
fn replayed_messages_change_nothing() {
    let mut world = World::paired(2, 21, Weather::fair());
    world.run(ms(5000));
    let changes = |world: &World| -> Vec<usize> {
        world.nodes.values().map(|node| node.changes.len()).collect()
    };
    let (before, tokens) = (changes(&world), world.nodes[&1].tokens.clone());
    let dropped = world.nodes[&0].pairing.dropped() + world.nodes[&1].pairing.dropped();
    let wire = world.wire.clone();
    for (address, bytes) in wire.iter().chain(&wire) {
        world.inject(address.clone(), bytes.clone());
    }
    world.run(ms(5000));
    assert!(world.all_paired());
    assert_eq!(changes(&world), before);
    assert_eq!((world.pairings(0, 1), world.pairings(1, 0)), (1, 1));
    assert_eq!(world.nodes[&1].tokens, tokens);
    let now_dropped = world.nodes[&0].pairing.dropped() + world.nodes[&1].pairing.dropped();
    assert!(now_dropped >= dropped + wire.len() as u64, "{now_dropped} of {}", wire.len());
}

#[test]
fn messages_of_an_earlier_life_change_nothing() {
    let mut world = World::paired(2, 22, Weather::fair());
    world.start(0);
    world.run_until_paired(ms(3000));
    world.run(ms(2000));
    let (wire, address) = (world.wire.clone(), world.address(1));
    for (_, bytes) in wire.iter().filter(|(to, _)| to[0] == 1) {
        world.inject(address.clone(), bytes.clone());
    }
    world.run(ms(5000));
    assert!(world.all_paired());
    assert_eq!(world.pairings(1, 0), 2);
}

#[test]
fn a_foreigner_is_never_paired_and_costs_three_look_ups_and_then_one_a_second_at_most() {
    for foreign in [0, 1] {
        let mut world = World::paired(3, 23, Weather::fair());
        let victim = world.address(2);
        // Same ranks and instance ids, its own keys: recorded in a world of its own.
        let mut other = World::paired(3, 24, Weather::fair());
        other.run(ms(2000));
        let foreign_words: Vec<_> = (other.wire.into_iter())
            .filter(|(to, bytes)| to[0] == 2 && u32::from(bytes[2]) == foreign)
            .collect();
        let before = world.nodes[&2].look_ups;
        for _ in 0..10 {
            for (_, bytes) in &foreign_words {
                world.inject(victim.clone(), bytes.clone());
            }
            world.run(ms(1000));
        }
        assert!(world.all_paired(), "the real pairs go on");
        assert_eq!((world.pairings(2, foreign), world.pairings(foreign, 2)), (1, 1));
        assert!(world.nodes[&2].look_ups - before <= 13);
    }
}

#[test]
fn an_old_epoch_is_ignored() {
    let mut world = World::paired(2, 25, Weather::fair());
    let old = world.nodes[&1].local.clone();
    world.start(1);
    world.run_until_paired(ms(3000));
    let member = Member {
        instance_id: old.instance_id.clone(),
        rank: 1,
        identity: Some(old.identity.clone()),
        endpoint: Some(old.endpoint),
    };
    let changes = world.nodes[&0].changes.len();
    world.input(0, Input::Members(vec![member.clone()]));
    assert!(world.all_paired());
    assert_eq!(world.nodes[&0].changes.len(), changes);
    // The newer of two is taken, whatever the order.
    let newer = IdentityRecord { epoch: 99, ..old.identity };
    world
        .input(0, Input::Members(vec![Member { identity: Some(newer), ..member.clone() }, member]));
    assert_eq!(world.state(0, 1).0, PeerState::Handshaking);
}

#[test]
fn strangers_in_a_look_up_are_ignored() {
    let mut world = World::paired(2, 26, Weather::fair());
    let mut stranger = world.identity(0);
    let mut members = Vec::new();
    for rank in [0, 2, 70_000] {
        stranger.rank = rank;
        members.push(Member {
            instance_id: "i-stranger".to_owned(),
            rank,
            identity: Some(stranger.identity.clone()),
            endpoint: Some(stranger.endpoint.clone()),
        });
    }
    members.push(Member { instance_id: "i-x".to_owned(), rank: 1, identity: None, endpoint: None });
    world.input(0, Input::Members(members));
    assert!(world.all_paired());
    assert_eq!(world.nodes[&0].pairing.peers().len(), 1);
}

#[test]
fn another_protocol_version_is_named_and_forgiven() {
    let mut world = World::new(2, 27, Weather::fair());
    world.cut.insert((0, 1));
    world.start(0);
    world.start(1);
    world.run(ms(1000));
    for _ in 0..3 {
        world.inject(world.address(0), vec![PROTOCOL_VERSION + 1, 0, 1, 0]);
    }
    world.run(ms(10));
    assert_eq!(world.state(0, 1), (PeerState::Refused, Some("pair.version_skew")));
    assert_eq!(world.state(1, 0).0, PeerState::Handshaking);
    let other = |world: &World| world.nodes[&0].pairing.peers()[0].other_version;
    assert_eq!(other(&world), Some(PROTOCOL_VERSION + 1));
    world.cut.clear();
    world.start(1);
    world.run_until_paired(ms(3000));
    assert_eq!(other(&world), None);
}

#[test]
fn a_peer_of_another_provider_is_named_and_sent_nothing() {
    let mut world = World::new(2, 31, Weather::fair());
    world.start(0);
    world.provider = Provider::Efa;
    world.start(1);
    world.run(ms(30_000));
    let refused = (PeerState::Refused, Some("pair.provider_differs"));
    assert_eq!((world.state(0, 1), world.state(1, 0)), (refused, refused));
    let told = |rank: u32| world.nodes[&rank].pairing.peers()[0].mismatch;
    let (own, peer) = (Provider::Tcp, Provider::Efa);
    assert_eq!(told(0), Some(Mismatch::Provider { own, peer }));
    assert_eq!(told(1), Some(Mismatch::Provider { own: peer, peer: own }));
    assert!(world.wire.is_empty() && world.nodes.values().all(|node| node.table.is_empty()));
    // Put right, it is found by the schedule of look-ups.
    world.provider = Provider::Tcp;
    world.start(1);
    world.run_until_paired(ms(8000));
    assert_eq!(world.nodes[&0].pairing.peers()[0].mismatch, None);
}

#[test]
fn debug_shows_no_token() {
    let world = World::paired(2, 28, Weather::fair());
    let token = world.nodes[&0].tokens[&1];
    let output = nixl_pairing::Output::ArmProbe { rank: 1, token };
    assert_eq!(format!("{output:?}"), "ArmProbe { rank: 1, .. }");
}

fn message() -> impl Strategy<Value = Vec<u8>> {
    let body = || prop::collection::vec(any::<u8>(), 0..120);
    prop_oneof![
        body(),
        // With a good header, so that every branch behind it is reached.
        (0_u8..6, 0_u8..4, body()).prop_map(|(kind, rank, body)| {
            let mut bytes = vec![PROTOCOL_VERSION, kind, rank, 0];
            bytes.extend(body);
            bytes
        }),
        // As long as a real noise-1 or noise-2.
        (1_u8..3, 0_u8..3, prop::collection::vec(any::<u8>(), 56)).prop_map(
            |(kind, rank, mut body)| {
                body.truncate(if kind == 1 { 56 } else { 48 });
                let mut bytes = vec![PROTOCOL_VERSION, kind, rank, 0];
                bytes.extend(body);
                bytes
            }
        ),
        prop::collection::vec(any::<u8>(), 4090..4200),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn no_bytes_move_a_paired_peer(messages in prop::collection::vec(message(), 1..40)) {
        let mut world = World::paired(3, 29, Weather::fair());
        let changes: Vec<usize> = world.nodes.values().map(|node| node.changes.len()).collect();
        for rank in 0..3 {
            for bytes in &messages {
                world.input(rank, Input::Received(bytes.clone()));
            }
        }
        world.run(ms(2000));
        prop_assert!(world.all_paired());
        let after: Vec<usize> = world.nodes.values().map(|node| node.changes.len()).collect();
        prop_assert_eq!(changes, after);
    }

    #[test]
    fn a_message_bent_in_one_place_never_pairs_anybody_else(at in 0_usize..64, bit in 0_u8..8) {
        let mut world = World::started(2, 30, Weather::fair());
        // The wire carries only bent copies; every fourth message comes through whole later.
        world.run(ms(400));
        let wire = world.wire.clone();
        for (address, mut bytes) in wire {
            let at = at % bytes.len();
            bytes[at] ^= 1 << bit;
            world.inject(address, bytes);
        }
        world.run_until_paired(ms(5000));
        prop_assert_eq!((world.pairings(0, 1), world.pairings(1, 0)), (1, 1));
    }
}
