//! Recording stand-ins of the machine half and a client that signs by hand,
//! for the tests of the API half; none of it needs root.

use crate::backend::{
    Artifacts, BackendError, BuildFailure, BuildNews, BuildSpec, Builder, MachineSpec, Machines,
    Platform, RootFs, Script, ScriptEnd, SessionCredentials, StepDone, TellBuild, TestInstance,
    TrackingServers,
};
use crate::build::{Planned, Stage};
use crate::firewall::Firewall;
use crate::layout::Layout;
use crate::net::{self, Network};
use crate::settings::Setting;
use crate::sigv4::{SignedRequest, sign};
use crate::throttle::Scale;
use crate::{Region, RegionConfig};
use axum::body::Body;
use http::{HeaderMap, Method, Request, StatusCode};
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use tokio_util::sync::CancellationToken;

const KEY: &str = "AKIDEXAMPLE";
const SECRET: &str = "secret";

/// What the machine half was asked to do.
#[derive(Default)]
pub(crate) struct Recorder {
    log: Mutex<Vec<String>>,
    /// Machines fail to start.
    pub fail_start: std::sync::atomic::AtomicBool,
    /// Machines are namespaces with a link on a real bridge.
    wires: Option<Wires>,
}

/// A real bridge; removed when dropped.
pub(crate) struct Wires {
    pub layout: Layout,
    pub network: Network,
}

impl Drop for Wires {
    fn drop(&mut self) {
        if let Err(error) = net::remove_all(&self.layout) {
            eprintln!("left behind: {error}");
        }
    }
}

impl Recorder {
    fn note(&self, what: String) {
        self.log.lock().unwrap().push(what);
    }

    fn unplug(&self, instance_id: &str) {
        if let Some(wires) = &self.wires {
            wires.network.detach(instance_id).unwrap();
        }
    }

    pub fn log(&self) -> Vec<String> {
        self.log.lock().unwrap().clone()
    }
}

#[async_trait::async_trait]
impl Machines for Recorder {
    async fn start(&self, spec: MachineSpec) -> Result<(), BackendError> {
        self.note(format!("start {} {}", spec.host_name, spec.private_ip));
        if self.fail_start.load(std::sync::atomic::Ordering::Relaxed) {
            return Err(BackendError {
                what: format!("start {}", spec.instance_id),
                why: "no room".to_owned(),
            });
        }
        if let Some(wires) = &self.wires {
            wires.network.attach(&spec.instance_id, spec.private_ip, &spec.mac).unwrap();
        }
        Ok(())
    }
    async fn stop(&self, instance_id: &str, orderly: bool) -> Result<(), BackendError> {
        self.note(format!("stop {instance_id} {}", if orderly { "orderly" } else { "at once" }));
        self.unplug(instance_id);
        Ok(())
    }
    async fn terminate(&self, instance_id: &str) -> Result<Vec<u8>, BackendError> {
        self.note(format!("terminate {instance_id}"));
        self.unplug(instance_id);
        Ok(b"power down".to_vec())
    }
    async fn reboot(&self, instance_id: &str) -> Result<(), BackendError> {
        self.note(format!("reboot {instance_id}"));
        Ok(())
    }
    async fn firewall(&self, firewall: Firewall) -> Result<(), BackendError> {
        if let Some(wires) = &self.wires {
            wires.network.links().firewall(firewall).unwrap();
        }
        Ok(())
    }
    fn console(&self, _: &str) -> Vec<u8> {
        b"login:".to_vec()
    }
    async fn platform(&self, _: &str) -> Option<Platform> {
        let [computer_name, name, version] =
            ["ip-10-77-0-4", "Debian GNU/Linux", "12"].map(String::from);
        Some(Platform { boot: 1, computer_name, name, version })
    }
    /// Knows `out N`, `err N` (so many bytes), `exit N` and `hang`.
    async fn run(
        &self,
        instance_id: &str,
        script: &Script,
        stop: CancellationToken,
    ) -> Result<ScriptEnd, BackendError> {
        self.note(format!("run {instance_id} {}", script.text.trim()));
        let mut end = ScriptEnd { exit_code: Some(0), ..ScriptEnd::default() };
        for line in script.text.lines() {
            let (word, number) = line.split_once(' ').unwrap_or((line, "0"));
            let number: usize = number.parse().unwrap_or_default();
            match word {
                "out" => end.stdout.extend(vec![b'o'; number]),
                "err" => end.stderr.extend(vec![b'e'; number]),
                "exit" => end.exit_code = i32::try_from(number).ok(),
                "hang" => {
                    stop.cancelled().await;
                    end.exit_code = None;
                }
                _ => {}
            }
        }
        Ok(end)
    }
}

