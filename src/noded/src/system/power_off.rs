//! The end of the node by its own hand, told beforehand.
//!
//! The daemon may not power off. It puts a file into its runtime folder, which
//! `nixl-power-off.path` watches; EC2 terminates an instance of ours that powers
//! itself off. Before that an operator's entry says when, at some distances.

use super::time::left;
use crate::events::{self, Stage};
use jiff::Timestamp;
use std::io;
use std::path::Path;

/// In the runtime folder; the unit names it, too.
const REQUEST: &str = "power-off";
/// When it is told again, in seconds before the end; the last ones are for who
/// looks at the journal already.
const DISTANCES_SECS: [i64; 4] = [30 * 60, 10 * 60, 5 * 60, 60];

/// Asks for the power-off; asked twice is asked once.
///
/// # Errors
/// If there is no runtime folder or it takes no file.
fn request(runtime_folder: Option<&Path>, why: &str) -> io::Result<()> {
    let folder = runtime_folder.ok_or_else(|| {
        io::Error::new(io::ErrorKind::NotFound, "the daemon has no runtime folder")
    })?;
    std::fs::write(folder.join(REQUEST), format!("{why}\n"))
}

/// One way to the end and what was told of it.
#[derive(Debug, Default)]
pub struct Ending {
    /// The last distance told; none while the end is far or there is none.
    told_secs: Option<i64>,
    asked: bool,
}

impl Ending {
    /// The end is so far away, or there is none. Tells it at each distance, also
    /// after it was moved.
    pub fn look(&mut self, left_secs: Option<i64>, now: Timestamp, stage: Stage, why: &str) {
        let near = |secs: i64| DISTANCES_SECS.into_iter().filter(|d| secs <= *d).min();
        let distance = left_secs.filter(|secs| *secs > 0).and_then(near);
        if self.told_secs != distance
            && let (Some(_), Some(secs)) = (distance, left_secs)
        {
            let at = now.saturating_add(jiff::SignedDuration::from_secs(secs));
            events::ending(stage, why, at.unwrap_or(Timestamp::MAX), &left(secs));
        }
        self.told_secs = distance;
        self.asked &= left_secs.is_some_and(|secs| secs <= 0);
    }

    /// It is over. The machine may take a while, or the file be taken away: it is
    /// asked for each time, and told once.
    pub fn over(&mut self, runtime_folder: Option<&Path>, stage: Stage, why: &str) {
        if !std::mem::replace(&mut self.asked, true) {
            events::power_off(stage, why);
        }
        if let Err(error) = request(runtime_folder, why) {
            tracing::warn!(%error, "the power-off cannot be asked for: {error}");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Distances that are told on a way of looks, seconds left each.
    fn told(looks: &[i64]) -> Vec<i64> {
        let mut ending = Ending::default();
        let mut told = Vec::new();
        for secs in looks {
            let before = ending.told_secs;
            ending.look(Some(*secs), Timestamp::UNIX_EPOCH, Stage::Paired, "a test");
            if ending.told_secs != before {
                told.extend(ending.told_secs);
            }
        }
        told
    }

    #[test]
    fn it_is_told_at_each_distance_once_and_again_after_it_was_moved() {
        assert_eq!(told(&[7200, 1800, 1790, 650, 600, 300, 200, 60, 1, 0]), [1800, 600, 300, 60]);
        assert_eq!(told(&[40]), [60], "who starts late hears the nearest one");
        assert_eq!(told(&[100, 7200, 100]), [300, 300]);
    }

    #[test]
    fn what_is_over_leaves_a_file_with_the_reason() {
        let folder = tempfile::tempdir().unwrap();
        let mut ending = Ending::default();
        let over = |ending: &mut Ending| ending.over(Some(folder.path()), Stage::Paired, "a test");
        over(&mut ending);
        let file = folder.path().join(REQUEST);
        assert_eq!(std::fs::read_to_string(&file).unwrap(), "a test\n");
        // Taken away and nothing happened: it is asked for again.
        std::fs::remove_file(&file).unwrap();
        over(&mut ending);
        assert!(file.exists());
        ending.over(None, Stage::Paired, "without a folder it is told in the log");
    }
}
