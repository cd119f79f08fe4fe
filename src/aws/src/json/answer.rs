//! What an answer that is no success means.

use crate::ErrorKind;
pub(super) use crate::error::innermost;
use crate::error::never_connected;
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_types::error::display::DisplayErrorContext;

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
    let kind = if never_connected(&text) { ErrorKind::Unreachable } else { ErrorKind::Ambiguous };
    (kind, innermost(error))
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
