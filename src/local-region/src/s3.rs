//! S3: the crate s3s (protocol, signatures) over s3s-fs (objects are files at
//! `<root>/<bucket>/<key>`), path style.
//!
//! Added here: session tokens and role policies, buckets that are not empty,
//! bucket tags, the public access block, and the way us-east-1 treats a bucket
//! that is created again by its owner.

mod buckets;
mod errors;
mod keys;

use crate::api::denial::Denial;
use crate::api::policy::{self, Asked};
use crate::exchange::AtGate;
use crate::faults::Fired;
use crate::faults::spec::{Effect, HoldWhen};
use crate::rules::s3 as rules;
use crate::server::{Inner, secret_of_key};
use crate::sigv4::SignatureError;
use crate::state::ids;
use axum::body::Body;
use axum::extract::Request;
use axum::response::Response;
use s3s::access::{S3Access, S3AccessContext};
use s3s::auth::{S3Auth, SecretKey};
use s3s::path::S3Path;
use s3s::service::{S3Service, S3ServiceBuilder};
use s3s::{S3Error, S3ErrorCode, S3Result, s3_error};
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock, Weak};

/// The region's S3.
pub struct Objects {
    service: S3Service,
    root: PathBuf,
    region: Arc<OnceLock<Weak<Inner>>>,
}

impl Objects {
    /// Objects below `root`.
    pub fn new(root: &Path) -> anyhow::Result<Self> {
        let region = Arc::new(OnceLock::new());
        let store = buckets::Buckets::new(root)?;
        let keys = store.keys();
        let mut builder = S3ServiceBuilder::new(store);
        builder.set_auth(Gate { region: region.clone(), keys: keys.clone() });
        builder.set_access(Gate { region: region.clone(), keys });
        Ok(Self { service: builder.build(), root: root.to_owned(), region })
    }

    /// Tells it whose credentials count.
    pub fn attach(&self, region: Weak<Inner>) {
        // Set once, right after it was made.
        let _ = self.region.set(region);
    }

    /// Whether a bucket exists.
    #[must_use]
    pub fn bucket_exists(&self, name: &str) -> bool {
        !name.starts_with('.') && !name.contains('/') && self.root.join(name).is_dir()
    }

    /// Writes an object of the region's own; the bucket must exist.
    pub async fn put(&self, bucket: &str, key: &str, bytes: &[u8]) -> std::io::Result<()> {
        let path = self.root.join(bucket).join(key);
        if let Some(folder) = path.parent() {
            tokio::fs::create_dir_all(folder).await?;
        }
        tokio::fs::write(path, bytes).await
    }

    /// Answers a request.
    pub async fn serve(&self, request: Request) -> Response {
        let (path, id) = (request.uri().path().to_owned(), ids::object_request());
        let request = request.map(s3s::Body::http_body_unsync);
        let mut response = match self.service.call(request).await {
            Ok(response) => response.map(Body::new),
            Err(error) => {
                tracing::error!(?error, "S3 request failed");
                let mut response = Response::new(Body::empty());
                *response.status_mut() = http::StatusCode::INTERNAL_SERVER_ERROR;
                response
            }
        };
        if response.status().as_u16() >= 400 {
            response = errors::complete(response, &path, &id).await;
        }
        if let Ok(id) = id.parse() {
            response.headers_mut().insert("x-amz-request-id", id);
        }
        response
    }
}

/// Credentials and permissions.
struct Gate {
    region: Arc<OnceLock<Weak<Inner>>>,
    keys: keys::Keys,
}

impl Gate {
    fn region(&self) -> S3Result<Arc<Inner>> {
        self.region.get().and_then(Weak::upgrade).ok_or_else(|| s3_error!(ServiceUnavailable))
    }
}

#[async_trait::async_trait]
impl S3Auth for Gate {
    async fn get_secret_key(&self, access_key: &str) -> S3Result<SecretKey> {
        let region = self.region()?;
        if access_key == region.config.access_key_id {
            return Ok(SecretKey::from(region.config.secret_access_key.as_str()));
        }
        let state = region.state();
        let session = state.sessions.find(access_key);
        let session = session.ok_or_else(|| {
            s3_error!(
                InvalidAccessKeyId,
                "The AWS Access Key Id you provided does not exist in our records."
            )
        })?;
        Ok(SecretKey::from(session.credentials.secret_access_key.as_str()))
    }
}

