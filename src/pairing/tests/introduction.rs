//! What peers tell each other under seal: further rails and the release.

#![allow(clippy::unwrap_used)]

mod sim;

use nixl_pairing::{Input, Skew};
use sim::{Weather, World, ms};

fn rails(count: u8) -> Vec<Vec<u8>> {
    (1..=count).map(|rail| vec![rail; 32]).collect()
}

fn skews(world: &World, rank: u32, peer: u32) -> Vec<Skew> {
    let views = world.nodes[&rank].pairing.peers();
    views.into_iter().find(|view| view.rank == peer).unwrap().skews
}

#[test]
fn every_node_learns_the_rails_of_every_peer_also_under_loss() {
    for (seed, loss) in [(70, 0.0), (71, 0.3), (72, 0.3), (73, 0.3)] {
        let mut world = World::new(3, seed, Weather { loss, ..Weather::fair() });
        world.rails = rails(31);
        (0..3).for_each(|rank| world.start(rank));
        world.run_until(ms(10_000), "rails", |world| {
            world.nodes.values().all(|node| node.rails.len() >= 2)
        });
        // A message is repeated until it is known; the second one is no news.
        world.weather.loss = 0.0;
        world.run(ms(3000));
        // That they are inserted once only, the simulation itself asserts.
        for rank in 0..3 {
            for peer in (0..3).filter(|peer| *peer != rank) {
                let of_peer = world.nodes[&rank].rails.iter().filter(|(from, _)| *from == peer);
                assert!(of_peer.clone().count() > 0, "seed {seed}");
                assert!(of_peer.clone().all(|(_, addresses)| *addresses == rails(31)));
            }
        }
        assert_eq!(skews(&world, 0, 1), []);
    }
}

#[test]
fn once_known_nothing_is_repeated() {
    let mut world = World::new(2, 74, Weather::fair());
    world.rails = rails(31);
    (0..2).for_each(|rank| world.start(rank));
    world.run_until_paired(ms(1000));
    world.run(ms(1000));
    let before = world.wire.len();
    world.run(ms(10_000));
    let longest = world.wire[before..].iter().map(|(_, bytes)| bytes.len()).max().unwrap();
    assert!(longest < 64, "only heartbeats: {longest} bytes");
}

#[test]
fn a_session_anew_tells_the_rails_anew() {
    let mut world = World::new(2, 75, Weather::fair());
    world.rails = rails(3);
    (0..2).for_each(|rank| world.start(rank));
    world.run_until_paired(ms(1000));
    world.run(ms(2000));
    world.rails = rails(2);
    world.start(1);
    world.run_until_paired(ms(3000));
    world.run(ms(2000));
    assert_eq!(world.nodes[&0].rails, [(1, rails(3)), (1, rails(2))]);
    assert_eq!(world.nodes[&1].rails, [(0, rails(3))]);
    assert_eq!(skews(&world, 0, 1), [Skew::Rails { own: 4, peer: 3 }]);
    assert_eq!(skews(&world, 1, 0), [Skew::Rails { own: 3, peer: 4 }]);
}

#[test]
fn a_session_anew_under_the_same_tags_inserts_no_rail_twice() {
    let mut world = World::new(2, 79, Weather::fair());
    world.rails = rails(3);
    (0..2).for_each(|rank| world.start(rank));
    world.run_until_paired(ms(1000));
    world.run(ms(3000));
    // The other side's fabric goes on as it is; only rank 1 loses its session.
    let node = world.nodes.get_mut(&1).unwrap();
    node.table.clear();
    world.input(1, Input::FabricRestarted);
    world.run_until_paired(ms(1500));
    world.run(ms(2000));
    assert_eq!(world.pairings(0, 1), 2, "made beside the old one");
    assert_eq!(world.nodes[&0].rails, [(1, rails(3))]);
    assert_eq!(world.nodes[&1].rails, [(0, rails(3)), (0, rails(3))]);
}

#[test]
fn a_node_with_one_rail_has_none_to_tell() {
    let mut world = World::paired(2, 76, Weather::fair());
    world.run(ms(2000));
    assert!(world.nodes.values().all(|node| node.rails.is_empty()));
    assert_eq!(skews(&world, 0, 1), []);
}

#[test]
fn another_release_is_told_on_both_sides_while_the_pair_goes_on() {
    let mut world = World::new(2, 77, Weather::fair());
    world.start(0);
    world.release = "1.1.0-rc.1";
    world.start(1);
    world.run_until_paired(ms(1000));
    world.run(ms(5000));
    assert!(world.all_paired());
    let skew = |own: &str, peer: &str| Skew::Release { own: own.to_owned(), peer: peer.to_owned() };
    assert_eq!(skews(&world, 0, 1), [skew("1.0.0", "1.1.0-rc.1")]);
    assert_eq!(skews(&world, 1, 0), [skew("1.1.0-rc.1", "1.0.0")]);
    world.cut.insert((0, 1));
    world.run(ms(3000));
    assert_eq!(skews(&world, 0, 1), [], "of a peer that is away nothing is known");
}

#[test]
fn what_does_not_fit_is_cut_and_what_is_unsound_ignored() {
    let mut world = World::new(2, 78, Weather::fair());
    world.rails = vec![vec![7; 64]; 200];
    world.start(0);
    world.rails = vec![vec![7; 64], vec![7; 65], vec![7; 64]];
    // Might be taken for a line of its own in a log.
    world.release = "1.0.0\nroot";
    world.start(1);
    world.run_until_paired(ms(1000));
    world.run(ms(3000));
    assert!(world.all_paired());
    assert_eq!(world.nodes[&1].rails, [(0, vec![vec![7; 64]; 48])]);
    assert_eq!(world.nodes[&0].rails, []);
    assert_eq!(skews(&world, 0, 1), []);
    assert!(world.nodes[&0].pairing.dropped() > 0);
    assert_eq!(skews(&world, 1, 0).len(), 2);
}
