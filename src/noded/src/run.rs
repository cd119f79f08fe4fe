//! `nixl-noded run`: what starts when, and what ends in which order.
//!
//! HTTP comes first and goes last, so that there is always somebody to ask.

use crate::administrators::Administrators;
use crate::beat::{Beat, Beats};
use crate::board::{Board, Reading, Settle, name};
use crate::cli::RunArgs;
use crate::efa;
use crate::engine::{self, Engine, Timings};
use crate::environment::{Files, Variables};
use crate::history::History;
use crate::http::{Listening, Shared};
use crate::idle::Idle;
use crate::link::Monitor;
use crate::mlflow::{SageMakerMinter, Slot};
use crate::parts::Parts;
use crate::peers::Peers;
use crate::port::{self, PortError};
use crate::registry::{Ec2Registry, Own};
use crate::runs::{Facts, Image, Runs};
use crate::system::{self, Folders, Pace, System};
use crate::worker::ProcessSpawner;
use crate::{boot, events, gpu, http, mlflow, notify, publisher, versions, wiring};
use anyhow::Context as _;
use nixl_aws::sagemaker::SageMaker;
use nixl_cluster::{NodeSettings, reason};
use nixl_efa::Tree;
use nixl_mlflow::{TrackingResource, UrlKeeper};
use sd_notify::NotifyState;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

/// All of a stop; the service manager waits longer.
const STOP_TIMEOUT: Duration = Duration::from_millis(1800);
/// Under a service manager a taken port is no reason to restart five times a
/// second.
const PORT_PAUSE: Duration = Duration::from_secs(5);
const ENVIRONMENT_INTERVAL: Duration = Duration::from_secs(10);
/// Room for the engine, HTTP and a look-up at once; a node's cores are not ours.
const RUNTIME_THREADS: usize = 2;
/// The running binary, also when a new one has taken its path.
const OWN_PROGRAM: &str = "/proc/self/exe";

/// Runs until SIGTERM or SIGINT.
///
/// # Errors
/// If the port is taken or the runtime cannot be made.
pub fn run(args: RunArgs, history: History) -> anyhow::Result<()> {
    let listener = port::listener(args.listen).inspect_err(refused)?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(RUNTIME_THREADS)
        .enable_all()
        .build()
        .context("no runtime")?;
    let done = runtime.block_on(serve(args, history, listener));
    // Nothing that is left may hold up the exit.
    runtime.shutdown_background();
    done
}

fn refused(error: &PortError) {
    if std::env::var_os("NOTIFY_SOCKET").is_some() {
        let told = error.to_string();
        events::port_taken(&told);
        notify::tell(&[NotifyState::Status(&told)]);
        std::thread::sleep(PORT_PAUSE);
    }
}

async fn serve(
    args: RunArgs,
    history: History,
    listener: std::net::TcpListener,
) -> anyhow::Result<()> {
    let (mut term, mut int) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    let address = listener.local_addr()?;
    let (board, beats, slot) = (Board::default(), Beats::default(), Slot::default());
    let (gpu, efa, system) =
        (gpu::State::default(), efa::State::default(), system::State::default());
    let stop = CancellationToken::new();

    let listening = Listening::new(listener, beats.task("http"))?;
    let state = std::env::var_os("STATE_DIRECTORY");
    if let Some(folder) = state_folder() {
        board.keep_acks_in(folder.join("acks.json"));
    }
    let link = Monitor::new(state.as_deref(), &args.root);
    let peers = Peers::default();
    let shared = Shared {
        board: board.clone(),
        beats: beats.clone(),
        link: link.clone(),
        peers: peers.clone(),
        mlflow: slot.clone(),
        administrators: Administrators::below(&args.root),
        history,
        gpu: gpu.clone(),
        efa: efa.clone(),
        system: system.clone(),
    };
    tokio::spawn(async move { axum::serve(listening, http::router(shared)).await });
    notify::tell(&[NotifyState::Ready]);
    events::started(address);
    tokio::spawn(notify::run(board.clone(), beats.clone(), stop.clone()));

    let node = Node { board, beats, link, peers, efa, gpu, slot, system, stop: stop.clone() };
    let mut node = tokio::spawn(node.live(args));
    let name = tokio::select! {
        _ = term.recv() => "SIGTERM",
        _ = int.recv() => "SIGINT",
        ended = &mut node => {
            // It only ends when told to; anything else is a fault of ours.
            return Err(ended.err().map_or_else(
                || anyhow::anyhow!("the engine ended by itself"),
                |panic| anyhow::anyhow!("the engine failed: {panic}"),
            ));
        }
    };
    notify::tell(&[NotifyState::Stopping, NotifyState::Status("stopping")]);
    events::stopping(name);
    stop.cancel();
    if tokio::time::timeout(STOP_TIMEOUT, node).await.is_err() {
        events::slow_stop("not everything ended in time");
    }
    Ok(())
}

