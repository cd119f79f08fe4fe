//! The seam between the API half (`api`, `s3`, `sigv4`, `state`) and the
//! machine half (`machine`, `net`, `imds`, `build`, `mlflow`, `cli`).
//!
//! The API half owns what AWS would call resources; the machine half owns
//! processes, namespaces, mounts and files. Tests of the API half use a
//! recording implementation of these traits, so that they need no root.

use crate::firewall::Firewall;
use crate::rules::Rules;
use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::sync::Arc;

use tokio_util::sync::CancellationToken;

/// A failure of the machine half.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{what}: {why}")]
pub struct BackendError {
    /// What was tried, e.g. `start i-0123`.
    pub what: String,
    /// Why it failed, e.g. the last line of systemd-nspawn.
    pub why: String,
}

/// Root filesystem of an image: overlay layers, topmost first; at least one.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct RootFs {
    /// Folders for overlayfs `lowerdir`, topmost first.
    pub layers: Vec<PathBuf>,
}

/// What a machine is told about itself; IMDS serves it live, so the API half
/// keeps one of these per instance and the machine half asks for it by id.
#[derive(Debug, Clone)]
pub struct InstanceView {
    /// `i-…`
    pub instance_id: String,
    /// `r-…`
    pub reservation_id: String,
    /// Launch index.
    pub launch_index: u32,
    /// `ami-…`
    pub image_id: String,
    /// Type name.
    pub instance_type: String,
    /// Account.
    pub account_id: String,
    /// Region name.
    pub region: String,
    /// Zone name.
    pub zone: String,
    /// Zone id, e.g. `use1-az1`.
    pub zone_id: String,
    /// Private address.
    pub private_ip: Ipv4Addr,
    /// Public address, if any.
    pub public_ip: Option<Ipv4Addr>,
    /// MAC of the primary interface.
    pub mac: String,
    /// Placement group name.
    pub placement_group: Option<String>,
    /// Security group names.
    pub security_groups: Vec<String>,
    /// Decoded user data.
    pub user_data: Option<Vec<u8>>,
    /// Tags as of now.
    pub tags: Vec<(String, String)>,
    /// `InstanceMetadataTags=enabled`.
    pub metadata_tags: bool,
    /// `HttpTokens=required`.
    pub tokens_required: bool,
    /// RFC 3339 launch time.
    pub launch_time: String,
    /// Instance profile ARN and id, and the role's name.
    pub profile: Option<ProfileView>,
    /// What EC2 announces to it.
    pub notices: crate::notices::Notices,
}

/// The instance profile as IMDS shows it.
#[derive(Debug, Clone)]
pub struct ProfileView {
    /// ARN of the profile.
    pub arn: String,
    /// `AIPA…`
    pub id: String,
    /// Name of the role in it.
    pub role_name: String,
}

/// Temporary credentials of a role session.
#[derive(Debug, Clone)]
pub struct SessionCredentials {
    /// `ASIA…`
    pub access_key_id: String,
    /// Secret.
    pub secret_access_key: String,
    /// Session token.
    pub session_token: String,
    /// RFC 3339 expiry.
    pub expiration: String,
}

/// What the machine half asks of the API half.
pub trait Directory: Send + Sync {
    /// The instance as of now; `None` once it is gone.
    fn instance(&self, instance_id: &str) -> Option<InstanceView>;
    /// Credentials for the instance's role, session name = instance id;
    /// `None` if it has no profile. The same ones until 5 minutes before expiry.
    fn credentials(&self, instance_id: &str) -> Option<SessionCredentials>;
    /// A machine ended by itself. `reboot` never gets here: the machine half
    /// starts it again.
    fn machine_ended(&self, instance_id: &str, why: &str);
    /// Spends a presigned MLflow token (once, before it expires): the length of
    /// the session in seconds.
    fn spend_mlflow_token(&self, server_key: &str, token: &str) -> Option<u64>;
    /// Local port of the `mlflow server` behind a key, while it is active.
    fn mlflow_port(&self, server_key: &str) -> Option<u16>;
}

