//! The control routes of the running region, seen from the other commands.

use std::time::Duration;

use anyhow::{Context, bail};
use http::Method;
use http_body_util::{BodyExt, Full};
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::state::Credentials;

/// Where the list of machines is served.
pub(super) const MACHINES: &str = "/_region/machines";
/// Header that carries the control token.
pub(super) const TOKEN: &str = "x-nixl-region-token";

/// One machine as `status` shows it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct MachineRow {
    pub(super) instance_id: String,
    pub(super) name: Option<String>,
    pub(super) state: String,
    pub(super) private_ip: Option<std::net::Ipv4Addr>,
    pub(super) public_ip: Option<std::net::Ipv4Addr>,
    pub(super) instance_type: Option<String>,
}

/// Asks the region for its machines.
pub(super) fn machines(credentials: &Credentials) -> anyhow::Result<Vec<MachineRow>> {
    ask(credentials, Method::GET, MACHINES, None)
}

/// Calls a control route; a refusal's text is the error.
pub(super) fn ask<T: DeserializeOwned>(
    credentials: &Credentials,
    method: Method,
    path: &str,
    body: Option<&serde_json::Value>,
) -> anyhow::Result<T> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let request = http::Request::builder()
            .method(method)
            .uri(format!("{}{path}", credentials.endpoint_url))
            .header(TOKEN, &credentials.control_token)
            .header("content-type", "application/json")
            .body(Full::<bytes::Bytes>::from(body.map(ToString::to_string).unwrap_or_default()))?;
        let client = Client::builder(TokioExecutor::new()).build_http();
        let answer = tokio::time::timeout(Duration::from_secs(10), async {
            let response = client.request(request).await?;
            let status = response.status();
            anyhow::Ok((status, response.into_body().collect().await?.to_bytes()))
        });
        let (status, body) = answer
            .await
            .context("the region does not answer within 10 s")?
            .with_context(|| format!("ask the region at {}", credentials.endpoint_url))?;
        if !status.is_success() {
            let text = String::from_utf8_lossy(&body);
            match text.trim() {
                "" => bail!("the region at {} answered {status}", credentials.endpoint_url),
                text => bail!("{text}"),
            }
        }
        serde_json::from_slice(&body).context("read the region's answer")
    })
}
