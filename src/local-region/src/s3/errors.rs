//! What S3 says in every error and s3s leaves out: a message where a code has
//! none, the resource, and the request's id.

use axum::body::{Body, to_bytes};
use axum::response::Response;
use http::header::CONTENT_LENGTH;

/// Code and message, as the reference has them ("Error responses").
const MESSAGES: &[(&str, &str)] = &[
    ("AccessDenied", "Access Denied"),
    ("BucketAlreadyExists", "The requested bucket name is not available."),
    ("EntityTooSmall", "Your proposed upload is smaller than the minimum allowed size"),
    (
        "IncompleteBody",
        "You did not provide the number of bytes specified by the Content-Length HTTP header",
    ),
    ("InternalError", "We encountered an internal error. Please try again."),
    ("InvalidAccessKeyId", "The AWS Access Key Id you provided does not exist in our records."),
    ("InvalidArgument", "Invalid Argument"),
    ("InvalidBucketName", "The specified bucket is not valid."),
    (
        "InvalidPart",
        "One or more of the specified parts could not be found. The part may not have been \
         uploaded, or the specified entity tag may not match the part's entity tag.",
    ),
    ("InvalidRange", "The requested range is not satisfiable"),
    ("InvalidRequest", "Invalid Request"),
    ("InvalidStorageClass", "The storage class you specified is not valid"),
    ("InvalidURI", "Couldn't parse the specified URI."),
    ("KeyTooLongError", "Your key is too long"),
    ("MethodNotAllowed", "The specified method is not allowed against this resource."),
    ("NoSuchBucket", "The specified bucket does not exist"),
    ("NoSuchKey", "The specified key does not exist."),
    ("NotImplemented", "A header you provided implies functionality that is not implemented"),
    ("PreconditionFailed", "At least one of the pre-conditions you specified did not hold"),
    (
        "SignatureDoesNotMatch",
        "The request signature we calculated does not match the signature you provided. \
         Check your key and signing method.",
    ),
    ("ServiceUnavailable", "Please reduce your request rate."),
];

/// An error with all that S3 says in one, of the request with this path and id.
pub async fn complete(response: Response, path: &str, request_id: &str) -> Response {
    let (mut parts, body) = response.into_parts();
    let Ok(bytes) = to_bytes(body, usize::MAX).await else {
        return Response::from_parts(parts, Body::empty());
    };
    let text = String::from_utf8_lossy(&bytes);
    let Some(text) = completed(&text, path, request_id) else {
        return Response::from_parts(parts, Body::from(bytes));
    };
    parts.headers.remove(CONTENT_LENGTH);
    Response::from_parts(parts, Body::from(text))
}

/// The same of the XML of an error; nothing if it is none.
fn completed(text: &str, path: &str, request_id: &str) -> Option<String> {
    let (head, rest) = text.split_once("</Code>")?;
    let code = head.split_once("<Error><Code>")?.1;
    let rest = rest.strip_suffix("</Error>")?;
    let known = MESSAGES.iter().find(|(known, _)| *known == code);
    let message = match known {
        _ if rest.contains("<Message>") => String::new(),
        Some((_, message)) => format!("<Message>{message}</Message>"),
        None => format!("<Message>{code}</Message>"),
    };
    let path = path.replace('&', "&amp;").replace('<', "&lt;");
    let told = format!("<Resource>{path}</Resource><RequestId>{request_id}</RequestId>");
    Some(format!("{head}</Code>{message}{rest}{told}</Error>"))
}

#[cfg(test)]
mod tests {
    use super::completed;

    #[test]
    fn an_error_says_all_that_s3_says() {
        for (given, message) in [
            ("<Error><Code>NoSuchKey</Code></Error>", "The specified key does not exist."),
            ("<Error><Code>Odd</Code></Error>", "Odd"),
            ("<Error><Code>NoSuchKey</Code><Message>m</Message></Error>", "m"),
        ] {
            let text = completed(given, "/b/k&", "R1").unwrap();
            let told = "<Resource>/b/k&amp;</Resource><RequestId>R1</RequestId></Error>";
            assert!(text.ends_with(&format!("<Message>{message}</Message>{told}")), "{text}");
        }
        assert_eq!(completed("<Tagging></Tagging>", "/b", "R1"), None);
    }
}
