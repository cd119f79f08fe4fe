//! What an answer that is no success means.

use crate::ErrorKind;
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_types::error::display::DisplayErrorContext;
use std::error::Error;

/// Phrases of hyper and of the SDK's HTTP client for a connection that never
/// came to be. A reset of a made connection is not among them: the request may
/// have arrived.
const NEVER_CONNECTED: [&str; 4] =
    ["client error (Connect)", "tcp connect error", "dns error", "HTTP connect timeout"];

/// From an error document: `__type` may be `prefix#Code`, the header `Code:url`.
pub(super) fn service(status: u16, header: Option<&str>, body: &[u8]) -> (ErrorKind, String) {
    let document: serde_json::Value = serde_json::from_slice(body).unwrap_or_default();
    let text = |keys: &[&str]| {
        keys.iter().find_map(|key| document.get(key).and_then(|v| v.as_str()).map(str::to_owned))
    };
    let code = text(&["__type", "code"])
        .or_else(|| header.map(str::to_owned))
        .map(|raw| {
            let code = raw.rsplit('#').next().unwrap_or(&raw);
            code.split(':').next().unwrap_or(code).to_owned()
        })
        .filter(|code| !code.is_empty())
        .unwrap_or_else(|| format!("Http{status}"));
    let message = text(&["message", "Message"]).unwrap_or_default();
    (ErrorKind::Service { code, status }, message)
}

/// From a failure to exchange anything.
pub(super) fn transport(error: &ConnectorError) -> (ErrorKind, String) {
    let text = DisplayErrorContext(error).to_string();
    let never = NEVER_CONNECTED.iter().any(|phrase| text.contains(phrase));
    let kind = if never { ErrorKind::Unreachable } else { ErrorKind::Ambiguous };
    (kind, innermost(error))
}

/// The innermost cause says what happened; the layers above only repeat it. One
/// line of it: the credential chain lists every place it looked at below.
pub(super) fn innermost(error: &(dyn Error + 'static)) -> String {
    let mut last = error;
    while let Some(source) = last.source() {
        last = source;
    }
    let text = last.to_string();
    let line = text.lines().next().unwrap_or_default();
    line.trim_end_matches(" Attempted:").trim_end_matches('.').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code(header: Option<&str>, body: &str) -> String {
        match service(400, header, body.as_bytes()).0 {
            ErrorKind::Service { code, .. } => code,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn codes_are_found_wherever_services_put_them() {
        assert_eq!(
            code(None, r#"{"__type":"com.amazonaws#ResourceNotFound"}"#),
            "ResourceNotFound"
        );
        assert_eq!(code(Some("ConflictException:http://x/"), "{}"), "ConflictException");
        assert_eq!(code(None, "<html>"), "Http400");
    }

    #[test]
    fn both_spellings_of_message_are_read() {
        for body in [r#"{"message":"m"}"#, r#"{"Message":"m"}"#] {
            assert_eq!(service(400, None, body.as_bytes()).1, "m");
        }
    }
}
