//! A pair of real daemons on this computer, each with a libfabric that fails
//! as told, and somebody who asks them all the while how they are.
#![allow(dead_code)]

pub mod cloud;
#[path = "../../../fabric/tests/fake/mod.rs"]
mod fake;

pub use cloud::Cloud;
pub use fake::Fake;

use nixl_cluster::health::{CheckReason, HealthDocument};
use nixl_noded::client;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicBool, AtomicU16, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

const PATIENCE: Duration = Duration::from_secs(60);
const ASK_EVERY: Duration = Duration::from_millis(50);

/// Waits until `look` finds what it looks for.
pub fn wait_for<T>(what: &str, mut look: impl FnMut() -> Result<T, String>) -> T {
    let start = Instant::now();
    loop {
        match look() {
            Ok(found) => return found,
            Err(why) => assert!(start.elapsed() < PATIENCE, "no {what}: {why}"),
        }
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Below the ports that the kernel gives out by itself, each once, and others
/// than another run of these tests takes at the same time.
fn free_address() -> SocketAddr {
    static TAKEN: AtomicU16 = AtomicU16::new(0);
    let own = u16::try_from(std::process::id() % 500).unwrap() * 20;
    loop {
        let port = 21_000 + own + TAKEN.fetch_add(1, Ordering::Relaxed);
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        if TcpListener::bind(address).is_ok() {
            return address;
        }
    }
}

/// What `/health` said, and when.
pub type Said = Arc<Mutex<Vec<(Instant, HealthDocument)>>>;

/// A daemon and its fake library.
pub struct Node {
    pub fake: Fake,
    root: PathBuf,
    pub address: SocketAddr,
    cloud: SocketAddr,
    env: &'static [(&'static str, &'static str)],
    child: Child,
    pub said: Said,
    asking: Arc<AtomicBool>,
    asker: Option<JoinHandle<Duration>>,
}

impl Node {
    /// Starts a daemon.
    pub fn start(cloud: &Cloud, rank: u32, provider: &str, script: &str) -> Self {
        Self::start_with(cloud, rank, provider, script, "", &[])
    }

    /// Starts a daemon that looks for its devices below this root.
    pub fn start_below(
        root: &Path,
        cloud: &Cloud,
        rank: u32,
        provider: &str,
        script: &str,
    ) -> Self {
        Self::launch(root, cloud, rank, provider, script, "", &[])
    }

    /// Starts a daemon with further settings and variables.
    pub fn start_with(
        cloud: &Cloud,
        rank: u32,
        provider: &str,
        script: &str,
        settings: &str,
        env: &'static [(&'static str, &'static str)],
    ) -> Self {
        Self::launch(Path::new("/"), cloud, rank, provider, script, settings, env)
    }

    fn launch(
        root: &Path,
        cloud: &Cloud,
        rank: u32,
        provider: &str,
        script: &str,
        settings: &str,
        env: &'static [(&'static str, &'static str)],
    ) -> Self {
        let fake = Fake::new();
        fake.script(script);
        let settings = format!(
            "cluster = \"nixl\"\nsize = 2\nprovider = \"{provider}\"\nlibfabric = {:?}\n{settings}",
            fake.library()
        );
        std::fs::write(fake.folder().join("node.toml"), settings).unwrap();
        let address = free_address();
        let cloud = cloud.serve(rank);
        let child = run(&fake, root, address, cloud, env);
        let mut node = Self {
            fake,
            root: root.to_owned(),
            address,
            cloud,
            env,
            child,
            said: Said::default(),
            asking: Arc::default(),
            asker: None,
        };
        node.ask();
        node
    }

    /// From the first answer on, every question must be answered.
    fn ask(&mut self) {
        let address = self.address;
        wait_for("first answer", || client::get(address, "/health").map_err(|e| e.to_string()));
        self.asking.store(true, Ordering::Relaxed);
        let (asking, said) = (self.asking.clone(), self.said.clone());
        self.asker = Some(std::thread::spawn(move || {
            let mut slowest = Duration::ZERO;
            while asking.load(Ordering::Relaxed) {
                let at = Instant::now();
                let (_, body) = client::get(address, "/health").unwrap();
                slowest = slowest.max(at.elapsed());
                said.lock().unwrap().push((at, serde_json::from_str(&body).unwrap()));
                std::thread::sleep(ASK_EVERY.saturating_sub(at.elapsed()));
            }
            slowest
        }));
    }

    /// Ends the questions and gives how long the slowest answer took; fails if
    /// one was not answered.
    pub fn hush(&mut self) -> Duration {
        self.asking.store(false, Ordering::Relaxed);
        self.asker
            .take()
            .map_or(Duration::ZERO, |asker| asker.join().expect("every question is answered"))
    }

    /// Stops the daemon as systemd does; how it ended and how long that took.
    pub fn stop(&mut self) -> (ExitStatus, Duration) {
        self.hush();
        let begun = Instant::now();
        let pid = rustix::process::Pid::from_child(&self.child);
        rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
        let status = self.child.wait().unwrap();
        (status, begun.elapsed())
    }

    /// Starts the daemon anew.
    pub fn again(&mut self) {
        self.child = run(&self.fake, &self.root, self.address, self.cloud, self.env);
        self.ask();
    }

    /// Kills the daemon as nothing else does.
    pub fn kill(&mut self) {
        self.hush();
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Its fabric worker, as the kernel knows it.
    pub fn worker(&self) -> Result<u32, String> {
        let daemon = self.child.id();
        let children = format!("/proc/{daemon}/task/*/children");
        let mut found = Vec::new();
        for task in std::fs::read_dir(format!("/proc/{daemon}/task")).map_err(|e| e.to_string())? {
            let path = task.map_err(|e| e.to_string())?.path().join("children");
            let text = std::fs::read_to_string(path).unwrap_or_default();
            found.extend(text.split_whitespace().filter_map(|pid| pid.parse::<u32>().ok()));
        }
        let owns_fabric = |pid: &u32| {
            let command = std::fs::read_to_string(format!("/proc/{pid}/cmdline"));
            command.is_ok_and(|command| command.contains("fabric-worker"))
        };
        found.retain(owns_fabric);
        match found[..] {
            [worker] => Ok(worker),
            _ => Err(format!("{children}: {found:?}")),
        }
    }

    pub fn last(&self) -> HealthDocument {
        self.said.lock().unwrap().last().expect("asked").1.clone()
    }

    /// The first time since `from` that `/health` held this reason with these
    /// words in its evidence.
    pub fn heard(
        &self,
        code: &str,
        words: &[&str],
        from: Instant,
    ) -> Result<(Duration, CheckReason), String> {
        let said = self.said.lock().unwrap();
        let since = said.iter().filter(|(at, _)| *at >= from);
        let mut reasons = since.flat_map(|(at, document)| {
            let checks = document.checks.values().flatten();
            checks.filter_map(move |check| Some((*at - from, check.reason.clone()?)))
        });
        let fits = |reason: &CheckReason| {
            reason.code == code && words.iter().all(|words| reason.evidence.contains(words))
        };
        reasons.find(|(_, reason)| fits(reason)).ok_or_else(|| {
            said.last().map(|(_, document)| document.output.clone()).unwrap_or_default()
        })
    }

    /// Reason codes since `from`, each with when first.
    pub fn words(&self, from: Instant) -> Vec<(String, Duration)> {
        let mut words: Vec<(String, Duration)> = Vec::new();
        for (at, document) in self.said.lock().unwrap().iter().filter(|(at, _)| *at >= from) {
            for reason in document.checks.values().flatten().filter_map(|c| c.reason.as_ref()) {
                if !words.iter().any(|(code, _)| *code == reason.code) {
                    words.push((reason.code.clone(), *at - from));
                }
            }
        }
        words
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        self.asking.store(false, Ordering::Relaxed);
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn run(
    fake: &Fake,
    root: &Path,
    address: SocketAddr,
    cloud: SocketAddr,
    env: &[(&str, &str)],
) -> Child {
    let log = std::fs::File::create(fake.folder().join("log")).unwrap();
    let cloud = format!("http://{cloud}");
    Command::new(assert_cmd::cargo::cargo_bin!("nixl-noded"))
        .args(["run", "--listen", &address.to_string(), "--settings"])
        .arg(fake.folder().join("node.toml"))
        .arg("--root")
        .arg(root)
        .env_remove("NOTIFY_SOCKET")
        .env_remove("JOURNAL_STREAM")
        .env("AWS_EC2_METADATA_SERVICE_ENDPOINT", &cloud)
        .env("AWS_ENDPOINT_URL", &cloud)
        .env("AWS_ACCESS_KEY_ID", "test")
        .env("AWS_SECRET_ACCESS_KEY", "test")
        .envs(env.iter().copied())
        .stderr(Stdio::from(log))
        .spawn()
        .unwrap()
}

/// Two daemons, ranks 0 and 1, that are paired.
pub fn pair(provider: &str, script: &str) -> [Node; 2] {
    let cloud = Cloud::default();
    let nodes = [0, 1].map(|rank| Node::start(&cloud, rank, provider, script));
    paired_since(&nodes, Instant::now());
    nodes
}

/// Waits until both say that they are paired, asked after `from`, and gives how
/// long after that they first did.
pub fn paired_since(nodes: &[Node; 2], from: Instant) -> Duration {
    wait_for("pair", || {
        let mut latest = Duration::ZERO;
        for node in nodes {
            let said = node.said.lock().unwrap();
            let paired = |document: &HealthDocument| document.node.phase == "paired";
            let (at, last) = said.last().ok_or("not asked")?;
            if *at < from || !paired(last) {
                return Err(last.output.clone());
            }
            let begun = said.iter().rev().take_while(|(at, d)| *at >= from && paired(d)).last();
            latest = latest.max(begun.map_or(*at, |(at, _)| *at) - from);
        }
        Ok(latest)
    })
}
