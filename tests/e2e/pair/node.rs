//! What people on a node see, and what happens when they break it.

use super::launch::Pair;
use anyhow::{Context, Result, bail, ensure};
use nixl_tests::node::{curl, health as health_of, paired};
use nixl_tests::{Program, Region, wait_for};
use serde_json::Value;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::Duration;

const NODES: [&str; 2] = ["nixl-node1", "nixl-node2"];

/// `/health`, `/livez`, `/readyz` as the contract says.
pub fn health(region: &Region) -> Result<()> {
    for node in NODES {
        // The first measurement of the link follows pairing.
        wait_for("a link that was measured", Duration::from_secs(15), || {
            let (code, document) = health_of(region, node)?;
            ensure!(code == 200 && document["status"] == "pass", "{node}: {code} {document:#}");
            ensure!(document["node"]["phase"] == "paired", "{document:#}");
            let round_trip = &document["checks"]["link:roundTripP50"][0];
            ensure!(
                round_trip["observedUnit"] == "us"
                    && round_trip["observedValue"].as_f64().is_some_and(|us| us > 0.0),
                "no round trip in {document:#}"
            );
            Ok(())
        })?;
        for path in ["/livez", "/readyz"] {
            let (code, body) = curl(region, node, path)?;
            ensure!(code == 200, "{node}{path}: {code} {body}");
        }
        let media = region.exec_ok(
            node,
            &[
                "curl",
                "-s",
                "-o",
                "/dev/null",
                "-w",
                "%{content_type}",
                "http://localhost:9100/health",
            ],
        )?;
        ensure!(media == "application/health+json", "{media}");
        // A browser that was tricked into resolving a foreign name to loopback is refused.
        let code = region.exec_ok(
            node,
            &[
                "curl",
                "-s",
                "-o",
                "/dev/null",
                "-w",
                "%{http_code}",
                "-H",
                "Host: evil.example",
                "http://localhost:9100/health",
            ],
        )?;
        ensure!(["403", "421"].contains(&code.as_str()), "a foreign Host got {code}");
        // Loopback only: the node's own address does not answer.
        let ip = region.exec_ok(
            node,
            &["sh", "-c", "ip -4 -br addr show dev eth0 | awk '{print $3}' | cut -d/ -f1"],
        )?;
        let away = region
            .exec(node, &["curl", "-s", "-m", "2", &format!("http://{}:9100/livez", ip.trim())])?;
        ensure!(away.code == 7, "9100 answers on {}: {away}", ip.trim());
    }
    Ok(())
}

/// `nixl-noded link`, for programs and for people.
pub fn link(region: &Region) -> Result<()> {
    // A report may be under way since pairing.
    wait_for("a full report", Duration::from_secs(60), || {
        let args = ["nixl-noded", "link", "--run", "--output", "json"];
        let document: Value = serde_json::from_str(&region.exec_ok(NODES[0], &args)?)?;
        let report = &document["peers"][0]["report"];
        let count = |name: &str| report[name].as_array().map_or(0, Vec::len);
        ensure!(count("latencies") >= 6 && count("bandwidths") >= 1, "{document:#}");
        Ok(())
    })?;
    let text = region.exec_ok(NODES[1], &["nixl-noded", "link"])?;
    ensure!(text.contains("round trips, two-sided messages"), "{text}");
    ensure!(text.contains("emulated by the provider"), "{text}");
    Ok(())
}

/// `MLFLOW_TRACKING_ARN` where people and units look for it.
pub fn environment(region: &Region, pair: &Pair) -> Result<()> {
    let expected = format!("MLFLOW_TRACKING_ARN={}", pair.tracking_arn);
    for node in NODES {
        let file = region.exec_ok(node, &["cat", "/etc/environment"])?;
        ensure!(file.lines().filter(|line| *line == expected).count() == 1, "{file}");
        // Run again, nothing changes.
        region.exec_ok(node, &["systemctl", "restart", "nixl-environment.service"])?;
        ensure!(region.exec_ok(node, &["cat", "/etc/environment"])? == file, "not idempotent");
        let shell = region.exec_ok(node, &["sh", "-lc", "echo $MLFLOW_TRACKING_ARN"])?;
        ensure!(shell.trim() == pair.tracking_arn, "login shell sees {shell:?}");
    }
    Ok(())
}