/// The first of systemd's; without it nothing outlives the daemon.
fn state_folder() -> Option<PathBuf> {
    let paths = std::env::var_os("STATE_DIRECTORY")?;
    std::env::split_paths(&paths).next().filter(|folder| folder.is_absolute())
}

struct Node {
    board: Board,
    beats: Beats,
    link: Monitor,
    efa: efa::State,
    gpu: gpu::State,
    peers: Peers,
    slot: Slot,
    system: system::State,
    stop: CancellationToken,
}

impl Node {
    async fn live(self, args: RunArgs) {
        let beat = self.beats.task("engine");
        let parts = Parts::new(self.board.clone(), self.stop.clone());
        self.watch_system(&parts);
        let booted = tokio::select! {
            () = self.stop.cancelled() => return,
            booted = self.boot(&args.settings, &beat) => booted,
        };
        let (settings, instance) = booted;
        self.system.change(|facts| facts.instance = Some(system::Instance::of(&instance)));
        let resource: Option<TrackingResource> =
            settings.mlflow_tracking_arn.as_ref().and_then(|arn| arn.parse().ok());
        let mlflow_region = resource.as_ref().map(|resource| match resource {
            TrackingResource::Server { region, .. } | TrackingResource::App { region, .. } => {
                region.as_str()
            }
        });
        let services = beat.during(wiring::services(&instance.region, mlflow_region)).await;
        self.watch_mlflow(&settings, services.sagemaker.clone(), resource.clone(), &parts);
        let keeper = services.sagemaker.zip(resource).map(|(sagemaker, resource)| {
            let minter = Arc::new(SageMakerMinter::new(sagemaker, resource));
            UrlKeeper::new(minter, settings.mlflow_session_secs)
        });
        self.keep_url(keeper, &parts);
        let files = Files::below(&args.root);
        let (board, stop) = (self.board.clone(), self.stop.clone());
        parts.watch("environment", watch_environment(files, settings.clone(), board, stop));

        let devices = Tree::below(&args.root);
        let node = efa::Node {
            tree: devices.clone(),
            provider: settings.provider,
            instance_type: instance.instance_type.clone(),
        };
        let efa = efa::run(node, self.efa.clone(), self.board.clone(), self.stop.clone());
        parts.watch("efa", efa);
        let gpus = gpu::expected(&instance.instance_type, &devices);
        self.watch_gpus(&parts, &args.root, gpus, settings.nvml.as_deref());
        if let Some(secs) = settings.idle_secs {
            self.watch_idle(&parts, Duration::from_secs(secs), &devices);
        }

        let versions = versions::source(self.efa.clone(), self.gpu.clone());
        self.log_links(&parts, &settings, &instance, &versions, Image::below(&args.root));

        let registry = Arc::new(Ec2Registry::new(
            services.ec2,
            settings.cluster.clone(),
            Own {
                instance_id: instance.id.clone(),
                reservation_id: instance.reservation_id.clone(),
                launch_index: instance.launch_index,
                membership: settings.membership,
                size: settings.size,
            },
        ));
        // Its own stop: it writes the last state after the engine has ended.
        let last = CancellationToken::new();
        let (publisher, writer) = publisher::pair(
            registry.clone(),
            self.board.clone(),
            self.beats.task("publisher"),
            last.clone(),
        );
        let writer = tokio::spawn(writer.run());
        let workers =
            ProcessSpawner::workers(OWN_PROGRAM, settings.provider, settings.libfabric.as_deref());
        let engine = Engine {
            settings,
            instance,
            devices,
            efa: self.efa,
            registry,
            spawner: Arc::new(workers),
            machines: engine::pairing(),
            board: self.board,
            link: self.link,
            peers: self.peers,
            versions,
            publisher,
            beat,
            stop: self.stop,
            timings: Timings::default(),
        };
        engine.run().await;
        last.cancel();
        if let Err(error) = writer.await {
            tracing::error!(%error, "the tag writer failed");
        }
    }

