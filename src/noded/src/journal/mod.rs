//! `nixl-noded events`: what the daemon told the journal, read back.
//!
//! `journalctl` reads it, as a child: the journal's files have no stable form
//! that others may parse, and it knows rotation, compression and permissions.

mod entry;
mod query;
mod text;

pub use entry::{Entry, NotAnEntry};

use crate::events::{KINDS, reason_id};
use crate::terminal::plain;
use anyhow::{Context as _, bail};
use nixl_cluster::reason;
use query::Query;
use std::collections::BTreeSet;
use std::io::{BufRead as _, BufReader, ErrorKind, Read, Write as _};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Options of `events`.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    query: Query,
    /// Says under each entry what it means and what to do.
    #[arg(short = 'x', long)]
    explain: bool,
    /// How to show them.
    #[arg(long, value_enum, default_value_t = Output::Text)]
    output: Output,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Output {
    /// One line each.
    Text,
    /// One JSON object a line.
    Json,
}

const PROGRAM: &str = "journalctl";
/// What journalctl writes on stderr, which is never translated, for somebody
/// who may not read the system's journal (journalctl-util.c, journalctl.c).
const NOT_PERMITTED: &[&str] =
    &["insufficient permissions", "not seeing messages from other users"];
/// Far above anything journalctl has to say.
const MAX_COMPLAINT_BYTES: u64 = 64 << 10;

/// Reads and prints them, newest last.
///
/// # Errors
/// If the journal cannot be read.
pub fn run(args: &Args) -> anyhow::Result<()> {
    let mut reader = Reading::start(&args.query)?;
    let ours = ours();
    let mut stdout = std::io::stdout().lock();
    let mut count = 0_u64;
    let lines = reader.lines()?;
    for line in lines.split(b'\n') {
        let line = line.context("journalctl cannot be read from")?;
        // In other forms of output it says there that there is nothing.
        if line.first() != Some(&b'{') {
            continue;
        }
        let entry = Entry::parse(&line)?;
        if !entry.is_ours() || !entry.message_id().is_some_and(|id| ours.contains(id)) {
            continue;
        }
        count += 1;
        let told = match args.output {
            Output::Text => text::entry(&entry, args.explain),
            Output::Json => text::json(&entry, args.explain)?,
        };
        match stdout.write_all(told.as_bytes()).and_then(|()| stdout.flush()) {
            Err(error) if error.kind() == ErrorKind::BrokenPipe => return Ok(()),
            done => done?,
        }
    }
    reader.end()?;
    if count == 0 && args.output == Output::Text {
        eprintln!("no events{}", args.query.told());
    }
    Ok(())
}

/// Message ids of the daemon's events: other lines of it are its log.
fn ours() -> BTreeSet<String> {
    let kinds = KINDS.iter().map(|kind| kind.id.to_owned());
    kinds.chain(reason::all().map(|row| reason_id(row.code))).collect()
}

/// A journalctl at work; ends with this.
struct Reading {
    child: Arc<Mutex<Child>>,
    stdout: Option<ChildStdout>,
    complaints: Option<std::thread::JoinHandle<String>>,
}

impl Reading {
    fn start(query: &Query) -> anyhow::Result<Self> {
        let mut command = Command::new(PROGRAM);
        command
            .args(query.arguments())
            .env("LC_ALL", "C.UTF-8")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = match command.spawn() {
            Ok(child) => child,
            Err(error) if error.kind() == ErrorKind::NotFound => bail!(
                "there is no journalctl here, so no journal: events are read on a node with systemd"
            ),
            Err(error) => return Err(error).context("journalctl cannot be started"),
        };
        let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
        let child = Arc::new(Mutex::new(child));
        let complaints = stderr.map(|stderr| {
            let child = Arc::clone(&child);
            std::thread::spawn(move || listen(stderr, &child))
        });
        Ok(Self { child, stdout, complaints })
    }

    fn lines(&mut self) -> anyhow::Result<BufReader<ChildStdout>> {
        self.stdout.take().map(BufReader::new).context("journalctl has no output")
    }

    /// Once it has said everything.
    fn end(mut self) -> anyhow::Result<()> {
        let status = lock(&self.child).wait().context("journalctl was not seen to end")?;
        let said = self.complaints.take().and_then(|said| said.join().ok()).unwrap_or_default();
        if is_denied(&said) {
            bail!(
                "this user may not read the journal: try `sudo nixl-noded events`, or \
                 `sudo usermod -aG systemd-journal $USER` and log in again (members of adm may, too)"
            );
        }
        if !status.success() {
            let why = said.lines().last().unwrap_or("it said nothing");
            bail!("journalctl failed ({status}): {}", plain(why));
        }
        Ok(())
    }
}

impl Drop for Reading {
    fn drop(&mut self) {
        // It has ended, unless nobody reads any more.
        let mut child = lock(&self.child);
        let _ = child.kill();
        let _ = child.wait();
    }
}

fn lock(child: &Mutex<Child>) -> MutexGuard<'_, Child> {
    child.lock().unwrap_or_else(PoisonError::into_inner)
}

fn is_denied(said: &str) -> bool {
    NOT_PERMITTED.iter().any(|words| said.contains(words))
}

/// What it complains of. One that follows goes on where it may read nothing, so
/// it is ended as soon as it says so.
fn listen(stderr: impl Read, child: &Mutex<Child>) -> String {
    let mut lines = BufReader::new(stderr.take(MAX_COMPLAINT_BYTES));
    let mut said = Vec::new();
    // What cannot be read of it is not told.
    while matches!(lines.read_until(b'\n', &mut said), Ok(1..)) {
        if is_denied(&String::from_utf8_lossy(&said)) {
            // One that has ended already is as good.
            let _ = lock(child).kill();
        }
    }
    String::from_utf8_lossy(&said).into_owned()
}
