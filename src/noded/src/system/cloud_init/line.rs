//! The line of cloud-init's logs that shows the last failure of this boot: what
//! it warns of before that may be no failure at all.
//!
//! A log may hold what no health page should: see [`secret`].

use super::secret;
use std::fs::File;
use std::io::{self, Read as _, Seek as _, SeekFrom};
use std::path::Path;

/// What the programs of user data print, between cloud-init's own lines.
const OUTPUT: &str = "var/log/cloud-init-output.log";
const LOG: &str = "var/log/cloud-init.log";
/// A boot's part of a log is smaller.
const TAIL_BYTES: u64 = 256 << 10;
const MOST_CHARS: usize = 240;
/// Every boot begins so in both logs.
const BOOT: &str = "running 'init-local'";
/// How cloud-init marks what went wrong, after the name of a file of its own.
const MARKS: [&str; 3] = ["[WARNING]: ", "[ERROR]: ", "[CRITICAL]: "];
/// Of these, what ends a part of its work.
const FAILED: &str = "Failed";
/// It tries where metadata might be, one after the other; that one is not there
/// is no failure.
const SEARCH: &str = "Getting data from <class";

/// Looks for it; `None` if the logs cannot be read, or show nothing.
pub fn failing(root: &Path) -> Option<String> {
    let output = tail(&root.join(OUTPUT)).ok();
    let found = output.as_deref().and_then(printed);
    let found = found.or_else(|| marked(&tail(&root.join(LOG)).ok()?));
    found.map(|line| fit(&line))
}

fn tail(path: &Path) -> io::Result<String> {
    let mut file = File::open(path)?;
    let len = file.metadata()?.len();
    file.seek(SeekFrom::Start(len.saturating_sub(TAIL_BYTES)))?;
    let mut bytes = Vec::new();
    file.take(TAIL_BYTES).read_to_end(&mut bytes)?;
    let text = String::from_utf8_lossy(&bytes).into_owned();
    Ok(match text.rfind(BOOT) {
        Some(at) => text[at..].to_owned(),
        None => text,
    })
}

/// What was printed last before cloud-init said that something failed, which
/// are a program's own words; or else what cloud-init said.
fn printed(text: &str) -> Option<String> {
    let lines: Vec<&str> = text.lines().map(str::trim).collect();
    let failed = |line: &&str| is_mark(line) && line.contains(FAILED);
    let last = lines.iter().rposition(failed).or_else(|| lines.iter().rposition(|l| is_mark(l)))?;
    // One failure is told more than once, from the inside out.
    let told = lines[..last].iter().rev().take_while(|line| is_mark(line)).count();
    let mark = last - told;
    let own = |line: &&&str| !line.is_empty() && !line.starts_with("Cloud-init v. ");
    let before = lines[..mark].iter().rev().take_while(|line| !line.contains(BOOT)).find(own);
    Some((*before.unwrap_or(&lines[mark])).to_owned())
}

fn marked(text: &str) -> Option<String> {
    text.lines().map(str::trim).rfind(|line| is_mark(line)).map(str::to_owned)
}

fn is_mark(line: &str) -> bool {
    MARKS.iter().any(|mark| line.contains(mark)) && !line.contains(SEARCH)
}

/// Short, and without what may be secret.
pub fn fit(line: &str) -> String {
    let whole = secret::hide(line);
    match whole.char_indices().nth(MOST_CHARS) {
        Some((at, _)) => format!("{}…", &whole[..at]),
        None => whole,
    }
}
