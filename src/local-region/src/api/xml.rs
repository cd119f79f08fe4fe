//! A JSON tree written as the XML of the query protocol.
//!
//! Objects are elements, arrays hold `<item>` (EC2) or `<member>` (IAM, STS)
//! elements, those of an array called `*name` `<name>`; null is left out: the shapes that botocore's models describe.

use serde_json::Value;
use std::fmt::Write;

/// Writes `value` as children of an element; `item` names array elements.
#[must_use]
pub fn write(value: &Value, item: &str) -> String {
    let mut out = String::new();
    push(&mut out, value, item);
    out
}

fn push(out: &mut String, value: &Value, item: &str) {
    match value {
        Value::Null => {}
        Value::Bool(flag) => out.push_str(if *flag { "true" } else { "false" }),
        Value::Number(number) => {
            let _ = write!(out, "{number}");
        }
        Value::String(text) => escape(out, text),
        Value::Array(items) => {
            for value in items {
                element(out, item, value, item);
            }
        }
        Value::Object(fields) => {
            for (name, value) in fields.iter().filter(|(_, value)| !value.is_null()) {
                match (name.strip_prefix('*'), value) {
                    (Some(name), Value::Array(items)) => {
                        items.iter().for_each(|value| element(out, name, value, item));
                    }
                    _ => element(out, name, value, item),
                }
            }
        }
    }
}

fn element(out: &mut String, name: &str, value: &Value, item: &str) {
    let _ = write!(out, "<{name}>");
    push(out, value, item);
    let _ = write!(out, "</{name}>");
}

/// Escapes text; characters that XML 1.0 cannot hold are dropped, as a console
/// log may contain them.
fn escape(out: &mut String, text: &str) {
    for letter in text.chars() {
        match letter {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\r' => out.push_str("&#13;"),
            '\n' | '\t' => out.push(letter),
            letter if letter.is_control() => {}
            letter => out.push(letter),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn writes_lists_nulls_and_escapes() {
        let tree = json!({"set": [{"a": 1, "b": null}, {"a": true}], "text": "<&\u{7}>\r\n"});
        assert_eq!(
            write(&tree, "item"),
            "<set><item><a>1</a></item><item><a>true</a></item></set><text>&lt;&amp;&gt;&#13;\n</text>"
        );
        assert_eq!(write(&json!({"*n": ["x", "y"]}), "item"), "<n>x</n><n>y</n>");
        assert_eq!(write(&json!({"l": ["x"]}), "member"), "<l><member>x</member></l>");
    }
}
