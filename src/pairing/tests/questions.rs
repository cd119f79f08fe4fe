//! What paired nodes ask each other, and what nobody else can.

#![allow(clippy::unwrap_used)]

mod sim;

use nixl_pairing::{Input, MAX_ANSWER_BYTES, Question, Unanswered, timing};
use sim::{Answered, Weather, World, ms};

fn ask(world: &mut World, rank: u32, peer: u32, what: Question) {
    world.input(rank, Input::Ask { rank: peer, what });
}

fn answered(world: &World, rank: u32) -> &[Answered] {
    &world.nodes[&rank].answered
}

#[test]
fn both_sides_ask_and_are_answered_at_the_same_time() {
    let mut world = World::paired(3, 80, Weather::fair());
    let dropped =
        |world: &World| -> u64 { world.nodes.values().map(|node| node.pairing.dropped()).sum() };
    let before = dropped(&world);
    let long: Vec<u8> = (0..MAX_ANSWER_BYTES).map(|i| u8::try_from(i % 256).unwrap()).collect();
    world.nodes.get_mut(&1).unwrap().answer.clone_from(&long);
    ask(&mut world, 0, 1, Question::Health);
    ask(&mut world, 1, 0, Question::Time);
    ask(&mut world, 0, 2, Question::Versions);
    let took = world.run_until(ms(1000), "answers", |world| {
        answered(world, 0).len() == 2 && answered(world, 1).len() == 1
    });
    assert!(took < ms(100), "{took:?}");
    assert!(answered(&world, 0).contains(&(1, Question::Health, Ok(long))));
    assert!(answered(&world, 0).contains(&(2, Question::Versions, Ok(b"fine".to_vec()))));
    assert_eq!(answered(&world, 1), [(0, Question::Time, Ok(b"fine".to_vec()))]);
    world.run(ms(5000));
    assert_eq!((answered(&world, 0).len(), answered(&world, 1).len()), (2, 1), "each once");
    assert_eq!(dropped(&world), before);
}

#[test]
fn a_lost_message_is_made_good_within_the_time_of_a_question() {
    let mut good = 0;
    for seed in 0..40 {
        let mut world = World::paired(2, 8100 + seed, Weather::fair());
        world.weather.loss = 0.2;
        world.nodes.get_mut(&1).unwrap().answer = vec![5; 3 * 4000];
        ask(&mut world, 0, 1, Question::Health);
        world.run_until(timing::ANSWER_WITHIN + ms(1), "end", |w| !answered(w, 0).is_empty());
        match &answered(&world, 0)[0].2 {
            Ok(bytes) => {
                assert_eq!(*bytes, vec![5; 12_000]);
                good += 1;
            }
            Err(why) => assert!(matches!(why, Unanswered::TimedOut | Unanswered::NotPaired)),
        }
    }
    // Four messages and all of 0.8: 0.41 a try, three of them 0.79.
    assert!(good >= 24, "{good} of 40");
}

#[test]
fn one_question_at_a_time_to_each_peer() {
    let mut world = World::paired(2, 82, Weather::fair());
    ask(&mut world, 0, 1, Question::Health);
    ask(&mut world, 0, 1, Question::Time);
    assert_eq!(answered(&world, 0), [(1, Question::Time, Err(Unanswered::Busy))]);
    world.run(ms(100));
    assert_eq!(answered(&world, 0).len(), 2);
}

#[test]
fn only_a_paired_peer_is_asked_and_a_lost_one_answers_no_more() {
    let mut world = World::new(2, 83, Weather::fair());
    world.start(0);
    ask(&mut world, 0, 1, Question::Health);
    ask(&mut world, 0, 7, Question::Health);
    let refused = |rank| (rank, Question::Health, Err(Unanswered::NotPaired));
    assert_eq!(answered(&world, 0), [refused(1), refused(7)]);

    world.start(1);
    world.run_until_paired(ms(3000));
    world.cut.insert((0, 1));
    ask(&mut world, 0, 1, Question::Health);
    world.run(ms(1500));
    assert_eq!(answered(&world, 0)[2], refused(1), "told with the loss, not after 3 s");
    world.cut.clear();
    world.run_until_paired(ms(5000));
    ask(&mut world, 0, 1, Question::Health);
    world.run(ms(100));
    assert!(answered(&world, 0)[3].2.is_ok());
}

#[test]
fn a_restart_of_either_side_ends_its_questions() {
    let mut world = World::paired(2, 84, Weather::fair());
    ask(&mut world, 0, 1, Question::Health);
    world.nodes.get_mut(&0).unwrap().table.clear();
    world.input(0, Input::FabricRestarted);
    assert_eq!(answered(&world, 0), [(1, Question::Health, Err(Unanswered::NotPaired))]);
    world.run_until_paired(ms(3000));
    ask(&mut world, 0, 1, Question::Health);
    world.start(1);
    world.run_until_paired(ms(5000));
    // Numbers begin anew on one side.
    for (asking, peer) in [(0, 1), (1, 0)] {
        let before = answered(&world, asking).len();
        ask(&mut world, asking, peer, Question::Time);
        world.run(ms(100));
        assert!(answered(&world, asking)[before].2.is_ok(), "rank {asking}");
    }
}

#[test]
fn a_foreigner_and_a_replay_ask_nothing() {
    let mut world = World::paired(3, 85, Weather::fair());
    // Same ranks and ids, other keys.
    let mut other = World::paired(3, 86, Weather::fair());
    let from = other.wire.len();
    for _ in 0..5 {
        ask(&mut other, 0, 2, Question::Health);
        other.run(ms(300));
    }
    let victim = world.address(2);
    for (_, bytes) in other.wire[from..].iter().filter(|(to, _)| to[0] == 2) {
        world.inject(victim.clone(), bytes.clone());
    }
    world.run(ms(1000));
    assert_eq!(world.nodes[&2].asked, []);

    let from = world.wire.len();
    ask(&mut world, 0, 2, Question::Health);
    world.run(ms(300));
    let wire = world.wire[from..].to_vec();
    for _ in 0..3 {
        for (to, bytes) in &wire {
            world.inject(to.clone(), bytes.clone());
        }
    }
    world.run(ms(1000));
    assert_eq!(world.nodes[&2].asked, [(0, Question::Health)], "once, as it was asked");
    assert_eq!(answered(&world, 0).len(), 1);
}

#[test]
fn who_asks_without_pause_is_answered_less_often_and_the_pair_lives() {
    let mut world = World::paired(2, 87, Weather::fair());
    world.nodes.get_mut(&1).unwrap().answer = vec![1; MAX_ANSWER_BYTES];
    let begun = world.now;
    while world.now < begun + ms(10_000) {
        let open = world.nodes[&0].answered.len();
        ask(&mut world, 0, 1, Question::Health);
        world.run_until(ms(4000), "end", |world| answered(world, 0).len() > open);
    }
    assert!(world.nodes[&1].asked.len() <= 10 + 4 * 11, "{}", world.nodes[&1].asked.len());
    assert_eq!((world.pairings(0, 1), world.all_paired()), (1, true));
}
