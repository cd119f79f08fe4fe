//! The calls, typed, each within a time limit.

use crate::call::Call;
use crate::endpoint::Endpoint;
use crate::error::{CallError, DOES_NOT_EXIST, Failure};
use crate::token::Token;
use crate::wire::{self, Batch, Entry, Experiment, Run, RunStatus};
use bytes::Bytes;
use http::header::{AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderValue, RETRY_AFTER};
use http::{Request, StatusCode};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper_util::client::legacy::Client as Http;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::time::Duration;

/// Far above any answer to what is asked here.
const MAX_ANSWER_BYTES: usize = 8 << 20;
/// What is quoted of an answer that is not MLflow's.
const QUOTED_CHARS: usize = 300;
/// A server that asks for more is asked again all the same.
const MOST_RETRY_AFTER: Duration = Duration::from_secs(300);

/// A client of one endpoint.
#[derive(Debug, Clone)]
pub struct Client {
    http: Http<HttpConnector, Full<Bytes>>,
    endpoint: Endpoint,
    token: Token,
    timeout: Duration,
}

impl Client {
    /// Each call ends within `timeout`.
    #[must_use]
    pub fn new(endpoint: Endpoint, token: Token, timeout: Duration) -> Self {
        let http = Http::builder(TokioExecutor::new()).build_http();
        Self { http, endpoint, token, timeout }
    }

