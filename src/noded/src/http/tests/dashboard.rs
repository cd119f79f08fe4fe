//! What the Grafana dashboard asks for is what `/metrics` tells.

use super::filled::serve_filled;
use super::*;
use serde_json::Value;
use std::collections::BTreeSet;

const DASHBOARD: &str = include_str!("../../../../../docs/grafana/nixl-node.json");

/// Every expression, wherever it is.
fn expressions(value: &Value, found: &mut Vec<String>) {
    match value {
        Value::Object(map) => {
            for (key, value) in map {
                match value {
                    Value::String(text) if matches!(key.as_str(), "expr" | "definition") => {
                        found.push(text.clone());
                    }
                    value => expressions(value, found),
                }
            }
        }
        Value::Array(list) => list.iter().for_each(|value| expressions(value, found)),
        _ => {}
    }
}

fn names(text: &str) -> BTreeSet<&str> {
    let words = text.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_'));
    words.filter(|word| word.starts_with("nixl_")).collect()
}

#[test]
fn the_dashboard_asks_for_what_there_is() {
    let (served, _folder) = serve_filled();
    let (_, text) = accepting(served.address, "/metrics", "text/plain");
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    let told: BTreeSet<&str> = lines.filter_map(|line| line.split(['{', ' ']).next()).collect();
    let mut asked = Vec::new();
    expressions(&serde_json::from_str(DASHBOARD).unwrap(), &mut asked);
    assert!(asked.len() > 30, "{asked:?}");
    for expression in &asked {
        let names = names(expression);
        assert!(!names.is_empty(), "{expression}");
        for name in names {
            assert!(told.contains(name), "{name} of {expression} is not told");
        }
    }
}
