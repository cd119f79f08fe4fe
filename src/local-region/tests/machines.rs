//! Real machines and builds; as root with systemd-nspawn and mmdebstrap. Each
//! test says so when it is skipped for lack of them.

#![allow(clippy::unwrap_used)] // a test ends at the first surprise

use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use nixl_local_region::backend::{
    BuildDocument, BuildSpec, Builder, Directory, InstanceView, MachineSpec, Machines, RootFs,
    Script, ScriptEnd, SessionCredentials, StepDone,
};
use nixl_local_region::build::NspawnBuilder;
use nixl_local_region::firewall::{Firewall, Inbound};
use nixl_local_region::imds::LateDirectory;
use nixl_local_region::layout::Layout;
use nixl_local_region::machine::{Hardware, NspawnMachines, exec, record::MachineRecord, sweep};
use nixl_local_region::{base_image, cli::prerequisites};
use tokio_util::sync::CancellationToken;

const USER_DATA: &[u8] = b"#cloud-config\nwrite_files:\n  - path: /etc/nixl/node.toml\n    content: |\n      cluster = \"t\"\n";

/// Two instances, `i-…01` and `i-…02`.
#[derive(Default)]
struct Fake(Mutex<Vec<(String, String)>>);

fn ip(id: &str) -> Ipv4Addr {
    Ipv4Addr::new(10, 77, 0, 10 + id[id.len() - 1..].parse::<u8>().unwrap())
}

