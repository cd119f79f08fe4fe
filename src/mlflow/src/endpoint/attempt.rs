//! One request of a client's: attempts until one is answered, each signed anew.

use super::answer::{self, AnswerBody};
use super::body::Payload;
use super::credentials::innermost;
use super::refusal::Refusal;
use super::unsigned::{FORGED, UNSIGNED};
use super::{Endpoint, retry, sign};
use crate::TrackingResource;
use aws_credential_types::Credentials;
use bytes::Bytes;
use http::header::{AUTHORIZATION, CONTENT_LENGTH, COOKIE, DATE, EXPECT, HOST, ORIGIN, REFERER};
use http::request::Parts;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Limited};
use hyper::body::Incoming;
use hyper_util::client::legacy::Error;
use nixl_cluster::reason;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};
use tokio::time::Instant;

/// Attempts of one request, without those for new credentials or another time.
const MOST_ATTEMPTS: u32 = 5;
/// A refusal's text; AWS's are far below.
const REFUSAL_BYTES: usize = 64 << 10;
/// AWS's words where the date is too far off (SigV4, "Troubleshooting").
pub(super) const SKEWED: [&str; 4] =
    ["Signature expired", "Signature not yet current", "RequestTimeTooSkewed", "is not current"];
/// And where the credentials are no good any more.
pub(super) const SPENT: [&str; 3] =
    ["ExpiredToken", "token included in the request is expired", "TokenRefreshRequired"];
const DENIED: [&str; 3] = ["not authorized", "AccessDenied", "no identity-based policy"];

/// What a client says that is not for the server: who it is to us, and what we say ourselves.
const OURS: [HeaderName; 7] =
    [AUTHORIZATION, CONTENT_LENGTH, COOKIE, EXPECT, HOST, ORIGIN, REFERER];
const ROUTING: [&str; 2] = ["x-mlflow-sm-tracking-server-arn", "x-sm-mlflow-app-arn"];

/// How an attempt ended without an answer.
pub(super) enum Lost {
    /// Nothing was sent.
    Connect(Error),
    /// It was sent, at least in part.
    Sent(Error),
    /// Not for so long.
    Silent(Duration),
}

/// What is mended once only.
#[derive(Default)]
struct Mended {
    clock: bool,
    credentials: bool,
}

impl Endpoint {
    /// Sends a request until it is answered, or until that makes no sense any more.
    pub(super) async fn send(
        &self,
        head: &Parts,
        payload: &Payload,
    ) -> Result<Response<AnswerBody>, Refusal> {
        let path = head.uri.path();
        let twice = retry::may_repeat(&head.method, path);
        let (mut mended, mut attempt) = (Mended::default(), 1);
        let mut unsigned = self.may_stream(payload).await;
        loop {
            let credentials =
                self.identity.get().await.map_err(|why| Refusal::no_credentials(&why))?;
            let hash = match unsigned {
                true => UNSIGNED.to_owned(),
                false => payload.hash().await?,
            };
            self.state.sent(attempt > 1);
            let answered = self.attempt(head, payload, &hash, credentials.clone()).await?;
            if unsigned && answered.is_ok() {
                // Who still sends does not read an answer.
                payload.hash().await?;
            }
            let until = self.until(payload)?;
            let wait = match answered {
                Ok(answer) if answer.status().is_success() => {
                    self.state.good(&called(head));
                    if unsigned {
                        self.state.streamed();
                    }
                    return Ok(answer::passed(answer, self.limits.stall));
                }
                Ok(answer) if refuses(answer.status()) => {
                    let answer = Refused::read(answer, self.limits.attempt).await?;
                    if unsigned && answer.says(&FORGED) {
                        self.signed_only().await;
                        unsigned = false;
                    } else if !self.mend(&answer, &mut mended, &credentials).await {
                        self.note_refused(&answer, head);
                        return Ok(answer.passed(self.limits.stall));
                    }
                    Duration::ZERO
                }
                Ok(answer) => {
                    self.note(&answer, head);
                    let wait = (retry::may_help(answer.status(), twice))
                        .then(|| retry::wait(self.limits.backoff, attempt, Some(answer.headers())))
                        .flatten()
                        .filter(|wait| attempt < MOST_ATTEMPTS && Instant::now() + *wait < until);
                    match wait {
                        Some(wait) => wait,
                        None => return Ok(answer::passed(answer, self.limits.stall)),
                    }
                }
                Err(lost) => {
                    let again = twice || matches!(lost, Lost::Connect(_));
                    retry::wait(self.limits.backoff, attempt, None)
                        .filter(|wait| {
                            again && attempt < MOST_ATTEMPTS && Instant::now() + *wait < until
                        })
                        .ok_or_else(|| self.told(&lost, twice))?
                }
            };
            tokio::time::sleep(wait).await;
            attempt += 1;
        }
    }