/// Structured fields, not only text.
pub fn journal(region: &Region, pair: &Pair) -> Result<()> {
    for (node, peer) in NODES.iter().zip(pair.ids.iter().rev()) {
        let lines = region
            .exec_ok(node, &["journalctl", "-u", "nixl-noded", "-o", "json", "--no-pager"])?;
        let entries: Vec<Value> =
            lines.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
        let paired = entries
            .iter()
            .any(|entry| entry["PEER_ID"] == peer.as_str() && entry["MESSAGE_ID"].is_string());
        ensure!(paired, "{node}: no entry with PEER_ID={peer} and a MESSAGE_ID:\n{lines}");
        let status = region.exec_ok(node, &["systemctl", "status", "nixl-noded", "--no-pager"])?;
        ensure!(status.contains("active (running)") && status.contains("Status:"), "{status}");
    }
    Ok(())
}

/// Unprivileged, without capabilities, behind a system call filter.
pub fn confined(region: &Region) -> Result<()> {
    let pids = region.exec_ok("nixl-node1", &["pgrep", "-u", "nixl-noded"])?;
    ensure!(pids.lines().count() >= 2, "daemon and worker: {pids}");
    for pid in pids.lines() {
        let status = region.exec_ok("nixl-node1", &["cat", &format!("/proc/{pid}/status")])?;
        let field = |name: &str| -> Result<String> {
            let line =
                status.lines().find_map(|line| line.strip_prefix(name)).context("no such field")?;
            Ok(line.trim_start_matches(':').trim().to_owned())
        };
        ensure!(!field("Uid")?.starts_with("0\t"), "runs as root");
        ensure!(field("CapEff")?.chars().all(|c| c == '0'), "has capabilities");
        ensure!(field("Seccomp")? == "2", "has no system call filter");
        ensure!(field("NoNewPrivs")? == "1", "may gain privileges");
    }
    Ok(())
}

/// User data was valid and applied without complaint.
pub fn cloud_init(region: &Region) -> Result<()> {
    for node in NODES {
        let status = region.exec(node, &["cloud-init", "status", "--long"])?;
        ensure!(status.stdout.contains("status: done"), "{status}");
        let schema = region.exec(node, &["cloud-init", "schema", "--system"])?;
        ensure!(schema.code == 0, "{schema}");
    }
    Ok(())
}

/// The AWS CLI with the credentials that a node's role gives it.
fn as_node(region: &Region) -> Result<Program> {
    let credentials = region.exec_ok(
        "nixl-node1",
        &["sh", "-ec", "t=$(curl -s -X PUT -H 'X-aws-ec2-metadata-token-ttl-seconds: 60' http://169.254.169.254/latest/api/token); \
           curl -sf -H \"X-aws-ec2-metadata-token: $t\" http://169.254.169.254/latest/meta-data/iam/security-credentials/nixl-node-us-east-1"],
    )?;
    let c: Value = serde_json::from_str(&credentials)?;
    let text = |key: &str| c[key].as_str().unwrap_or_default().to_owned();
    Ok(region.venv_program("aws").env(&[
        ("AWS_ACCESS_KEY_ID".to_owned(), text("AccessKeyId")),
        ("AWS_SECRET_ACCESS_KEY".to_owned(), text("SecretAccessKey")),
        ("AWS_SESSION_TOKEN".to_owned(), text("Token")),
    ]))
}

/// The node's role, used by another client than ours.
pub fn self_only_tags(region: &Region, pair: &Pair) -> Result<()> {
    let aws = as_node(region)?;
    let tag = |id: &str, key: &str| {
        aws.run(&[
            "ec2",
            "create-tags",
            "--dry-run",
            "--resources",
            id,
            "--tags",
            &format!("Key={key},Value=x"),
        ])
    };
    for (id, key, answer) in [
        (&pair.ids[0], "nixl:state", "DryRunOperation"),
        (&pair.ids[1], "nixl:state", "UnauthorizedOperation"),
        (&pair.ids[0], "Name", "UnauthorizedOperation"),
        (&pair.ids[0], "nixl:cluster", "UnauthorizedOperation"),
    ] {
        let output = tag(id, key)?;
        ensure!(output.stderr.contains(answer), "{key} on {id} should give {answer}: {output}");
    }
    let output =
        aws.run(&["ec2", "terminate-instances", "--dry-run", "--instance-ids", &pair.ids[0]])?;
    ensure!(output.stderr.contains("UnauthorizedOperation"), "{output}");
    Ok(())
}

