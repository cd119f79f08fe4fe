//! A target's input as the query protocol writes it.

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::Value;

/// `{"InstanceIds": ["i-1"]}` as `InstanceId.1=i-1`: a list has its name in the
/// singular, as most lists of EC2 do.
#[must_use]
pub fn encode(input: &Value) -> String {
    let mut pairs = Vec::new();
    fields(&mut pairs, "", input);
    pairs.join("&")
}

fn fields(pairs: &mut Vec<String>, prefix: &str, value: &Value) {
    for (name, value) in value.as_object().into_iter().flatten() {
        one(pairs, &format!("{prefix}{name}"), value);
    }
}

fn one(pairs: &mut Vec<String>, name: &str, value: &Value) {
    match value {
        Value::Null => {}
        Value::Object(_) => fields(pairs, &format!("{name}."), value),
        Value::Array(items) => {
            let singular = name.strip_suffix('s').unwrap_or(name);
            for (index, item) in items.iter().enumerate() {
                one(pairs, &format!("{singular}.{}", index + 1), item);
            }
        }
        Value::String(text) => pairs.push(pair(name, text)),
        other => pairs.push(pair(name, &other.to_string())),
    }
}

fn pair(name: &str, value: &str) -> String {
    format!("{name}={}", utf8_percent_encode(value, NON_ALPHANUMERIC))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    #[test]
    fn lists_are_numbered_in_the_singular() {
        let input = json!({
            "InstanceIds": ["i-1", "i-2"], "Force": true,
            "Filters": [{"Name": "tag:a", "Values": ["x y"]}],
        });
        let form = super::encode(&input);
        let mut pairs: Vec<&str> = form.split('&').collect();
        pairs.sort_unstable();
        assert_eq!(
            pairs,
            [
                "Filter.1.Name=tag%3Aa",
                "Filter.1.Value.1=x%20y",
                "Force=true",
                "InstanceId.1=i%2D1",
                "InstanceId.2=i%2D2"
            ]
        );
    }
}
