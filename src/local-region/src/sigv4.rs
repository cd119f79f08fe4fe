//! Verification of AWS Signature Version 4 in the Authorization header.
//!
//! Source: IAM User Guide, "Create a signed AWS API request" (canonical
//! request, string to sign, derived key). S3 is verified by the s3s crate,
//! which also knows chunked and presigned bodies; everything else is here, so
//! paths are always encoded twice, which S3 alone does not do.

use hmac::{Hmac, KeyInit, Mac};
use http::{HeaderMap, Method};
use jiff::Timestamp;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, percent_encode};
use sha2::{Digest, Sha256};

/// How far the clocks may differ; what AWS allows.
const CLOCK_SKEW_SECS: i64 = 300;
/// Header with the hash of the body.
pub const CONTENT_SHA256: &str = "x-amz-content-sha256";
const ALGORITHM: &str = "AWS4-HMAC-SHA256";
/// RFC 3986 unreserved characters stay as they are.
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');
const ENCODED_PATH: &AsciiSet = &ENCODED.remove(b'/');

/// Why a request is not authentic. Each protocol has its own codes for these.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SignatureError {
    /// No Authorization header.
    #[error("Request is missing Authentication Token")]
    Missing,
    /// The header, or one that it needs, lacks something.
    #[error("{0}")]
    Incomplete(String),
    /// Scope names another region or a wrong date.
    #[error("{0}")]
    Scope(String),
    /// No such access key, or a session token that is missing or foreign.
    #[error("The security token included in the request is invalid.")]
    UnknownKey,
    /// The role session is over.
    #[error("The security token included in the request is expired")]
    ExpiredToken,
    /// Signed too long ago, or in the future.
    #[error("{0}")]
    Stale(String),
    /// The signature does not fit.
    #[error(
        "The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key and signing method. Consult the service documentation for details."
    )]
    Mismatch,
}

/// A parsed Authorization header.
#[derive(Clone)]
pub struct Authorization {
    /// `AKIA…` or `ASIA…`
    pub access_key_id: String,
    /// Region of the credential scope.
    pub region: String,
    /// Service of the credential scope; it routes the call.
    pub service: String,
    /// `X-Amz-Security-Token`.
    pub session_token: Option<String>,
    scope_date: String,
    signed_headers: Vec<String>,
    signature: Vec<u8>,
}

impl Authorization {
    /// Reads the header of a request.
    pub fn parse(headers: &HeaderMap) -> Result<Self, SignatureError> {
        let value = text(headers, "authorization").ok_or(SignatureError::Missing)?;
        let incomplete = |what: &str| {
            SignatureError::Incomplete(format!("Authorization header requires '{what}' parameter."))
        };
        let rest = value.strip_prefix(ALGORITHM).ok_or_else(|| {
            SignatureError::Incomplete(format!(
                "Unsupported AWS 'algorithm': only {ALGORITHM} is accepted."
            ))
        })?;
        let part = |name: &str| {
            rest.split(',').find_map(|part| part.trim().strip_prefix(name)?.strip_prefix('='))
        };
        let credential = part("Credential").ok_or_else(|| incomplete("Credential"))?;
        let signature = part("Signature").ok_or_else(|| incomplete("Signature"))?;
        let signed = part("SignedHeaders").ok_or_else(|| incomplete("SignedHeaders"))?;
        let scope: Vec<&str> = credential.split('/').collect();
        let [key, date, region, service, "aws4_request"] = scope[..] else {
            return Err(SignatureError::Incomplete(
                "Credential must have exactly 5 slash-delimited elements, e.g. keyid/date/region/service/term.".to_owned(),
            ));
        };
        Ok(Self {
            access_key_id: key.to_owned(),
            region: region.to_owned(),
            service: service.to_owned(),
            session_token: text(headers, "x-amz-security-token").map(str::to_owned),
            scope_date: date.to_owned(),
            signed_headers: signed.split(';').map(str::to_owned).collect(),
            signature: hex::decode(signature).map_err(|_| SignatureError::Mismatch)?,
        })
    }

    /// Checks scope, time and signature of a request.
    pub fn verify(
        &self,
        request: &SignedRequest<'_>,
        region: &str,
        secret: &str,
        now: Timestamp,
    ) -> Result<(), SignatureError> {
        self.verify_hashed(request, &payload_hash(request.body), region, secret, now)
    }

