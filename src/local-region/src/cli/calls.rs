//! `nixl-region calls`.

use std::io::Write;
use std::process::ExitCode;
use std::time::Duration;

use clap::Args;
use http::Method;
use serde::Deserialize;
use serde_json::Value;

use super::client::ask;
use super::state::{self, Credentials};
use super::status::Output;
use crate::control::Selection;
use crate::faults::pattern::short;
use crate::layout::Layout;

/// How often `--follow` looks for new calls.
const FOLLOW_EVERY: Duration = Duration::from_millis(300);

#[derive(Debug, Args)]
#[command(after_long_help = "\
DEPTH counts round trips: a call waited for every call of the same client (caller and user agent)
that had been answered when it began, and is one deeper than the deepest of them. Calls side by side
share a depth; the largest depth is the number of round trips one after the other. AFTER is the
deepest call it waited for. Both are counted among the calls that are shown.")]
pub(super) struct Options {
    #[command(flatten)]
    selection: Selection,
    /// Goes on showing calls as they are answered.
    #[arg(short, long)]
    follow: bool,
    /// `table` or `json` (with `--follow` one line a call).
    #[arg(long, default_value = "table")]
    output: Output,
}

#[derive(Deserialize)]
struct Answer {
    calls: Vec<Value>,
    summary: Value,
}

/// One call, as far as a line shows it.
#[derive(Deserialize)]
struct Row {
    sequence: u64,
    time: jiff::Timestamp,
    latency_micros: u64,
    depth: u32,
    waited_for: Option<u64>,
    caller: String,
    service: String,
    operation: String,
    path: Option<String>,
    outcome: String,
    rule: Option<String>,
    fault: Option<Fault>,
}

#[derive(Deserialize)]
struct Fault {
    id: String,
    effect: String,
}

pub(super) fn run(layout: &Layout, options: Options) -> anyhow::Result<ExitCode> {
    let credentials = state::credentials(layout)?;
    let Options { selection, follow, output } = options;
    let shown = if follow {
        followed(&credentials, selection, output)
    } else {
        once(&credentials, &selection, output)
    };
    match shown {
        // A reader that has seen enough.
        Err(error) if is_broken_pipe(&error) => Ok(ExitCode::SUCCESS),
        result => result.map(|()| ExitCode::SUCCESS),
    }
}

fn once(credentials: &Credentials, selection: &Selection, output: Output) -> anyhow::Result<()> {
    let answer = fetch(credentials, selection)?;
    let mut out = std::io::stdout().lock();
    if output == Output::Json {
        let document = serde_json::json!({"calls": answer.calls, "summary": answer.summary});
        writeln!(out, "{document:#}")?;
        return Ok(());
    }
    writeln!(out, "{HEADER}")?;
    for call in answer.calls {
        writeln!(out, "{}", line(serde_json::from_value(call)?))?;
    }
    writeln!(out, "{}", summary(&answer.summary))?;
    Ok(())
}

/// Until the region goes down or somebody has seen enough.
fn followed(
    credentials: &Credentials,
    mut selection: Selection,
    output: Output,
) -> anyhow::Result<()> {
    let mut out = std::io::stdout().lock();
    if output == Output::Table {
        writeln!(out, "{HEADER}")?;
    }
    loop {
        for call in fetch(credentials, &selection)?.calls {
            selection.unseen_from = call["sequence"].as_u64();
            match output {
                Output::Json => writeln!(out, "{call}")?,
                Output::Table => writeln!(out, "{}", line(serde_json::from_value(call)?))?,
            }
        }
        out.flush()?;
        std::thread::sleep(FOLLOW_EVERY);
    }
}

fn fetch(credentials: &Credentials, selection: &Selection) -> anyhow::Result<Answer> {
    let pairs = serde_json::to_value(selection)?;
    let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let encode = |text: &str| {
        percent_encoding::utf8_percent_encode(text, percent_encoding::NON_ALPHANUMERIC).to_string()
    };
    let pairs = pairs.as_object().into_iter().flatten();
    let query: Vec<String> =
        pairs.map(|(name, value)| format!("{name}={}", encode(&text(value)))).collect();
    ask(credentials, Method::GET, &format!("/_region/calls?{}", query.join("&")), None)
}

const HEADER: &str = "   SEQ  TIME             LATENCY  DEPTH  AFTER  CALLER                CALL";

fn line(row: Row) -> String {
    let by = match (&row.fault, &row.rule) {
        (Some(fault), _) => format!("  ({}: {})", fault.id, fault.effect),
        (None, Some(rule)) => format!("  ({rule})"),
        (None, None) => String::new(),
    };
    format!(
        "{:>6}  {}  {:>7.1}ms  {:>5}  {:>5}  {:20}  {}:{}{} {}{by}",
        row.sequence,
        row.time.strftime("%H:%M:%S%.3f"),
        row.latency_micros as f64 / 1000.0,
        row.depth,
        row.waited_for.map_or_else(|| "-".to_owned(), |sequence| sequence.to_string()),
        short(&row.caller),
        row.service,
        row.operation,
        row.path.map(|path| format!(" {path}")).unwrap_or_default(),
        row.outcome,
    )
}

fn summary(summary: &Value) -> String {
    format!(
        "{} calls of {} clients, {} round trips one after the other, {} failures",
        summary["calls"], summary["clients"], summary["round_trips"], summary["failures"]
    )
}

fn is_broken_pipe(error: &anyhow::Error) -> bool {
    let cause = error.downcast_ref::<std::io::Error>();
    cause.is_some_and(|error| error.kind() == std::io::ErrorKind::BrokenPipe)
}
