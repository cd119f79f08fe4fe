use axum::body::to_bytes;
use hyper_util::service::TowerToHyperService;

use super::*;
use crate::backend::{InstanceView, ProfileView, SessionCredentials};
use crate::notices::{Notice, Notices, SpotAction};

struct One(bool);

impl Directory for One {
    fn instance(&self, id: &str) -> Option<InstanceView> {
        (id == "i-1").then(|| InstanceView {
            instance_id: "i-1".into(),
            reservation_id: "r-1".into(),
            launch_index: 1,
            image_id: "ami-1".into(),
            instance_type: "c7i.large".into(),
            account_id: "123456789012".into(),
            region: "us-east-1".into(),
            zone: "us-east-1a".into(),
            zone_id: "use1-az1".into(),
            private_ip: [10, 77, 0, 11].into(),
            public_ip: None,
            mac: "02:00:00:00:00:01".into(),
            placement_group: Some("nixl".into()),
            security_groups: vec!["nixl".into()],
            user_data: Some(b"#cloud-config\n".to_vec()),
            tags: vec![("nixl:cluster".into(), "nixl".into()), ("a/b".into(), "x".into())],
            metadata_tags: true,
            tokens_required: self.0,
            launch_time: "2026-11-23T00:00:00Z".into(),
            profile: Some(ProfileView {
                arn: "arn:aws:iam::123456789012:instance-profile/nixl".into(),
                id: "AIPA1".into(),
                role_name: "nixl-node".into(),
            }),
            notices: notices(),
        })
    }
    fn credentials(&self, _: &str) -> Option<SessionCredentials> {
        Some(SessionCredentials {
            access_key_id: "ASIA1".into(),
            secret_access_key: "s".into(),
            session_token: "t".into(),
            expiration: "2026-11-23T06:00:00Z".into(),
        })
    }
    fn machine_ended(&self, _: &str, _: &str) {}
    fn spend_mlflow_token(&self, _: &str, _: &str) -> Option<u64> {
        None
    }
    fn mlflow_port(&self, _: &str) -> Option<u16> {
        None
    }
}

/// That EC2 stops it, and no more.
fn notices() -> Notices {
    let mut notices = Notices::default();
    let after = jiff::SignedDuration::from_mins(2);
    let stop = Notice::Spot { action: SpotAction::Stop, after };
    notices.add(&stop, jiff::Timestamp::UNIX_EPOCH);
    notices
}

struct Client(Router);

impl Client {
    fn new(id: &str, tokens_required: bool) -> Self {
        let late = LateDirectory::default();
        let directory: Arc<dyn Directory> = Arc::new(One(tokens_required));
        assert!(late.set(directory).is_ok());
        Self(router(late, id))
    }

