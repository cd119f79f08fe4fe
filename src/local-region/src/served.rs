//! Changes of tracking servers and MLflow Apps: what is done to the process
//! behind, and what state that leaves.

use crate::server::Inner;
use crate::state::sagemaker::Status;
use crate::windows::MLFLOW_CHANGE;
use std::sync::Arc;

/// What is done to the process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// Started, on the store it has or a new one.
    Start,
    /// Ended; its store is kept.
    Stop,
    /// Ended and started, for other settings.
    Restart,
    /// Nothing.
    Keep,
    /// Ended; its store is deleted, and it is forgotten.
    Delete,
}

/// Carries a change out that its status already tells of.
pub fn change(region: &Arc<Inner>, key: &str, step: Step, done: Status, failed: Status) {
    let (region, key) = (region.clone(), key.to_owned());
    let runtime = region.runtime.clone();
    let now = region.clock.now();
    let earliest = now.checked_add(region.windows.of(&MLFLOW_CHANGE)).unwrap_or(now);
    runtime.spawn(async move {
        let (told, artifacts) = {
            let sagemaker = &region.state().sagemaker;
            (sagemaker.by_key(&key).cloned(), sagemaker.artifacts)
        };
        let Some(served) = told else { return };
        let tracking = &region.config.tracking;
        let start =
            async || tracking.start(&served.process, &served.artifact_store_uri, artifacts).await;
        let result = match step {
            Step::Start => start().await.map(Some),
            Step::Stop => tracking.stop(&served.process).await.map(|()| None),
            Step::Restart => match tracking.stop(&served.process).await {
                Ok(()) => start().await.map(Some),
                Err(error) => Err(error),
            },
            Step::Keep => Ok(served.port),
            Step::Delete => tracking.delete(&served.process).await.map(|()| None),
        };
        region.clock.sleep_until(earliest).await;
        let mut state = region.state();
        if step == Step::Delete && result.is_ok() {
            return state.sagemaker.remove(&key);
        }
        let Some(served) = state.sagemaker.find_mut(|served| served.key == key) else { return };
        served.modified = region.clock.now();
        match result {
            Ok(port) => {
                served.port = port;
                served.status = done;
                served.failure = None;
            }
            Err(error) => {
                tracing::error!(arn = served.arn, ?step, %error, "mlflow server was not changed");
                served.port = None;
                served.status = failed;
                served.failure = Some(error.to_string());
            }
        }
    });
}