#[async_trait::async_trait]
impl S3Access for Gate {
    async fn check(&self, cx: &mut S3AccessContext<'_>) -> S3Result<()> {
        let region = self.region()?;
        let Some(credentials) = cx.credentials() else {
            return Err(s3_error!(AccessDenied, "Access Denied: the request is not signed"));
        };
        let header = cx.headers().get("x-amz-security-token").and_then(|value| value.to_str().ok());
        let token =
            header.map(str::to_owned).or_else(|| query(cx.uri().query(), "x-amz-security-token"));
        let caller = match secret_of_key(&region, &credentials.access_key, token.as_deref()) {
            Ok((_, caller)) => caller,
            Err(SignatureError::ExpiredToken) => {
                return Err(s3_error!(ExpiredToken, "The provided token has expired."));
            }
            Err(_) => {
                return Err(s3_error!(
                    InvalidToken,
                    "The provided token is malformed or otherwise invalid."
                ));
            }
        };
        let resource = match cx.s3_path() {
            S3Path::Root => "*".to_owned(),
            S3Path::Bucket { bucket } => format!("arn:aws:s3:::{bucket}"),
            S3Path::Object { bucket, key } => format!("arn:aws:s3:::{bucket}/{key}"),
        };
        let operation = cx.s3_op().name().to_owned();
        let arn = caller.arn(&region.config.account_id);
        let fired = region.faults.at_call("s3", &operation, &arn);
        if let Some(gate) = cx.extensions_mut().get::<AtGate>() {
            gate.pass(&operation, &arn, fired.clone());
        }
        region.faults.held(fired.as_ref(), HoldWhen::Before).await;
        refuse(fired.as_ref())?;
        if let S3Path::Object { key, .. } = cx.s3_path() {
            check_key(key)?;
        }
        let denied = |denial: Denial| {
            let quoted = Denial { resource: format!("\"{}\"", denial.resource), ..denial };
            s3_error!(AccessDenied, "{quoted}")
        };
        let action = format!("s3:{}", action(&operation));
        let prefix = query(cx.uri().query(), "prefix").unwrap_or_default();
        let lists = operation.starts_with("ListObjects") && region.rules.on(&rules::PREFIX);
        let more = lists.then_some(("s3:prefix", prefix.as_str()));
        let asked = Asked { more, ..Asked::new(&action, &resource) };
        policy::authorize(&region, &caller, &asked).map_err(denied)?;
        let S3Path::Object { bucket, .. } = cx.s3_path() else { return Ok(()) };
        let key = self.keys.of(bucket).filter(|_| region.rules.on(&rules::KMS));
        let via = format!("s3.{}.amazonaws.com", region.config.region);
        for action in keys::actions(&operation) {
            let Some(key) = &key else { break };
            let asked = Asked { more: Some(("kms:ViaService", &via)), ..Asked::new(action, key) };
            policy::authorize(&region, &caller, &asked).map_err(denied)?;
        }
        Ok(())
    }
}

/// What a fault answers instead of the operation; where it closes the
/// connection first, what it answers is never seen.
fn refuse(fired: Option<&Fired>) -> S3Result<()> {
    match fired.map(|fired| &fired.effect) {
        Some(Effect::Error { code, message, status }) => {
            let mut error = S3Error::with_message(
                S3ErrorCode::from_bytes(code.as_bytes()).unwrap_or(S3ErrorCode::InternalError),
                message.clone(),
            );
            error.set_status_code(*status);
            Err(error)
        }
        Some(Effect::DropBefore) => Err(s3_error!(InternalError)),
        _ => Ok(()),
    }
}

/// Objects are files here: a key that would lead out of its bucket's folder,
/// which S3 takes, is refused.
fn check_key(key: &str) -> S3Result<()> {
    if key.starts_with('/') || key.split('/').any(|part| matches!(part, "." | "..")) {
        return Err(s3_error!(InvalidArgument, "Keys with parts . and .. cannot be stored here"));
    }
    Ok(())
}

/// The permission an operation needs, where it is not the operation's name
/// (Amazon S3 user guide, "Required permissions for Amazon S3 API operations").
fn action(operation: &str) -> &str {
    match operation {
        "HeadObject" => "GetObject",
        "HeadBucket" | "ListObjects" | "ListObjectsV2" => "ListBucket",
        "ListBuckets" => "ListAllMyBuckets",
        "DeleteObjects" => "DeleteObject",
        "CopyObject"
        | "CreateMultipartUpload"
        | "UploadPart"
        | "UploadPartCopy"
        | "CompleteMultipartUpload" => "PutObject",
        "ListParts" => "ListMultipartUploadParts",
        "GetPublicAccessBlock" => "GetBucketPublicAccessBlock",
        "PutPublicAccessBlock" | "DeletePublicAccessBlock" => "PutBucketPublicAccessBlock",
        "GetBucketEncryption" => "GetEncryptionConfiguration",
        "PutBucketEncryption" => "PutEncryptionConfiguration",
        "DeleteBucketTagging" => "PutBucketTagging",
        other => other,
    }
}

/// A parameter's value.
fn query(query: Option<&str>, name: &str) -> Option<String> {
    let mut pairs = query?.split('&').filter_map(|pair| pair.split_once('='));
    let (_, value) = pairs.find(|(key, _)| key.eq_ignore_ascii_case(name))?;
    Some(percent_encoding::percent_decode_str(value).decode_utf8_lossy().into_owned())
}