    async fn send(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
    ) -> (u16, HeaderMap, String) {
        use hyper::service::Service as _;
        let mut request = Request::builder().method(method).uri(path);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(Body::empty()).unwrap();
        let response = TowerToHyperService::new(self.0.clone()).call(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let body = to_bytes(body, 1 << 20).await.unwrap();
        (parts.status.as_u16(), parts.headers, String::from_utf8(body.to_vec()).unwrap())
    }

    async fn get(&self, path: &str) -> (u16, String) {
        let (status, _, token) = self.send("PUT", "/latest/api/token", &[(TTL_HEADER, "60")]).await;
        assert_eq!(status, 200);
        let (status, _, body) = self.send("GET", path, &[(TOKEN_HEADER, &token)]).await;
        (status, body)
    }
}

#[tokio::test]
async fn a_token_echoes_its_ttl_and_bad_puts_are_refused() {
    let client = Client::new("i-1", true);
    let (status, headers, token) =
        client.send("PUT", "/latest/api/token", &[(TTL_HEADER, "21600")]).await;
    assert_eq!((status, headers[TTL_HEADER].to_str().unwrap()), (200, "21600"));
    assert!(token.len() >= 32);
    for bad in ["0", "21601", "-1", "x"] {
        assert_eq!(client.send("PUT", "/latest/api/token", &[(TTL_HEADER, bad)]).await.0, 400);
    }
    assert_eq!(client.send("PUT", "/latest/api/token", &[]).await.0, 400);
    let forwarded = [(TTL_HEADER, "60"), ("x-forwarded-for", "10.0.0.1")];
    assert_eq!(client.send("PUT", "/latest/api/token", &forwarded).await.0, 403);
}

#[tokio::test]
async fn reads_need_a_token_of_this_instance() {
    let client = Client::new("i-1", true);
    let path = "/latest/meta-data/instance-id";
    assert_eq!(client.send("GET", path, &[]).await.0, 401);
    assert_eq!(client.send("GET", path, &[(TOKEN_HEADER, "guess")]).await.0, 401);
    let (_, _, other) =
        Client::new("i-1", true).send("PUT", "/latest/api/token", &[(TTL_HEADER, "60")]).await;
    assert_eq!(client.send("GET", path, &[(TOKEN_HEADER, &other)]).await.0, 401);
    assert_eq!(client.get(path).await, (200, "i-1".into()));
    let optional = Client::new("i-1", false);
    assert_eq!(optional.send("GET", path, &[]).await.0, 200);
    assert_eq!(optional.send("GET", path, &[(TOKEN_HEADER, "guess")]).await.0, 401);
}

#[tokio::test]
async fn the_tree_lists_directories_with_a_slash() {
    let client = Client::new("i-1", true);
    let (_, listing) = client.get("/latest/meta-data/").await;
    for name in ["ami-launch-index", "iam/", "placement/", "tags/", "network/", "reservation-id"] {
        assert!(listing.lines().any(|line| line == name), "{name} in {listing}");
    }
    assert_eq!(client.get("/latest/meta-data").await.1, listing);
    assert_eq!(client.get("/latest/").await.1, "dynamic/\nmeta-data/\nuser-data");
    assert!(client.get("/").await.1.lines().any(|line| line == "latest"));
    assert_eq!(client.get("/latest/meta-data/tags/instance/").await.1, "nixl:cluster");
    assert_eq!(client.get("/latest/meta-data/tags/instance/nixl:cluster").await.1, "nixl");
    assert_eq!(client.get("/2021-03-23/meta-data/placement/group-name").await.1, "nixl");
    assert_eq!(client.get("/latest/meta-data/iam/security-credentials/").await.1, "nixl-node");
    let (_, action) = client.get("/latest/meta-data/spot/instance-action").await;
    assert_eq!(action, r#"{"action": "stop", "time": "1970-01-01T00:02:00Z"}"#);
    assert_eq!(client.get("/latest/meta-data/events/").await.1, "maintenance/");
    assert_eq!(client.get("/latest/meta-data/events/maintenance/scheduled").await.1, "[]");
    assert_eq!(client.get("/latest/user-data").await.1, "#cloud-config\n");
    for missing in [
        "/latest/meta-data/spot/termination-time",
        "/latest/meta-data/events/recommendations/rebalance",
        "/1999-01-01/meta-data/",
        "/latest/meta-data/public-ipv4",
    ] {
        assert_eq!(client.get(missing).await.0, 404, "{missing}");
    }
}

#[tokio::test]
async fn credentials_and_identity_have_the_documented_shape() {
    let client = Client::new("i-1", true);
    let (_, body) = client.get("/latest/meta-data/iam/security-credentials/nixl-node").await;
    let body: serde_json::Value = serde_json::from_str(&body).unwrap();
    assert_eq!((&body["Code"], &body["Token"]), (&"Success".into(), &"t".into()));
    let (_, body) = client.get("/latest/dynamic/instance-identity/document").await;
    let body: serde_json::Value = serde_json::from_str(&body).unwrap();
    assert_eq!(body["instanceId"], "i-1");
    assert_eq!(body["region"], "us-east-1");
}

#[tokio::test]
async fn an_instance_that_is_gone_has_no_metadata() {
    let client = Client::new("i-2", true);
    assert_eq!(client.get("/latest/meta-data/instance-id").await.0, 404);
}