    /// Whether a body can be sent while it comes.
    async fn may_stream(&self, payload: &Payload) -> bool {
        let large = matches!(payload, Payload::Large(_));
        // Its end is not told to AWS in any other way.
        large && payload.length().is_some() && self.takes_unsigned().await
    }

    /// The end of all attempts, which begins once the client has done its part.
    fn until(&self, payload: &Payload) -> Result<Instant, Refusal> {
        let total = match payload {
            Payload::Small(_) => self.limits.total,
            Payload::Large(_) => self.limits.total_large,
        };
        Ok(payload.whole_since()?.unwrap_or_else(Instant::now) + total)
    }

    pub(super) async fn attempt(
        &self,
        head: &Parts,
        payload: &Payload,
        hash: &str,
        credentials: Credentials,
    ) -> Result<Result<Response<Incoming>, Lost>, Refusal> {
        let sent = Arc::new(AtomicU64::new(0));
        let request = self.request(head, payload, hash, credentials, sent.clone())?;
        let answer = self.upstream.send(request);
        let began = Instant::now();
        Ok(tokio::select! {
            answer = answer => answer.map_err(|error| match error.is_connect() {
                true => Lost::Connect(error),
                false => Lost::Sent(error),
            }),
            () = self.silence(payload, &sent) => Err(Lost::Silent(began.elapsed())),
        })
    }

    /// Returns when the server has had its time.
    async fn silence(&self, payload: &Payload, sent: &AtomicU64) {
        let Payload::Large(spool) = payload else {
            let left = self
                .until(payload)
                .map_or(Duration::ZERO, |until| until.saturating_duration_since(Instant::now()));
            return tokio::time::sleep(self.limits.attempt.min(left)).await;
        };
        // As long as anything of it is taken, the server is there; what it does with
        // all of it takes its time. What has not come yet is the client's to send.
        let mut seen = None;
        loop {
            let (taken, here) = (sent.load(Ordering::Relaxed), spool.here());
            match self.until(payload) {
                Ok(until) if taken == here && spool.end().is_some() => {
                    return tokio::time::sleep_until(until).await;
                }
                _ if taken < here && seen == Some(taken) => return,
                _ => seen = (taken < here).then_some(taken),
            }
            tokio::time::sleep(self.limits.attempt).await;
        }
    }

    fn request(
        &self,
        head: &Parts,
        payload: &Payload,
        hash: &str,
        credentials: Credentials,
        sent: Arc<AtomicU64>,
    ) -> Result<Request<super::body::Sent>, Refusal> {
        let bad = |why: String| Refusal::unsigned(&why);
        let uri = self
            .upstream
            .uri(head.uri.path(), head.uri.query())
            .map_err(|error| bad(error.to_string()))?;
        let offset = self.state.offset_secs();
        let now = SystemTime::now();
        let time = Duration::from_secs(offset.unsigned_abs());
        let subject = sign::Subject {
            method: head.method.as_str(),
            uri: &uri.to_string(),
            host: self.upstream.host(),
            hash,
            credentials,
            time: if offset < 0 { now - time } else { now + time },
        };
        let signed = sign::headers(&self.resource, subject).map_err(bad)?;
        let mut headers = forwarded(&head.headers);
        for (name, value) in signed {
            let name: HeaderName = name.parse().map_err(|_| bad(format!("header {name}")))?;
            let mut value: HeaderValue =
                value.parse().map_err(|_| bad(format!("value of {name}")))?;
            value.set_sensitive(name == AUTHORIZATION || name == "x-amz-security-token");
            headers.insert(name, value);
        }
        let host = self.upstream.host().parse().map_err(|_| bad("the host".to_owned()))?;
        headers.insert(HOST, host);
        if let Some(length) = payload.length()
            && (length > 0 || head.method == Method::POST || head.method == Method::PUT)
        {
            headers.insert(CONTENT_LENGTH, HeaderValue::from(length));
        }
        let mut request = Request::new(payload.body(sent));
        *request.method_mut() = head.method.clone();
        *request.uri_mut() = uri;
        *request.headers_mut() = headers;
        Ok(request)
    }

