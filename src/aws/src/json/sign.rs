//! SigV4 headers for one request.

use aws_credential_types::Credentials;
use aws_sigv4::http_request::{SignableBody, SignableRequest, SigningSettings, sign};
use aws_sigv4::sign::v4;
use aws_smithy_runtime_api::client::identity::Identity;
use std::time::SystemTime;

/// What is signed.
pub(super) struct Subject<'a> {
    pub uri: &'a str,
    pub headers: &'a [(&'static str, String)],
    pub body: &'a [u8],
    pub region: &'a str,
    pub service: &'a str,
    pub credentials: Credentials,
    pub time: SystemTime,
}

/// The headers to add: date, session token, authorization.
pub(super) fn headers(subject: &Subject<'_>) -> Result<Vec<(String, String)>, String> {
    let identity: Identity = subject.credentials.clone().into();
    let params = v4::SigningParams::builder()
        .identity(&identity)
        .region(subject.region)
        .name(subject.service)
        .time(subject.time)
        .settings(SigningSettings::default())
        .build()
        .map_err(|error| error.to_string())?
        .into();
    let request = SignableRequest::new(
        "POST",
        subject.uri,
        subject.headers.iter().map(|(name, value)| (*name, value.as_str())),
        SignableBody::Bytes(subject.body),
    )
    .map_err(|error| error.to_string())?;
    let (instructions, _) = sign(request, &params).map_err(|error| error.to_string())?.into_parts();
    Ok(instructions.headers().map(|(name, value)| (name.to_owned(), value.to_owned())).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::{Duration, UNIX_EPOCH};

    fn signed(token: Option<&str>) -> Vec<(String, String)> {
        headers(&Subject {
            uri: "http://127.0.0.1:4577/",
            headers: &[("x-amz-target", "SageMaker.ListTags".to_owned())],
            body: b"{}",
            region: "us-east-1",
            service: "sagemaker",
            credentials: Credentials::new("AKID", "secret", token.map(str::to_owned), None, "test"),
            time: UNIX_EPOCH + Duration::from_secs(1_700_000_000),
        })
        .unwrap()
    }

    #[test]
    fn scope_target_and_host_are_signed() {
        let headers = signed(None);
        let (_, authorization) =
            headers.iter().find(|(name, _)| name.eq_ignore_ascii_case("authorization")).unwrap();
        assert!(authorization.contains("AKID/20231114/us-east-1/sagemaker/aws4_request"));
        assert!(authorization.contains("SignedHeaders=host;x-amz-date;x-amz-target"));
    }

    #[test]
    fn a_session_token_travels_along() {
        assert!(
            signed(Some("tok"))
                .iter()
                .any(|(n, v)| { n.eq_ignore_ascii_case("x-amz-security-token") && v == "tok" })
        );
    }
}
