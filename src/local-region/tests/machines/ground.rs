//! What the tests of machines stand on.

use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use nixl_local_region::backend::{
    Directory, InstanceView, MachineSpec, RootFs, SessionCredentials,
};
use nixl_local_region::imds::LateDirectory;
use nixl_local_region::layout::Layout;
use nixl_local_region::machine::{Hardware, NspawnMachines, exec, record::MachineRecord, sweep};
use nixl_local_region::{base_image, cli::prerequisites};

use crate::traces::traces;

const USER_DATA: &[u8] = b"#cloud-config\nwrite_files:\n  - path: /etc/nixl/node.toml\n    content: |\n      cluster = \"t\"\n";

/// Two instances, `i-…01` and `i-…02`.
#[derive(Default)]
pub struct Fake(pub Mutex<Vec<(String, String)>>);

pub fn ip(id: &str) -> Ipv4Addr {
    Ipv4Addr::new(10, 77, 0, 10 + id[id.len() - 1..].parse::<u8>().unwrap())
}

pub fn mac(id: &str) -> String {
    format!("02:00:00:00:00:0{}", &id[id.len() - 1..])
}

impl Directory for Fake {
    fn instance(&self, id: &str) -> Option<InstanceView> {
        Some(InstanceView {
            instance_id: id.into(),
            reservation_id: "r-0123456789abcdef0".into(),
            launch_index: 0,
            image_id: "ami-0123456789abcdef0".into(),
            instance_type: "c7i.large".into(),
            account_id: "123456789012".into(),
            region: "us-east-1".into(),
            zone: "us-east-1a".into(),
            zone_id: "use1-az1".into(),
            private_ip: ip(id),
            public_ip: None,
            mac: mac(id),
            placement_group: None,
            security_groups: vec!["default".into()],
            user_data: Some(USER_DATA.to_vec()),
            tags: vec![("Name".into(), "one".into())],
            metadata_tags: true,
            tokens_required: true,
            launch_time: "2026-11-23T00:00:00Z".into(),
            notices: Default::default(),
            profile: None,
        })
    }
    fn credentials(&self, _: &str) -> Option<SessionCredentials> {
        None
    }
    fn machine_ended(&self, id: &str, why: &str) {
        self.0.lock().unwrap().push((id.into(), why.into()));
    }
    fn spend_mlflow_token(&self, _: &str, _: &str) -> Option<u64> {
        None
    }
    fn mlflow_port(&self, _: &str) -> Option<u16> {
        None
    }
}

/// A condition of a machine: its journal knows this many boots on its disk. One that is only in /run
/// is forgotten by a power cut.
pub fn booted(times: u32) -> String {
    format!(
        "journalctl -D /var/log/journal --list-boots | grep -cE '^ *-?[0-9]+ [0-9a-f]{{32}} ' | grep -qx {times}"
    )
}

/// What a test has of its own; swept when it ends, also by a panic.
pub struct Ground {
    pub layout: Layout,
    pub base: RootFs,
    _dir: tempfile::TempDir,
}

impl Ground {
    /// `None`, and a line that says why, where machines cannot run.
    pub fn new() -> Option<Self> {
        let missing = prerequisites::missing(&prerequisites::ThisHost, Path::new("/nowhere"));
        let missing: Vec<_> = missing.iter().filter(|m| !m.what.contains("mlflow")).collect();
        if !missing.is_empty() {
            // `./test` installs all of it: there, a skip would hide a fault.
            assert!(std::env::var_os("NIXL_TEST_ALL").is_none(), "machines need {missing:?}");
            eprintln!("SKIPPED: real machines need {missing:?}");
            return None;
        }
        let dir = tempfile::Builder::new().prefix("nixl-region-test-").tempdir().unwrap();
        let layout = Layout::new(&dir.path().join("state")).unwrap();
        layout.claim().unwrap();
        let cache = std::env::var_os("NIXL_REGION_CACHE_DIR").map(PathBuf::from);
        let cache = cache.unwrap_or_else(|| nixl_local_region::layout::DEFAULT_CACHE_DIR.into());
        // One at a time: tests run in parallel and an image takes a minute.
        std::fs::create_dir_all(&cache).unwrap();
        let lock = std::fs::File::create(cache.join("test.lock")).unwrap();
        lock.lock().unwrap();
        let base = base_image::ensure(&cache, &|line| eprintln!("{line}")).unwrap();
        Some(Self { layout, base, _dir: dir })
    }

    pub fn machines(&self) -> (Arc<NspawnMachines>, Arc<Fake>) {
        self.machines_with(Hardware::default())
    }

    pub fn machines_with(&self, hardware: Hardware) -> (Arc<NspawnMachines>, Arc<Fake>) {
        let late = LateDirectory::default();
        let fake = Arc::new(Fake::default());
        assert!(late.set(fake.clone()).is_ok());
        let machines = NspawnMachines::new(&self.layout, late, 4577, hardware).unwrap();
        machines.serve_in_machines(axum::Router::new().fallback(async || "endpoint"));
        (machines, fake)
    }

    pub fn spec(&self, id: &str) -> MachineSpec {
        MachineSpec {
            instance_id: id.into(),
            host_name: format!("ip-{}", ip(id).to_string().replace('.', "-")),
            root: self.base.clone(),
            private_ip: ip(id),
            mac: mac(id),
            gpus: None,
        }
    }

    pub fn sh(&self, id: &str, script: &str) -> (bool, String) {
        let record = MachineRecord::read(&self.layout.machine_record(id)).ok();
        let Some(leader) = record.and_then(|record| record.leader()) else {
            return (false, "it does not run".into());
        };
        let argv = ["bash", "-c", script].map(str::to_owned);
        let output = exec::enter(leader, &argv).output().unwrap();
        let text = [output.stdout, output.stderr].concat();
        (output.status.success(), String::from_utf8_lossy(&text).trim().to_owned())
    }

    /// The last that it wrote to its console, and that its nspawn did.
    fn console(&self, id: &str) -> String {
        let log = std::fs::read(self.layout.console_log(id)).unwrap_or_default();
        String::from_utf8_lossy(&log[log.len().saturating_sub(4096)..]).into_owned()
    }

    pub async fn until(&self, id: &str, script: &str) -> String {
        let deadline = Instant::now() + Duration::from_secs(90);
        loop {
            let (ok, text) = tokio::task::block_in_place(|| self.sh(id, script));
            if ok {
                return text;
            }
            assert!(Instant::now() < deadline, "{script}: {text}\n{}", self.console(id));
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    }

    /// Waits until nothing is left: the kernel frees loop devices a moment later.
    pub async fn gone(&self) {
        let deadline = Instant::now() + Duration::from_secs(5);
        while !self.traces().is_empty() {
            assert!(Instant::now() < deadline, "left: {:?}", self.traces());
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    pub fn traces(&self) -> Vec<String> {
        traces(&self.layout)
    }
}

impl Drop for Ground {
    fn drop(&mut self) {
        sweep::sweep(&self.layout);
    }
}
