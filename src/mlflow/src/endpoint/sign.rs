//! SigV4 for one attempt. What the service checks was measured with its own
//! client, sagemaker-mlflow: the hash of the body is a header, paths are encoded
//! twice and normalised (the library's defaults), `+` in a query is a blank.

use crate::TrackingResource;
use aws_credential_types::Credentials;
use aws_sigv4::http_request::{
    PayloadChecksumKind, SignableBody, SignableRequest, SigningSettings, sign,
};
use aws_sigv4::sign::v4;
use std::time::SystemTime;

/// What is signed.
pub(super) struct Subject<'a> {
    pub method: &'a str,
    /// Whole, as it is sent.
    pub uri: &'a str,
    pub host: &'a str,
    /// SHA-256 of the body, in hex, or what says that there is none.
    pub hash: &'a str,
    pub credentials: Credentials,
    pub time: SystemTime,
}

/// The headers to add: routing, hash, date, session token, authorization.
///
/// # Errors
/// If this cannot be signed at all.
pub(super) fn headers(
    resource: &TrackingResource,
    subject: Subject<'_>,
) -> Result<Vec<(String, String)>, String> {
    let identity = subject.credentials.into();
    let mut settings = SigningSettings::default();
    settings.payload_checksum_kind = PayloadChecksumKind::XAmzSha256;
    let params = v4::SigningParams::builder()
        .identity(&identity)
        .region(resource.region())
        .name(resource.signing_name())
        .time(subject.time)
        .settings(settings)
        .build()
        .map_err(|error| error.to_string())?
        .into();
    let routing = (resource.routing_header(), resource.arn());
    let request = SignableRequest::new(
        subject.method,
        subject.uri,
        [("host", subject.host), routing].into_iter(),
        SignableBody::Precomputed(subject.hash.to_owned()),
    )
    .map_err(|error| error.to_string())?;
    let (added, _) = sign(request, &params).map_err(|error| error.to_string())?.into_parts();
    let added = added.headers().map(|(name, value)| (name.to_owned(), value.to_owned()));
    Ok(added.chain([(routing.0.to_owned(), routing.1.to_owned())]).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::{Duration, UNIX_EPOCH};

    fn signed(arn: &str, token: Option<&str>) -> Vec<(String, String)> {
        let subject = Subject {
            method: "POST",
            uri: "https://us-east-1.experiments.sagemaker.aws/api/2.0/mlflow/runs/create",
            host: "us-east-1.experiments.sagemaker.aws",
            hash: &"ab".repeat(32),
            credentials: Credentials::new("AKID", "secret", token.map(str::to_owned), None, "t"),
            time: UNIX_EPOCH + Duration::from_secs(1_700_000_000),
        };
        headers(&arn.parse().unwrap(), subject).unwrap()
    }

    fn get<'a>(headers: &'a [(String, String)], name: &str) -> Option<&'a str> {
        headers.iter().find(|(it, _)| it.eq_ignore_ascii_case(name)).map(|(_, v)| v.as_str())
    }

    #[test]
    fn each_kind_is_signed_for_its_service_with_its_header() {
        for (kind, service, header) in [
            ("mlflow-tracking-server/a", "sagemaker-mlflow", "x-mlflow-sm-tracking-server-arn"),
            ("mlflow-app/a", "sagemaker", "x-sm-mlflow-app-arn"),
        ] {
            let arn = format!("arn:aws:sagemaker:us-east-1:111122223333:{kind}");
            let headers = signed(&arn, Some("tok"));
            let authorization = get(&headers, "authorization").unwrap();
            let scope = format!("AKID/20231114/us-east-1/{service}/aws4_request");
            assert!(authorization.contains(&scope), "{authorization}");
            let names = authorization.split("SignedHeaders=").nth(1).unwrap();
            for name in
                ["host", "x-amz-content-sha256", "x-amz-date", "x-amz-security-token", header]
            {
                assert!(names.split([';', ',']).any(|it| it == name), "{name} in {names}");
            }
            assert_eq!(get(&headers, header), Some(arn.as_str()));
            assert_eq!(get(&headers, "x-amz-content-sha256"), Some("ab".repeat(32).as_str()));
            assert_eq!(get(&headers, "x-amz-security-token"), Some("tok"));
        }
    }
}