#[async_trait::async_trait]
impl Builder for Recorder {
    async fn build(&self, spec: BuildSpec, tell: TellBuild) -> Result<RootFs, BuildFailure> {
        self.note(format!("build {} documents on {:?}", spec.documents.len(), spec.parent.layers));
        if let Some(document) = spec.documents.iter().find(|d| d.document.contains("hang")) {
            tell(BuildNews::Step(StepDone {
                document: document.name.clone(),
                phase: "build".into(),
                step: "a".into(),
                ok: true,
                secs: 0.0,
            }));
            std::future::pending::<()>().await;
        }
        if let Some(document) = spec.documents.iter().find(|d| d.document.contains("fail")) {
            return Err(BuildFailure {
                component_arn: document.component_arn.clone(),
                phase: "build".into(),
                step: "a".into(),
                action: "ExecuteBash".into(),
                message: "x".repeat(2000),
            });
        }
        for planned in crate::build::plan(Stage::Build, &spec.documents).unwrap_or_default() {
            if let Err(message) = spec.may.all(&planned.needs) {
                let Planned { component_arn, phase, step, action, .. } = planned;
                return Err(BuildFailure { component_arn, phase, step, action, message });
            }
        }
        let mut layers = vec![PathBuf::from("/new")];
        layers.extend(spec.parent.layers);
        Ok(RootFs { layers })
    }
    /// Fails where a document says `broken`.
    async fn test(
        &self,
        spec: BuildSpec,
        on: TestInstance,
        _: TellBuild,
    ) -> Result<(), BuildFailure> {
        self.note(format!("test {} {}", on.id, spec.documents.len()));
        match spec.documents.iter().find(|document| document.document.contains("broken")) {
            None => Ok(()),
            Some(document) => Err(BuildFailure {
                component_arn: document.component_arn.clone(),
                phase: "test".into(),
                step: "a".into(),
                action: "ExecuteBash".into(),
                message: "no GPU".into(),
            }),
        }
    }
    async fn discard(&self, root: &RootFs, keep: &[RootFs]) {
        self.note(format!("discard {:?} keep {}", root.layers, keep.len()));
    }
}

#[async_trait::async_trait]
impl TrackingServers for Recorder {
    async fn start(
        &self,
        name: &str,
        artifact_uri: &str,
        _: Artifacts,
    ) -> Result<u16, BackendError> {
        self.note(format!("mlflow {name} {artifact_uri}"));
        Ok(5001)
    }
    async fn stop(&self, name: &str) -> Result<(), BackendError> {
        self.note(format!("mlflow-stop {name}"));
        Ok(())
    }
    async fn delete(&self, name: &str) -> Result<(), BackendError> {
        self.note(format!("mlflow-delete {name}"));
        Ok(())
    }
}

/// A region with its recorder, in its own folder.
pub(crate) struct Bench {
    pub region: Region,
    pub machines: Arc<Recorder>,
    _folder: tempfile::TempDir,
}

