use super::*;
use crate::history::WithMessageId;
use crate::http::events::MOST_WAITING;
use serde_json::Value;
use std::time::Instant;
use tracing_subscriber::Layer as _;
use tracing_subscriber::layer::SubscriberExt as _;

/// Says this to the journal as the daemon does.
fn tell(served: &Served, evidence: &str) {
    let layer = served.shared.history.layer().with_filter(WithMessageId);
    let subscriber = tracing_subscriber::registry().with(layer);
    tracing::subscriber::with_default(subscriber, || {
        crate::events::reason(crate::events::Stage::Paired, &reason::PEER_LOST, evidence);
    });
}

fn events(served: &Served, query: &str) -> Value {
    let (status, body) = get(served.address, &format!("/events{query}")).unwrap();
    assert_eq!(status, 200, "{body}");
    serde_json::from_str(&body).unwrap()
}

#[test]
fn a_cursor_goes_on_where_it_was() {
    let served = serve();
    tell(&served, "once");
    let first = events(&served, "");
    let entry = &first["events"][0];
    assert_eq!(entry["message"], "pair.peer_lost: once");
    assert_eq!((&entry["priority"], &entry["level"]), (&4.into(), &"warning".into()));
    assert_eq!(entry["fields"]["reason"], "pair.peer_lost");
    assert!(entry["time"].as_str().unwrap().ends_with('Z'), "{entry}");
    let next = first["next"].as_u64().unwrap();
    assert_eq!(events(&served, &format!("?since={next}"))["events"], Value::Array(vec![]));
    tell(&served, "twice");
    let second = events(&served, &format!("?since={next}&limit=1"));
    assert_eq!(second["events"][0]["message"], "pair.peer_lost: twice");
    assert_eq!((&second["next"], &second["lost"]), (&(next + 1).into(), &false.into()));
    assert_eq!(events(&served, "?since=1")["lost"], true);
}

#[test]
fn whoever_waits_is_told_at_once() {
    let served = serve();
    let next = events(&served, "")["next"].as_u64().unwrap();
    let address = served.address;
    let waiting = std::thread::spawn(move || {
        let asked = Instant::now();
        let (_, body) = get(address, &format!("/events?since={next}&wait=4")).unwrap();
        (body, asked.elapsed())
    });
    tell(&served, "now");
    let (body, took) = waiting.join().unwrap();
    assert!(body.contains("pair.peer_lost: now"), "{body}");
    assert!(took.as_secs() < 4, "{took:?}");
}

#[test]
fn only_a_few_may_wait_and_the_others_are_told_so() {
    let served = serve();
    let next = events(&served, "")["next"].as_u64().unwrap();
    let (address, query) = (served.address, format!("/events?since={next}&wait=4"));
    let ask = move || get(address, &query).unwrap();
    let asking: Vec<_> = (0..=MOST_WAITING).map(|_| std::thread::spawn(ask.clone())).collect();
    // One of them is refused, whichever came last; then the others wait.
    while !asking.iter().any(|asked| asked.is_finished()) {
        std::thread::yield_now();
    }
    assert_eq!(get(address, "/livez").unwrap().0, 200);
    assert_eq!(events(&served, &format!("?since={next}"))["next"], next, "without a wait");
    tell(&served, "now");
    let answers: Vec<_> = asking.into_iter().map(|asked| asked.join().unwrap()).collect();
    let refused: Vec<_> = answers.iter().filter(|(status, _)| *status == 429).collect();
    assert_eq!(refused.len(), 1, "{answers:?}");
    assert!(refused[0].1.contains("too_many_waiting"), "{refused:?}");
    let told = answers.iter().filter(|(_, body)| body.contains("pair.peer_lost: now"));
    assert_eq!(told.count(), MOST_WAITING, "{answers:?}");
}

#[test]
fn text_is_for_terminals() {
    let served = serve();
    tell(&served, "\u{1b}[31mred\nline");
    let (head, body) = accepting(served.address, "/events", "text/plain");
    assert!(head.contains("content-type: text/plain"), "{head}");
    assert!(body.ends_with(" warning pair.peer_lost:  [31mred line\n"), "{body:?}");
}

#[test]
fn a_question_that_is_not_understood_is_refused() {
    let served = serve();
    for query in ["?since=x", "?sinc=1", "?limit=-1"] {
        let (status, body) = get(served.address, &format!("/events{query}")).unwrap();
        assert!(status == 400 && body.contains("bad_query"), "{body}");
    }
}