    /// Whether what the server refuses can be mended here: its clock is another, or
    /// the credentials have ended early.
    async fn mend(&self, refused: &Refused, mended: &mut Mended, spent: &Credentials) -> bool {
        if refused.says(&SKEWED) && !std::mem::replace(&mut mended.clock, true) {
            let Some(server) = refused.date() else { return false };
            let now = jiff::Timestamp::now();
            self.state.set_offset_secs(server.as_second() - now.as_second());
            return true;
        }
        if refused.says(&SPENT) && !std::mem::replace(&mut mended.credentials, true) {
            self.identity.spent(spent).await;
            return true;
        }
        false
    }

    fn note_refused(&self, refused: &Refused, head: &Parts) {
        let what = format!("{}: {}", called(head), refused.text());
        if refused.says(&SKEWED) {
            self.state.fault(&reason::MLFLOW_CLOCK_SKEW, &what);
        } else if refused.says(&SPENT) {
            self.state.fault(&reason::MLFLOW_CREDENTIALS, &what);
        } else if refused.head.status == StatusCode::FORBIDDEN && refused.says(&DENIED) {
            let one_for_all = matches!(self.resource, TrackingResource::App { .. });
            self.state.denied((!one_for_all).then(|| called(head)), &what);
        }
    }

    fn note(&self, answer: &Response<Incoming>, head: &Parts) {
        let status = answer.status();
        let what = format!("the server answers {status}");
        if status == StatusCode::TOO_MANY_REQUESTS {
            self.state.fault(&reason::MLFLOW_THROTTLED, &what);
        } else if status.is_server_error() {
            self.state.fault(&reason::MLFLOW_SERVER_ERROR, &what);
        } else {
            // What is wrong with a request is no fault of the server.
            self.state.good(&called(head));
        }
    }

    fn told(&self, lost: &Lost, twice: bool) -> Refusal {
        let carried_out = if twice { "" } else { "; it may have been carried out" };
        match lost {
            Lost::Connect(error) => {
                let (host, why) = (self.upstream.host(), innermost(error));
                Refusal::unreachable(format!("no connection to {host}: {why}"))
            }
            Lost::Sent(error) => {
                let why = innermost(error);
                Refusal::lost(format!("the server ended the connection: {why}{carried_out}"))
            }
            Lost::Silent(waited) => Refusal::silent(*waited),
        }
    }
}

fn called(head: &Parts) -> String {
    format!("{} {}", head.method, head.uri.path())
}

/// Statuses whose text says whether we can mend it.
fn refuses(status: StatusCode) -> bool {
    matches!(status.as_u16(), 400 | 401 | 403)
}

/// What the client says to the server.
fn forwarded(given: &HeaderMap) -> HeaderMap {
    let mut headers = given.clone();
    answer::end_to_end(&mut headers);
    for name in OURS {
        headers.remove(name);
    }
    for name in ROUTING {
        headers.remove(name);
    }
    let amazons: Vec<HeaderName> =
        headers.keys().filter(|name| name.as_str().starts_with("x-amz-")).cloned().collect();
    for name in amazons {
        headers.remove(name);
    }
    headers
}

/// A refusal of the server's, read as far as it is short.
pub(super) struct Refused {
    head: http::response::Parts,
    body: Bytes,
}

impl Refused {
    pub async fn read(answer: Response<Incoming>, limit: Duration) -> Result<Self, Refusal> {
        let (head, body) = answer.into_parts();
        let read = tokio::time::timeout(limit, Limited::new(body, REFUSAL_BYTES).collect()).await;
        match read {
            Ok(Ok(body)) => Ok(Self { head, body: body.to_bytes() }),
            Ok(Err(error)) => {
                Err(Refusal::lost(format!("the server's {} is of no use: {error}", head.status)))
            }
            Err(_) => Err(Refusal::silent(limit)),
        }
    }

    /// Whether it has one of these words in it.
    pub fn says(&self, words: &[&str]) -> bool {
        let text = self.text();
        words.iter().any(|word| text.contains(word))
    }

    fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    fn date(&self) -> Option<jiff::Timestamp> {
        let date = self.head.headers.get(DATE)?.to_str().ok()?;
        jiff::fmt::rfc2822::parse(date).ok().map(|date| date.timestamp())
    }

    fn passed(self, stall: Duration) -> Response<AnswerBody> {
        let body = http_body_util::Full::new(self.body);
        answer::passed(Response::from_parts(self.head, body), stall)
    }
}