/// Clients of MLflow on a node write artifacts to S3 themselves: below the cluster's
/// artifacts, and nothing of it goes.
pub fn artifacts(region: &Region) -> Result<()> {
    let admin = region.venv_program("aws");
    let account = admin.json(&["sts", "get-caller-identity"])?;
    let account = account["Account"].as_str().context("no account")?;
    let bucket = format!("nixl-mlflow-{account}-us-east-1");
    let aws = as_node(region)?;
    let key = "artifacts/0/run/artifacts/x";
    let of = |call: &str, more: &[&str]| {
        let mut args = vec!["s3api", call, "--bucket", &bucket];
        args.extend(more);
        aws.run(&args)
    };
    for (call, more) in [
        ("put-object", &["--key", key, "--body", "/etc/hostname"][..]),
        ("get-object", &["--key", key, "/dev/null"]),
        ("list-objects-v2", &["--prefix", "artifacts/0/run/"]),
    ] {
        let done = of(call, more)?;
        ensure!(done.code == 0, "{call}: {done}");
    }
    for (call, more) in [
        ("put-object", &["--key", "elsewhere/x", "--body", "/etc/hostname"][..]),
        ("delete-object", &["--key", key]),
        ("list-objects-v2", &[]),
        ("get-bucket-policy", &[]),
    ] {
        let done = of(call, more)?;
        ensure!(done.stderr.contains("AccessDenied"), "{call} {more:?}: {done}");
    }
    admin.ok(&["s3api", "delete-object", "--bucket", &bucket, "--key", key])?;
    Ok(())
}

/// One daemon is killed; the other one's health answers all the while.
pub fn kill(region: &Region) -> Result<()> {
    let stop = AtomicBool::new(false);
    let (asked, silent) = (AtomicU32::new(0), AtomicU32::new(0));
    let pid =
        || region.exec_ok("nixl-node1", &["systemctl", "show", "-P", "MainPID", "nixl-noded"]);
    let before = pid()?;
    let took = std::thread::scope(|scope| {
        scope.spawn(|| {
            while !stop.load(Ordering::Relaxed) {
                asked.fetch_add(1, Ordering::Relaxed);
                if health_of(region, "nixl-node2").is_err() {
                    silent.fetch_add(1, Ordering::Relaxed);
                }
            }
        });
        let done = (|| {
            region.exec_ok("nixl-node1", &["kill", "-9", before.trim()])?;
            wait_for("pairing again", Duration::from_secs(30), || {
                ensure!(pid()? != before, "not restarted yet");
                for node in NODES {
                    paired(region, node)?;
                }
                Ok(())
            })
        })();
        stop.store(true, Ordering::Relaxed);
        done.map(|((), took)| took)
    })?;
    let (asked, silent) = (asked.load(Ordering::Relaxed), silent.load(Ordering::Relaxed));
    println!(
        "        paired again after {:.1} s; the other answered {} of {asked} times",
        took.as_secs_f64(),
        asked - silent
    );
    ensure!(silent == 0, "nixl-node2 was silent {silent} of {asked} times");
    ensure!(took < Duration::from_secs(3), "paired again only after {took:?}");
    Ok(())
}

/// A reboot keeps the instance and its disk; the pair comes back by itself.
pub fn reboot(region: &Region) -> Result<()> {
    let boot = || region.exec_ok("nixl-node2", &["cat", "/proc/sys/kernel/random/boot_id"]);
    let first = boot()?;
    region.exec_ok("nixl-node2", &["sh", "-c", "echo kept > /root/kept; systemctl reboot"])?;
    let ((), took) = wait_for("pairing after the reboot", Duration::from_secs(90), || {
        ensure!(boot()? != first, "not rebooted yet");
        for node in NODES {
            paired(region, node)?;
        }
        Ok(())
    })?;
    println!("        paired again after {:.1} s", took.as_secs_f64());
    ensure!(region.exec_ok("nixl-node2", &["cat", "/root/kept"])?.trim() == "kept", "disk lost");
    Ok(())
}

/// For a failed run: the logs a person would look at.
pub fn tell(region: &Region) -> Result<()> {
    for args in [vec!["status"], vec!["logs"]] {
        println!("{}", tail(&region.control().run(&args)?.to_string(), 60));
    }
    for node in NODES {
        for command in [
            vec![
                "journalctl",
                "--no-pager",
                "-n",
                "60",
                "-u",
                "nixl-noded",
                "-u",
                "nixl-environment",
                "-u",
                "nixl-noded.socket",
            ],
            vec!["cloud-init", "status", "--long"],
            vec!["curl", "-s", "-m", "5", "http://localhost:9100/health"],
        ] {
            match region.exec(node, &command) {
                Ok(output) => println!("{node}: {}", tail(&output.to_string(), 80)),
                Err(error) => bail!("{error:#}"),
            }
        }
    }
    Ok(())
}

fn tail(text: &str, lines: usize) -> String {
    let all: Vec<_> = text.lines().collect();
    all[all.len().saturating_sub(lines)..].join("\n")
}
