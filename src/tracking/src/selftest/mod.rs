//! The test of a tracking server in eight steps, as people know it from Python:
//! the same experiment, params, metrics and tags, and what was logged is read
//! back. It leaves nothing but its run, which ends FINISHED or FAILED.

mod known;
mod owner;
mod report;
mod steps;

pub use owner::Owner;
pub use report::{Recent, Report, Step, Verdict};

use crate::call::Call;
use crate::client::Client;
use crate::wire::RunStatus;
use std::time::Instant;
use steps::{STEPS, Test};

/// The experiment, unless another one is named.
pub const EXPERIMENT: &str = "nixl-efa-test";

/// What is tested, and who asks.
pub struct SelfTest {
    /// Asks the server.
    pub client: Client,
    /// Name of the experiment.
    pub experiment: String,
    /// This process.
    pub owner: Owner,
    /// When, as `20261129_032719`: part of the run's name and a tag.
    pub timestamp: String,
    /// Which permission a call needs, where that is known.
    pub allow: Box<dyn Fn(Call) -> Option<String> + Send + Sync>,
}

impl SelfTest {
    /// Runs all steps, or those until `interrupted`; a step that cannot be tried
    /// since another failed is skipped.
    pub async fn run(self, interrupted: impl Future<Output = ()>) -> Report {
        let mut report = Report::new(&self.client, &self.experiment);
        let mut test = Test::new(self);
        tokio::pin!(interrupted);
        for (number, name) in (1..).zip(STEPS) {
            if let Some(failed) = report.failed() {
                let why = format!("step {failed} failed");
                report.steps.push(Step::skipped(number, name, why));
                continue;
            }
            let begun = Instant::now();
            let done = tokio::select! {
                biased;
                () = &mut interrupted => Err(steps::Fault::Wrong("interrupted".to_owned())),
                done = test.step(number) => done,
            };
            let done = done.map_err(|fault| test.told(fault));
            report.steps.push(Step::tried(number, name, done, begun.elapsed()));
        }
        if report.failed().is_some() {
            let closed = test.close(RunStatus::Failed).await;
            report.left_running = closed.err().map(|fault| test.told(fault));
        } else {
            report.verdict = Verdict::Pass;
        }
        report.run_id = test.run_id;
        report.experiment_id = test.experiment_id;
        report.recent = test.recent;
        report
    }
}
