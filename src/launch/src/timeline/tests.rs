use super::*;
use nixl_aws::Tag;

fn node(state: &str, tags: &[(&str, &str)]) -> Instance {
    Instance {
        state: state.to_owned(),
        tags: tags.iter().map(|(key, value)| Tag::new(*key, *value)).collect(),
        ..Default::default()
    }
}

fn paired() -> Instance {
    node("running", &[("nixl:endpoint", "1:efa:AAAA"), ("nixl:state", "1:paired:-:9")])
}

fn timeline(marks: &[(Stage, f64)]) -> Timeline {
    let mut timeline = Timeline::default();
    for (stage, at) in marks {
        timeline.mark(*stage, *at);
    }
    timeline
}

#[test]
fn steps_are_seen_once_in_the_order_they_come() {
    let mut seen = timeline(&[(Stage::Requested, 1.04)]);
    seen.see(&node("pending", &[]), 2.0);
    assert_eq!(seen.awaited(), Some(Stage::Running));
    seen.see(&node("running", &[]), 3.0);
    seen.see(&node("running", &[("nixl:state", "1:booting:node.initializing:7")]), 4.0);
    assert_eq!(seen.awaited(), Some(Stage::SsmOnline));
    assert_eq!(seen.note.as_deref(), Some("node.initializing"));
    seen.see(&paired(), 5.0);
    seen.see(&paired(), 6.0);
    seen.mark(Stage::SsmOnline, 7.0);
    let told = serde_json::to_value(&seen.marks).unwrap();
    let names: Vec<_> = told.as_array().unwrap().iter().map(|mark| &mark["name"]).collect();
    assert_eq!(names, ["requested", "running", "registered", "paired", "ssm-online"]);
    assert_eq!((&told[0]["at_secs"], &told[3]["at_secs"]), (&1.0.into(), &5.0.into()));
    assert_eq!(seen.awaited(), Some(Stage::LinkMeasured));
}

#[test]
fn a_pair_that_is_lost_is_waited_for_again() {
    let mut seen = timeline(&[(Stage::Requested, 0.0), (Stage::SsmOnline, 1.0)]);
    seen.see(&paired(), 2.0);
    seen.see(&node("running", &[("nixl:state", "1:degraded:pair.peer_lost:9")]), 3.0);
    assert_eq!(seen.awaited(), Some(Stage::Paired));
    assert_eq!(seen.note.as_deref(), Some("pair.peer_lost"));
}

#[test]
fn only_another_provider_than_the_one_asked_for_is_another() {
    assert_eq!(other_provider(&paired(), Provider::Efa), None);
    assert_eq!(other_provider(&paired(), Provider::Tcp), Some(Provider::Efa));
    assert_eq!(other_provider(&node("running", &[]), Provider::Tcp), None);
}

#[test]
fn each_step_that_is_missing_has_a_cause_of_its_own() {
    let all = Stage::ALL;
    let until = |n: usize| {
        let marks: Vec<_> = all[..n].iter().map(|stage| (*stage, 1.0)).collect();
        usual_cause(&timeline(&marks))
    };
    assert!(until(1).contains("state reason"));
    assert!(until(2).contains("no way out of the subnet"));
    assert!(until(3).contains("user data"));
    assert!(until(4).contains("security group"));
    assert!(until(5).contains("nixl-noded link"));
    assert_eq!(until(6), "nothing is missing");
    // The daemon has a way out, so the subnet has one.
    let agent = timeline(&[
        (Stage::Requested, 0.0),
        (Stage::Running, 0.0),
        (Stage::Registered, 0.0),
        (Stage::Paired, 0.0),
    ]);
    assert!(usual_cause(&agent).contains("AmazonSSMManagedInstanceCore"));
    let mut silent = timeline(&[(Stage::Requested, 0.0), (Stage::Running, 0.0)]);
    silent.given_up.push(Stage::SsmOnline);
    assert!(usual_cause(&silent).contains("no way to the EC2 API"));
}

#[test]
fn a_line_says_as_much_as_has_room() {
    let mut seen = timeline(&[
        (Stage::Requested, 0.8),
        (Stage::Running, 6.2),
        (Stage::Registered, 31.0),
        (Stage::SsmOnline, 33.4),
    ]);
    seen.note = Some("pair.peer_unknown".to_owned());
    let lines = [120, 99, 60, 20].map(|columns| line(&seen, 41.0, columns));
    assert_eq!(
        lines,
        [
            "requested 1s → running 6s → daemon registered 31s → SSM online 33s → paired… 41s (pair.peer_unknown)",
            "requested 1s, running 6s, daemon 31s, SSM 33s, paired… 41s (pair.peer_unknown)",
            "4/6 paired… 41s (pair.peer_unknown)",
            "paired… 41s (pair.pe",
        ]
    );
    for columns in 0..140 {
        assert!(line(&seen, 41.0, columns).chars().count() <= columns);
    }
    let done: Vec<_> = Stage::ALL.iter().map(|stage| (*stage, 1.0)).collect();
    assert_eq!(line(&timeline(&done), 2.0, 20), "6/6 ready");
}
