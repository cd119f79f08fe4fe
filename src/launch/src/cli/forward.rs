//! `forward` and `dashboard`: a node's port on this computer.

use super::access::{Access, interrupted};
use super::browser;
use super::connect::replace;
use super::{Cli, Output};
use crate::access::nodes::pick;
use crate::session::{plugin, port};
use anyhow::Context as _;
use clap::Args;

/// Port of the daemon's page.
const PAGE_PORT: u16 = 9100;

/// Flags of `forward`.
///
/// Several connections at a time: in one session where the node's agent
/// multiplexes (after 3.0.196.0), else in a session each.
#[derive(Debug, Args)]
pub struct Forward {
    /// The node, by name, rank or instance id (0 without it), and the port:
    /// REMOTE, or LOCAL:REMOTE
    #[arg(num_args = 1..=2, required = true, value_names = ["NODE", "[LOCAL:]REMOTE"])]
    pub words: Vec<String>,
    /// Do not use AWS's session-manager-plugin, even if it is installed
    #[arg(long)]
    pub no_plugin: bool,
}

/// Flags of `dashboard`.
#[derive(Debug, Args)]
pub struct Dashboard {
    /// The node: its name, rank or instance id
    #[arg(default_value = "0")]
    pub node: String,
    /// Open the page in this computer's browser
    #[arg(long)]
    pub open: bool,
}

/// Local and remote port; 0 for a free local one.
fn ports(text: &str) -> Result<(u16, u16), String> {
    let number = |text: &str| {
        text.parse::<u16>()
            .ok()
            .filter(|port| *port > 0)
            .ok_or_else(|| format!("{text:?} is no port; write e.g. 9100 or 8080:9100"))
    };
    match text.split_once(':') {
        Some((local, remote)) => Ok((number(local)?, number(remote)?)),
        None => number(text).map(|port| (port, port)),
    }
}

pub(super) async fn forward(cli: &Cli, flags: &Forward) -> anyhow::Result<()> {
    let (node, wanted) = match flags.words.as_slice() {
        [node, wanted] => (node.as_str(), wanted),
        [wanted] => ("0", wanted),
        _ => anyhow::bail!("one node and one port are expected"),
    };
    let (local, remote) = ports(wanted).map_err(anyhow::Error::msg)?;
    let access = Access::load(cli).await?;
    let node = pick(&access.nodes, node)?;
    if let Some(program) = plugin::find().filter(|_| !flags.no_plugin) {
        let request = port::request(&node.instance_id, remote, Some(local));
        return replace(&access, &program, &request).await;
    }
    let told = |port: u16| match cli.output {
        Output::Json => println!(
            "{}",
            serde_json::json!({"node": node.name, "local_port": port, "remote_port": remote})
        ),
        Output::Text => {
            println!("127.0.0.1:{port} is port {remote} of {}; Ctrl-C ends it", node.name)
        }
    };
    carry(&access, &node.instance_id, local, remote, told).await
}

pub(super) async fn dashboard(cli: &Cli, flags: &Dashboard) -> anyhow::Result<()> {
    let access = Access::load(cli).await?;
    let node = pick(&access.nodes, &flags.node)?;
    let told = |port: u16| {
        // The daemon answers to localhost only, whatever the port.
        let url = format!("http://localhost:{port}/");
        match cli.output {
            Output::Json => println!("{}", serde_json::json!({"node": node.name, "url": url})),
            Output::Text => println!("{url} is the page of {}; Ctrl-C ends it", node.name),
        }
        if flags.open {
            open(&url);
        }
    };
    carry(&access, &node.instance_id, 0, PAGE_PORT, told).await
}

async fn carry(
    access: &Access,
    instance_id: &str,
    local: u16,
    remote: u16,
    told: impl FnOnce(u16),
) -> anyhow::Result<()> {
    let ssm = &access.services.ssm;
    let mut forward = port::Forward::open(ssm, instance_id, remote, local).await?;
    told(forward.port()?);
    let result = tokio::select! {
        result = forward.run(&|why| eprintln!("{why}")) => result,
        () = interrupted() => Ok(()),
    };
    forward.end().await;
    result.context("the port is not there any more")
}

/// As far as there is a screen and a program for it.
fn open(url: &str) {
    let Some(program) = browser::opener() else {
        eprintln!("there is no screen to open it on");
        return;
    };
    if let Err(error) = browser::open(program, url) {
        eprintln!("{program}: {error}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_is_one_number_or_two() {
        assert_eq!(ports("9100"), Ok((9100, 9100)));
        assert_eq!(ports("8080:9100"), Ok((8080, 9100)));
        for bad in ["0", "x", "1:", ":1", "1:2:3", "70000", "8080:0"] {
            assert!(ports(bad).is_err(), "{bad}");
        }
    }
}
