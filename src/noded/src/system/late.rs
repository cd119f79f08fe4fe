//! One restart of the SSM agent in a boot, if the role's credentials came late.
//!
//! An agent that starts before its role's credentials can be seen sleeps for
//! about 25 minutes (amazon-ssm-agent issues 202 and 491). The daemon may not
//! restart units; it puts a file into its runtime folder, which
//! `nixl-restart-ssm-agent.path` watches. That it did so is kept with the boot's
//! id, so that a restart of the daemon is no reason for another one.

use super::ssm_agent::Unit;
use jiff::SignedDuration;
use serde::{Deserialize, Serialize};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

/// In the state folder.
const RECORD: &str = "late-credentials.json";
/// In the runtime folder; the unit names it, too.
const REQUEST: &str = "restart-ssm-agent";
/// The restart itself takes a few seconds.
const RESTART_TAKES: SignedDuration = SignedDuration::from_secs(60);
/// By then an agent that nobody restarted has woken up by itself.
const SLEEPS: SignedDuration = SignedDuration::from_mins(30);

/// What is kept over restarts of the daemon; times are on the monotonic clock.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
struct Record {
    boot_id: String,
    /// When credentials were looked for in vain, last.
    missed_secs: Option<i64>,
    /// When they were seen for the first time after that.
    seen_secs: Option<i64>,
    /// When the restart was asked for.
    asked_secs: Option<i64>,
}

/// What is known of this boot.
#[derive(Debug)]
pub struct Late {
    state_folder: Option<PathBuf>,
    runtime_folder: Option<PathBuf>,
    record: Record,
}

impl Late {
    /// Of this boot; what is kept of another one is forgotten.
    pub fn new(
        boot_id: &str,
        state_folder: Option<PathBuf>,
        runtime_folder: Option<PathBuf>,
    ) -> Self {
        let kept = state_folder.as_ref().and_then(|folder| std::fs::read(folder.join(RECORD)).ok());
        let record = kept
            .and_then(|text| serde_json::from_slice(&text).ok())
            .filter(|record: &Record| record.boot_id == boot_id)
            .unwrap_or_else(|| Record { boot_id: boot_id.to_owned(), ..Record::default() });
        Self { state_folder, runtime_folder, record }
    }

    /// Credentials were looked for in vain.
    pub fn missed(&mut self, now: SignedDuration) {
        // Those of a role that is taken away later are another matter.
        if self.record.seen_secs.is_some() {
            return;
        }
        let first = self.record.missed_secs.is_none();
        self.record.missed_secs = Some(now.as_secs());
        if first {
            self.keep();
        }
    }

    /// Credentials are there. Asks for the restart if this agent needs it;
    /// whether it did.
    ///
    /// # Errors
    /// If it cannot be asked for; it will not be tried again.
    pub fn seen(&mut self, agent: Option<&Unit>, now: SignedDuration) -> io::Result<bool> {
        if self.record.seen_secs.is_none() {
            self.record.seen_secs = Some(now.as_secs());
            if self.record.missed_secs.is_some() {
                self.keep();
            }
        }
        if self.record.asked_secs.is_some() || !self.started_too_early(agent) {
            return Ok(false);
        }
        // Kept before it is done: twice would be worse than not at all.
        self.record.asked_secs = Some(now.as_secs());
        self.keep();
        let folder = self.runtime_folder.as_ref().ok_or_else(|| {
            io::Error::new(io::ErrorKind::NotFound, "the daemon has no runtime folder")
        })?;
        std::fs::write(folder.join(REQUEST), [])?;
        Ok(true)
    }

    /// Whether the restart was asked for in this boot.
    pub fn asked(&self) -> bool {
        self.record.asked_secs.is_some()
    }

    /// Whether the agent sleeps although it should have been restarted.
    pub fn asleep(&self, agent: Option<&Unit>, now: SignedDuration) -> bool {
        let since = |secs: Option<i64>| secs.map(|secs| now - SignedDuration::from_secs(secs));
        self.started_too_early(agent)
            && since(self.record.asked_secs).is_some_and(|passed| passed > RESTART_TAKES)
            && since(self.record.seen_secs).is_some_and(|passed| passed < SLEEPS)
    }

