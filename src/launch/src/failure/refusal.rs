//! What EC2 said to a launch.

use nixl_aws::AwsError;
use std::collections::BTreeSet;

/// What EC2 said to one attempt.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Refusal {
    /// Type, market and zone.
    pub key: String,
    /// EC2's code.
    pub code: String,
    /// EC2's message.
    pub message: String,
    /// What to do, if the table knows.
    pub advice: Option<&'static str>,
}

impl Refusal {
    /// Of an attempt by an error.
    #[must_use]
    pub fn of(attempt: &crate::plan::Attempt, error: &AwsError) -> Self {
        Self {
            key: attempt.key(),
            code: error.code().unwrap_or("?").to_owned(),
            message: error.message.clone(),
            advice: crate::errors::advice(error),
        }
    }
}

impl std::fmt::Display for Refusal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}: {}", self.key, self.code, self.message)
    }
}

/// A line for each refusal, and one for each advice.
pub(super) fn lines(refusals: &[Refusal]) -> String {
    let mut text: String = refusals.iter().map(|it| format!("\n  {it}")).collect();
    let advice: BTreeSet<&str> = refusals.iter().filter_map(|it| it.advice).collect();
    text.extend(advice.into_iter().map(|advice| format!("\n{advice}")));
    text
}
