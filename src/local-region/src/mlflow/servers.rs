//! `mlflow server` processes: one per tracking server, in a cgroup of its
//! own, so that its workers end with it and `down` finds them after `kill -9`.

use std::collections::HashMap;
use std::io::Write;
use std::net::{Ipv4Addr, TcpListener};
use std::path::PathBuf;
use std::process::Stdio;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::process::{Child, Command};

use crate::backend::{Artifacts, BackendError, TrackingServers};
use crate::layout::Layout;
use crate::machine::cgroup::Cgroup;

/// A first start imports much and makes the database: 10 s on two cores, over
/// 3 minutes in an emulated machine.
const START_PATIENCE: Duration = Duration::from_secs(600);
const KILL_PATIENCE: Duration = Duration::from_secs(10);

/// Where artifacts go, and with which keys.
#[derive(Clone)]
pub struct Store {
    /// The region's endpoint.
    pub endpoint_url: String,
    /// Region name.
    pub region: String,
    /// The account's key.
    pub access_key_id: String,
    /// And its secret.
    pub secret_access_key: String,
}

/// The servers of one region.
pub struct MlflowServers {
    layout: Layout,
    program: PathBuf,
    store: Store,
    running: Mutex<HashMap<String, Child>>,
}

impl MlflowServers {
    /// Servers run by `<venv>/bin/mlflow`.
    pub fn new(layout: &Layout, venv: &std::path::Path, store: Store) -> Arc<Self> {
        Arc::new(Self {
            layout: layout.clone(),
            program: venv.join("bin/mlflow"),
            store,
            running: Mutex::default(),
        })
    }

    /// Ends all servers.
    pub async fn shutdown(&self) {
        let names: Vec<String> = self.table().keys().cloned().collect();
        for name in names {
            if let Err(error) = self.end(&name).await {
                tracing::warn!(%error, "mlflow server left behind");
            }
        }
    }

