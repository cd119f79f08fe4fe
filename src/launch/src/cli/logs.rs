//! `logs`: what the nodes' journals say, as one.

use super::access::{Access, exited, interrupted};
use super::{Cli, Output};
use crate::access::follow;
use crate::access::journal::{Entry, Query};
use crate::access::nodes::pick_all;
use clap::{Args, ValueEnum};
use nixl_cluster::reason;
use std::io::Write as _;

/// How alike two reasons must be for one to be meant by the other.
const ALIKE: f64 = 0.75;

/// Where in its life a node was.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Stage {
    /// Settings and metadata are read
    Boot,
    /// The endpoints are opened
    Open,
    /// Identity and endpoint are written to the tags
    Register,
    /// The tags of the peers are looked for
    Discover,
    /// Peers prove who they are
    Handshake,
    /// Every peer is paired, or was
    Paired,
    /// A link is measured
    Measure,
    /// The daemon ends
    Stop,
}

/// Flags of `logs`.
#[derive(Debug, Args)]
pub struct Logs {
    /// Go on with new entries until interrupted
    #[arg(short, long)]
    pub follow: bool,
    /// Only newer ones, e.g. "-1h", "2026-11-28 17:00" (systemd.time(7), the nodes' clock);
    /// without it, since the nodes started
    #[arg(long, value_name = "TIME", allow_hyphen_values = true, value_parser = word)]
    pub since: Option<String>,
    /// Only of this node, by name, rank or instance id; may be given several times
    #[arg(long = "node", value_name = "NODE", value_delimiter = ',')]
    pub nodes: Vec<String>,
    /// Only those with this reason; may be given several times
    #[arg(long, value_name = "CODE", value_parser = code)]
    pub reason: Vec<String>,
    /// Only those of this stage; may be given several times
    #[arg(long, value_enum)]
    pub stage: Vec<Stage>,
    /// Of this unit instead of the daemon; may be given several times
    #[arg(long, value_name = "UNIT", value_parser = word)]
    pub unit: Vec<String>,
}

fn word(text: &str) -> Result<String, String> {
    if text.is_empty() || text.chars().any(char::is_control) {
        return Err("some text without control characters is expected".to_owned());
    }
    Ok(text.to_owned())
}

fn code(text: &str) -> Result<String, String> {
    if reason::find(text).is_some() {
        return Ok(text.to_owned());
    }
    let alike = reason::all()
        .map(|reason| (strsim::jaro_winkler(reason.code, text), reason.code))
        .filter(|(likeness, _)| *likeness >= ALIKE)
        .max_by(|a, b| a.0.total_cmp(&b.0));
    Err(match alike {
        Some((_, code)) => format!("no such reason; did you mean {code}?"),
        None => "no such reason; docs/reasons.md and `nixl-noded explain` list them".to_owned(),
    })
}

pub(super) async fn run(cli: &Cli, flags: &Logs) -> anyhow::Result<()> {
    let access = Access::load(cli).await?;
    let nodes = pick_all(&access.nodes, &flags.nodes)?;
    let named = |stage: &Stage| {
        stage.to_possible_value().map(|value| value.get_name().to_owned()).unwrap_or_default()
    };
    let query = Query {
        follow: flags.follow,
        since: flags.since.clone(),
        reasons: flags.reason.clone(),
        stages: flags.stage.iter().map(named).collect(),
        units: flags.unit.clone(),
    };
    let show = |entry: &Entry| {
        let line = if cli.output == Output::Json { entry.json() } else { entry.line() };
        let mut screen = std::io::stdout().lock();
        writeln!(screen, "{line}")?;
        screen.flush()
    };
    let tell = |what: &str| eprintln!("{what}");
    let ssm = &access.services.ssm;
    let wrong = match follow::read(ssm, &nodes, &query, interrupted(), show, tell).await {
        // `| head` has seen enough.
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => return Ok(()),
        read => read?,
    };
    wrong.iter().for_each(|why| eprintln!("{why}"));
    exited(u8::from(!wrong.is_empty()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_is_known_or_guessed() {
        assert!(code("pair.peer_lost").is_ok());
        assert_eq!(
            code("pair.peer_lots").unwrap_err(),
            "no such reason; did you mean pair.peer_lost?"
        );
        assert!(code("x").is_err());
    }
}
