//! `userdata/lifetime.sh` under `sh`, with programs of ours in the place of
//! curl, systemctl and systemd-run that write down how they were called.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::process::Command;

const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../userdata/lifetime.sh");
/// 2099-01-01T00:00:00Z.
const FAR: u64 = 4_070_908_800;

struct Machine(tempfile::TempDir);

struct Run {
    ok: bool,
    said: String,
    calls: String,
}

impl Machine {
    /// `tag` is what the metadata service has; `None` if it does not answer.
    fn new(tag: Option<&str>) -> Self {
        let machine = Self(tempfile::tempdir().unwrap());
        let curl = tag.map_or("exit 7".to_owned(), |tag| {
            format!("case $* in *api/token*) echo t;; *'token: t'*nixl:expires-at) printf %s '{tag}';; *) exit 1;; esac")
        });
        let timers = machine.path("timers");
        fs::write(&timers, "").unwrap();
        let timers = timers.display();
        machine.program("curl", &curl);
        machine.program(
            "systemctl",
            &format!(
                "case $1 in\n\
                 is-active) grep -qx \"$3\" {timers};;\n\
                 list-units) while read -r t; do echo \"$t loaded active waiting End\"; done <{timers};;\n\
                 stop) grep -vx \"$2\" {timers} >{timers}.new; mv {timers}.new {timers};;\n\
                 esac"
            ),
        );
        let started = format!(
            "for a; do case $a in --unit=*) echo \"${{a#--unit=}}.timer\" >>{timers};; esac; done"
        );
        machine.program("systemd-run", &started);
        machine
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn program(&self, name: &str, does: &str) {
        let path = self.path(name);
        let log = self.path("calls");
        let text = format!("#!/bin/sh\necho \"{name} $*\" >>{}\n{does}\n", log.display());
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    }

    fn run(&self, ttl_secs: &str, end: Option<&str>) -> Run {
        let _ = fs::remove_file(self.path("calls"));
        let path = format!("{}:{}", self.0.path().display(), std::env::var("PATH").unwrap());
        let output = Command::new("sh")
            .arg(SCRIPT)
            .args(end)
            .env("PATH", path)
            .env("NIXL_KEPT", self.path("kept"))
            .env("ttl_secs", ttl_secs)
            .output()
            .unwrap();
        Run {
            ok: output.status.success(),
            said: String::from_utf8_lossy(&output.stdout).into_owned(),
            calls: fs::read_to_string(self.path("calls")).unwrap_or_default(),
        }
    }

    fn timers(&self) -> String {
        fs::read_to_string(self.path("timers")).unwrap()
    }

    fn kept(&self) -> u64 {
        fs::read_to_string(self.path("kept")).unwrap().trim().parse().unwrap()
    }
}

#[test]
fn the_tag_says_when_and_an_extension_moves_it() {
    let machine = Machine::new(Some("2099-01-01T00:00:00Z"));
    let boot = machine.run("3600", None);
    assert!(boot.ok && boot.said.contains("powers off at 2099-01-01T00:00:00Z"), "{}", boot.said);
    assert!(boot.calls.contains("--on-calendar=2099-01-01 00:00:00 UTC"), "{}", boot.calls);
    assert_eq!((machine.timers(), machine.kept()), (format!("nixl-end-{FAR}.timer\n"), FAR));

    let moved = machine.run("", Some("2099-01-01T02:00:00Z"));
    assert!(moved.ok && moved.said.contains("02:00:00Z"), "{}", moved.said);
    assert_eq!(machine.timers(), format!("nixl-end-{}.timer\n", FAR + 7200));
    assert!(!moved.calls.contains("curl"), "{}", moved.calls);
    // Said twice, it is done once.
    let again = machine.run("", Some("2099-01-01T02:00:00Z"));
    assert!(again.ok && !again.calls.contains("systemd-run"), "{}", again.calls);
}

#[test]
fn without_the_tag_the_time_given_at_the_first_boot_holds_over_reboots() {
    let machine = Machine::new(None);
    assert!(machine.run("3600", None).ok);
    let end = machine.kept();
    fs::write(machine.path("timers"), "").unwrap();
    let reboot = machine.run("7200", None);
    assert!(reboot.ok, "{}", reboot.said);
    assert_eq!((machine.kept(), machine.timers()), (end, format!("nixl-end-{end}.timer\n")));
}

#[test]
fn what_is_over_ends_at_once() {
    let machine = Machine::new(Some("2020-01-01T00:00:00Z"));
    let run = machine.run("3600", None);
    assert!(run.calls.contains("systemctl --no-block --ignore-inhibitors poweroff"));
    assert!(!run.calls.contains("systemd-run"));
}

#[test]
fn without_any_time_nothing_is_scheduled() {
    let machine = Machine::new(None);
    let run = machine.run("", None);
    assert!(run.ok && run.said.contains("no end") && !run.calls.contains("system"));
    // A tag that is no time is as none: the time at the first boot counts.
    let odd = Machine::new(Some("soon"));
    assert!(odd.run("3600", None).ok && odd.kept() < FAR);
}

#[test]
fn a_timer_that_cannot_be_set_is_told() {
    let machine = Machine::new(None);
    machine.program("systemd-run", "exit 1");
    assert!(!machine.run("", Some("2099-01-01T00:00:00Z")).ok);
    machine.program("systemd-run", "exit 0");
    assert!(!machine.run("", Some("2099-01-01T00:00:00Z")).ok, "nothing was started");
}