    fn table(&self) -> std::sync::MutexGuard<'_, HashMap<String, Child>> {
        self.running.lock().unwrap_or_else(|e| e.into_inner())
    }

    fn cgroup(&self, name: &str) -> Cgroup {
        Cgroup::named(&self.layout.cgroup_of(&format!("mlflow-{name}")))
    }

    fn spawn(
        &self,
        name: &str,
        artifact_uri: &str,
        artifacts: Artifacts,
        port: u16,
    ) -> std::io::Result<Child> {
        let folder = self.layout.mlflow_dir(name);
        std::fs::create_dir_all(&folder)?;
        let log = std::fs::File::create(folder.join("log"))?;
        let doors = self.cgroup(name).create()?;
        let mut command = Command::new(&self.program);
        command
            .args(["server", "--host", "127.0.0.1", "--workers", "1"])
            .args(["--port", &port.to_string()])
            .arg(format!("--backend-store-uri=sqlite:///{}/mlflow.db", folder.display()))
            .args(match artifacts {
                Artifacts::Store => [
                    "--no-serve-artifacts".to_owned(),
                    format!("--default-artifact-root={artifact_uri}"),
                ],
                Artifacts::Server => [
                    "--serve-artifacts".to_owned(),
                    format!("--artifacts-destination={artifact_uri}"),
                ],
            })
            // The front stands before it: requests come with this Host.
            .arg(format!("--allowed-hosts=127.0.0.1:{port}"))
            .env("MLFLOW_S3_ENDPOINT_URL", &self.store.endpoint_url)
            .env("AWS_ENDPOINT_URL", &self.store.endpoint_url)
            .env("AWS_ACCESS_KEY_ID", &self.store.access_key_id)
            .env("AWS_SECRET_ACCESS_KEY", &self.store.secret_access_key)
            .env("AWS_DEFAULT_REGION", &self.store.region)
            .env_remove("AWS_SESSION_TOKEN")
            .env_remove("AWS_PROFILE")
            .env("MLFLOW_DISABLE_TELEMETRY", "true")
            .env("DO_NOT_TRACK", "true")
            .current_dir(&folder)
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .process_group(0);
        // SAFETY: between fork and exec only write(2) is called, on files
        // opened before; `0` means the writer itself (cgroups(7)).
        unsafe {
            command.pre_exec(move || {
                for mut door in &doors {
                    door.write_all(b"0")?;
                }
                Ok(())
            });
        }
        command.spawn()
    }

    async fn wait(&self, name: &str, port: u16) -> Result<(), String> {
        let deadline = Instant::now() + START_PATIENCE;
        loop {
            if healthy(port).await {
                return Ok(());
            }
            let ended = match self.table().get_mut(name) {
                Some(child) => child.try_wait().map_err(|e| e.to_string())?,
                None => return Err("it was deleted while it started".into()),
            };
            if let Some(status) = ended {
                return Err(format!("it ended with {status}: {}", self.last_line(name)));
            }
            if Instant::now() > deadline {
                return Err(format!(
                    "no answer after {} s: {}",
                    START_PATIENCE.as_secs(),
                    self.last_line(name)
                ));
            }
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    }

    fn last_line(&self, name: &str) -> String {
        let log = self.layout.mlflow_dir(name).join("log");
        let text = std::fs::read(log).unwrap_or_default();
        let text = String::from_utf8_lossy(&text);
        text.lines().rev().find(|l| !l.trim().is_empty()).unwrap_or("no output").to_owned()
    }

    async fn end(&self, name: &str) -> Result<(), BackendError> {
        let child = self.table().remove(name);
        let cgroup = self.cgroup(name);
        let ended = tokio::task::spawn_blocking(move || {
            if !cgroup.kill(KILL_PATIENCE) {
                return Err("its processes do not die".to_owned());
            }
            cgroup.remove(KILL_PATIENCE).map_err(|error| error.to_string())
        })
        .await;
        if let Some(mut child) = child {
            // Reaps it.
            let _ = child.wait().await;
        }
        ended
            .map_err(|error| error.to_string())
            .and_then(|result| result)
            .map_err(|why| BackendError { what: format!("stop mlflow server {name}"), why })
    }
}

#[async_trait::async_trait]
impl TrackingServers for MlflowServers {
    async fn start(
        &self,
        name: &str,
        artifact_uri: &str,
        artifacts: Artifacts,
    ) -> Result<u16, BackendError> {
        let fail = |why: String| BackendError { what: format!("start mlflow server {name}"), why };
        let port = free_port().map_err(|error| fail(error.to_string()))?;
        let child = self
            .spawn(name, artifact_uri, artifacts, port)
            .map_err(|error| fail(format!("{}: {error}", self.program.display())))?;
        self.table().insert(name.to_owned(), child);
        match self.wait(name, port).await {
            Ok(()) => Ok(port),
            Err(why) => {
                self.end(name).await?;
                Err(fail(why))
            }
        }
    }

    async fn stop(&self, name: &str) -> Result<(), BackendError> {
        self.end(name).await
    }

    async fn delete(&self, name: &str) -> Result<(), BackendError> {
        self.end(name).await?;
        match tokio::fs::remove_dir_all(self.layout.mlflow_dir(name)).await {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(BackendError {
                what: format!("delete the store of mlflow server {name}"),
                why: error.to_string(),
            }),
            _ => Ok(()),
        }
    }
}

/// A port that was free a moment ago; mlflow takes a number, not a socket.
fn free_port() -> std::io::Result<u16> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port())
}

async fn healthy(port: u16) -> bool {
    let ask = async {
        let mut stream = tokio::net::TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await?;
        let request =
            format!("GET /health HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nConnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).await?;
        let mut status = [0; 12];
        stream.read_exact(&mut status).await?;
        std::io::Result::Ok(status)
    };
    let answer = tokio::time::timeout(Duration::from_secs(5), ask).await;
    matches!(answer, Ok(Ok(status)) if status.ends_with(b" 200"))
}