    /// The same by the hash of the body, which is still to come; the request's own is not looked at.
    pub fn verify_hashed(
        &self,
        request: &SignedRequest<'_>,
        payload_hash: &str,
        region: &str,
        secret: &str,
        now: Timestamp,
    ) -> Result<(), SignatureError> {
        if self.region != region {
            return Err(SignatureError::Scope(format!(
                "Credential should be scoped to a valid region, not '{}'.",
                self.region
            )));
        }
        let date = text(request.headers, "x-amz-date").ok_or_else(|| {
            SignatureError::Incomplete("Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header.".to_owned())
        })?;
        let signed_at = parse_date(date).ok_or_else(|| {
            SignatureError::Incomplete(format!(
                "Date must be in ISO-8601 'basic format'. Got '{date}'."
            ))
        })?;
        if !date.starts_with(&self.scope_date) {
            return Err(SignatureError::Scope(format!(
                "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: '{}' != '{}'",
                self.scope_date,
                date.get(..8).unwrap_or(date)
            )));
        }
        let age = now.as_second() - signed_at.as_second();
        if age.abs() > CLOCK_SKEW_SECS {
            let relation = if age > 0 { "Signature expired" } else { "Signature not yet current" };
            return Err(SignatureError::Stale(format!(
                "{relation}: {date} is more than {CLOCK_SKEW_SECS} s from {}",
                now.strftime("%Y%m%dT%H%M%SZ")
            )));
        }
        self.check_signed_headers(request.headers)?;
        let to_sign = format!(
            "{ALGORITHM}\n{date}\n{}/{}/{}/aws4_request\n{}",
            self.scope_date,
            self.region,
            self.service,
            hex::encode(Sha256::digest(self.canonical(request, payload_hash)))
        );
        let mut key = mac(format!("AWS4{secret}").as_bytes(), self.scope_date.as_bytes());
        for part in [&self.region, &self.service, "aws4_request"] {
            key = mac(&key, part.as_bytes());
        }
        keyed(&key)
            .chain_update(to_sign)
            .verify_slice(&self.signature)
            .map_err(|_| SignatureError::Mismatch)
    }

    /// Whether a header is under the signature.
    #[must_use]
    pub fn signs(&self, header: &str) -> bool {
        self.signed_headers.iter().any(|signed| signed == header)
    }

    /// `Host` and every `X-Amz-*` header must be under the signature, or a
    /// request could be changed on its way.
    fn check_signed_headers(&self, headers: &HeaderMap) -> Result<(), SignatureError> {
        let loose = headers
            .keys()
            .map(http::HeaderName::as_str)
            .filter(|name| name.starts_with("x-amz-"))
            .chain(["host"])
            .find(|name| !self.signs(name));
        match loose {
            Some(name) => Err(SignatureError::Incomplete(format!(
                "'{name}' must be a 'SignedHeader' in the AWS Authorization."
            ))),
            None => Ok(()),
        }
    }

    fn canonical(&self, request: &SignedRequest<'_>, payload_hash: &str) -> String {
        let headers: String = self
            .signed_headers
            .iter()
            .map(|name| {
                let values: Vec<String> = request
                    .headers
                    .get_all(name)
                    .iter()
                    .map(|value| {
                        let text = String::from_utf8_lossy(value.as_bytes()).into_owned();
                        text.split_ascii_whitespace().collect::<Vec<_>>().join(" ")
                    })
                    .collect();
                format!("{name}:{}\n", values.join(","))
            })
            .collect();
        format!(
            "{}\n{}\n{}\n{headers}\n{}\n{payload_hash}",
            request.method,
            canonical_path(request.path),
            canonical_query(request.query),
            self.signed_headers.join(";"),
        )
    }
}

/// What of a request is under its signature.
#[derive(Clone, Copy)]
pub struct SignedRequest<'a> {
    /// Method.
    pub method: &'a Method,
    /// Path as received, encoded once.
    pub path: &'a str,
    /// Query as received.
    pub query: &'a str,
    /// All headers.
    pub headers: &'a HeaderMap,
    /// Body.
    pub body: &'a [u8],
}

/// Hash of a body as it goes into a signature.
#[must_use]
pub fn payload_hash(body: &[u8]) -> String {
    hex::encode(Sha256::digest(body))
}

fn canonical_path(path: &str) -> String {
    let mut kept: Vec<&str> = Vec::new();
    for segment in path.split('/').filter(|segment| !segment.is_empty() && *segment != ".") {
        if segment == ".." {
            kept.pop();
        } else {
            kept.push(segment);
        }
    }
    let slash = if path.ends_with('/') && !kept.is_empty() { "/" } else { "" };
    percent_encode(format!("/{}{slash}", kept.join("/")).as_bytes(), ENCODED_PATH).to_string()
}

fn canonical_query(query: &str) -> String {
    let encode = |text: &str| {
        let raw: Vec<u8> = percent_decode_str(text).collect();
        percent_encode(&raw, ENCODED).to_string()
    };
    let mut pairs: Vec<(String, String)> = query
        .split('&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
        .map(|(key, value)| (encode(key), encode(value)))
        .collect();
    pairs.sort();
    pairs.iter().map(|(key, value)| format!("{key}={value}")).collect::<Vec<_>>().join("&")
}

fn parse_date(text: &str) -> Option<Timestamp> {
    let time = jiff::civil::DateTime::strptime("%Y%m%dT%H%M%SZ", text).ok()?;
    jiff::tz::TimeZone::UTC.to_timestamp(time).ok()
}

fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}

fn keyed(key: &[u8]) -> Hmac<Sha256> {
    Hmac::new_from_slice(key).expect("HMAC takes keys of any length")
}