impl Bench {
    /// A region that records if `NIXL_TEST_RECORDINGS` names a folder for it,
    /// so that a judge can read every answer the tests got.
    pub fn new() -> Self {
        let folder = tempfile::Builder::new().prefix("region-").tempdir().unwrap();
        let name = folder.path().file_name().unwrap().to_owned();
        let record = std::env::var_os("NIXL_TEST_RECORDINGS")
            .map(|to| PathBuf::from(to).join(name).with_extension("jsonl"));
        Self::make(folder, record, Recorder::default())
    }

    /// One with a rule switched off, whose answers no judge should see.
    pub fn without(rule: &'static crate::rules::Rule) -> Self {
        let bench = Self::make(tempfile::tempdir().unwrap(), None, Recorder::default());
        bench.region.inner.rules.switch(rule.id, false);
        bench
    }

    /// One whose machines are namespaces on a real bridge; needs root.
    pub fn wired() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let layout = Layout::new(folder.path()).unwrap();
        let wires = Wires { network: Network::create(&layout).unwrap(), layout };
        Self::make(folder, None, Recorder { wires: Some(wires), ..Recorder::default() })
    }

    /// The bridge of a wired one.
    pub fn wires(&self) -> &Wires {
        self.machines.wires.as_ref().unwrap()
    }

    /// One that records, and the file it records to.
    pub fn recording() -> (Self, PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("exchanges.jsonl");
        (Self::make(folder, Some(file.clone()), Recorder::default()), file)
    }

    fn make(folder: tempfile::TempDir, record: Option<PathBuf>, machines: Recorder) -> Self {
        let machines = Arc::new(machines);
        let region = Region::new(RegionConfig {
            state_dir: folder.path().to_owned(),
            region: "us-east-1".to_owned(),
            account_id: "111122223333".to_owned(),
            access_key_id: KEY.to_owned(),
            secret_access_key: SECRET.to_owned(),
            endpoint_url: "http://127.0.0.1:4577".to_owned(),
            control_token: "control".to_owned(),
            machines: machines.clone(),
            builder: machines.clone(),
            tracking: machines.clone(),
            base_image: RootFs { layers: vec![PathBuf::from("/debian")] },
            record,
        })
        .unwrap();
        // Tests are faster than AWS lets anyone be.
        region.set(&Setting::Throttle { scale: Scale::OFF }).unwrap();
        Self { region, machines, _folder: folder }
    }

    /// An EC2, IAM or STS call as the laptop.
    pub async fn query(&self, service: &str, body: &str) -> (StatusCode, String) {
        self.send(service, None, &[], Method::POST, "/", body).await
    }

    /// The same in another region.
    pub async fn query_in(&self, region: &str, service: &str, body: &str) -> String {
        self.raw(Self::signed_for((region, service), None, &[], Method::POST, "/", body)).await.1
    }

    /// The same as a role session.
    pub async fn query_as(
        &self,
        who: &SessionCredentials,
        service: &str,
        body: &str,
    ) -> (StatusCode, String) {
        self.send(service, Some(who), &[], Method::POST, "/", body).await
    }

    /// An AwsJson 1.1 call.
    pub async fn json(
        &self,
        service: &str,
        target: &str,
        body: serde_json::Value,
    ) -> (StatusCode, serde_json::Value) {
        let (status, text) = self
            .send(service, None, &[("x-amz-target", target)], Method::POST, "/", &body.to_string())
            .await;
        (status, serde_json::from_str(&text).unwrap_or_default())
    }

    /// An Image Builder call.
    pub async fn rest(
        &self,
        method: Method,
        path: &str,
        body: serde_json::Value,
    ) -> (StatusCode, serde_json::Value) {
        let text = if body.is_null() { String::new() } else { body.to_string() };
        let (status, text) = self.send("imagebuilder", None, &[], method, path, &text).await;
        (status, serde_json::from_str(&text).unwrap_or_default())
    }

    /// Signs and sends.
    pub async fn send(
        &self,
        service: &str,
        who: Option<&SessionCredentials>,
        more: &[(&'static str, &str)],
        method: Method,
        target: &str,
        body: &str,
    ) -> (StatusCode, String) {
        self.raw(Self::signed(service, who, more, method, target, body)).await
    }

    /// A signed request.
    pub fn signed(
        service: &str,
        who: Option<&SessionCredentials>,
        more: &[(&'static str, &str)],
        method: Method,
        target: &str,
        body: &str,
    ) -> Request<Body> {
        Self::signed_for(("us-east-1", service), who, more, method, target, body)
    }

    fn signed_for(
        scope: (&str, &str),
        who: Option<&SessionCredentials>,
        more: &[(&'static str, &str)],
        method: Method,
        target: &str,
        body: &str,
    ) -> Request<Body> {
        let mut headers = HeaderMap::new();
        headers.insert("host", "127.0.0.1:4577".parse().unwrap());
        let date = jiff::Timestamp::now().strftime("%Y%m%dT%H%M%SZ").to_string();
        headers.insert("x-amz-date", date.parse().unwrap());
        for (name, value) in more {
            headers.insert(*name, value.parse().unwrap());
        }
        let keys = match who {
            None => (KEY, SECRET),
            Some(who) => {
                headers.insert("x-amz-security-token", who.session_token.parse().unwrap());
                (who.access_key_id.as_str(), who.secret_access_key.as_str())
            }
        };
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let signed = SignedRequest {
            method: &method,
            path,
            query,
            headers: &headers,
            body: body.as_bytes(),
        };
        let authorization = sign(&signed, keys, scope).unwrap();
        headers.insert("authorization", authorization.parse().unwrap());
        let mut request = Request::builder()
            .method(method)
            .uri(target)
            .body(Body::from(body.to_owned()))
            .unwrap();
        *request.headers_mut() = headers;
        request
    }

    /// Sends as it is.
    pub async fn raw(&self, request: Request<Body>) -> (StatusCode, String) {
        let service = hyper_util::service::TowerToHyperService::new(self.region.service());
        let response = hyper::service::Service::call(&service, request).await.unwrap();
        let status = response.status();
        let bytes = axum::body::to_bytes(response.into_body(), 1 << 20).await.unwrap();
        (status, String::from_utf8(bytes.to_vec()).unwrap())
    }

    /// Waits until the probe finds something.
    pub async fn until<T>(&self, mut probe: impl FnMut(&Region) -> Option<T>) -> T {
        let end = Instant::now() + Duration::from_secs(10);
        loop {
            if let Some(found) = probe(&self.region) {
                return found;
            }
            assert!(
                Instant::now() < end,
                "never happened; the machine half saw {:?}",
                self.machines.log()
            );
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
}

/// Text between the first `<name>` and `</name>`.
pub(crate) fn element<'a>(xml: &'a str, name: &str) -> &'a str {
    let (_, rest) =
        xml.split_once(&format!("<{name}>")).unwrap_or_else(|| panic!("no {name} in {xml}"));
    rest.split_once(&format!("</{name}>")).unwrap().0
}

/// The error code in an XML answer, if it is an error.
pub(crate) fn error_code(xml: &str) -> Option<&str> {
    xml.contains("<Code>").then(|| element(xml, "Code"))
}

/// A signed call of the query protocol as it goes over the wire; the server
/// closes the connection after it.
pub(crate) fn signed_call(service: &str, body: &str) -> String {
    let mut headers = HeaderMap::new();
    headers.insert("host", "127.0.0.1:4577".parse().unwrap());
    let date = jiff::Timestamp::now().strftime("%Y%m%dT%H%M%SZ").to_string();
    headers.insert("x-amz-date", date.parse().unwrap());
    let signed = SignedRequest {
        method: &Method::POST,
        path: "/",
        query: "",
        headers: &headers,
        body: body.as_bytes(),
    };
    let authorization = sign(&signed, (KEY, SECRET), ("us-east-1", service)).unwrap();
    format!(
        "POST / HTTP/1.1\r\nhost: 127.0.0.1:4577\r\nx-amz-date: {date}\r\nauthorization: {authorization}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
        body.len()
    )
}
