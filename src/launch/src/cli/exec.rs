//! `exec`: a command on all nodes, and what each of them said.

use super::access::{Access, exited, interrupted};
use super::{Cli, Output, duration};
use crate::access::exec::{Everywhere, NodeResult, Said, exit_code};
use crate::access::lines::Lines;
use crate::access::nodes::pick_all;
use crate::engine::remote::RemoteNode;
use crate::session::script::Piece;
use clap::Args;
use std::ffi::OsString;
use std::time::Duration;

/// What a shell says of an end by Ctrl-C: 128 + SIGINT.
const INTERRUPTED: u8 = 130;

/// Flags of `exec`.
///
/// The command runs on all nodes at once, its arguments arrive as they are given
/// (no shell reads them: write `sh -c '…'` for one), it gets no input, and
/// nothing of its output is lost. Output is told by rank, each line with its
/// node's name where there are several. The exit code is the first one by rank
/// that is not 0; 255 stands for a node without one, 124 for one that ran out of
/// time.
#[derive(Debug, Args)]
pub struct Exec {
    /// Only on this node, by name, rank or instance id; may be given several times
    #[arg(long = "node", visible_alias = "rank", value_name = "NODE", value_delimiter = ',')]
    pub nodes: Vec<String>,
    /// Stop the command after so long, e.g. 90s
    #[arg(long, value_parser = duration)]
    pub timeout: Option<Duration>,
    /// The command and its arguments
    #[arg(last = true, required = true, value_name = "COMMAND")]
    pub command: Vec<OsString>,
}

pub(super) async fn run(cli: &Cli, flags: &Exec) -> anyhow::Result<()> {
    let access = Access::load(cli).await?;
    let nodes = pick_all(&access.nodes, &flags.nodes)?;
    let ssm = &access.services.ssm;
    let mut everywhere =
        Everywhere::start(ssm, &nodes, &flags.command, flags.timeout, "nixl-launch exec");
    let told = tokio::select! {
        told = tell(cli.output, &nodes, &mut everywhere) => Some(told),
        () = interrupted() => None,
    };
    everywhere.end().await;
    let Some(told) = told else { return exited(INTERRUPTED) };
    let results = told?;
    if cli.output == Output::Json {
        println!("{}", serde_json::to_string_pretty(&serde_json::json!({"nodes": results}))?);
    }
    exited(exit_code(results.iter().map(|result| result.exit_code)))
}

async fn tell(
    output: Output,
    nodes: &[RemoteNode],
    everywhere: &mut Everywhere,
) -> anyhow::Result<Vec<NodeResult>> {
    let mut results = Vec::new();
    for (node, said) in nodes.iter().zip(&mut everywhere.said) {
        let prefix = (nodes.len() > 1).then(|| format!("{}: ", node.name));
        let mut out = Lines::new(std::io::stdout(), prefix.clone());
        let mut err = Lines::new(std::io::stderr(), prefix);
        let mut result = NodeResult {
            rank: node.rank,
            name: node.name.clone(),
            instance_id: node.instance_id.clone(),
            exit_code: None,
            stdout: String::new(),
            stderr: String::new(),
            error: None,
        };
        let (mut stdout, mut stderr) = (Vec::new(), Vec::new());
        while let Some(said) = said.recv().await {
            match said {
                Said::Piece(Piece::Stdout(bytes)) if output == Output::Json => stdout.extend(bytes),
                Said::Piece(Piece::Stderr(bytes)) if output == Output::Json => stderr.extend(bytes),
                Said::Piece(Piece::Stdout(bytes)) => out.say(&bytes)?,
                Said::Piece(Piece::Stderr(bytes)) => err.say(&bytes)?,
                Said::Piece(Piece::Exit(code)) => result.exit_code = Some(code),
                Said::Failed(why) => result.error = Some(why),
            }
        }
        out.finish()?;
        err.finish()?;
        match (&result.error, result.exit_code) {
            (Some(why), _) => eprintln!("{}: {why}", node.name),
            (None, Some(0)) => {}
            (None, code) if output == Output::Text && nodes.len() > 1 => {
                let told = code.map_or("unknown".to_owned(), |code| code.to_string());
                eprintln!("{}: exit code {told}", node.name);
            }
            _ => {}
        }
        result.stdout = String::from_utf8_lossy(&stdout).into_owned();
        result.stderr = String::from_utf8_lossy(&stderr).into_owned();
        results.push(result);
    }
    Ok(results)
}
