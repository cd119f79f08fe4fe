//! A whole region with real machines, asked as a laptop asks it.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::body::{Body, to_bytes};
use http::{HeaderMap, Method, Request};
use hyper::service::Service;
use hyper_util::service::TowerToHyperService;
use nixl_local_region::backend::RootFs;
use nixl_local_region::build::NspawnBuilder;
use nixl_local_region::imds::LateDirectory;
use nixl_local_region::machine::{Hardware, NspawnMachines};
use nixl_local_region::mlflow::{MlflowServers, Store};
use nixl_local_region::sigv4::{SignedRequest, sign};
use nixl_local_region::{Region, RegionConfig};

use crate::ground::Ground;

const PORT: u16 = 4577;
const KEYS: (&str, &str) = ("AKIDEXAMPLE", "secret");

/// One region on a test's ground; another may follow it there.
pub struct Whole {
    pub region: Region,
}

impl Whole {
    pub fn on(ground: &Ground) -> Self {
        let late = LateDirectory::default();
        let layout = &ground.layout;
        let hardware = Hardware::default();
        let machines = NspawnMachines::new(layout, Arc::clone(&late), PORT, hardware).unwrap();
        let endpoint_url = format!("http://127.0.0.1:{PORT}");
        let (access_key_id, secret_access_key) = (KEYS.0.to_owned(), KEYS.1.to_owned());
        let store = Store {
            endpoint_url: endpoint_url.clone(),
            region: "us-east-1".into(),
            access_key_id: access_key_id.clone(),
            secret_access_key: secret_access_key.clone(),
        };
        let region = Region::new(RegionConfig {
            state_dir: layout.state_dir().to_owned(),
            region: "us-east-1".into(),
            account_id: "123456789012".into(),
            access_key_id,
            secret_access_key,
            endpoint_url,
            control_token: "control".into(),
            machines: machines.clone(),
            builder: NspawnBuilder::new(layout),
            tracking: MlflowServers::new(layout, Path::new("/nowhere"), store),
            base_image: RootFs { layers: ground.base.layers.clone() },
            record: None,
        })
        .unwrap();
        assert!(late.set(Arc::new(region.clone())).is_ok());
        machines.serve_in_machines(region.service());
        Self { region }
    }

    /// An EC2 call that succeeds; its answer.
    pub async fn ec2(&self, body: &str) -> String {
        let mut headers = HeaderMap::new();
        headers.insert("host", format!("127.0.0.1:{PORT}").parse().unwrap());
        let now = jiff::Timestamp::now().strftime("%Y%m%dT%H%M%SZ").to_string();
        headers.insert("x-amz-date", now.parse().unwrap());
        let unsigned = SignedRequest {
            method: &Method::POST,
            path: "/",
            query: "",
            headers: &headers,
            body: body.as_bytes(),
        };
        let authorization = sign(&unsigned, KEYS, ("us-east-1", "ec2")).unwrap();
        headers.insert("authorization", authorization.parse().unwrap());
        let mut request = Request::post("/").body(Body::from(body.to_owned())).unwrap();
        *request.headers_mut() = headers;
        let service = TowerToHyperService::new(self.region.service());
        let response = service.call(request).await.unwrap();
        let status = response.status();
        let bytes = to_bytes(response.into_body(), 1 << 20).await.unwrap();
        let text = String::from_utf8(bytes.to_vec()).unwrap();
        assert!(status.is_success(), "{body}: {text}");
        text
    }

    /// Launches machines of the base image; their ids.
    pub async fn launch(&self, count: usize) -> Vec<String> {
        let images = self.ec2("Action=DescribeImages&Owner.1=136693071363").await;
        let image = all(&images, "imageId").remove(0);
        let launched = self
            .ec2(&format!(
                "Action=RunInstances&ImageId={image}&InstanceType=g5.12xlarge&MinCount={count}&MaxCount={count}"
            ))
            .await;
        let ids = all(&launched, "instanceId");
        assert_eq!(ids.len(), count);
        ids
    }

    /// Acts on instances, and waits until all are in a state.
    pub async fn turn(&self, action: &str, ids: &[String], state: &str) {
        let list: String = (1..).zip(ids).map(|(n, id)| format!("&InstanceId.{n}={id}")).collect();
        self.ec2(&format!("Action={action}{list}")).await;
        self.reach(ids, state).await;
    }

    /// Waits until all instances are in a state.
    pub async fn reach(&self, ids: &[String], state: &str) {
        let list: String = (1..).zip(ids).map(|(n, id)| format!("&InstanceId.{n}={id}")).collect();
        let deadline = Instant::now() + Duration::from_secs(60);
        loop {
            let found = self.ec2(&format!("Action=DescribeInstances{list}")).await;
            if found.matches(&format!("<name>{state}</name>")).count() == ids.len() {
                return;
            }
            assert!(Instant::now() < deadline, "{ids:?} not {state}: {found}");
            // Slower than EC2's bucket refills.
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    }
}

/// Texts of all elements of a name.
pub fn all(xml: &str, name: &str) -> Vec<String> {
    let (open, close) = (format!("<{name}>"), format!("</{name}>"));
    xml.split(&open).skip(1).map(|rest| rest.split(&close).next().unwrap().to_owned()).collect()
}
