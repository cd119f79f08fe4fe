//! What breaks, what is said of it, and what mends it.

use crate::{PATIENCE, checks, doctor, failing, text, well};
use anyhow::{Context as _, Result, ensure};
use nixl_tests::programs::{bin, venv};
use nixl_tests::{Region, wait_for};

/// How something breaks or is mended.
enum Way {
    /// By `nixl-region`.
    Region(&'static [&'static str]),
    /// On a node.
    Node(&'static str, &'static [&'static str]),
    /// By boto3, with the clients `ec2` and `scheduler`.
    Python(&'static str),
}

/// One fault.
pub struct Row {
    pub name: &'static str,
    breaks: Way,
    /// The check that fails, and of which node.
    fails: (&'static str, Option<&'static str>),
    /// What mends it; the first command of the fix if none.
    mends: Option<Way>,
}

const CLIENTS: &str = "import boto3
ec2, scheduler = boto3.client('ec2'), boto3.client('scheduler')
";
const REVOKE: &str = "group = ec2.describe_security_groups(
    Filters=[{'Name': 'tag:nixl:cluster', 'Values': ['nixl']}])['SecurityGroups'][0]['GroupId']
ec2.revoke_security_group_egress(GroupId=group, IpPermissions=[
    {'IpProtocol': '-1', 'UserIdGroupPairs': [{'GroupId': group}]}])";
const UNSCHEDULE: &str =
    "found = scheduler.list_schedules(GroupName='nixl-scheduler')['Schedules'][0]
scheduler.delete_schedule(GroupName=found['GroupName'], Name=found['Name'])";

/// All of them.
pub const ROWS: &[Row] = &[
    Row {
        name: "the egress self rule is revoked",
        breaks: Way::Python(REVOKE),
        fails: ("self-egress", None),
        mends: None,
    },
    Row {
        name: "a schedule is deleted",
        breaks: Way::Python(UNSCHEDULE),
        fails: ("schedule", None),
        mends: None,
    },
    Row {
        name: "the daemon of a node is stopped",
        breaks: Way::Node(
            "nixl-node1",
            &["systemctl", "stop", "nixl-noded.socket", "nixl-noded.service"],
        ),
        fails: ("daemon", Some("nixl-node1")),
        mends: None,
    },
    Row {
        name: "the timer of a node is stopped",
        breaks: Way::Node("nixl-node2", &["sh", "-c", "systemctl stop 'nixl-end-*.timer'"]),
        fails: ("timer", Some("nixl-node2")),
        mends: None,
    },
    Row {
        name: "the clock of a node is an hour ahead",
        breaks: Way::Region(&["machine-clock", "nixl-node2", "+1h"]),
        fails: ("clock-skew", Some("nixl-node2")),
        mends: Some(Way::Region(&["machine-clock", "nixl-node2", "reset"])),
    },
    Row {
        name: "the disk of a node is full",
        breaks: Way::Region(&["fill-disk", "nixl-node1", "--leave", "20M"]),
        fails: ("disk", Some("nixl-node1")),
        mends: Some(Way::Region(&["free-disk", "nixl-node1"])),
    },
    Row {
        name: "the SSM agent of a node is gone, with its machine",
        breaks: Way::Region(&["power-cut", "nixl-node2"]),
        fails: ("ssm", Some("nixl-node2")),
        mends: Some(Way::Region(&["power-on", "nixl-node2"])),
    },
];

/// Breaks it, asks, mends it, asks again.
pub fn run(region: &Region, row: &Row) -> Result<()> {
    carry_out(region, &row.breaks)?;
    let expected = (row.fails.0.to_owned(), row.fails.1.map(str::to_owned));
    let probe = || {
        let told = doctor(region, 1)?;
        let failed = failing(&told);
        ensure!(failed == [expected.clone()], "{failed:?} fail");
        let first = checks(&told).find(|check| check["verdict"] == "fail");
        let fix = first.and_then(|check| text(check, "fix"));
        fix.with_context(|| format!("no fix: {told:#}"))
    };
    let fix = wait_for("the fault alone", PATIENCE, probe);
    // Mended also where it was not told, for the sake of the next row.
    match &row.mends {
        None => copied(region, &fix?.0)?,
        Some(way) => {
            carry_out(region, way)?;
            fix?;
        }
    }
    well(region)
}

/// As a person does who copies the command.
fn copied(region: &Region, fix: &str) -> Result<()> {
    let command = fix.split('`').nth(1).with_context(|| format!("no command: {fix}"))?;
    let path = "PATH=\"$1:$2:$PATH\"; eval \"$3\"";
    let programs = bin("").to_string_lossy().into_owned();
    let venv = venv().join("bin").to_string_lossy().into_owned();
    region.tool("/bin/sh").ok(&["-c", path, "sh", &programs, &venv, command]).map(drop)
}

fn carry_out(region: &Region, way: &Way) -> Result<()> {
    match way {
        Way::Region(args) => region.control().ok(args).map(drop),
        Way::Node(name, command) => region.exec_ok(name, command).map(drop),
        Way::Python(text) => {
            let text = format!("{CLIENTS}{text}");
            region.venv_program("python").ok(&["-c", &text]).map(drop)
        }
    }
}
