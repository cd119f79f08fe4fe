//! Asks `/health` of both nodes all the while, about twenty times a second.

use crate::NODES;
use anyhow::{Context, Result, ensure};
use nixl_tests::{Region, wait_for};
use serde_json::Value;
use std::collections::BTreeSet;
use std::io::{BufRead, BufReader};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread::Scope;
use std::time::{Duration, Instant};

/// Said of a node that did not answer in time.
pub const SILENT: &str = "silent";

/// One loop in the machine instead of a program for each question, which would
/// cost more than the answer. It ends when nobody reads it.
const ASK: &str = "while :; do \
    body=$(curl -s -m 0.25 -w ' %{http_code}' http://localhost:9100/health | tr '\\n' ' '); \
    printf '%s\\n' \"$body\" || exit; sleep 0.03; done";

/// What a node said at one time.
struct Sample {
    at: Instant,
    /// Phase and reason codes, or [`SILENT`].
    words: BTreeSet<String>,
    well: bool,
}

/// What both nodes said, by rank.
#[derive(Default)]
pub struct Watch {
    seen: [Mutex<Vec<Sample>>; 2],
    over: AtomicBool,
}

fn read(line: &str) -> (BTreeSet<String>, bool) {
    let answer = line
        .trim_end()
        .rsplit_once(' ')
        .and_then(|(body, code)| Some((serde_json::from_str::<Value>(body).ok()?, code)));
    let Some((document, code)) = answer else {
        return ([SILENT.to_owned()].into(), false);
    };
    let phase = document["node"]["phase"].as_str().unwrap_or("no phase");
    let checks = document["checks"].as_object().into_iter().flatten();
    let reasons = checks
        .flat_map(|(_, checks)| checks.as_array().into_iter().flatten())
        .filter_map(|check| check["reason"]["code"].as_str())
        .map(str::to_owned);
    let words = reasons.chain([phase.to_owned()]).collect();
    (words, code == "200" && phase == "paired")
}

impl Watch {
    /// Starts one watcher a node; they end with [`Watch::end`].
    pub fn begin<'scope>(&'scope self, scope: &'scope Scope<'scope, '_>, region: &'scope Region) {
        for (rank, node) in NODES.iter().enumerate() {
            scope.spawn(move || {
                while !self.over.load(Ordering::Relaxed) {
                    self.follow(rank, region, node);
                    self.note(rank, "");
                    // A machine that is off cannot be entered; asking again costs a process.
                    std::thread::sleep(Duration::from_millis(50));
                }
            });
        }
    }

    fn follow(&self, rank: usize, region: &Region, node: &str) {
        let Ok(mut child) = region.control().start(&["exec", node, "--", "sh", "-c", ASK]) else {
            return;
        };
        for line in child.stdout.take().map(BufReader::new).into_iter().flat_map(BufRead::lines) {
            match line {
                Ok(line) if !self.over.load(Ordering::Relaxed) => self.note(rank, &line),
                _ => break,
            }
        }
        let _ = child.kill();
        let _ = child.wait();
    }

    fn note(&self, rank: usize, line: &str) {
        let (words, well) = read(line);
        self.of(rank).push(Sample { at: Instant::now(), words, well });
    }

    fn of(&self, rank: usize) -> std::sync::MutexGuard<'_, Vec<Sample>> {
        self.seen[rank].lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// No more questions.
    pub fn end(&self) {
        self.over.store(true, Ordering::Relaxed);
    }

    /// Since when both nodes have been well, once that is for `settled` or longer.
    ///
    /// # Errors
    /// If they are not.
    pub fn well_since(&self, from: Instant, settled: Duration) -> Result<Instant> {
        let mut since = from;
        for (rank, node) in NODES.iter().enumerate() {
            let seen = self.of(rank);
            let last = seen.last().with_context(|| format!("{node} was not asked"))?;
            ensure!(last.well, "{node} says {:?}", last.words);
            let good = seen.iter().rev().take_while(|sample| sample.well).last();
            since = since.max(good.map_or(last.at, |sample| sample.at));
            ensure!(last.at > since + settled, "{node} is well only since {:?}", since.elapsed());
        }
        Ok(since)
    }

    /// Whether both nodes say that they are paired, and nothing else.
    ///
    /// # Errors
    /// With what they say besides.
    pub fn quiet(&self) -> Result<()> {
        for (rank, node) in NODES.iter().enumerate() {
            let seen = self.of(rank);
            let last = seen.last().with_context(|| format!("{node} was not asked"))?;
            let quiet = last.words.iter().eq(["paired"]);
            ensure!(quiet, "{node} says {:?}", last.words);
        }
        Ok(())
    }

    /// Waits until the nodes of these ranks have said one of the words since `from`.
    ///
    /// # Errors
    /// If one does not within `limit`.
    pub fn await_words(&self, ranks: &[usize], words: &[&str], from: Instant) -> Result<()> {
        wait_for("word of the fault", Duration::from_secs(30), || {
            for rank in ranks {
                let said = self.said(*rank, from);
                let found = said.iter().any(|(word, _)| words.contains(&word.as_str()));
                ensure!(found, "{} said only {said:?}", NODES[*rank]);
            }
            Ok(())
        })
        .map(drop)
    }

    /// Each word a node said since `from` besides that it is paired, with when first.
    pub fn said(&self, rank: usize, from: Instant) -> Vec<(String, Duration)> {
        let mut said: Vec<(String, Duration)> = Vec::new();
        for sample in self.of(rank).iter().filter(|sample| sample.at >= from) {
            for word in sample.words.iter().filter(|word| *word != "paired") {
                if !said.iter().any(|(known, _)| known == word) {
                    said.push((word.clone(), sample.at - from));
                }
            }
        }
        said
    }

    /// Questions a second to a node since `from`.
    pub fn rate(&self, rank: usize, from: Instant) -> f64 {
        let asked = self.of(rank).iter().filter(|sample| sample.at >= from).count();
        f64::from(u32::try_from(asked).unwrap_or(u32::MAX)) / from.elapsed().as_secs_f64()
    }
}
