//! What the processes of this daemon cost, from proc(5).
//!
//! A worker that nobody may trace is out of sight under `ProtectProc=`, so its
//! files are opened before it becomes that and read through later on.

use rustix::fs::{Dir, Mode, OFlags};
use std::collections::BTreeMap;
use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::fs::FileExt as _;
use std::sync::{Mutex, PoisonError};

/// Of this process and its children, by name.
static WATCHED: Mutex<BTreeMap<&'static str, Watched>> = Mutex::new(BTreeMap::new());
/// Name of the daemon itself.
const DAEMON: &str = "daemon";
/// One line, 52 numbers.
const MOST_STAT_BYTES: usize = 2048;

struct Watched {
    stat: File,
    /// Absent where it may not be read.
    descriptors: Option<OwnedFd>,
}

/// What one process uses.
#[derive(Debug, Clone, PartialEq)]
pub struct Usage {
    /// `daemon`, or what the worker owns.
    pub name: &'static str,
    /// Memory it holds, also what it shares.
    pub resident_bytes: u64,
    /// Time on a processor since its start.
    pub cpu_secs: f64,
    /// Threads.
    pub threads: u64,
    /// Open file descriptors, where they can be counted.
    pub descriptors: Option<usize>,
}

/// A child has started and counts under this name, in place of an earlier one.
///
/// # Errors
/// If the process is out of sight.
pub fn started(name: &'static str, process: Option<u32>) -> io::Result<()> {
    let process = process.ok_or_else(|| io::Error::other("it has ended"))?;
    let watched = watch(&process.to_string())?;
    WATCHED.lock().unwrap_or_else(PoisonError::into_inner).insert(name, watched);
    Ok(())
}

/// The daemon and every child that lives. The kernel makes the text out of
/// counters, so this does not block.
#[must_use]
pub fn usage() -> Vec<Usage> {
    let daemon = watch("self").ok();
    let own = daemon.iter().map(|watched| (DAEMON, watched));
    let children = WATCHED.lock().unwrap_or_else(PoisonError::into_inner);
    let all = own.chain(children.iter().map(|(name, watched)| (*name, watched)));
    all.filter_map(|(name, watched)| watched.usage(name)).collect()
}

fn watch(process: &str) -> io::Result<Watched> {
    let folder = format!("/proc/{process}");
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    Ok(Watched {
        stat: File::open(format!("{folder}/stat"))?,
        descriptors: rustix::fs::open(format!("{folder}/fd"), flags, Mode::empty()).ok(),
    })
}

impl Watched {
    fn usage(&self, name: &'static str) -> Option<Usage> {
        let mut text = [0; MOST_STAT_BYTES];
        // ESRCH once it has ended.
        let len = self.stat.read_at(&mut text, 0).ok()?;
        let stat = parse(std::str::from_utf8(&text[..len]).ok()?)?;
        Some(Usage {
            name,
            resident_bytes: stat.resident_pages * rustix::param::page_size() as u64,
            cpu_secs: stat.ticks as f64 / rustix::param::clock_ticks_per_second() as f64,
            threads: stat.threads,
            descriptors: self.descriptors.as_ref().and_then(count),
        })
    }
}

fn count(folder: &OwnedFd) -> Option<usize> {
    // Opens it anew, so that it is read from its begin.
    let entries = Dir::read_from(folder).ok()?;
    let names = entries.filter_map(Result::ok);
    Some(names.filter(|entry| !entry.file_name().to_bytes().starts_with(b".")).count())
}

#[derive(Debug, PartialEq)]
struct Stat {
    ticks: u64,
    threads: u64,
    resident_pages: u64,
}

/// The name in parentheses may hold anything; numbers count from behind it,
/// where field 3 of the manual page is the first.
fn parse(stat: &str) -> Option<Stat> {
    let fields: Vec<&str> = stat.rsplit_once(") ")?.1.split_ascii_whitespace().collect();
    let field = |number: usize| fields.get(number - 3)?.parse::<u64>().ok();
    Some(Stat {
        ticks: field(14)?.checked_add(field(15)?)?,
        threads: field(20)?,
        resident_pages: field(24)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::io::{Read as _, Write as _};
    use std::process::Stdio;

    #[test]
    fn fields_are_those_of_the_manual_page() {
        let stat = "7 (a) b) S 1 7 7 0 -1 4194560 1 2 3 4 150 50 0 0 20 0 3 0 99 4096 321 18446744073709551615 1";
        assert_eq!(parse(stat), Some(Stat { ticks: 200, threads: 3, resident_pages: 321 }));
        assert_eq!(parse("7 (a) S 1"), None);
    }

    #[test]
    fn a_child_is_counted_as_long_as_it_lives() {
        let mut cat = std::process::Command::new("/bin/cat");
        let mut child = cat.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        // Its loader still opens files until it answers.
        child.stdin.as_mut().unwrap().write_all(b"!").unwrap();
        child.stdout.as_mut().unwrap().read_exact(&mut [0]).unwrap();
        started("test", Some(child.id())).unwrap();
        let of = |name| usage().into_iter().find(|usage| usage.name == name);
        let (daemon, told) = (of(DAEMON).unwrap(), of("test").unwrap());
        assert!(daemon.resident_bytes > 1 << 20 && daemon.descriptors > Some(3), "{daemon:?}");
        assert!(told.resident_bytes > 0 && told.threads == 1, "{told:?}");
        assert!(told.descriptors.is_some_and(|count| count >= 3), "{told:?}");
        assert_eq!(of("test").unwrap().descriptors, told.descriptors, "read from its begin");
        child.kill().unwrap();
        child.wait().unwrap();
        assert_eq!(of("test"), None);
    }

    proptest! {
        #[test]
        fn nothing_the_kernel_says_does_harm(text in ".*") {
            let _ = parse(&text);
        }
    }
}