/// A machine to start.
#[derive(Debug, Clone)]
pub struct MachineSpec {
    /// `i-…`
    pub instance_id: String,
    /// Host name, e.g. `ip-10-77-0-11`.
    pub host_name: String,
    /// Root filesystem of its image.
    pub root: RootFs,
    /// Private address inside 10.77.0.0/16; the gateway is 10.77.0.1.
    pub private_ip: Ipv4Addr,
    /// MAC of eth0.
    pub mac: String,
    /// Its GPUs, if its type has any.
    pub gpus: Option<Gpus>,
}

/// GPUs of an instance type.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Gpus {
    /// E.g. `NVIDIA L4`.
    pub model: String,
    /// How many.
    pub count: u32,
    /// Memory of each.
    pub memory_mib: u64,
}

/// What a machine says of itself once it has booted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Platform {
    /// Another one after each boot.
    pub boot: u64,
    /// Its host name.
    pub computer_name: String,
    /// `NAME` of os-release(5).
    pub name: String,
    /// `VERSION_ID` of os-release(5).
    pub version: String,
}

/// A script for a machine, as Run Command hands it to the agent.
#[derive(Debug, Clone)]
pub struct Script {
    /// Command it belongs to; names its folder in the machine.
    pub command_id: String,
    /// What is written into the script's file.
    pub text: String,
    /// Where it starts; the agent's own folder without.
    pub working_directory: Option<String>,
    /// Variables beside those of the agent's unit.
    pub environment: Vec<(String, String)>,
}

/// What a script left.
#[derive(Debug, Clone, Default)]
pub struct ScriptEnd {
    /// Exit status; `None` if it was stopped or a signal ended it.
    pub exit_code: Option<i32>,
    /// Standard output, at most 8 MiB.
    pub stdout: Vec<u8>,
    /// Standard error, at most 8 MiB.
    pub stderr: Vec<u8>,
}

/// Real machines.
#[async_trait::async_trait]
pub trait Machines: Send + Sync {
    /// Starts the machine; returns once its init runs. One that was stopped
    /// boots from the disk it left, and keeps it when that fails.
    async fn start(&self, spec: MachineSpec) -> Result<(), BackendError>;
    /// Power-off that leaves the disk and nothing else; `orderly`: systemd
    /// shuts down, for a time, before force is used.
    async fn stop(&self, instance_id: &str, orderly: bool) -> Result<(), BackendError>;
    /// Orderly power-off, then force after a few seconds; the disk is gone
    /// afterwards, and so are its namespace, links, mounts and cgroups. The last
    /// console output, as [`Self::console`] gave it until then.
    async fn terminate(&self, instance_id: &str) -> Result<Vec<u8>, BackendError>;
    /// Orderly reboot.
    async fn reboot(&self, instance_id: &str) -> Result<(), BackendError>;
    /// Lets pass between machines what this says and nothing else, from now on.
    async fn firewall(&self, firewall: Firewall) -> Result<(), BackendError>;
    /// Last console output, at most 64 KiB; nothing of a machine that is gone.
    fn console(&self, instance_id: &str) -> Vec<u8>;
    /// What an agent in the machine would report: `None` before the machine
    /// has reached `multi-user.target` and after it has ended. Cheap.
    async fn platform(&self, instance_id: &str) -> Option<Platform>;
    /// Runs a script as root, with the environment of a system unit; ends it
    /// with all its process group on `stop`.
    async fn run(
        &self,
        instance_id: &str,
        script: &Script,
        stop: CancellationToken,
    ) -> Result<ScriptEnd, BackendError>;
}

/// A component document to run, in recipe order.
#[derive(Debug, Clone)]
pub struct BuildDocument {
    /// ARN of the component, for failures.
    pub component_arn: String,
    /// Name for logs.
    pub name: String,
    /// AWSTOE document as uploaded (YAML text).
    pub document: String,
    /// Parameters the recipe gives.
    pub parameters: Vec<(String, String)>,
}

/// An image build.
#[derive(Debug, Clone)]
pub struct BuildSpec {
    /// Id used for folders and logs, e.g. `build-<uuid>`.
    pub build_id: String,
    /// Image to start from: the parent, or what is tested.
    pub parent: RootFs,
    /// Documents in order; a phase of each runs before the next phase of any.
    pub documents: Vec<BuildDocument>,
    /// Folder of S3 objects (`<root>/<bucket>/<key>`) for S3Download.
    pub s3_root: PathBuf,
    /// Which rules are in force.
    pub rules: Rules,
    /// What the role of the build instance may do.
    pub may: May,
}

