//! Takes secrets out of what is recorded and leaves the shape: a string stays
//! a string of the same place. What holds no secret stays as it was, byte by byte.

use serde_json::Value;

/// What stands for a secret.
const REDACTED: &str = "REDACTED";

/// Members whose value is a secret, in JSON and in XML, by AWS's own names.
const SECRETS: &[&str] = &["SecretAccessKey", "SessionToken", "TokenValue"];
/// Parameters of a query, in URLs and in `AuthorizedUrl`, whose value is one.
const SECRET_PARAMETERS: &[&str] =
    &["authToken", "X-Amz-Credential", "X-Amz-Security-Token", "X-Amz-Signature"];

/// A body in JSON, XML or form encoding.
pub fn body(text: &str) -> String {
    let mut tree = serde_json::from_str(text).unwrap_or(Value::Null);
    let text = if json(&mut tree) { tree.to_string() } else { text.to_owned() };
    SECRETS
        .iter()
        .fold(query(&text), |text, name| between(&text, &format!("<{name}>"), |c| c == '<'))
}

/// A query string, or text with one in it.
pub fn query(text: &str) -> String {
    SECRET_PARAMETERS.iter().fold(text.to_owned(), |text, name| {
        between(&text, &format!("{name}="), |c| matches!(c, '&' | '"' | '<') || c.is_whitespace())
    })
}

/// The query of a request of S3, which may be presigned, by either version of
/// signatures; the door does not mind in which case a name is.
pub fn presigned(text: &str) -> String {
    let secrets = || SECRET_PARAMETERS.iter().chain(&["Signature", "AWSAccessKeyId"]);
    let pair = |pair: &str| {
        let name = pair.split('=').next().unwrap_or_default();
        let plain = percent_encoding::percent_decode_str(name).decode_utf8_lossy();
        let secret = secrets().any(|secret| plain.eq_ignore_ascii_case(secret));
        if secret { format!("{name}={REDACTED}") } else { pair.to_owned() }
    };
    text.split('&').map(pair).collect::<Vec<_>>().join("&")
}

/// Takes secrets out of a tree; false if there were none.
fn json(value: &mut Value) -> bool {
    match value {
        Value::Array(entries) => entries.iter_mut().fold(false, |any, entry| json(entry) | any),
        Value::Object(members) => {
            let secure = members.get("Type").is_some_and(|kind| kind == "SecureString");
            let secret = |name: &str| SECRETS.contains(&name) || (secure && name == "Value");
            members.iter_mut().fold(false, |any, (name, member)| {
                let found = secret(name) && member.is_string();
                if found {
                    *member = REDACTED.into();
                }
                found | json(member) | any
            })
        }
        _ => false,
    }
}

/// Replaces what follows each `start`, up to a character that ends it.
fn between(text: &str, start: &str, ends: impl Fn(char) -> bool) -> String {
    let mut parts = text.split(start);
    let mut out = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let end = part.find(&ends).unwrap_or(part.len());
        out.extend([start, REDACTED, &part[end..]]);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_go_and_the_rest_stays() {
        for (given, expected) in [
            (
                r#"{"AuthorizedUrl":"http://h/auth?authToken=abc"}"#,
                r#"{"AuthorizedUrl":"http://h/auth?authToken=REDACTED"}"#,
            ),
            (
                r#"{"Parameters":[{"Type":"SecureString","Value":"abc"},{"Type":"String","Value":"x"}]}"#,
                r#"{"Parameters":[{"Type":"SecureString","Value":"REDACTED"},{"Type":"String","Value":"x"}]}"#,
            ),
            (
                r#"{"SessionId":"s","TokenValue":"abc"}"#,
                r#"{"SessionId":"s","TokenValue":"REDACTED"}"#,
            ),
            (
                "<C><SecretAccessKey>abc</SecretAccessKey><SessionToken>abc</SessionToken></C>",
                "<C><SecretAccessKey>REDACTED</SecretAccessKey><SessionToken>REDACTED</SessionToken></C>",
            ),
            ("X-Amz-Signature=abc&X-Amz-Date=1", "X-Amz-Signature=REDACTED&X-Amz-Date=1"),
        ] {
            assert_eq!(body(given), expected);
        }
        assert_eq!(
            presigned("x-amz-signature=a&X%2DAmz-Credential=b&Signature=c&prefix=d&tagging"),
            "x-amz-signature=REDACTED&X%2DAmz-Credential=REDACTED&Signature=REDACTED&prefix=d&tagging"
        );
        for same in ["{ \"b\": 1.0, \"a\": [] }", "Action=RunInstances&UserData=Zm9v", "{not json"]
        {
            assert_eq!(body(same), same);
        }
    }
}