    /// Where it asks.
    #[must_use]
    pub fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }

    /// The experiment of this name, deleted or not.
    ///
    /// # Errors
    /// See [`CallError`].
    pub async fn experiment(&self, name: &str) -> Result<Option<Experiment>, CallError> {
        let answer = self.get(Call::GetExperimentByName, "experiment_name", name).await;
        match answer {
            Ok(wire::ExperimentAnswer { experiment }) => Ok(Some(experiment)),
            Err(error) if error.code() == Some(DOES_NOT_EXIST) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Makes an experiment; its id.
    ///
    /// # Errors
    /// See [`CallError`]; among them that there is one of this name.
    pub async fn create_experiment(&self, name: &str) -> Result<String, CallError> {
        let asked = wire::CreateExperiment { name };
        let made: wire::CreatedExperiment = self.post(Call::CreateExperiment, &asked).await?;
        Ok(made.experiment_id)
    }

    /// Makes a run, each time another one.
    ///
    /// # Errors
    /// See [`CallError`].
    pub async fn create_run(
        &self,
        experiment_id: &str,
        run_name: &str,
        start_time: i64,
        tags: &[Entry],
    ) -> Result<Run, CallError> {
        let asked = wire::CreateRun { experiment_id, run_name, start_time, tags };
        let made: wire::RunAnswer = self.post(Call::CreateRun, &asked).await?;
        Ok(made.run)
    }

    /// Sets the state of a run.
    ///
    /// # Errors
    /// See [`CallError`].
    pub async fn end_run(
        &self,
        run_id: &str,
        status: RunStatus,
        end_time: i64,
    ) -> Result<(), CallError> {
        let asked = wire::UpdateRun { run_id, status, end_time };
        self.post(Call::UpdateRun, &asked).await.map(|wire::IgnoredAnswer {}| ())
    }

    /// Logs a batch; the same again changes nothing.
    ///
    /// # Errors
    /// See [`CallError`].
    pub async fn log(&self, run_id: &str, batch: &Batch) -> Result<(), CallError> {
        let asked = wire::LogBatch { run_id, batch };
        self.post(Call::LogBatch, &asked).await.map(|wire::IgnoredAnswer {}| ())
    }

    /// A run with what was logged.
    ///
    /// # Errors
    /// See [`CallError`].
    pub async fn run(&self, run_id: &str) -> Result<Run, CallError> {
        self.get(Call::GetRun, "run_id", run_id).await.map(|wire::RunAnswer { run }| run)
    }

    /// Runs of an experiment, deleted ones too, in this order.
    ///
    /// # Errors
    /// See [`CallError`].
    pub async fn search(
        &self,
        experiment_id: &str,
        filter: &str,
        order_by: &'static str,
        max_results: u32,
    ) -> Result<Vec<Run>, CallError> {
        let asked = wire::SearchRuns {
            experiment_ids: [experiment_id],
            filter,
            run_view_type: "ALL",
            max_results,
            order_by: [order_by],
        };
        self.post(Call::SearchRuns, &asked).await.map(|wire::RunsAnswer { runs }| runs)
    }

    async fn get<T: DeserializeOwned>(
        &self,
        call: Call,
        key: &str,
        value: &str,
    ) -> Result<T, CallError> {
        let query =
            format!("{}?{key}={}", call.path(), utf8_percent_encode(value, NON_ALPHANUMERIC));
        self.send(call, &query, Bytes::new()).await
    }

    async fn post<T: DeserializeOwned>(
        &self,
        call: Call,
        asked: &impl Serialize,
    ) -> Result<T, CallError> {
        let body = serde_json::to_vec(asked)
            .map_err(|error| CallError { call, failure: Failure::NotSent(error.to_string()) })?;
        self.send(call, call.path(), body.into()).await
    }

    async fn send<T: DeserializeOwned>(
        &self,
        call: Call,
        path: &str,
        body: Bytes,
    ) -> Result<T, CallError> {
        let secs = self.timeout.as_secs_f64();
        let sent = tokio::time::timeout(self.timeout, self.exchange(call, path, body)).await;
        let answer = sent.unwrap_or_else(|_| Err(Failure::NoAnswer(format!("within {secs} s"))));
        let parsed = answer.and_then(|(status, headers, body)| understand(status, &headers, &body));
        parsed.map_err(|failure| CallError { call, failure })
    }

    async fn exchange(
        &self,
        call: Call,
        path: &str,
        body: Bytes,
    ) -> Result<(StatusCode, HeaderMap, Bytes), Failure> {
        let token = self.token.read().map_err(Failure::NoToken)?;
        let not_sent = |error: http::Error| Failure::NotSent(error.to_string());
        let mut request = Request::builder()
            .method(call.method())
            .uri(self.endpoint.url(path))
            .header(CONTENT_TYPE, "application/json");
        if let Some(token) = token {
            let mut bearer = HeaderValue::from_str(&format!("Bearer {token}"))
                .map_err(|_| Failure::NoToken("it has characters no header may have".to_owned()))?;
            bearer.set_sensitive(true);
            request = request.header(AUTHORIZATION, bearer);
        }
        let request = request.body(Full::new(body)).map_err(not_sent)?;
        let answer = self.http.request(request).await.map_err(|error| {
            let told = chain(&error);
            if error.is_connect() { Failure::NotSent(told) } else { Failure::NoAnswer(told) }
        })?;
        let (head, body) = answer.into_parts();
        let body = Limited::new(body, MAX_ANSWER_BYTES).collect().await;
        let body = body.map_err(|error| Failure::NoAnswer(chain(&*error)))?;
        Ok((head.status, head.headers, body.to_bytes()))
    }
}

fn understand<T: DeserializeOwned>(
    status: StatusCode,
    headers: &HeaderMap,
    body: &[u8],
) -> Result<T, Failure> {
    if status.is_success() {
        return serde_json::from_slice(body)
            .map_err(|error| Failure::Unreadable(format!("{error}: {}", quoted(body))));
    }
    let told: wire::ErrorAnswer = serde_json::from_slice(body).unwrap_or_default();
    let retry_after = headers.get(RETRY_AFTER).and_then(|secs| secs.to_str().ok()?.parse().ok());
    Err(Failure::Refused {
        status: status.as_u16(),
        code: told.error_code,
        message: told.message.unwrap_or_else(|| quoted(body)),
        retry_after: retry_after.map(|secs| Duration::from_secs(secs).min(MOST_RETRY_AFTER)),
    })
}

/// On one line and not for long: it ends up in the journal.
fn quoted(body: &[u8]) -> String {
    let text = String::from_utf8_lossy(body);
    let words: Vec<&str> = text.split_whitespace().collect();
    words.join(" ").chars().take(QUOTED_CHARS).collect()
}

fn chain(error: &(dyn std::error::Error + 'static)) -> String {
    let mut told = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        told = format!("{told}: {cause}");
        next = cause.source();
    }
    told
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(status: u16, body: &str) -> Failure {
        let mut headers = HeaderMap::new();
        headers.insert(RETRY_AFTER, HeaderValue::from_static("7"));
        let status = StatusCode::from_u16(status).unwrap();
        understand::<wire::RunAnswer>(status, &headers, body.as_bytes()).err().unwrap()
    }

    #[test]
    fn refusals_are_read_whoever_says_them() {
        let retry_after = Some(Duration::from_secs(7));
        let refused = |status, code: Option<&str>, message: &str| Failure::Refused {
            status,
            code: code.map(str::to_owned),
            message: message.to_owned(),
            retry_after,
        };
        let mlflow = r#"{"error_code": "RESOURCE_ALREADY_EXISTS", "message": "there is one"}"#;
        let expected = refused(400, Some("RESOURCE_ALREADY_EXISTS"), "there is one");
        assert_eq!(refusal(400, mlflow), expected);
        assert_eq!(refusal(403, r#"{"Message": "no"}"#), refused(403, None, "no"));
        assert_eq!(refusal(502, "<html>\n bad\n</html>"), refused(502, None, "<html> bad </html>"));
        assert!(matches!(refusal(200, "<html>"), Failure::Unreadable(_)));
    }
}
