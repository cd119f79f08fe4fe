//! `nixl-noded ack`: tells the daemon that a person has seen a reason.

use crate::{client, explain, port};
use anyhow::{Context as _, bail};
use nixl_cluster::Note;
use nixl_cluster::health::Acknowledged;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use std::net::SocketAddr;

/// Options of `ack`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Code of the reason, as in /health.
    #[arg(value_parser = code)]
    code: String,
    /// Only what /health names with this componentId, e.g. a device or a peer.
    #[arg(long)]
    id: Option<String>,
    /// What others should know, shown beside the reason.
    #[arg(long, value_name = "TEXT", value_parser = str::parse::<Note>)]
    note: Option<Note>,
    /// Takes acknowledgements back.
    #[arg(long, conflicts_with = "note")]
    undo: bool,
    /// Where the daemon listens.
    #[arg(long, value_name = "ADDRESS:PORT", default_value_t = crate::cli::default_listen(),
          value_parser = port::parse)]
    listen: SocketAddr,
}

fn code(text: &str) -> Result<String, explain::UnknownCode> {
    explain::known(text).map(|reason| reason.code.to_owned())
}

/// Asks the daemon; what it has acknowledged or taken back.
///
/// # Errors
/// If nothing has the reason, or the daemon does not answer.
pub fn run(args: &Args) -> anyhow::Result<String> {
    let mut path = format!("/ack?code={}", args.code);
    if let Some(id) = &args.id {
        path = format!("{path}&id={}", utf8_percent_encode(id, NON_ALPHANUMERIC));
    }
    let note = args.note.as_ref().map(|note| serde_json::json!({ "note": note }).to_string());
    let method = if args.undo { "DELETE" } else { "POST" };
    let (status, body) = client::ask(args.listen, method, &path, &note.unwrap_or_default())?;
    if status != 200 {
        let told: Option<serde_json::Value> = serde_json::from_str(&body).ok();
        let message = told.as_ref().and_then(|told| told["message"].as_str());
        bail!("{}", message.unwrap_or(body.trim()));
    }
    let done: Acknowledged = serde_json::from_str(&body).context("no answer to this")?;
    let what = if args.undo { "counts again" } else { "acknowledged" };
    Ok(done.checks.iter().map(|check| format!("{what}: {} of {check}\n", done.code)).collect())
}
