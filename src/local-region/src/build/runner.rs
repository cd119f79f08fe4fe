//! Runs the steps of a phase with their attempts, reboots and failure rules.

use std::path::Path;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Instant;

use super::actions::{self, After};
use super::document::{Document, OnFailure, Step};
use super::failure;
use super::place::Place;
use super::toe::Console;
use crate::backend::{BuildDocument, BuildFailure, BuildNews, BuildSpec, May, StepDone};
use crate::rules::{Rules, imagebuilder as rules};

/// Reboots that all documents together may have: the SSM agent's
/// `Mds.CommandRetryLimit`, which is 15 unless its file says otherwise.
const MAX_REBOOTS: u32 = 15;

/// What a phase runs with.
pub(super) struct Runner<'a> {
    pub(super) place: &'a dyn Place,
    pub(super) s3_root: &'a Path,
    pub(super) may: &'a May,
    pub(super) console: Console,
    pub(super) rules: &'a Rules,
    reboots: AtomicU32,
}

/// Why a step failed.
struct Failed {
    message: String,
    /// Nothing runs any more, whatever its `onFailure` says.
    is_last: bool,
}

impl<'a> Runner<'a> {
    /// For the documents of a build.
    pub(super) fn new(place: &'a dyn Place, spec: &'a BuildSpec, console: Console) -> Self {
        let (s3_root, rules) = (spec.s3_root.as_path(), &spec.rules);
        Self { place, s3_root, may: &spec.may, console, rules, reboots: AtomicU32::new(0) }
    }

    /// Runs the steps in order; `Continue` fails after the last one.
    pub(super) async fn phase(
        &self,
        source: &BuildDocument,
        document: &Document,
        phase: &str,
        steps: &[Step],
    ) -> Result<(), BuildFailure> {
        let mut first = None;
        self.console.phase(&source.component_arn, phase);
        for step in steps {
            let begun = Instant::now();
            let header =
                format!("== {} / {phase} / {} ({})\n", source.name, step.name, step.action);
            self.place.log(&header);
            self.console.step(&step.name, &step.action);
            let result = self.attempts(document, step).await;
            self.console.step_ended(&step.action);
            self.console.tell(BuildNews::Step(StepDone {
                document: source.name.clone(),
                phase: phase.to_owned(),
                step: step.name.clone(),
                ok: result.is_ok(),
                secs: begun.elapsed().as_secs_f64(),
            }));
            let Err(Failed { message, is_last }) = result else { continue };
            self.place.log(&format!("== failed: {message}\n"));
            let failed = failure(&source.component_arn, phase, &step.name, &step.action, message);
            match step.on_failure {
                _ if is_last => return Err(failed),
                OnFailure::Abort => return Err(failed),
                OnFailure::Continue => first = first.or(Some(failed)),
                OnFailure::Ignore => {}
            }
        }
        first.map_or(Ok(()), Err)
    }

    /// No pause between attempts, as AWSTOE has none. A step that asks for a
    /// reboot has not failed: it runs again without an attempt being spent.
    async fn attempts(&self, document: &Document, step: &Step) -> Result<(), Failed> {
        let refused = |message| Failed { message, is_last: false };
        let action = document.action(step).map_err(refused)?;
        let timeout_secs = u64::try_from(step.timeout_seconds).ok();
        let mut attempt = 1;
        loop {
            let after = match self.may.all(&action.needs()) {
                Ok(()) => actions::run(self, &action, timeout_secs).await,
                Err(why) => Err(why),
            };
            match after {
                Ok(After::Next) => return Ok(()),
                Ok(_) if !self.rules.on(&rules::REBOOT) => {
                    return Err(refused("exit status 194".to_owned()));
                }
                Ok(After::RebootAndNext) => return self.reboot().await,
                Ok(After::RebootAndAgain) => self.reboot().await?,
                Err(_) if attempt < step.max_attempts => attempt += 1,
                Err(message) => return Err(refused(message)),
            }
        }
    }

    async fn reboot(&self) -> Result<(), Failed> {
        let before = self.reboots.fetch_add(1, Ordering::Relaxed);
        self.place.log("== reboot\n");
        let last = |message| Failed { message, is_last: true };
        if before >= MAX_REBOOTS && self.rules.on(&rules::REBOOT_LIMIT) {
            return Err(last(format!("the instance was rebooted {MAX_REBOOTS} times already")));
        }
        self.place.reboot().await.map_err(|error| last(error.to_string()))
    }
}
