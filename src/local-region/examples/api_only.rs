//! The region's API alone, with machines, builds and servers that only pretend:
//! for judging the API with the real AWS CLI and boto3, without root.
//!
//! `cargo run --example api_only -- 127.0.0.1:0 /tmp/folder [FILE TO RECORD TO]`

use nixl_local_region::backend::{
    Artifacts, BackendError, BuildFailure, BuildNews, BuildSpec, Builder, Directory, MachineSpec,
    Machines, Platform, RootFs, Script, ScriptEnd, StepDone, TellBuild, TestInstance,
    TrackingServers,
};
use nixl_local_region::firewall::Firewall;
use nixl_local_region::settings::Setting;
use nixl_local_region::throttle::Scale;
use nixl_local_region::{Region, RegionConfig};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// Long enough that a client sees the states on the way.
const WORK: Duration = Duration::from_millis(300);

struct Pretend;

#[async_trait::async_trait]
impl Machines for Pretend {
    async fn start(&self, _: MachineSpec) -> Result<(), BackendError> {
        tokio::time::sleep(WORK).await;
        Ok(())
    }
    async fn stop(&self, _: &str, _: bool) -> Result<(), BackendError> {
        tokio::time::sleep(WORK).await;
        Ok(())
    }
    async fn terminate(&self, _: &str) -> Result<Vec<u8>, BackendError> {
        tokio::time::sleep(WORK).await;
        Ok(Vec::new())
    }
    async fn reboot(&self, _: &str) -> Result<(), BackendError> {
        Ok(())
    }
    async fn firewall(&self, _: Firewall) -> Result<(), BackendError> {
        Ok(())
    }
    fn console(&self, instance_id: &str) -> Vec<u8> {
        format!("{instance_id} login: ").into_bytes()
    }
    async fn platform(&self, instance_id: &str) -> Option<Platform> {
        Some(Platform {
            boot: 1,
            computer_name: instance_id.to_owned(),
            name: "Debian GNU/Linux".to_owned(),
            version: "12".to_owned(),
        })
    }
    async fn run(
        &self,
        _: &str,
        script: &Script,
        _: CancellationToken,
    ) -> Result<ScriptEnd, BackendError> {
        tokio::time::sleep(WORK).await;
        let stdout = script.text.clone().into_bytes();
        Ok(ScriptEnd { exit_code: Some(0), stdout, stderr: Vec::new() })
    }
}

#[async_trait::async_trait]
impl Builder for Pretend {
    async fn build(&self, spec: BuildSpec, tell: TellBuild) -> Result<RootFs, BuildFailure> {
        for document in &spec.documents {
            tokio::time::sleep(WORK).await;
            let ok = !document.document.contains("exit 1");
            tell(BuildNews::Step(StepDone {
                document: document.name.clone(),
                phase: "build".to_owned(),
                step: "install".to_owned(),
                ok,
                secs: WORK.as_secs_f64(),
            }));
            if !ok {
                return Err(BuildFailure {
                    component_arn: document.component_arn.clone(),
                    phase: "build".to_owned(),
                    step: "install".to_owned(),
                    action: "ExecuteBash".to_owned(),
                    message: "exit status 1".to_owned(),
                });
            }
        }
        let mut layers = vec![PathBuf::from(&spec.build_id)];
        layers.extend(spec.parent.layers);
        Ok(RootFs { layers })
    }
    async fn test(&self, _: BuildSpec, _: TestInstance, _: TellBuild) -> Result<(), BuildFailure> {
        tokio::time::sleep(WORK).await;
        Ok(())
    }
    async fn discard(&self, _: &RootFs, _: &[RootFs]) {}
}

#[async_trait::async_trait]
impl TrackingServers for Pretend {
    async fn start(&self, _: &str, _: &str, _: Artifacts) -> Result<u16, BackendError> {
        tokio::time::sleep(WORK).await;
        Ok(5000)
    }
    async fn stop(&self, _: &str) -> Result<(), BackendError> {
        tokio::time::sleep(WORK).await;
        Ok(())
    }
    async fn delete(&self, _: &str) -> Result<(), BackendError> {
        tokio::time::sleep(WORK).await;
        Ok(())
    }
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let mut arguments = std::env::args().skip(1);
    let address = arguments.next().unwrap_or_else(|| "127.0.0.1:0".to_owned());
    let folder = arguments.next().map_or_else(std::env::temp_dir, PathBuf::from);
    tracing_subscriber::fmt().with_writer(std::io::stderr).init();
    let listener = tokio::net::TcpListener::bind(&address).await?;
    let endpoint_url = format!("http://{}", listener.local_addr()?);
    let region = Region::new(RegionConfig {
        state_dir: folder,
        region: "us-east-1".to_owned(),
        account_id: "123456789012".to_owned(),
        access_key_id: "AKIAIOSFODNN7EXAMPLE".to_owned(),
        secret_access_key: "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY".to_owned(),
        endpoint_url: endpoint_url.clone(),
        control_token: "control".to_owned(),
        machines: Arc::new(Pretend),
        builder: Arc::new(Pretend),
        tracking: Arc::new(Pretend),
        base_image: RootFs { layers: vec![PathBuf::from("/base")] },
        record: std::env::args().nth(3).map(PathBuf::from),
    })?;
    // A judge asks faster than AWS lets anyone ask.
    region.set(&Setting::Throttle { scale: Scale::OFF })?;
    println!("{endpoint_url}");
    // What IMDS does on a real machine, for a judge that signs as one.
    let imds = region.clone();
    let credentials = move |axum::extract::Path(id): axum::extract::Path<String>| async move {
        imds.credentials(&id)
            .map(|c| {
                axum::Json(serde_json::json!({
                    "AccessKeyId": c.access_key_id, "SecretAccessKey": c.secret_access_key,
                    "Token": c.session_token, "Expiration": c.expiration,
                }))
            })
            .ok_or(http::StatusCode::NOT_FOUND)
    };
    let front = axum::Router::new()
        .route("/_judge/credentials/{id}", axum::routing::get(credentials))
        .fallback_service(region.service());
    axum::serve(listener, front).await?;
    Ok(())
}
