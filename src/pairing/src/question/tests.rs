use super::*;
use crate::message::{HEADER_BYTES, MAX_MESSAGE_BYTES};
use crate::noise::SEAL_BYTES;
use proptest::prelude::*;

const NOW: Duration = Duration::from_secs(100);

fn id_of(payload: &Payload) -> u64 {
    match payload {
        Payload::Ask { id, .. } | Payload::Answer { id, .. } => *id,
        _ => panic!("no question and no answer"),
    }
}

/// Bytes of answers that are held.
fn held(questions: &Questions) -> usize {
    let asking = questions.asking.iter().flat_map(|asking| asking.parts.iter().flatten());
    let answering = questions.answering.iter().flat_map(|answering| &answering.parts);
    asking.map(Vec::len).sum::<usize>() + answering.map(|(_, bytes)| bytes.len()).sum::<usize>()
}

/// Everything one side says until it has nothing more to say, as the other hears it.
fn deliver(from: &mut Questions, to: &mut Questions) -> Vec<Heard> {
    let (mut heard, mut now) = (Vec::new(), NOW);
    loop {
        for payload in from.due(now).0 {
            if let Payload::Answer { id, part, parts, bytes } = payload {
                heard.push(to.heard(id, part, parts, bytes));
            }
        }
        match from.deadline() {
            Some(next) if from.answering.is_some() => now = next,
            _ => return heard,
        }
    }
}

#[test]
fn an_answer_of_any_length_comes_as_it_is() {
    for len in [0, 1, PART_BYTES - 1, PART_BYTES, PART_BYTES + 1, MAX_ANSWER_BYTES] {
        let (mut a, mut b) = (Questions::default(), Questions::default());
        let id = id_of(&a.ask(NOW, Question::Health).unwrap());
        assert!(b.asked(NOW, id));
        let bytes: Vec<u8> = (0..len).map(|i| u8::try_from(i % 251).unwrap()).collect();
        b.answer(id, &bytes);
        let heard = deliver(&mut b, &mut a);
        assert_eq!(heard.last(), Some(&Heard::Whole(Question::Health, bytes)), "{len}");
        assert!(heard[..heard.len() - 1].iter().all(|heard| *heard == Heard::Part));
        assert_eq!((a.deadline(), b.deadline()), (None, None));
    }
}

#[test]
fn a_part_fits_into_a_message_whatever_its_numbers() {
    let bytes = vec![7; PART_BYTES];
    let part = Payload::Answer { id: u64::MAX, part: 15, parts: 16, bytes };
    let bytes = HEADER_BYTES + postcard::to_stdvec(&part).unwrap().len() + SEAL_BYTES;
    assert!(bytes <= MAX_MESSAGE_BYTES, "{bytes}");
}

#[test]
fn a_long_answer_leaves_room_for_heartbeats() {
    let mut questions = Questions::default();
    assert!(questions.asked(NOW, 1));
    questions.answer(1, &vec![1; MAX_ANSWER_BYTES]);
    assert_eq!(questions.due(NOW).0.len(), PARTS_AT_ONCE);
    assert_eq!(questions.due(NOW).0.len(), 0, "not before its time");
    assert_eq!(questions.deadline(), Some(NOW + PARTS_INTERVAL));
}

#[test]
fn one_question_at_a_time_asked_again_and_given_up() {
    let mut questions = Questions::default();
    let first = questions.ask(NOW, Question::Time).unwrap();
    assert_eq!(questions.ask(NOW, Question::Health).err(), Some(Unanswered::Busy));
    let (again, given_up) = questions.due(NOW + ASK_AGAIN);
    assert!(id_of(&again[0]) > id_of(&first) && given_up.is_none());
    assert_eq!(questions.heard(id_of(&first), 0, 1, vec![1]), Heard::Foreign, "it is too late");
    let (said, given_up) = questions.due(NOW + ANSWER_WITHIN);
    assert_eq!((said.len(), given_up), (0, Some(Question::Time)));
    assert!(questions.ask(NOW + ANSWER_WITHIN, Question::Health).is_ok());
    assert_eq!(questions.lost(), Some(Question::Health));
    assert_eq!(questions.deadline(), None);
}

#[test]
fn who_asks_without_end_is_answered_at_a_bounded_rate() {
    let mut questions = Questions::default();
    let taken =
        |questions: &mut Questions, now| (0..1000).filter(|id| questions.asked(now, *id)).count();
    assert_eq!(taken(&mut questions, NOW), QUESTIONS_AT_ONCE as usize);
    assert_eq!(taken(&mut questions, NOW + QUESTION_EVERY * 2), 2);
    assert_eq!(taken(&mut questions, NOW + Duration::from_secs(60)), QUESTIONS_AT_ONCE as usize);
}

#[test]
fn an_answer_that_nobody_waits_for_or_that_is_too_long_is_not_sent() {
    let mut questions = Questions::default();
    questions.answer(1, &[1]);
    assert!(questions.asked(NOW, 2));
    questions.answer(1, &[1]);
    questions.answer(2, &vec![1; MAX_ANSWER_BYTES + 1]);
    assert!(questions.due(NOW).0.is_empty());
}

#[derive(Debug, Clone)]
enum Step {
    Ask,
    Asked(u64),
    Answer(u64, usize),
    Heard { id: u64, part: u8, parts: u8, len: usize },
    Wait(u64),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        Just(Step::Ask),
        (0_u64..6).prop_map(Step::Asked),
        (0_u64..6, 0_usize..MAX_ANSWER_BYTES + 9).prop_map(|(id, len)| Step::Answer(id, len)),
        (0_u64..6, any::<u8>(), any::<u8>(), 0_usize..4096)
            .prop_map(|(id, part, parts, len)| Step::Heard { id, part, parts, len }),
        (0_u64..6, 0_u8..18, 0_u8..18, 3900_usize..4096)
            .prop_map(|(id, part, parts, len)| Step::Heard { id, part, parts, len }),
        (0_u64..2000).prop_map(Step::Wait),
    ]
}

proptest! {
    #[test]
    fn no_peer_makes_us_hold_more_than_two_answers(steps in prop::collection::vec(step(), 1..120)) {
        let (mut questions, mut now) = (Questions::default(), NOW);
        for step in steps {
            match step {
                Step::Ask => _ = questions.ask(now, Question::Health),
                Step::Asked(id) => _ = questions.asked(now, id),
                Step::Answer(id, len) => questions.answer(id, &vec![1; len]),
                Step::Heard { id, part, parts, len } => {
                    _ = questions.heard(id, part, parts, vec![2; len]);
                }
                Step::Wait(millis) => now += Duration::from_millis(millis),
            }
            let (said, _) = questions.due(now);
            prop_assert!(said.len() <= PARTS_AT_ONCE + 1);
            prop_assert!(held(&questions) <= 2 * MAX_ANSWER_BYTES);
            prop_assert!(questions.deadline().is_none_or(|at| at > now));
        }
    }

    #[test]
    fn an_answer_in_however_many_parts_is_bounded(
        parts in prop_oneof![any::<u8>(), 14_u8..19],
        len in prop_oneof![0_usize..4096, 3990_usize..4096],
    ) {
        let mut questions = Questions::default();
        let id = id_of(&questions.ask(NOW, Question::Health).unwrap());
        for part in 0..parts {
            let heard = questions.heard(id, part, parts, vec![1; len]);
            prop_assert!(held(&questions) <= MAX_ANSWER_BYTES);
            if let Heard::Whole(_, bytes) = heard {
                prop_assert!(bytes.len() <= MAX_ANSWER_BYTES);
            }
        }
    }
}
