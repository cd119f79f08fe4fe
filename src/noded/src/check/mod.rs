//! `nixl-noded check`: everything a node needs, each item with its result, why
//! and what to do.
//!
//! The daemon's health document is the one engine of judgement; here its checks
//! are sorted into sections, and what the daemon cannot see from its sandbox
//! (Python, name resolution) is looked at beside it, as readings of the same kind.

mod item;
mod look;
mod node;
mod show;

use crate::{client, port, settings};
use anyhow::Context as _;
use clap::builder::{PossibleValuesParser, TypedValueParser as _};
use nixl_cluster::check::{CheckDocument, Section, Verdict};
use std::io::{ErrorKind, Write as _};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

/// Options of `check`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Only this section; may be given several times.
    #[arg(long, value_name = "SECTION", value_parser = sections())]
    section: Vec<Section>,
    /// The peers, too, or only this one, by instance id or rank.
    #[arg(long, value_name = "ID|RANK", num_args = 0..=1, require_equals = true,
          value_parser = crate::link::show::peer)]
    peer: Option<Option<String>>,
    /// How to show it.
    #[arg(long, value_enum, default_value_t = Output::Text)]
    output: Output,
    /// How long Python may take to import NIXL and vLLM.
    #[arg(long, value_name = "SECONDS", default_value_t = 60,
          value_parser = clap::value_parser!(u64).range(1..=600))]
    python_timeout: u64,
    /// Where the daemon listens.
    #[arg(long, value_name = "ADDRESS:PORT", default_value_t = crate::cli::default_listen(),
          value_parser = port::parse)]
    listen: SocketAddr,
    /// Settings file.
    #[arg(long, value_name = "FILE", default_value = nixl_cluster::settings::PATH)]
    settings: PathBuf,
    /// Folder in whose place `/` is taken for what is looked at on this node.
    #[arg(long, value_name = "DIR", default_value = "/", hide = true)]
    root: PathBuf,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Output {
    /// For people.
    Text,
    /// For programs: `nixl_cluster::check::CheckDocument`.
    Json,
}

fn sections() -> impl clap::builder::TypedValueParser<Value = Section> {
    PossibleValuesParser::new(Section::ALL.map(Section::as_str))
        .try_map(|text| text.parse::<Section>())
}

/// Looks at everything and prints it; whether nothing fails.
///
/// # Errors
/// If it cannot be printed.
pub fn run(args: &Args) -> anyhow::Result<bool> {
    let document = document(args);
    let told = match args.output {
        Output::Json => format!("{}\n", serde_json::to_string_pretty(&document)?),
        Output::Text => show::text(&document, show::Paper::of_stdout()),
    };
    match std::io::stdout().write_all(told.as_bytes()) {
        // Who has read enough is no fault.
        Err(error) if error.kind() == ErrorKind::BrokenPipe => {}
        written => written.context("it cannot be printed")?,
    }
    Ok(document.verdict != Verdict::Fail)
}

fn document(args: &Args) -> CheckDocument {
    let wanted = if args.section.is_empty() { Section::ALL.to_vec() } else { args.section.clone() };
    let asked = node::ask(|path| client::get(args.listen, path), "/health");
    let plan = look::Plan {
        root: &args.root,
        settings: &settings::load(&args.settings),
        python_timeout: Duration::from_secs(args.python_timeout),
        wanted: &wanted,
    };
    let looked = look::look(&plan, asked.as_ref().ok());
    let mut nodes = vec![node::own(&asked, looked, &wanted)];
    if let Some(peer) = &args.peer {
        let get = |path: &str| client::get(args.listen, path);
        nodes.extend(node::peers(get, &asked, peer.as_deref(), &wanted));
    }
    CheckDocument::new(nodes)
}
