//! Four nodes of one launch, and the end of each by another layer of its lifetime:
//! by its daemon, its timer, its schedule, and by `reap`.

use crate::cloud::Cloud;
use anyhow::{Context, Result, anyhow, ensure};
use nixl_tests::{Region, node, wait_for};
use serde_json::{Value, json};
use std::time::Duration;

const CLUSTER: &str = "--cluster=life";
/// From the extension to the end: long enough to take three layers of each away.
const TTL: &str = "--ttl=60s";
/// From when the layers are taken away to the last of their ends.
const ENDED_WITHIN: Duration = Duration::from_secs(120);
const TIMER: &str = "systemctl -q is-active 'nixl-end-*.timer'";
const NO_TIMER: &str =
    "systemctl stop 'nixl-end-*.timer' && ! systemctl -q is-active 'nixl-end-*.timer'";
const DAEMON: &str =
    "systemctl -q is-active nixl-noded.service && systemctl -q is-active nixl-power-off.path";
const NO_DAEMON: &str = "units='nixl-noded.socket nixl-noded.service nixl-power-off.path' && systemctl stop $units && ! systemctl -q is-active $units";
/// Who follows a journal is killed before journald tells it of the last entries
/// (after 250 ms), so a unit hands over what is new on the machine's way down, and
/// that waits until all is read.
const LAST_WORDS: &str = "mkfifo /run/last-words && journalctl -q -n1 --cursor-file=/run/cursor >/run/first-word && systemd-run -q --unit=last-words -p 'ExecStop=/bin/sh -c \"journalctl --sync; journalctl -q -o cat --cursor-file=/run/cursor >/run/last-words\"' sleep infinity";
/// Until the machine ends; no longer than it is waited for.
const JOURNAL: [&str; 4] = ["timeout", "120", "cat", "/run/last-words"];

pub struct Life<'a> {
    pub cloud: &'a Cloud<'a>,
}

/// For each node at once, with its rank.
fn each(ids: &[String], act: impl Fn(usize, &str) -> Result<()> + Sync) -> Result<()> {
    let act = &act;
    std::thread::scope(|scope| {
        let tasks = ids.iter().enumerate().map(|(rank, id)| scope.spawn(move || act(rank, id)));
        let tasks: Vec<_> = tasks.collect();
        tasks.into_iter().try_for_each(|task| task.join().map_err(|_| anyhow!("it panicked"))?)
    })
}

