//! What a person does with reasons: acknowledge them, and take that back.

use super::acks::{Ack, Acks};
use super::{Board, Checks, State};
use jiff::Timestamp;
use std::path::PathBuf;
use std::sync::PoisonError;

/// Why nothing was acknowledged.
#[derive(Debug, thiserror::Error)]
pub enum AckError {
    /// No check has this reason now.
    #[error("no check has the reason {code} now{}", .id.as_ref().map(|id| format!(" about {id}")).unwrap_or_default())]
    NotHeld {
        /// Code asked for.
        code: String,
        /// What it should be about.
        id: Option<String>,
    },
    /// Nobody has acknowledged this reason.
    #[error("no acknowledgement of {code} is kept{}", .id.as_ref().map(|id| format!(" about {id}")).unwrap_or_default())]
    NotAcknowledged {
        /// Code asked for.
        code: String,
        /// What it should be about.
        id: Option<String>,
    },
    /// It would be forgotten with the next restart.
    #[error("the acknowledgement could not be written: {0}")]
    NotKept(#[from] std::io::Error),
}

impl Board {
    /// Acknowledgements of an earlier run, and where later ones go.
    pub fn keep_acks_in(&self, path: PathBuf) {
        self.change().acks = Acks::kept_in(path);
    }

    /// A person has seen every reason of this code, about `id` if given: what
    /// that was, as `check` or `check id`. Waits for the disk.
    ///
    /// # Errors
    /// If nothing is held of it, or the file cannot be written.
    pub fn acknowledge(
        &self,
        code: &str,
        id: Option<&str>,
        note: Option<&str>,
    ) -> Result<Vec<String>, AckError> {
        let at = Timestamp::now();
        self.change_acks(|acks, checks| {
            let held = checks.iter().flat_map(|(name, held)| held.iter().map(move |h| (*name, h)));
            let meant: Vec<Ack> = held
                .filter(|(_, held)| held.reason().is_some_and(|(reason, _)| reason.code == code))
                .filter(|(_, held)| id.is_none() || held.reading.id.as_deref() == id)
                .map(|(check, held)| Ack {
                    check: check.to_owned(),
                    id: held.reading.id.clone(),
                    code: code.to_owned(),
                    at,
                    note: note.map(str::to_owned),
                    unheld_since: None,
                })
                .collect();
            if meant.is_empty() {
                return Err(AckError::NotHeld { code: code.to_owned(), id: id.map(str::to_owned) });
            }
            let told = meant.iter().map(Ack::told).collect();
            meant.into_iter().for_each(|ack| acks.add(ack));
            Ok(told)
        })
    }

    /// Takes acknowledgements of this code back, about `id` if given: which,
    /// as `check` or `check id`. Waits for the disk.
    ///
    /// # Errors
    /// If there is none, or the file cannot be written.
    pub fn take_back(&self, code: &str, id: Option<&str>) -> Result<Vec<String>, AckError> {
        self.change_acks(|acks, _| {
            let removed = acks.remove(code, id);
            if removed.is_empty() {
                let id = id.map(str::to_owned);
                return Err(AckError::NotAcknowledged { code: code.to_owned(), id });
            }
            Ok(removed.iter().map(Ack::told).collect())
        })
    }

    /// Makes the change once it is on the disk: nothing is acknowledged that would
    /// be forgotten with the next restart. The board is free meanwhile.
    fn change_acks(
        &self,
        change: impl Fn(&mut Acks, &Checks) -> Result<Vec<String>, AckError>,
    ) -> Result<Vec<String>, AckError> {
        let writing = self.lock().acks.writing.clone();
        let _turn = writing.lock().unwrap_or_else(PoisonError::into_inner);
        let mut changed = self.lock().acks.clone();
        change(&mut changed, &self.lock().checks)?;
        changed.save()?;
        let mut state = self.change();
        let State { acks, checks, .. } = &mut *state;
        let done = change(acks, checks);
        let now = acks.clone();
        drop(state);
        if done.is_err() {
            // It has become good meanwhile.
            now.save()?;
        }
        done
    }

    /// Writes those of the moment when it is this one's turn, so that the last
    /// written are the last there were.
    pub(super) fn write_acks(&self) {
        let writing = self.lock().acks.writing.clone();
        let _turn = writing.lock().unwrap_or_else(PoisonError::into_inner);
        let stage = self.stage();
        let acks = self.lock().acks.clone();
        acks.save_or_tell(stage);
    }
}

#[cfg(test)]
mod tests {
    use super::super::acks::OVER_AFTER;
    use super::super::name;
    use super::*;
    use nixl_cluster::{Reading, reason};

    #[test]
    fn what_is_acknowledged_stays_in_sight_and_does_not_count() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("acks.json");
        let board = Board::default();
        board.keep_acks_in(path.clone());
        board.set(name::PEERS, Reading::good(1));
        let happened = |secs| Timestamp::now() + jiff::SignedDuration::from_secs(secs);
        let bad = |at| Reading::bad(&reason::FABRIC_LIBRARY_MISSING, "no").about("a").happened(at);
        board.set(name::ENDPOINT, bad(happened(-9)));
        let code = reason::FABRIC_LIBRARY_MISSING.code;
        let error = board.acknowledge(code, Some("b"), None).unwrap_err();
        assert_eq!(error.to_string(), "no check has the reason fabric.library_missing now about b");
        assert_eq!(
            board.acknowledge(code, Some("a"), Some("on it")).unwrap(),
            ["fabric:endpoint a"]
        );
        assert_eq!((board.worst(), board.document().status.http()), (None, 200));

