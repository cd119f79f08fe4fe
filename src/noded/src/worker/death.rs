//! How a worker ended: each kind is a reason of its own with its own count.

use nixl_cluster::reason::{self, Reason};
use std::collections::BTreeMap;
use std::io;
use std::os::unix::process::ExitStatusExt as _;
use std::process::ExitStatus;

/// What kind of end it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// A signal it brought upon itself: `abort()` in libfabric, or a fault.
    Aborted,
    /// A signal from outside: the kernel for lack of memory, or a person.
    Killed,
    /// It gave no sign of life, or would not end; the daemon killed it.
    Hung,
    /// It tried a system call that its sandbox forbids.
    Blocked,
    /// It took more memory than it may; the daemon killed it.
    Leaked,
    /// Anything else.
    Died,
}

impl Kind {
    /// The reason it is told as.
    #[must_use]
    pub fn reason(self) -> &'static Reason {
        match self {
            Self::Aborted => &reason::FABRIC_WORKER_ABORTED,
            Self::Killed => &reason::FABRIC_WORKER_KILLED,
            Self::Hung => &reason::FABRIC_WORKER_HUNG,
            Self::Blocked => &reason::FABRIC_WORKER_BLOCKED,
            Self::Leaked => &reason::FABRIC_WORKER_LEAKED,
            Self::Died => &reason::FABRIC_WORKER_DIED,
        }
    }

    fn verb(self) -> &'static str {
        match self {
            Self::Aborted => "aborted",
            Self::Killed => "was killed",
            Self::Hung => "hung",
            Self::Blocked => "was stopped by its sandbox",
            Self::Leaked => "leaked",
            Self::Died => "ended",
        }
    }

    pub(super) fn of(status: &io::Result<ExitStatus>) -> Self {
        match status.as_ref().ok().and_then(ExitStatus::signal) {
            Some(libc::SIGABRT | libc::SIGSEGV | libc::SIGBUS | libc::SIGILL | libc::SIGFPE) => {
                Self::Aborted
            }
            Some(libc::SIGSYS) => Self::Blocked,
            Some(_) => Self::Killed,
            None => Self::Died,
        }
    }
}

/// One end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Death {
    /// Its kind.
    pub kind: Kind,
    /// How, with the worker's last line on stderr.
    pub how: String,
}

impl Death {
    /// One of no special kind.
    pub fn other(how: impl Into<String>) -> Self {
        Self { kind: Kind::Died, how: how.into() }
    }

    /// The daemon had to kill it.
    pub fn hung(how: impl Into<String>) -> Self {
        Self { kind: Kind::Hung, how: how.into() }
    }
}

/// How often each kind has been seen.
#[derive(Debug, Default)]
pub struct Deaths(BTreeMap<Kind, u64>);

impl Deaths {
    /// Counts one.
    pub fn add(&mut self, kind: Kind) {
        *self.0.entry(kind).or_default() += 1;
    }

    /// Of all kinds.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.0.values().sum()
    }

    /// E.g. `aborted 2 times, hung once`.
    #[must_use]
    pub fn told(&self) -> String {
        let told = self.0.iter().map(|(kind, count)| match count {
            1 => format!("{} once", kind.verb()),
            count => format!("{} {count} times", kind.verb()),
        });
        told.collect::<Vec<_>>().join(", ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_has_its_kind() {
        let of = |raw| Kind::of(&Ok(ExitStatus::from_raw(raw)));
        assert_eq!(of(libc::SIGABRT), Kind::Aborted);
        assert_eq!(of(libc::SIGSEGV), Kind::Aborted);
        assert_eq!(of(libc::SIGSYS), Kind::Blocked);
        assert_eq!(of(libc::SIGKILL), Kind::Killed);
        assert_eq!(of(1 << 8), Kind::Died);
        assert_eq!(Kind::of(&Err(io::Error::other("gone"))), Kind::Died);
    }

    #[test]
    fn kinds_are_counted_apart() {
        let mut deaths = Deaths::default();
        for kind in [Kind::Hung, Kind::Aborted, Kind::Aborted] {
            deaths.add(kind);
        }
        assert_eq!((deaths.total(), deaths.told().as_str()), (3, "aborted 2 times, hung once"));
    }
}
