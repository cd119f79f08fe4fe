//! One request of a client's: attempts until one is answered, each signed anew.

use super::answer::{self, AnswerBody};
use super::body::Payload;
use super::credentials::innermost;
use super::refusal::Refusal;
use super::{Endpoint, retry, sign};
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
const SKEWED: [&str; 4] =
    ["Signature expired", "Signature not yet current", "RequestTimeTooSkewed", "is not current"];
/// And where the credentials are no good any more.
const SPENT: [&str; 3] =
    ["ExpiredToken", "token included in the request is expired", "TokenRefreshRequired"];
const DENIED: [&str; 3] = ["not authorized", "AccessDenied", "no identity-based policy"];

/// What a client says that is not for the server: who it is to us, and what we say ourselves.
const OURS: [HeaderName; 7] =
    [AUTHORIZATION, CONTENT_LENGTH, COOKIE, EXPECT, HOST, ORIGIN, REFERER];
const ROUTING: [&str; 2] = ["x-mlflow-sm-tracking-server-arn", "x-sm-mlflow-app-arn"];

/// How an attempt ended without an answer.
enum Lost {
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
        let total = if payload.is_large() { self.limits.total_large } else { self.limits.total };
        let (until, mut mended, mut attempt) = (Instant::now() + total, Mended::default(), 1);
        loop {
            let credentials =
                self.identity.get().await.map_err(|why| Refusal::no_credentials(&why))?;
            self.state.sent(attempt > 1);
            let wait = match self.attempt(head, payload, credentials.clone(), until).await? {
                Ok(answer) if answer.status().is_success() => {
                    self.state.good();
                    return Ok(answer::passed(answer, self.limits.stall));
                }
                Ok(answer) if refuses(answer.status()) => {
                    let answer = Refused::read(answer, self.limits.attempt).await?;
                    if !self.mend(&answer, &mut mended, &credentials).await {
                        self.note_refused(&answer, head);
                        return Ok(answer.passed(self.limits.stall));
                    }
                    Duration::ZERO
                }
                Ok(answer) => {
                    self.note(&answer);
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

    async fn attempt(
        &self,
        head: &Parts,
        payload: &Payload,
        credentials: Credentials,
        until: Instant,
    ) -> Result<Result<Response<Incoming>, Lost>, Refusal> {
        let sent = Arc::new(AtomicU64::new(0));
        let request = self.request(head, payload, credentials, sent.clone())?;
        let answer = self.upstream.send(request);
        let began = Instant::now();
        let silent = async {
            if !payload.is_large() {
                let left = until.saturating_duration_since(Instant::now());
                return tokio::time::sleep(self.limits.attempt.min(left)).await;
            }
            // As long as anything of it is taken, the server is there; what it does
            // with all of it takes its time.
            let mut seen = None;
            loop {
                match sent.load(Ordering::Relaxed) {
                    all if all == payload.bytes => return tokio::time::sleep_until(until).await,
                    some if seen == Some(some) => return,
                    some => seen = Some(some),
                }
                tokio::time::sleep(self.limits.attempt).await;
            }
        };
        Ok(tokio::select! {
            answer = answer => answer.map_err(|error| match error.is_connect() {
                true => Lost::Connect(error),
                false => Lost::Sent(error),
            }),
            () = silent => Err(Lost::Silent(began.elapsed())),
        })
    }

    fn request(
        &self,
        head: &Parts,
        payload: &Payload,
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
            hash: &payload.hash,
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
        if payload.bytes > 0 || head.method == Method::POST || head.method == Method::PUT {
            headers.insert(CONTENT_LENGTH, HeaderValue::from(payload.bytes));
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
        let what = format!("{} {}: {}", head.method, head.uri.path(), refused.text());
        if refused.says(&SKEWED) {
            self.state.fault(&reason::MLFLOW_CLOCK_SKEW, &what);
        } else if refused.says(&SPENT) {
            self.state.fault(&reason::MLFLOW_CREDENTIALS, &what);
        } else if refused.head.status == StatusCode::FORBIDDEN && refused.says(&DENIED) {
            self.state.fault(&reason::MLFLOW_ACCESS_DENIED, &what);
        }
    }

    fn note(&self, answer: &Response<Incoming>) {
        let status = answer.status();
        let what = format!("the server answers {status}");
        if status == StatusCode::TOO_MANY_REQUESTS {
            self.state.fault(&reason::MLFLOW_THROTTLED, &what);
        } else if status.is_server_error() {
            self.state.fault(&reason::MLFLOW_SERVER_ERROR, &what);
        } else {
            // What is wrong with a request is no fault of the server.
            self.state.good();
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
struct Refused {
    head: http::response::Parts,
    body: Bytes,
}

impl Refused {
    async fn read(answer: Response<Incoming>, limit: Duration) -> Result<Self, Refusal> {
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
    fn says(&self, words: &[&str]) -> bool {
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
