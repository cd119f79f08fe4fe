//! Runs the steps of a phase with their attempts and failure rules.

use std::path::Path;
use std::time::Instant;

use super::actions;
use super::document::{Document, OnFailure, Step};
use super::failure;
use super::inputs::Action;
use super::reference;
use super::sandbox::Sandbox;
use super::toe::Console;
use crate::backend::{BuildDocument, BuildFailure, BuildNews, StepDone};

/// What a phase runs with.
pub(super) struct Runner<'a> {
    pub(super) sandbox: &'a Sandbox,
    pub(super) s3_root: &'a Path,
    pub(super) console: Console,
}

impl Runner<'_> {
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
            let _ = self.sandbox.log.write(header.as_bytes());
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
            let Err(message) = result else { continue };
            let _ = self.sandbox.log.write(format!("== failed: {message}\n").as_bytes());
            let failed = failure(&source.component_arn, phase, &step.name, &step.action, message);
            match step.on_failure {
                OnFailure::Abort => return Err(failed),
                OnFailure::Continue => first = first.or(Some(failed)),
                OnFailure::Ignore => {}
            }
        }
        first.map_or(Ok(()), Err)
    }

    /// No pause between attempts, as AWSTOE has none.
    async fn attempts(&self, document: &Document, step: &Step) -> Result<(), String> {
        let inputs = reference::resolve(&step.inputs, &document.values)?;
        let action = Action::read(&step.action, inputs)?;
        let timeout_secs = u64::try_from(step.timeout_seconds).ok();
        let mut result = Ok(());
        for _ in 0..step.max_attempts {
            result = actions::run(self, &action, timeout_secs).await;
            if result.is_ok() {
                break;
            }
        }
        result
    }
}