        let again = Board::default();
        again.keep_acks_in(path);
        again.set(name::PEERS, Reading::good(1));
        again.set(name::ENDPOINT, bad(happened(-9)));
        let document = again.document();
        let told = document.checks[name::ENDPOINT][0].reason.as_ref().unwrap();
        assert_eq!(told.acknowledged.as_ref().unwrap().note.as_deref(), Some("on it"));
        assert_eq!(document.status, nixl_cluster::Status::Pass, "{document:?}");

        assert_eq!(again.take_back(code, Some("a")).unwrap(), ["fabric:endpoint a"]);
        assert_eq!(again.worst().unwrap().code, code, "it was taken back");
        let error = again.take_back(code, None).unwrap_err().to_string();
        assert_eq!(error, "no acknowledgement of fabric.library_missing is kept");
        again.acknowledge(code, None, None).unwrap();

        again.set(name::ENDPOINT, bad(happened(9)));
        assert_eq!(again.worst().unwrap().code, code, "it happened again");
        again.set(name::ENDPOINT, bad(happened(-9)));
        assert_eq!(again.worst(), None);
        again.set(name::ENDPOINT, Reading::good("tcp").about("a"));
        again.set(name::ENDPOINT, bad(happened(-9)));
        assert_eq!(again.worst().unwrap().code, code, "it was good between");
    }

    #[test]
    fn it_ends_with_its_reason_also_where_that_just_goes_and_not_with_a_restart() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("acks.json");
        let bad = || Reading::bad(&reason::FABRIC_DEVICE_ERROR, "dead");
        let peer = || Reading::bad(&reason::LINK_LATENCY_DEGRADED, "slow").about("i-2");
        let board = Board::default();
        board.keep_acks_in(path.clone());
        board.set(name::PEERS, Reading::good(1));
        board.set(name::FAULTS, bad());
        board.acknowledge(reason::FABRIC_DEVICE_ERROR.code, None, None).unwrap();
        assert_eq!(board.worst(), None);
        board.set_all(name::FAULTS, Vec::new());
        board.set(name::FAULTS, bad());
        assert!(board.worst().is_some(), "it is another fault");

        board.acknowledge(reason::FABRIC_DEVICE_ERROR.code, None, None).unwrap();
        board.set(name::LINK_P50, peer());
        board.acknowledge(reason::LINK_LATENCY_DEGRADED.code, None, None).unwrap();
        // As long as a peer takes to come back.
        board.set_all(name::LINK_P50, Vec::new());
        board.set(name::LINK_P50, peer());
        assert_eq!(board.worst(), None);
        // Longer than that.
        board.set_all(name::LINK_P50, Vec::new());
        board.change().acks.age(OVER_AFTER);
        board.set_all(name::LINK_P50, Vec::new());
        board.set(name::LINK_P50, peer());
        assert_eq!(board.worst(), Some(&reason::LINK_LATENCY_DEGRADED));
        board.set_all(name::LINK_P50, Vec::new());

        board.acknowledge(reason::FABRIC_DEVICE_ERROR.code, None, None).unwrap();
        let again = Board::default();
        again.keep_acks_in(path);
        again.set(name::PEERS, Reading::good(1));
        // Good, because it has not been judged yet.
        again.set(name::FAULTS, Reading::good(0));
        again.set(name::FAULTS, bad());
        assert_eq!(again.worst(), None);
    }

    #[test]
    fn what_cannot_be_kept_is_not_acknowledged() {
        let board = Board::default();
        board.keep_acks_in(PathBuf::from("/nonexistent/acks.json"));
        board.set(name::ENDPOINT, Reading::bad(&reason::FABRIC_LIBRARY_MISSING, "no"));
        let code = reason::FABRIC_LIBRARY_MISSING.code;
        assert!(matches!(board.acknowledge(code, None, None), Err(AckError::NotKept(_))));
        assert_eq!(board.worst().unwrap().code, code);
    }

    #[test]
    fn what_became_good_is_forgotten_on_the_disk_too() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("acks.json");
        let board = Board::default();
        board.keep_acks_in(path.clone());
        board.set(name::ENDPOINT, Reading::bad(&reason::FABRIC_LIBRARY_MISSING, "no"));
        board.acknowledge(reason::FABRIC_LIBRARY_MISSING.code, None, None).unwrap();
        assert_ne!(std::fs::read_to_string(&path).unwrap(), "[]");
        board.set(name::ENDPOINT, Reading::good("tcp"));
        let since = std::time::Instant::now();
        while std::fs::read_to_string(&path).unwrap() != "[]" {
            assert!(since.elapsed().as_secs() < 20, "it is still there");
            std::thread::yield_now();
        }
    }
}