    fn started_too_early(&self, agent: Option<&Unit>) -> bool {
        let started = agent.filter(|unit| unit.state == "active").and_then(|unit| unit.started);
        let missed = self.record.missed_secs.map(SignedDuration::from_secs);
        started.zip(missed).is_some_and(|(started, missed)| started < missed)
    }

    fn keep(&self) {
        let Some(folder) = &self.state_folder else { return };
        if let Err(error) = write(folder, &self.record) {
            tracing::warn!(%error, "that credentials came late is not kept: {error}");
        }
    }
}

fn write(folder: &Path, record: &Record) -> io::Result<()> {
    let mut file = tempfile::NamedTempFile::new_in(folder)?;
    file.write_all(&serde_json::to_vec(record)?)?;
    file.as_file().sync_all()?;
    file.persist(folder.join(RECORD))?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(secs: i64) -> SignedDuration {
        SignedDuration::from_secs(secs)
    }

    fn agent(started: i64) -> Unit {
        Unit {
            name: "amazon-ssm-agent.service".to_owned(),
            state: "active".to_owned(),
            started: Some(at(started)),
        }
    }

    struct Node(tempfile::TempDir);

    impl Node {
        fn new() -> Self {
            let folder = tempfile::tempdir().unwrap();
            for name in ["state", "run"] {
                std::fs::create_dir(folder.path().join(name)).unwrap();
            }
            Self(folder)
        }

        fn daemon(&self, boot_id: &str) -> Late {
            let folder = |name| Some(self.0.path().join(name));
            Late::new(boot_id, folder("state"), folder("run"))
        }

        /// Whether a restart was asked for; as the unit does, it is taken away.
        fn taken(&self) -> bool {
            std::fs::remove_file(self.0.path().join("run").join(REQUEST)).is_ok()
        }
    }

    #[test]
    fn an_agent_from_before_the_credentials_is_restarted_once_in_a_boot() {
        let node = Node::new();
        let mut late = node.daemon("a");
        late.missed(at(20));
        late.missed(at(30));
        // The daemon starts anew while there are none; then they come.
        let mut late = {
            drop(late);
            node.daemon("a")
        };
        late.missed(at(40));
        assert!(late.seen(Some(&agent(12)), at(50)).unwrap() && node.taken());
        assert!(!late.seen(Some(&agent(12)), at(60)).unwrap() && !node.taken());
        let mut again = node.daemon("a");
        assert!(again.asked());
        again.missed(at(70));
        assert!(!again.seen(Some(&agent(12)), at(80)).unwrap() && !node.taken());
        let mut next_boot = node.daemon("b");
        next_boot.missed(at(20));
        assert!(next_boot.seen(Some(&agent(12)), at(30)).unwrap() && node.taken());
    }

    #[test]
    fn credentials_in_time_an_agent_that_came_later_or_none_at_all_need_nothing() {
        let node = Node::new();
        let mut in_time = node.daemon("a");
        assert!(!in_time.seen(Some(&agent(12)), at(20)).unwrap());
        // Taken away and given again later: the agent had some at its start.
        in_time.missed(at(30));
        assert!(!in_time.seen(Some(&agent(12)), at(40)).unwrap());
        let mut late = node.daemon("b");
        late.missed(at(20));
        assert!(!late.seen(Some(&agent(25)), at(30)).unwrap());
        assert!(!late.seen(None, at(30)).unwrap());
        assert!(!node.taken());
    }

    #[test]
    fn an_agent_that_was_not_restarted_sleeps_for_a_while() {
        let node = Node::new();
        let mut late = Late::new("a", Some(node.0.path().join("state")), None);
        late.missed(at(20));
        assert!(late.seen(Some(&agent(12)), at(30)).is_err());
        assert!(!late.asleep(Some(&agent(12)), at(60)));
        assert!(late.asleep(Some(&agent(12)), at(100)));
        assert!(!late.asleep(Some(&agent(35)), at(100)), "somebody restarted it");
        assert!(!late.asleep(Some(&agent(12)), at(30 * 60 + 30)));
    }
}
