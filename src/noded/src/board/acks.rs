//! What a person has acknowledged, kept over restarts of the daemon.

use super::held::Held;
use crate::events::{self, Stage};
use jiff::Timestamp;
use nixl_cluster::health::Acknowledgement;
use serde::{Deserialize, Serialize};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// A reason that is not held for so long is over, however it went: a daemon that
/// has just started, or a peer that comes back, has not judged everything yet.
pub(super) const OVER_AFTER: Duration = Duration::from_secs(600);

/// A person acknowledges a few; the oldest of more are forgotten.
const MOST: usize = 256;

/// One reason of one check.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Ack {
    /// Name of the check.
    pub check: String,
    /// What it is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// Its reason's code.
    pub code: String,
    /// When; what happens later is not meant.
    pub at: Timestamp,
    /// What the person wrote.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
    /// Since when no check holds it.
    #[serde(skip)]
    pub(super) unheld_since: Option<Instant>,
}

#[derive(Debug, Clone, Default)]
pub(super) struct Acks {
    path: Option<PathBuf>,
    list: Vec<Ack>,
    /// Held while they are written, so that the newest are written last.
    pub writing: Arc<Mutex<()>>,
}

impl Acks {
    /// Those of the file, which gets all later ones. What is in a file that is
    /// none of ours is lost with the next acknowledgement.
    pub fn kept_in(path: PathBuf) -> Self {
        let mut list: Vec<Ack> = match std::fs::read(&path) {
            Err(error) => {
                if error.kind() != std::io::ErrorKind::NotFound {
                    events::state_file(Stage::Boot, &path, "acknowledgements not read", &error);
                }
                Vec::new()
            }
            Ok(text) => serde_json::from_slice(&text).unwrap_or_else(|error| {
                events::state_file(Stage::Boot, &path, "acknowledgements not understood", &error);
                Vec::new()
            }),
        };
        for ack in &mut list {
            ack.unheld_since = Some(Instant::now());
        }
        Self { path: Some(path), list, writing: Arc::default() }
    }

    pub fn of(&self, check: &str, held: &Held) -> Option<Acknowledgement> {
        let (reason, _) = held.reason()?;
        let ack = self.list.iter().find(|ack| ack.matches(check, held, reason.code))?;
        let happened_later = held.reading.happened.is_some_and(|last| last > ack.at);
        let told = || Acknowledgement { at: format!("{:.3}", ack.at), note: ack.note.clone() };
        (!happened_later).then(told)
    }

    pub fn add(&mut self, ack: Ack) {
        self.list
            .retain(|old| (&old.check, &old.id, &old.code) != (&ack.check, &ack.id, &ack.code));
        self.list.push(ack);
        let surplus = self.list.len().saturating_sub(MOST);
        self.list.drain(..surplus);
    }

    /// Takes back those of this code, about `id` if given.
    pub fn remove(&mut self, code: &str, id: Option<&str>) -> Vec<Ack> {
        let meant = |ack: &mut Ack| ack.code == code && (id.is_none() || ack.id.as_deref() == id);
        self.list.extract_if(.., meant).collect()
    }

    /// A check holds these now, and those of `over` are over: whatever comes next
    /// of them is something new. Whether that changed anything that
    /// is kept.
    pub fn look(&mut self, check: &str, held: &[Held], over: &[(Option<&str>, &str)]) -> bool {
        let before = self.list.len();
        self.list.retain_mut(|ack| {
            if ack.check == check {
                let holds = |held: &Held| {
                    held.reason().is_some_and(|(reason, _)| ack.matches(check, held, reason.code))
                };
                if held.iter().any(holds) {
                    ack.unheld_since = None;
                } else if over.contains(&(ack.id.as_deref(), ack.code.as_str())) {
                    return false;
                } else {
                    ack.unheld_since.get_or_insert_with(Instant::now);
                }
            }
            ack.unheld_since.is_none_or(|since| since.elapsed() < OVER_AFTER)
        });
        self.list.len() < before && self.path.is_some()
    }

    #[cfg(test)]
    pub fn age(&mut self, by: Duration) {
        for since in self.list.iter_mut().filter_map(|ack| ack.unheld_since.as_mut()) {
            *since = since.checked_sub(by).unwrap();
        }
    }

    /// As [`save`](Self::save); a failure is told.
    pub fn save_or_tell(&self, stage: Stage) {
        if let (Err(error), Some(path)) = (self.save(), &self.path) {
            events::state_file(stage, path, "acknowledgements not written", &error);
        }
    }

    /// Waits for the disk, so nobody may hold the board meanwhile.
    pub fn save(&self) -> std::io::Result<()> {
        let Some(path) = &self.path else { return Ok(()) };
        let folder = path.parent().unwrap_or(Path::new("."));
        let mut file = tempfile::NamedTempFile::new_in(folder)?;
        file.write_all(&serde_json::to_vec(&self.list)?)?;
        file.as_file().sync_all()?;
        file.persist(path)?;
        Ok(())
    }
}

impl Ack {
    /// `check` or `check id`.
    pub fn told(&self) -> String {
        match &self.id {
            Some(id) => format!("{} {id}", self.check),
            None => self.check.clone(),
        }
    }

    fn matches(&self, check: &str, held: &Held, code: &str) -> bool {
        self.check == check && self.id == held.reading.id && self.code == code
    }
}
