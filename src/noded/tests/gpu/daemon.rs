//! A real daemon.

use crate::node::{Cloud, Node, wait_for};
use crate::nvml::Fake;
use nixl_cluster::health::{Check, HealthDocument};
use nixl_noded::client;
use nixl_noded::gpu::name;
use std::os::unix::fs::PermissionsExt as _;
use std::time::Instant;

/// As the real one with these arguments: what is in the file `entries` behind
/// the cursor, then nothing until it is killed. An entry's cursor is its line.
const JOURNALCTL: &str = r#"#!/bin/sh
after=0
for word; do case $word in --after-cursor=*) after=${word#*=} ;; esac; done
echo "$*" >> FOLDER/calls
tail -n +$((after + 1)) -f FOLDER/entries
"#;

struct Gpus {
    nvml: Fake,
    node: Node,
}

impl Gpus {
    /// A daemon on a node of 4 GPUs, by its instance type.
    fn start() -> Self {
        let nvml = Fake::new();
        nvml.script("count is 4");
        let folder = nvml.folder();
        std::fs::create_dir(folder.join("state")).unwrap();
        std::fs::write(folder.join("entries"), "").unwrap();
        let journalctl = folder.join("journalctl");
        let script = JOURNALCTL.replace("FOLDER", folder.to_str().unwrap());
        std::fs::write(&journalctl, script).unwrap();
        std::fs::set_permissions(&journalctl, std::fs::Permissions::from_mode(0o755)).unwrap();
        let path = std::env::var("PATH").unwrap();
        let settings = format!("nvml = {:?}\n", nvml.library());
        // For as long as the test program lives.
        let leaked = |text: String| -> &'static str { text.leak() };
        let environment = vec![
            ("PATH", leaked(format!("{}:{path}", folder.display()))),
            ("STATE_DIRECTORY", leaked(format!("{}/state", folder.display()))),
        ];
        let node = Node::start_with(&Cloud::default(), 0, "tcp", "", &settings, environment.leak());
        Self { nvml, node }
    }

    /// The kernel writes these Xids of these GPUs, one after the other.
    fn kernel(&self, from: usize, xids: impl IntoIterator<Item = (u32, u32)>) {
        use std::io::Write as _;
        let (mut lines, now) = (String::new(), jiff::Timestamp::now().as_microsecond());
        for (number, (gpu, xid)) in (from + 1..).zip(xids) {
            let micros = now + number as i64;
            let message = format!(
                "NVRM: Xid (PCI:0000:{:02x}:00): {xid}, pid=1234, name=python3, x",
                0x50 + gpu
            );
            lines.push_str(&format!(
                "{{\"__CURSOR\":\"{number}\",\"__REALTIME_TIMESTAMP\":\"{micros}\",\"MESSAGE\":\"{message}\"}}\n"
            ));
        }
        let entries = self.nvml.folder().join("entries");
        let mut file = std::fs::File::options().append(true).open(entries).unwrap();
        file.write_all(lines.as_bytes()).unwrap();
    }

    /// Waits until `/health` says, asked after now, what `wanted` makes of it.
    fn until<T>(&self, what: &str, wanted: impl Fn(&HealthDocument) -> Option<T>) -> T {
        let from = Instant::now();
        wait_for(what, || {
            let said = self.node.said.lock().unwrap();
            let (at, document) = said.last().ok_or("not asked")?;
            let told = Some(document).filter(|_| *at >= from).and_then(&wanted);
            told.ok_or_else(|| format!("{:?}", document.checks.get(name::XID)))
        })
    }
}

fn check<'a>(document: &'a HealthDocument, name: &str, id: Option<&str>) -> Option<&'a Check> {
    document.checks.get(name)?.iter().find(|check| check.component_id.as_deref() == id)
}

/// The number of Xids, of all or of one.
fn count(document: &HealthDocument, id: Option<&str>) -> Option<u64> {
    check(document, name::XID, id)?.observed_value.as_ref()?.as_u64()
}

#[test]
fn a_burst_of_xids_is_counted_exactly_also_over_a_restart() {
    let mut gpus = Gpus::start();
    // Of a thousand, each third is of the second GPU.
    let burst =
        |from: usize, to: usize| (from..to).map(|n| if n % 3 == 0 { (1, 94) } else { (0, 79) });
    gpus.kernel(0, burst(0, 1000));
    gpus.until("1000 Xids", |document| (count(document, None)? == 1000).then_some(()));
    let (first, second) = ("0000:50:00.0 Xid 79", "0000:51:00.0 Xid 94");
    let code = gpus.until("both", |document| {
        assert_eq!(
            (count(document, Some(first)), count(document, Some(second))),
            (Some(666), Some(334))
        );
        Some(check(document, name::XID, Some(first))?.reason.as_ref()?.code.clone())
    });
    assert_eq!(code, "gpu.xid_reboot");

    // It happens while nobody listens.
    let kept = gpus.nvml.folder().join("state/gpu.json");
    wait_for("all of it to be kept", || {
        let text = std::fs::read_to_string(&kept).unwrap_or_default();
        if text.contains("\"cursor\":\"1000\"") { Ok(()) } else { Err(text) }
    });
    gpus.node.kill();
    gpus.kernel(1000, burst(1000, 1100));
    gpus.node.again();
    gpus.until("1100 Xids", |document| (count(document, None)? == 1100).then_some(()));
    gpus.until("each", |document| (count(document, Some(second)) == Some(367)).then_some(()));
    wait_for("the same as a metric", || {
        let (_, text) = client::get(gpus.node.address, "/metrics").unwrap();
        let mut lines = text.lines().filter(|line| line.starts_with("nixl_gpu_xid_total{"));
        let second = lines.find(|line| line.contains("xid=\"94\"")).map(str::to_owned);
        let fits = second.as_deref().is_some_and(|line| line.ends_with(" 367.0"));
        if fits { Ok(()) } else { Err(format!("{second:?}")) }
    });
    let calls = std::fs::read_to_string(gpus.nvml.folder().join("calls")).unwrap();
    let calls: Vec<&str> = calls.lines().collect();
    assert_eq!(
        calls,
        [
            "-k -f -o json --no-pager --no-tail",
            "-k -f -o json --no-pager --no-tail --after-cursor=1000"
        ]
    );
    gpus.node.hush();
}

#[test]
fn health_answers_while_the_driver_does_not() {
    let mut gpus = Gpus::start();
    gpus.until("GPUs", |document| {
        let present = check(document, name::PRESENT, None)?;
        (present.observed_value == Some(4.into()) && present.reason.is_none()).then_some(())
    });
    gpus.nvml.script("count is 4\ngpu.2 hang");
    let evidence = gpus.until("a hung worker", |document| {
        let reason = check(document, name::WORKER, None)?.reason.as_ref()?;
        (reason.code == "gpu.worker_slow").then(|| reason.evidence.clone())
    });
    assert!(evidence.contains("hung once"), "{evidence}");
    let slowest = gpus.node.hush();
    eprintln!("slowest answer of /health with NVML wedged: {} ms", slowest.as_millis());
    assert!(gpus.node.stop().0.success());
}
