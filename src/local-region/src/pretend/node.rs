//! A node's own words: tags on its instance, written as the daemon writes them,
//! through the region's endpoint and with the credentials of the node's role.

use super::script::{Say, Script};
use crate::backend::{Directory, InstanceView, SessionCredentials};
use crate::sigv4::{SignedRequest, sign};
use axum::Router;
use axum::body::Body;
use http::{HeaderMap, HeaderValue, Method, Request};
use hyper::service::Service as _;
use hyper_util::service::TowerToHyperService;
use nixl_cluster::{
    EndpointRecord, IdentityRecord, Provider, StateRecord, instance_type, settings, tag,
};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Deserialize;
use std::sync::Arc;
use std::time::Duration;

/// Waits between two tries, as the daemon's.
const RETRY: Duration = Duration::from_millis(250);
const RETRY_LONGEST: Duration = Duration::from_secs(5);

/// What of node.toml is heard.
#[derive(Debug, Default, PartialEq, Eq, Deserialize)]
struct Told {
    #[serde(default)]
    provider: Option<String>,
    #[serde(default)]
    prefill: Option<u32>,
}

/// One boot of a node.
pub(super) struct Node {
    pub id: String,
    pub endpoint: Router,
    pub directory: Arc<dyn Directory>,
}

impl Node {
    /// Says what the script says, then is silent; true if it powers itself off.
    pub async fn speak(&self, script: &Script) -> bool {
        let Some(view) = self.directory.instance(&self.id) else { return false };
        let (identity, endpoint) = self.records(&view);
        for say in script.say.iter().filter(|say| say.is_of(view.launch_index)) {
            tokio::time::sleep(say.after()).await;
            if say.power_off {
                return true;
            }
            let tags = [
                (tag::IDENTITY, identity.clone()),
                (tag::ENDPOINT, endpoint.clone()),
                (tag::STATE, state(say)),
            ];
            let mut delay = RETRY;
            while let Err(why) = self.write(&view, &tags).await {
                tracing::debug!(instance_id = self.id, why, "a node's tags are not written");
                tokio::time::sleep(delay).await;
                delay = (delay * 2).min(RETRY_LONGEST);
            }
        }
        false
    }

    fn records(&self, view: &InstanceView) -> (String, String) {
        let told = view.user_data.as_deref().map(told).unwrap_or_default();
        let named = told.provider.as_deref().and_then(|name| name.parse().ok());
        let has_efa = instance_type::find(&view.instance_type).is_some();
        let best = if has_efa { Provider::Efa } else { Provider::Tcp };
        let identity = IdentityRecord {
            public_key: rand::random(),
            boot: hex::encode(rand::random::<[u8; 4]>()),
            epoch: u64::try_from(jiff::Timestamp::now().as_millisecond()).unwrap_or_default(),
            prefill: told.prefill,
        };
        let address = view.private_ip.octets().to_vec();
        let endpoint = EndpointRecord { provider: named.unwrap_or(best), address };
        (identity.to_string(), endpoint.to_string())
    }

    /// One CreateTags; what was answered, if it was no success.
    async fn write(&self, view: &InstanceView, tags: &[(&str, String)]) -> Result<(), String> {
        let who = self.directory.credentials(&self.id).ok_or("no role in its metadata")?;
        let encode = |text: &str| utf8_percent_encode(text, NON_ALPHANUMERIC).to_string();
        let mut body = format!("Action=CreateTags&Version=2016-11-15&ResourceId.1={}", self.id);
        for (at, (key, value)) in (1..).zip(tags) {
            body += &format!("&Tag.{at}.Key={}&Tag.{at}.Value={}", encode(key), encode(value));
        }
        let request = signed(&who, &view.region, body).ok_or("the call cannot be signed")?;
        let service = TowerToHyperService::new(self.endpoint.clone());
        let Ok(answer) = service.call(request).await;
        let status = answer.status();
        // An answer that breaks off is none.
        let text = axum::body::to_bytes(answer.into_body(), 1 << 20).await;
        let text = text.map_err(|error| error.to_string())?;
        if status.is_success() { Ok(()) } else { Err(String::from_utf8_lossy(&text).into_owned()) }
    }
}

fn state(say: &Say) -> String {
    let phase = say.phase.unwrap_or(nixl_cluster::Phase::Booting);
    let since_secs = u64::try_from(jiff::Timestamp::now().as_second()).unwrap_or_default();
    StateRecord { phase, reason: say.reason.clone(), since_secs }.to_string()
}

fn signed(who: &SessionCredentials, region: &str, body: String) -> Option<Request<Body>> {
    let date = jiff::Timestamp::now().strftime("%Y%m%dT%H%M%SZ").to_string();
    let mut headers = HeaderMap::new();
    headers.insert("host", HeaderValue::from_static("127.0.0.1"));
    headers.insert("user-agent", HeaderValue::from_static("nixl-region-pretend-node"));
    headers.insert("x-amz-date", date.parse().ok()?);
    headers.insert("x-amz-security-token", who.session_token.parse().ok()?);
    let unsigned = SignedRequest {
        method: &Method::POST,
        path: "/",
        query: "",
        headers: &headers,
        body: body.as_bytes(),
    };
    let keys = (who.access_key_id.as_str(), who.secret_access_key.as_str());
    let authorization = sign(&unsigned, keys, (region, "ec2"))?;
    headers.insert("authorization", authorization.parse().ok()?);
    let mut request = Request::builder().method(Method::POST).uri("/").body(body.into()).ok()?;
    *request.headers_mut() = headers;
    Some(request)
}

/// What user data leaves in node.toml: of a cloud-config, alone or as a part of
/// several (cloud-init, "MIME multi-part archive").
fn told(user_data: &[u8]) -> Told {
    let text = String::from_utf8_lossy(user_data);
    let Some(begin) = text.find("#cloud-config") else { return Told::default() };
    let part = &text[begin..];
    let part = part.split_once("\n--").map_or(part, |(part, _)| part);
    let document: serde_yaml_ng::Value = serde_yaml_ng::from_str(part).unwrap_or_default();
    let files = document["write_files"].as_sequence().cloned().unwrap_or_default();
    let file = files.iter().find(|file| file["path"].as_str() == Some(settings::PATH));
    let content = file.and_then(|file| file["content"].as_str()).unwrap_or_default();
    toml::from_str(content).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_are_found_in_a_cloud_config_and_in_a_part() {
        let config = "#cloud-config\nwrite_files:\n  - path: /etc/nixl/node.toml\n    content: |\n      \
                      cluster = \"a\"\n      provider = \"tcp\"\n      prefill = 1\n";
        let expected = Told { provider: Some("tcp".to_owned()), prefill: Some(1) };
        assert_eq!(told(config.as_bytes()), expected);
        let parts = format!(
            "MIME-Version: 1.0\n\n--b\nContent-Type: text/cloud-boothook\n\n#!/bin/sh\n--b\n\
             Content-Type: text/cloud-config\n\n{config}\n--b--\n"
        );
        assert_eq!(told(parts.as_bytes()), expected);
        for nothing in ["", "#!/bin/sh", "#cloud-config\nwrite_files: 3"] {
            assert_eq!(told(nothing.as_bytes()), Told::default(), "{nothing}");
        }
    }
}