    async fn boot(&self, settings: &Path, beat: &Beat) -> (NodeSettings, boot::Instance) {
        let settings = boot::settings(settings, &self.board, beat).await;
        let imds = wiring::imds();
        let instance = boot::instance(imds.as_ref(), &self.board, beat).await;
        (settings, instance)
    }

    fn watch_system(&self, parts: &Parts) {
        let system = System {
            root: Path::new("/").to_owned(),
            folders: Folders::from_env(),
            imds: wiring::imds(),
            board: self.board.clone(),
            state: self.system.clone(),
            pace: Pace::default(),
            stop: self.stop.clone(),
        };
        parts.watch("system", system.run());
    }

    fn watch_gpus(
        &self,
        parts: &Parts,
        root: &Path,
        expected: Option<u32>,
        library: Option<&Path>,
    ) {
        let monitor = gpu::Monitor {
            expected,
            workers: gpu::workers(OWN_PROGRAM, library),
            kernel_log: Arc::new(gpu::Journalctl::default()),
            state_folder: state_folder(),
            root: root.to_owned(),
            board: self.board.clone(),
            state: self.gpu.clone(),
            stop: self.stop.clone(),
            timings: gpu::Timings::default(),
        };
        parts.watch("gpu", monitor.run());
    }

    fn watch_idle(&self, parts: &Parts, limit: Duration, devices: &Tree) {
        let idle = Idle {
            limit,
            gpu: self.gpu.clone(),
            link: self.link.clone(),
            tree: devices.clone(),
            board: self.board.clone(),
            runtime_folder: Folders::from_env().runtime,
            stop: self.stop.clone(),
        };
        parts.watch("idle", idle.run());
    }

    fn watch_mlflow(
        &self,
        settings: &NodeSettings,
        sagemaker: Option<Arc<dyn SageMaker>>,
        resource: Option<TrackingResource>,
        parts: &Parts,
    ) {
        let Some((sagemaker, resource)) = sagemaker.zip(resource) else {
            let reading = Reading::good(mlflow::NOT_CONFIGURED);
            return self.board.set(name::MLFLOW_ENDPOINT, reading);
        };
        let watch = mlflow::Watch {
            listen: settings.mlflow.listen,
            sagemaker,
            resource,
            board: self.board.clone(),
            stop: self.stop.clone(),
        };
        parts.watch("mlflow endpoint", watch.run());
    }

    fn log_links(
        &self,
        parts: &Parts,
        settings: &NodeSettings,
        instance: &boot::Instance,
        versions: &versions::Source,
        image: Option<Image>,
    ) {
        let Some(link_runs) = settings.link_runs() else { return };
        let runs = Runs {
            settings: link_runs,
            resource: settings.mlflow_tracking_arn.as_ref().and_then(|arn| arn.parse().ok()),
            facts: Facts {
                cluster: settings.cluster.clone(),
                zone: instance.zone.clone(),
                image_id: None,
                image,
                versions: versions.clone(),
            },
            imds: wiring::imds(),
            link: self.link.clone(),
            board: self.board.clone(),
            state_folder: state_folder(),
            pace: nixl_tracking::Pace::default(),
            stop: self.stop.clone(),
        };
        parts.watch("runs", runs.run());
    }

    fn keep_url(&self, keeper: Option<Arc<UrlKeeper>>, parts: &Parts) {
        match &keeper {
            Some(keeper) => {
                let run = mlflow::run(keeper.clone(), self.board.clone(), self.stop.clone());
                parts.watch("mlflow", run);
            }
            None => self.board.set(name::MLFLOW, Reading::good(mlflow::NOT_CONFIGURED)),
        }
        // Only this function fills the slot, and it runs once.
        let _ = self.slot.set(keeper);
    }
}

/// The oneshot may run after the daemon, so its files are looked at again.
async fn watch_environment(
    files: Files,
    settings: NodeSettings,
    board: Board,
    stop: CancellationToken,
) {
    let variables = Variables::of(&settings);
    let mut interval = tokio::time::interval(ENVIRONMENT_INTERVAL);
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            _ = interval.tick() => {}
        }
        let stale = files.stale(variables.as_ref());
        let reading = if stale.is_empty() {
            Reading::good(if variables.is_some() { "as set" } else { "nothing to set" })
        } else {
            let paths: Vec<String> = stale.iter().map(|path| path.display().to_string()).collect();
            let evidence = format!("MLflow's variables are not in {}", paths.join(" and "));
            Reading::bad(&reason::ENVIRONMENT_STALE, evidence)
        };
        board.set_settled(name::ENVIRONMENT, vec![reading], Settle::AT_ONCE);
    }
}
