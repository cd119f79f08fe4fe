//! A failed command: what went wrong, what to do, and whether money may still
//! be running.

mod left;
mod problem;
mod refusal;
mod stuck;

pub use left::{BUCKET, Left, MLFLOW_APP, Resource, TRACKING_SERVER};
pub use problem::Problem;
pub use refusal::Refusal;
pub use stuck::Stuck;

/// A failed command.
#[derive(Debug, thiserror::Error)]
#[error("{problem}")]
pub struct Failure {
    /// What went wrong.
    pub problem: Problem,
    /// What is left.
    pub left: Left,
}

impl Failure {
    /// A failure of which nobody looked what it left.
    pub fn unknown(problem: impl Into<Problem>) -> Self {
        Self { problem: problem.into(), left: Left::Unknown }
    }

    /// A failure before anything was changed.
    pub fn unchanged(problem: impl Into<Problem>) -> Self {
        Self { problem: problem.into(), left: Left::Unchanged }
    }
}

/// Items with commas between them.
pub(crate) fn joined<T: ToString>(items: &[T]) -> String {
    if items.is_empty() {
        return "none".to_owned();
    }
    items.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

fn indented(lines: &[String]) -> String {
    lines.iter().map(|line| format!("\n    {}", crate::terminal::plain(line))).collect()
}