impl Life<'_> {
    fn region(&self) -> &Region {
        self.cloud.region
    }

    fn launcher(&self, args: &[&str]) -> Result<nixl_tests::Output> {
        self.region().program("nixl-launch").run(&[args, &[CLUSTER]].concat())
    }

    fn aws(&self, args: &[&str]) -> Result<Value> {
        self.cloud.aws(args)
    }

    fn sh(&self, id: &str, script: &str) -> Result<()> {
        self.region().exec_ok(id, &["sh", "-c", script]).map(drop)
    }

    /// Launches them with roles; ids by rank, each paired with those of the other role.
    pub fn up(&self) -> Result<Vec<String>> {
        // As AWS does; no end goes by unseen then.
        self.region().control().ok(&["set", "window", "ec2.terminated_visible", "1h"])?;
        let asked = ["up", "--nodes=4", "--roles=prefill=1,decode=3", "--provider=tcp"];
        let quiet = ["--no-mlflow", "--output=json", CLUSTER];
        let told = self.region().program("nixl-launch").json(&[&asked[..], &quiet].concat())?;
        let nodes = told["nodes"].as_array().context("no nodes")?;
        ensure!(nodes.len() == 4, "{told:#}");
        let mut ids = Vec::new();
        for (rank, told) in nodes.iter().enumerate() {
            let role = if rank == 0 { "prefill" } else { "decode" };
            ensure!(told["rank"] == rank && told["role"] == role, "{told:#}");
            let id = told["instance_id"].as_str().context("no id")?;
            let document = node::paired(self.region(), id)?;
            ensure!(document["node"]["rank"] == rank, "{id}: {}", document["node"]);
            let peers = document["node"]["peers"].as_array().map_or(0, Vec::len);
            ensure!(peers == if rank == 0 { 3 } else { 1 }, "{id} of {role} has {peers} peers");
            ids.push(id.to_owned());
        }
        Ok(ids)
    }

    /// Tag, schedule and timer of every node stand at the new end, and the cost was told.
    pub fn extended(&self, ids: &[String]) -> Result<()> {
        let output = self.launcher(&["extend", TTL, "--output=json"])?;
        ensure!(output.code == 0 && output.stderr.contains("instances cost $"), "{output}");
        let told: Value = serde_json::from_str(&output.stdout)?;
        ensure!(told["cost"]["usd_per_hour"].as_f64().is_some_and(|usd| usd > 0.0), "{told:#}");
        let end = told["end"].as_str().context("no end")?;
        let at = format!("at({})", end.trim_end_matches('Z'));
        let timer = format!("systemctl is-active nixl-end-$(date -d {end} +%s).timer");
        let ends = ["--filters", "Name=key,Values=nixl:expires-at"];
        let tags = self.aws(&[&["ec2", "describe-tags"], &ends[..]].concat())?;
        let tags = tags["Tags"].as_array().context("no tags")?;
        each(ids, |_, id| {
            let tag = tags.iter().find(|tag| tag["ResourceId"] == id);
            ensure!(tag.is_some_and(|tag| tag["Value"] == end), "{id} ends {tag:?}, not {end}");
            let schedule = self.schedule("get-schedule", id)?;
            ensure!(schedule["ScheduleExpression"] == at.as_str(), "{schedule:#}");
            self.sh(id, &timer)
        })
    }

    fn schedule(&self, operation: &str, id: &str) -> Result<Value> {
        self.aws(&["scheduler", operation, "--group-name=life-scheduler", "--name", id])
    }

    /// Leaves the daemon to the first, the timer to the second, the schedule to the
    /// third, and nothing to the last.
    pub fn take_layers_away(&self, ids: &[String]) -> Result<()> {
        let nodes =
            [[DAEMON, NO_TIMER], [TIMER, NO_DAEMON], [NO_TIMER, NO_DAEMON], [NO_TIMER, NO_DAEMON]];
        each(ids, |rank, id| {
            nodes[rank].iter().try_for_each(|script| self.sh(id, script))?;
            let operation = if rank == 2 { "get-schedule" } else { "delete-schedule" };
            self.schedule(operation, id).map(drop)
        })
    }

    /// The first two have powered themselves off, the third was ended from outside,
    /// the last one runs on.
    fn stands(&self, ids: &[String]) -> Result<()> {
        let asked = ["ec2", "describe-instances", "--filters", "Name=tag:nixl:cluster,Values=life"];
        let query =
            ["--query", "Reservations[].Instances[].[InstanceId,State.Name,StateReason.Code]"];
        let found = self.aws(&[&asked[..], &query].concat())?;
        let own = json!("Client.InstanceInitiatedShutdown");
        let outside = json!("Client.UserInitiatedShutdown");
        let ended = |id: &String, why: &Value| json!([id, "terminated", why]);
        let expected = [
            ended(&ids[0], &own),
            ended(&ids[1], &own),
            ended(&ids[2], &outside),
            json!([ids[3], "running", null]),
        ];
        let found = found.as_array().context("no instances")?;
        ensure!(expected.iter().all(|it| found.contains(it)), "{found:?}, not {expected:?}");
        Ok(())
    }

    /// Each by what is left to it: so say the journals of those that ended
    /// themselves, and the region of who ended the third.
    pub fn ended(&self, ids: &[String]) -> Result<()> {
        let journal = |id: &str| self.region().exec(id, &JOURNAL).map(|output| output.stdout);
        ids[..2].iter().try_for_each(|id| self.sh(id, LAST_WORDS))?;
        let (daemons, timers) = std::thread::scope(|scope| {
            let journals = [&ids[0], &ids[1]].map(|id| scope.spawn(|| journal(id)));
            wait_for("three ends", ENDED_WITHIN, || self.stands(ids))?;
            let [daemons, timers] =
                journals.map(|task| task.join().map_err(|_| anyhow!("it panicked"))?);
            Ok::<_, anyhow::Error>((daemons?, timers?))
        })?;
        let (by_daemon, by_timer) = ("this node powers off now", "End of a nixl node");
        ensure!(daemons.contains(by_daemon) && !daemons.contains(by_timer), "{daemons}");
        ensure!(timers.contains(by_timer) && !timers.contains(by_daemon), "{timers}");
        let calls = ["calls", "--operation=ec2:TerminateInstances", "--caller=*/life-scheduler*"];
        let calls = self.region().control().json(&[&calls[..], &["--output=json"]].concat())?;
        ensure!(calls["calls"].as_array().is_some_and(|it| it.len() == 1), "{calls:#}");
        Ok(())
    }

    /// What outlived all layers is told with its cost, then ended with all around it.
    pub fn reaped(&self) -> Result<()> {
        let look = self.launcher(&["reap", "--grace=0s"])?;
        ensure!(look.code == 3 && look.stdout.contains("life: over since"), "{look}");
        let reaped = self.launcher(&["reap", "--grace=0s", "--yes"])?;
        ensure!(reaped.code == 0 && reaped.stdout.contains("cluster life is gone"), "{reaped}");
        let ours = ["--filters", "Name=tag:nixl:cluster,Values=life"];
        for (operation, key) in [
            ("describe-network-interfaces", "NetworkInterfaces"),
            ("describe-volumes", "Volumes"),
            ("describe-security-groups", "SecurityGroups"),
            ("describe-placement-groups", "PlacementGroups"),
            ("describe-addresses", "Addresses"),
        ] {
            let found = self.aws(&[&["ec2", operation], &ours[..]].concat())?;
            ensure!(found[key].as_array().is_some_and(Vec::is_empty), "{found:#}");
        }
        let query = ["iam", "list-roles", "--query", "Roles[?starts_with(RoleName, 'life-')]"];
        let roles = self.aws(&query)?;
        ensure!(roles.as_array().is_some_and(Vec::is_empty), "{roles:#}");
        let groups = self.aws(&["scheduler", "list-schedule-groups", "--name-prefix=life-"])?;
        ensure!(groups["ScheduleGroups"].as_array().is_some_and(Vec::is_empty), "{groups:#}");
        let down = self.launcher(&["down", "--mlflow"])?;
        ensure!(down.stdout.contains("nothing of cluster life is there"), "{down}");
        Ok(())
    }
}