fn mac(key: &[u8], data: &[u8]) -> Vec<u8> {
    keyed(key).chain_update(data).finalize().into_bytes().to_vec()
}

/// Signs as a client does: the value of the `authorization` header. All headers
/// of the request are signed, and the hash of the body that they name; `None` unless `x-amz-date` is one of them.
#[must_use]
pub fn sign(
    request: &SignedRequest<'_>,
    (key, secret): (&str, &str),
    (region, service): (&str, &str),
) -> Option<String> {
    let date = text(request.headers, "x-amz-date")?;
    let day = date.get(..8)?;
    let mut names: Vec<String> = request.headers.keys().map(ToString::to_string).collect();
    names.sort();
    let unsigned = Authorization {
        access_key_id: key.to_owned(),
        region: region.to_owned(),
        service: service.to_owned(),
        session_token: None,
        scope_date: day.to_owned(),
        signed_headers: names.clone(),
        signature: Vec::new(),
    };
    let scope = format!("{day}/{region}/{service}/aws4_request");
    let given = text(request.headers, CONTENT_SHA256).map(str::to_owned);
    let payload_hash = given.unwrap_or_else(|| payload_hash(request.body));
    let digest = hex::encode(Sha256::digest(unsigned.canonical(request, &payload_hash)));
    let mut derived = mac(format!("AWS4{secret}").as_bytes(), day.as_bytes());
    for part in [region, service, "aws4_request"] {
        derived = mac(&derived, part.as_bytes());
    }
    let signature = mac(&derived, format!("{ALGORITHM}\n{date}\n{scope}\n{digest}").as_bytes());
    Some(format!(
        "{ALGORITHM} Credential={key}/{scope}, SignedHeaders={}, Signature={}",
        names.join(";"),
        hex::encode(signature)
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// From AWS's published Signature Version 4 test suite (get-vanilla,
    /// get-vanilla-query-order-key-case), access key AKIDEXAMPLE.
    const SECRET: &str = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";

    fn suite(query: &str, signature: &str) -> Result<(), SignatureError> {
        let mut headers = HeaderMap::new();
        headers.insert("host", "example.amazonaws.com".parse().unwrap());
        headers.insert("x-amz-date", "20150830T123600Z".parse().unwrap());
        let value = format!(
            "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, SignedHeaders=host;x-amz-date, Signature={signature}"
        );
        headers.insert("authorization", value.parse().unwrap());
        let request =
            SignedRequest { method: &Method::GET, path: "/", query, headers: &headers, body: b"" };
        let now = parse_date("20150830T123800Z").unwrap();
        Authorization::parse(&headers)?.verify(&request, "us-east-1", SECRET, now)
    }

    #[test]
    fn accepts_the_published_vectors() {
        suite("", "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31").unwrap();
        suite(
            "Param2=value2&Param1=value1",
            "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500",
        )
        .unwrap();
    }

    #[test]
    fn refuses_a_changed_query() {
        let changed =
            suite("a=b", "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31");
        assert_eq!(changed, Err(SignatureError::Mismatch));
    }

    #[test]
    fn refuses_stale_loose_and_missing() {
        let mut headers = HeaderMap::new();
        assert!(matches!(Authorization::parse(&headers), Err(SignatureError::Missing)));
        headers.insert("host", "h".parse().unwrap());
        headers.insert("x-amz-date", "20150830T123600Z".parse().unwrap());
        let request = SignedRequest {
            method: &Method::GET,
            path: "/",
            query: "",
            headers: &headers,
            body: b"",
        };
        let value = sign(&request, ("K", "S"), ("us-east-1", "ec2")).unwrap();
        let mut signed = headers.clone();
        signed.insert("authorization", value.parse().unwrap());
        let parsed = Authorization::parse(&signed).unwrap();
        let request = SignedRequest { headers: &signed, ..request };
        let late = parse_date("20150830T124101Z").unwrap();
        assert!(matches!(
            parsed.verify(&request, "us-east-1", "S", late),
            Err(SignatureError::Stale(_))
        ));
        let now = parse_date("20150830T124059Z").unwrap();
        parsed.verify(&request, "us-east-1", "S", now).unwrap();
        assert!(matches!(
            parsed.verify(&request, "eu-west-1", "S", now),
            Err(SignatureError::Scope(_))
        ));
        let mut loose = signed.clone();
        loose.insert("x-amz-target", "Other.Operation".parse().unwrap());
        let request = SignedRequest { headers: &loose, ..request };
        assert!(matches!(
            parsed.verify(&request, "us-east-1", "S", now),
            Err(SignatureError::Incomplete(_))
        ));
    }

    #[test]
    fn encodes_paths_twice() {
        assert_eq!(canonical_path("/tags/arn%3Aaws"), "/tags/arn%253Aaws");
        assert_eq!(canonical_path("/a/./b//../c"), "/a/c");
        assert_eq!(canonical_query("b=%2F&a=x y&a"), "a=&a=x%20y&b=%2F");
    }
}
