//! docs/pairing.md is written from the table of transitions and the intervals.

#![allow(clippy::unwrap_used)]

use nixl_pairing::{PROTOCOL_VERSION, TRANSITIONS, timing};
use std::fmt::Write as _;
use std::time::Duration;

const PAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/pairing.md");
const UPDATE: &str = "UPDATE_DOCS=1 cargo test -p nixl-pairing --test page";

fn page() -> String {
    let mut text = format!(
        "# Pairing: the states of a peer\n\n\
         Written from the table in `src/pairing` by `{UPDATE}`; do not edit. Protocol version {PROTOCOL_VERSION}.\n\n\
         A node's peers are all others, or where roles differ (`prefill` in node.toml) those of the other role.\n\n\
         ```mermaid\nstateDiagram-v2\n    [*] --> Unknown\n"
    );
    for way in &TRANSITIONS {
        writeln!(text, "    {:?} --> {:?}: {}", way.from, way.to, way.cause).unwrap();
    }
    text.push_str("```\n\n| from | to | when |\n|---|---|---|\n");
    for way in &TRANSITIONS {
        writeln!(text, "| {:?} | {:?} | {} |", way.from, way.to, way.cause).unwrap();
    }
    text.push_str("\n| interval | |\n|---|---|\n");
    let rows: [(&str, Duration); 14] = [
        ("heartbeat", timing::HEARTBEAT_INTERVAL),
        ("silence after which a peer is lost", timing::LOST_AFTER),
        ("one that is heard but does not hear is lost after", timing::UNHEARD_AFTER),
        ("a lost peer is tried again with the tags at hand after", timing::READMIT_AFTER),
        ("handshake without answer is called unreachable after", timing::UNREACHABLE_AFTER),
        (
            "handshakes that do not fit are called refused after, at the earliest",
            timing::REFUSED_SPAN,
        ),
        ("older tags that stay are believed after", timing::PUT_BACK_AFTER),
        ("first wait between look-ups of tags, in a pair", timing::LOOK_UP_FIRST),
        ("longest wait between look-ups of tags, in a pair", timing::LOOK_UP_LONGEST),
        ("least time between look-ups that messages ask for, in a pair", timing::LOOK_UP_LEAST),
        ("each of the last three grows, to this for each node", timing::LOOK_UP_PER_NODE),
        ("a question to a paired peer is asked again after", timing::ASK_AGAIN),
        ("and given up after", timing::ANSWER_WITHIN),
        ("of more than 10 questions in a row, one is taken each", timing::QUESTION_EVERY),
    ];
    for (what, time) in rows {
        writeln!(text, "| {what} | {time:?} |").unwrap();
    }
    text
}

#[test]
fn the_page_is_what_the_code_says() {
    let page = page();
    if std::env::var_os("UPDATE_DOCS").is_some() {
        let fresh = format!("{PAGE}.new");
        std::fs::write(&fresh, &page).unwrap();
        std::fs::rename(&fresh, PAGE).unwrap();
    }
    let written = std::fs::read_to_string(PAGE).unwrap();
    assert!(written == page, "docs/pairing.md is old: {UPDATE}");
}
