//! `nixl-noded link`: asks the daemon for its links and shows them.

mod draw;
mod text;

use crate::client;
use crate::port;
use anyhow::{Context as _, bail};
use draw::Style;
use nixl_cluster::link::{LinkDocument, Measuring, RunAccepted, Runs};
use std::io::{IsTerminal as _, Write as _};
use std::net::SocketAddr;
use std::thread::sleep;
use std::time::{Duration, Instant};

/// Options of `link`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Measures a full report now and waits for it.
    #[arg(long)]
    run: bool,
    /// Only the link to this peer.
    #[arg(long, value_name = "ID|RANK", value_parser = peer)]
    peer: Option<String>,
    /// How to show it.
    #[arg(long, value_enum, default_value_t = Output::Text)]
    output: Output,
    /// Where the daemon listens.
    #[arg(long, value_name = "ADDRESS:PORT", default_value_t = crate::cli::default_listen(),
          value_parser = port::parse)]
    listen: SocketAddr,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Output {
    /// Tables and drawings.
    Text,
    /// The daemon's document.
    Json,
}

/// How often a run that goes on is looked at.
const LOOK: Duration = Duration::from_millis(100);
/// Longer than the daemon waits for one measurement.
const STUCK: Duration = Duration::from_secs(90);

/// So that it can stand in a path.
pub(crate) fn peer(text: &str) -> Result<String, String> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
    if !text.is_empty() && text.bytes().all(plain) {
        Ok(text.to_owned())
    } else {
        Err("an instance id (i-…) or a rank is expected".to_owned())
    }
}

/// Asks, measures if told to, and prints.
///
/// # Errors
/// If the daemon does not answer, is not paired, or a run cannot be made.
pub fn run(args: &Args) -> anyhow::Result<()> {
    if args.run {
        follow(args)?;
    }
    let mut document = get(args.listen)?;
    if let Some(wanted) = &args.peer {
        document
            .peers
            .retain(|peer| peer.instance_id == *wanted || peer.rank.to_string() == *wanted);
    }
    let told = match args.output {
        Output::Json => format!("{}\n", serde_json::to_string_pretty(&document)?),
        Output::Text => text::document(&document, Style::of_stdout()),
    };
    std::io::stdout().write_all(told.as_bytes())?;
    if !document.peers.iter().any(|peer| peer.paired) {
        match &args.peer {
            Some(peer) => bail!("this node is not paired with {peer}; see `nixl-noded health`"),
            None => bail!("this node is not paired; see `nixl-noded health`"),
        }
    }
    Ok(())
}

fn get(address: SocketAddr) -> anyhow::Result<LinkDocument> {
    let (status, body) = client::get(address, "/link")?;
    serde_json::from_str(&body).with_context(|| {
        format!("what answers on {address} (HTTP {status}) is no nixl-noded of this release")
    })
}

/// Begins a run and waits for its end.
fn follow(args: &Args) -> anyhow::Result<()> {
    let query = args.peer.as_ref().map(|peer| format!("?peer={peer}")).unwrap_or_default();
    let (status, body) = client::post(args.listen, &format!("/link/run{query}"))?;
    if status != 202 {
        let told: Option<serde_json::Value> = serde_json::from_str(&body).ok();
        let message = told.as_ref().and_then(|told| told["message"].as_str());
        bail!("nothing was measured: {}", message.unwrap_or(body.trim()));
    }
    let accepted: RunAccepted = serde_json::from_str(&body).context("no answer to a run")?;
    let mut progress = Progress::default();
    let (mut seen, mut changed) = (None, Instant::now());
    loop {
        let runs = get(args.listen)?.runs;
        if ended(&runs, accepted.run)? {
            progress.end();
            return Ok(());
        }
        if seen != runs.measuring {
            changed = Instant::now();
            progress.tell(runs.measuring.as_ref());
            seen = runs.measuring;
        }
        if changed.elapsed() > STUCK {
            bail!("the run makes no progress; see `nixl-noded health`");
        }
        sleep(LOOK);
    }
}

/// Whether the run has ended; an error where it ended without its reports.
fn ended(runs: &Runs, run: u64) -> anyhow::Result<bool> {
    if runs.done < run {
        return match runs.under_way == Some(run) {
            true => Ok(false),
            false => bail!("the run was cut off: the daemon was restarted"),
        };
    }
    if !runs.cut_off.is_empty() {
        let peers = runs.cut_off.join(", ");
        bail!("the run was cut off: the pair with {peers} was lost; see `nixl-noded health`");
    }
    Ok(true)
}

/// One line on stderr, written over on a terminal.
#[derive(Default)]
struct Progress {
    told: Option<String>,
}

impl Progress {
    fn tell(&mut self, measuring: Option<&Measuring>) {
        let Some(Measuring { peer, done, of }) = measuring else { return };
        if std::io::stderr().is_terminal() {
            eprint!("\rmeasuring the link to {peer}: {done} of {of} ");
        } else if self.told.as_ref() != Some(peer) {
            eprintln!("measuring the link to {peer}: {of} measurements");
        }
        self.told = Some(peer.clone());
    }

    fn end(&self) {
        if self.told.is_some() && std::io::stderr().is_terminal() {
            eprint!("\r\x1b[K");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_that_was_cut_off_is_an_error() {
        let under_way = Runs { under_way: Some(3), done: 2, ..Runs::default() };
        assert!(!ended(&under_way, 3).unwrap());
        let done = Runs { done: 3, ..Runs::default() };
        assert!(ended(&done, 3).unwrap());
        let lost = Runs { cut_off: vec!["i-2".to_owned()], ..done };
        assert!(ended(&lost, 3).unwrap_err().to_string().contains("i-2"));
        assert!(ended(&Runs::default(), 3).unwrap_err().to_string().contains("restarted"));
    }
}