fn mac(id: &str) -> String {
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

/// What a test has of its own; swept when it ends, also by a panic.
struct Ground {
    layout: Layout,
    base: RootFs,
    _dir: tempfile::TempDir,
}

impl Ground {
    /// `None`, and a line that says why, where machines cannot run.
    fn new() -> Option<Self> {
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

    fn machines(&self) -> (Arc<NspawnMachines>, Arc<Fake>) {
        let late = LateDirectory::default();
        let fake = Arc::new(Fake::default());
        assert!(late.set(fake.clone()).is_ok());
        let machines = NspawnMachines::new(&self.layout, late, 4577, Hardware::default()).unwrap();
        machines.serve_in_machines(axum::Router::new().fallback(async || "endpoint"));
        (machines, fake)
    }

    fn spec(&self, id: &str) -> MachineSpec {
        MachineSpec {
            instance_id: id.into(),
            host_name: format!("ip-{}", ip(id).to_string().replace('.', "-")),
            root: self.base.clone(),
            private_ip: ip(id),
            mac: mac(id),
        }
    }

    fn sh(&self, id: &str, script: &str) -> (bool, String) {
        let record = MachineRecord::read(&self.layout.machine_record(id)).unwrap();
        let Some(leader) = record.leader() else { return (false, "no leader".into()) };
        let argv = ["bash", "-c", script].map(str::to_owned);
        let output = exec::enter(leader, &argv).output().unwrap();
        let text = [output.stdout, output.stderr].concat();
        (output.status.success(), String::from_utf8_lossy(&text).trim().to_owned())
    }

    async fn until(&self, id: &str, script: &str) -> String {
        let deadline = Instant::now() + Duration::from_secs(90);
        loop {
            let (ok, text) = tokio::task::block_in_place(|| self.sh(id, script));
            if ok {
                return text;
            }
            assert!(Instant::now() < deadline, "{script}: {text}");
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    }

    /// Everything on this computer that carries the region's name.
    fn traces(&self) -> Vec<String> {
        let short = self.layout.short_id();
        let find = format!(
            "ls /run/netns /run/systemd/nspawn/propagate 2>/dev/null | grep nixl-region-{short}; \
             find /sys/fs/cgroup -path '*nixl-region/{short}*'; \
             grep -F {state} /proc/self/mountinfo; \
             ip -o link | grep nr{short}; \
             for p in /proc/[0-9]*; do tr '\\0' ' ' < $p/cmdline 2>/dev/null | grep -F {state}/machines | grep -v /proc/; done",
            state = self.layout.state_dir().display()
        );
        let output = Command::new("sh").args(["-c", &find]).output().unwrap();
        String::from_utf8_lossy(&output.stdout).lines().map(str::to_owned).collect()
    }
}

impl Drop for Ground {
    fn drop(&mut self) {
        sweep::sweep(&self.layout);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn two_machines_live_reboot_and_leave_nothing() {
    let Some(ground) = Ground::new() else { return };
    let (machines, fake) = ground.machines();
    let (one, two) = ("i-0000000000000001", "i-0000000000000002");
    let (a, b) = tokio::join!(machines.start(ground.spec(one)), machines.start(ground.spec(two)));
    a.unwrap();
    b.unwrap();

    let status = ground.until(one, "cloud-init status --long | grep -A99 '^status: done'").await;
    assert!(status.contains("DataSourceEc2"), "{status}");
    ground.until(one, "systemctl is-system-running | grep -qx running").await;
    assert_eq!(ground.sh(one, "cat /etc/nixl/node.toml").1, "cluster = \"t\"");
    assert!(ground.sh(one, "cloud-init query userdata").1.contains("write_files"));
    assert_eq!(ground.sh(one, "hostname").1, "ip-10-77-0-11");
    let token = "T=$(curl -sf -X PUT -H 'X-aws-ec2-metadata-token-ttl-seconds: 60' 169.254.169.254/latest/api/token)";
    let read = format!(
        "{token}; curl -sf -H \"X-aws-ec2-metadata-token: $T\" 169.254.169.254/latest/meta-data"
    );
    assert_eq!(ground.sh(one, &format!("{read}/instance-id")).1, one);
    assert_eq!(ground.sh(two, &format!("{read}/instance-id")).1, two);
    assert_eq!(ground.sh(one, &format!("{read}/tags/instance/Name")).1, "one");
    assert!(!ground.sh(one, "curl -sf 169.254.169.254/latest/meta-data/instance-id").0);
    assert_eq!(ground.sh(one, "curl -sf http://127.0.0.1:4577/").1, "endpoint");
    assert_eq!(ground.sh(one, "cat /sys/class/net/eth0/address").1, mac(one));
    assert!(
        ground
            .sh(one, "systemctl show-environment | grep AWS_ENDPOINT_URL=http://127.0.0.1:4577")
            .0
    );
    // The machines reach each other over the bridge, once they may.
    let inbound = |to, from| Inbound { to: ip(to), named: Vec::new(), fabric: [ip(from)].into() };
    let firewall =
        Firewall { inbound: vec![inbound(one, two), inbound(two, one)], stateful: false };
    machines.firewall(firewall).await.unwrap();
    let heard = "timeout 5 bash -c '</dev/tcp/10.77.0.11/7000' && echo open";
    ground.sh(one, "systemd-run -q --unit ear python3 -m http.server 7000");
    assert_eq!(ground.until(two, heard).await, "open");

    let boot = ground
        .sh(one, "echo kept > /var/keep; cat /proc/1/stat | cut -d' ' -f22; cat /etc/machine-id");
    machines.reboot(one).await.unwrap();
    let other_boot = format!(
        "[ \"$(cat /proc/1/stat | cut -d' ' -f22; cat /etc/machine-id)\" != '{}' ]",
        boot.1
    );
    ground.until(one, &other_boot).await;
    assert_eq!(ground.until(one, "cat /var/keep").await, "kept");
    let (_, machine_id) = ground.sh(one, "cat /etc/machine-id");
    assert!(machine_id.len() == 32 && boot.1.ends_with(&machine_id), "{machine_id}");
    ground.until(one, "cloud-init status | grep -q done").await;
    assert!(!machines.console(one).is_empty());
    assert!(fake.0.lock().unwrap().is_empty(), "a reboot is not an end");

    machines.terminate(one).await.unwrap();
    let left = ground.traces();
    assert!(!left.iter().any(|line| line.contains("i-00000001") || line.contains(one)), "{left:?}");

    ground.sh(two, "systemctl poweroff");
    let deadline = Instant::now() + Duration::from_secs(20);
    while fake.0.lock().unwrap().is_empty() && Instant::now() < deadline {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert_eq!(*fake.0.lock().unwrap(), [(two.to_owned(), "powered off".to_owned())]);
    machines.shutdown().await;
    sweep::sweep(&ground.layout);
    assert_eq!(ground.traces(), Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn sweeping_finds_a_machine_nobody_watches_any_more() {
    let Some(ground) = Ground::new() else { return };
    let (machines, _) = ground.machines();
    let id = "i-0000000000000003";
    machines.start(ground.spec(id)).await.unwrap();
    // As kill -9 of the region: nspawn's death leaves the machine's pid 1.
    let record = MachineRecord::read(&ground.layout.machine_record(id)).unwrap();
    record.nspawn.signal(9);
    assert_eq!(sweep::sweep(&ground.layout), Vec::<String>::new());
    assert_eq!(ground.traces(), Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_machine_without_an_init_is_refused_and_leaves_nothing() {
    let Some(ground) = Ground::new() else { return };
    let (machines, fake) = ground.machines();
    let empty = ground.layout.state_dir().join("empty");
    std::fs::create_dir(&empty).unwrap();
    let id = "i-0000000000000004";
    let mut spec = ground.spec(id);
    spec.root = RootFs { layers: vec![empty] };
    let error = machines.start(spec).await.unwrap_err().to_string();
    assert!(error.starts_with("start i-0000000000000004: "), "{error}");
    assert!(machines.ids().is_empty() && fake.0.lock().unwrap().is_empty());
    assert!(!ground.traces().iter().any(|line| line.contains("i-0000")), "{:?}", ground.traces());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_agent_tells_what_its_machine_is_and_runs_scripts() {
    let Some(ground) = Ground::new() else { return };
    let (machines, _) = ground.machines();
    let id = "i-0000000000000006";
    machines.start(ground.spec(id)).await.unwrap();
    let deadline = Instant::now() + Duration::from_secs(90);
    let platform = loop {
        if let Some(platform) = machines.platform(id).await {
            break platform;
        }
        assert!(Instant::now() < deadline, "never at multi-user.target");
        tokio::time::sleep(Duration::from_millis(100)).await;
    };
    assert!(ground.sh(id, "systemctl is-active multi-user.target").0);
    assert_eq!(platform.computer_name, "ip-10-77-0-16");
    assert_eq!((platform.name.as_str(), platform.version.as_str()), ("Debian GNU/Linux", "12"));

    let stop = CancellationToken::new();
    let script = |text: &str, folder: Option<&str>| Script {
        command_id: "c".into(),
        text: text.into(),
        working_directory: folder.map(str::to_owned),
        environment: vec![("SSM_COMMAND_ID".into(), "c d".into())],
    };
    let run = async |text: &str, folder: Option<&str>| -> ScriptEnd {
        machines.run(id, &script(text, folder), stop.clone()).await.unwrap()
    };
    ground.sh(id, "echo FROM_ETC=1 >> /etc/environment");
    let end = run("env; pwd; id -u; umask; cat; echo bad >&2; exit 3\n", None).await;
    let told = String::from_utf8(end.stdout).unwrap();
    for line in
        ["AWS_ENDPOINT_URL=http://127.0.0.1:4577", "SSM_COMMAND_ID=c d", "/usr/bin", "0", "0022"]
    {
        assert!(told.lines().any(|told| told == line), "{line} in {told}");
    }
    assert!(!told.contains("FROM_ETC") && !told.contains("HOME="), "{told}");
    assert_eq!((end.exit_code, end.stderr.as_slice()), (Some(3), &b"bad\n"[..]));
    let end = run("#!/usr/bin/env python3\nimport os\nprint(os.getcwd())\n", Some("/tmp")).await;
    assert_eq!((end.exit_code, end.stdout.as_slice()), (Some(0), &b"/tmp\n"[..]));
    let end = run("true\n", Some("/nowhere")).await;
    assert!(end.exit_code != Some(0) && !end.stderr.is_empty());

    let text = "echo begun; touch /run/begun; sleep 1000 & sleep 1000\n";
    let endless = run(text, None);
    let stopping = async {
        ground.until(id, "test -e /run/begun").await;
        stop.cancel();
    };
    let (end, ()) = tokio::join!(endless, stopping);
    assert_eq!((end.exit_code, end.stdout.as_slice()), (None, &b"begun\n"[..]));
    ground.until(id, "! grep -qx sleep /proc/[0-9]*/comm").await;

    machines.terminate(id).await.unwrap();
    assert!(machines.platform(id).await.is_none());
    assert!(machines.run(id, &script("true\n", None), CancellationToken::new()).await.is_err());
}

fn component(text: &str) -> BuildDocument {
    BuildDocument {
        component_arn: "arn:aws:imagebuilder:us-east-1:123456789012:component/t/1.0.0/1".into(),
        name: "t".into(),
        document: text.into(),
        parameters: vec![("Greeting".into(), "hello".into())],
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_build_runs_its_documents_and_boots() {
    let Some(ground) = Ground::new() else { return };
    let objects = ground.layout.state_dir().join("s3");
    std::fs::create_dir_all(objects.join("bucket/dir")).unwrap();
    std::fs::write(objects.join("bucket/dir/tool"), "#!/bin/sh\necho tool\n").unwrap();
    let text = r#"
schemaVersion: 1.0
parameters: [{Greeting: {type: string}}]
phases:
  - name: build
    steps:
      - {name: Folder, action: CreateFolder, inputs: [{path: /opt/t}]}
      - {name: Fetch, action: S3Download, inputs: [{source: 's3://bucket/dir/tool', destination: /opt/t/tool}]}
      - {name: FetchAll, action: S3Download, inputs: [{source: 's3://bucket/dir/*', destination: /tmp}]}
      - {name: Mode, action: SetFilePermissions, inputs: [{path: /opt/t/tool, permissions: '0755'}]}
      - {name: File, action: CreateFile, inputs: [{path: /opt/t/greeting, content: '{{ Greeting }}'}]}
      - {name: Flaky, action: ExecuteBash, maxAttempts: 2, inputs: {commands: ['[ -e /tmp/again ] || { touch /tmp/again; exit 1; }']}}
      - {name: Ignored, action: ExecuteBash, onFailure: Ignore, inputs: {commands: ['exit 1']}}
      - name: Units
        action: ExecuteBash
        inputs:
          commands:
            - set -eu
            - cmp /opt/t/tool /tmp/tool
            - rm -r /usr/share/doc/curl
            - touch /etc/ssh_seen; mkdir -p /etc/ssh; echo k > /etc/ssh/ssh_host_rsa_key
            - printf '[Service]\nType=oneshot\nExecStart=/opt/t/tool\nRemainAfterExit=yes\n[Install]\nWantedBy=multi-user.target\n' > /etc/systemd/system/t.service
            - systemctl enable t.service
  - name: validate
    steps:
      - {name: Check, action: ExecuteBash, inputs: {commands: ['test "$(/opt/t/tool)" = tool && grep -qx hello /opt/t/greeting']}}
"#;
    let steps = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&steps);
    let progress = Arc::new(move |step: StepDone| seen.lock().unwrap().push((step.step, step.ok)));
    let builder = NspawnBuilder::new(&ground.layout);
    let spec = BuildSpec {
        build_id: "build-00000001".into(),
        parent: ground.base.clone(),
        documents: vec![component(text)],
        s3_root: objects,
    };
    let image = builder.build(spec, progress).await.unwrap();
    assert_eq!(image.layers.len(), 2);
    assert_eq!(steps.lock().unwrap().len(), 9);
    assert!(image.layers[0].join("opt/t/greeting").exists());
    for gone in ["etc/ssh/ssh_host_rsa_key", "tmp/perform_cleanup", "etc/hostname"] {
        assert!(!image.layers[0].join(gone).exists(), "{gone}");
    }
    let resolver = image.layers[0].join("etc/resolv.conf");
    assert!(!resolver.exists() || std::fs::read(resolver).unwrap().is_empty());

    let (machines, _) = ground.machines();
    let id = "i-0000000000000005";
    let mut spec = ground.spec(id);
    spec.root = image.clone();
    machines.start(spec).await.unwrap();
    ground.until(id, "systemctl is-active t.service").await;
    assert!(
        !ground.sh(id, "ls /usr/share/doc/curl").0,
        "a deletion in the build is one in the image"
    );
    assert_eq!(ground.sh(id, "stat -c %a /tmp").1, "1777");
    machines.shutdown().await;
    builder.discard(&image, &[]).await;
    assert!(!image.layers[0].exists() && ground.base.layers[0].exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failing_step_is_told_where_and_why() {
    let Some(ground) = Ground::new() else { return };
    let builder = NspawnBuilder::new(&ground.layout);
    let run = async |commands: &str, id: &str| {
        let text = format!(
            "schemaVersion: 1.0\nparameters: [{{Greeting: {{type: string}}}}]\nphases: [{{name: build, steps: [{{name: S, action: ExecuteBash, timeoutSeconds: 2, inputs: {{commands: ['{commands}']}}}}]}}]"
        );
        let spec = BuildSpec {
            build_id: id.into(),
            parent: ground.base.clone(),
            documents: vec![component(&text)],
            s3_root: "/nowhere".into(),
        };
        builder.build(spec, Arc::new(|_| {})).await.unwrap_err()
    };
    let failed = run("echo no libfabric here >&2; exit 3", "build-00000002").await;
    assert_eq!((failed.phase.as_str(), failed.step.as_str()), ("build", "S"));
    assert_eq!(failed.message, "no libfabric here\nexit status 3");
    let begun = Instant::now();
    let failed = run("sleep 60 & sleep 60", "build-00000003").await;
    assert!(failed.message.ends_with("timed out after 2 s"), "{}", failed.message);
    assert!(begun.elapsed() < Duration::from_secs(20));
    assert!(!ground.layout.build_dir("build-00000003").join("upper").exists());
    assert!(ground.layout.build_dir("build-00000003").join("log").exists());
}