/// Whether an action on a resource is allowed; the error is told to who tries.
#[derive(Clone)]
pub struct May(Arc<Decide>);

type Decide = dyn Fn(&str, &str) -> Result<(), String> + Send + Sync;

impl May {
    /// Decided by a function of the action, `s3:GetObject`, and the resource's ARN.
    pub fn new(decide: impl Fn(&str, &str) -> Result<(), String> + Send + Sync + 'static) -> Self {
        Self(Arc::new(decide))
    }

    /// Everything is allowed.
    #[must_use]
    pub fn everything() -> Self {
        Self::new(|_, _| Ok(()))
    }

    /// Refuses the first of these that is not allowed.
    ///
    /// # Errors
    /// What S3 answers.
    pub fn all<'a>(
        &self,
        wanted: impl IntoIterator<Item = &'a (&'static str, String)>,
    ) -> Result<(), String> {
        wanted.into_iter().try_for_each(|(action, resource)| (self.0)(action, resource))
    }
}

impl std::fmt::Debug for May {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("May")
    }
}

/// An instance that runs, for a test.
#[derive(Clone)]
pub struct TestInstance {
    /// `i-…`
    pub id: String,
    /// Where it is one.
    pub machines: Arc<dyn Machines>,
}

/// Where a build failed, as `failureContext.componentFailure` tells it.
#[derive(Debug, Clone, thiserror::Error)]
#[error("component {component_arn}, phase {phase}, step {step} ({action}): {message}")]
pub struct BuildFailure {
    /// ARN of the component.
    pub component_arn: String,
    /// Phase name.
    pub phase: String,
    /// Step name.
    pub step: String,
    /// Action module.
    pub action: String,
    /// Message, cut at 1024 characters as Image Builder does.
    pub message: String,
}

/// What a build tells while it runs.
#[derive(Debug, Clone)]
pub enum BuildNews {
    /// A line of its log.
    Line(String),
    /// A step that is over.
    Step(StepDone),
}

/// Where a build tells it.
pub type TellBuild = Arc<dyn Fn(BuildNews) + Send + Sync>;

/// One step done.
#[derive(Debug, Clone, serde::Serialize, serde::Deserialize)]
pub struct StepDone {
    /// Document name.
    pub document: String,
    /// Phase name.
    pub phase: String,
    /// Step name.
    pub step: String,
    /// Whether it succeeded.
    pub ok: bool,
    /// Seconds it took.
    pub secs: f64,
}

/// Runs component documents.
#[async_trait::async_trait]
pub trait Builder: Send + Sync {
    /// Runs the documents in a copy of the parent; the new image's layers.
    async fn build(&self, spec: BuildSpec, tell: TellBuild) -> Result<RootFs, BuildFailure>;
    /// Runs the documents' phases `test` on an instance of the image.
    async fn test(
        &self,
        spec: BuildSpec,
        on: TestInstance,
        tell: TellBuild,
    ) -> Result<(), BuildFailure>;
    /// Drops the layers of an image that was deregistered, except `keep`.
    async fn discard(&self, root: &RootFs, keep: &[RootFs]);
}

/// Who hands out the artifacts of an MLflow server.
#[derive(
    Debug,
    Clone,
    Copy,
    Default,
    PartialEq,
    Eq,
    serde::Serialize,
    serde::Deserialize,
    clap::ValueEnum,
)]
#[serde(rename_all = "kebab-case")]
pub enum Artifacts {
    /// The store: clients go there themselves (`--no-serve-artifacts`).
    #[default]
    Store,
    /// The server, from the store.
    Server,
}

/// Real MLflow servers.
#[async_trait::async_trait]
pub trait TrackingServers: Send + Sync {
    /// Starts `mlflow server` and returns its loopback port once it answers.
    async fn start(
        &self,
        name: &str,
        artifact_uri: &str,
        artifacts: Artifacts,
    ) -> Result<u16, BackendError>;
    /// Ends it; the next start finds its store.
    async fn stop(&self, name: &str) -> Result<(), BackendError>;
    /// Ends it and deletes its store.
    async fn delete(&self, name: &str) -> Result<(), BackendError>;
}
