//! Instances that die on arrival: RunInstances succeeds, and then the instance
//! goes from `pending` to `terminated` and never runs (EC2 user guide,
//! "Instance terminates immediately").

use crate::api::policy::wildcard;
use serde::{Deserialize, Serialize};
use std::num::NonZeroU64;

/// Which new instances die, and of what.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, clap::Args)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct DeadOnArrival {
    /// Instance type; may hold `*` and `?`.
    #[arg(long, default_value = "*", value_name = "PATTERN")]
    #[serde(default = "any")]
    pub instance_type: String,
    /// Availability Zone; may hold `*` and `?`.
    #[arg(long, default_value = "*", value_name = "PATTERN")]
    #[serde(default = "any")]
    pub zone: String,
    /// How many instances die.
    #[arg(long, default_value = "1", value_name = "K")]
    #[serde(default = "one")]
    pub count: NonZeroU64,
    /// Code of the StateReason, e.g. `Server.InternalError`, `Client.VolumeLimitExceeded`.
    #[arg(long, default_value = DEFAULT_REASON, value_name = "CODE")]
    #[serde(default = "reason")]
    pub reason: String,
    /// Its message (default: what AWS's model says of the code).
    #[arg(long, value_name = "TEXT")]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
}

const DEFAULT_REASON: &str = "Server.InsufficientInstanceCapacity";

fn any() -> String {
    "*".to_owned()
}

fn one() -> NonZeroU64 {
    NonZeroU64::MIN
}

fn reason() -> String {
    DEFAULT_REASON.to_owned()
}

impl DeadOnArrival {
    /// Says what is wrong with it, if something is.
    ///
    /// # Errors
    /// A sentence.
    pub fn check(&self) -> Result<(), &'static str> {
        let kind = self.reason.split('.').next().unwrap_or_default();
        if matches!(kind, "Server" | "Client") && self.reason.len() > kind.len() + 1 {
            Ok(())
        } else {
            Err("reason is not a code of StateReason, such as Server.InternalError")
        }
    }

    /// Whether a new instance is meant.
    #[must_use]
    pub fn matches(&self, instance_type: &str, zone: &str) -> bool {
        wildcard(&self.instance_type, instance_type) && wildcard(&self.zone, zone)
    }

    /// Message of the StateReason, `code: what happened`.
    #[must_use]
    pub fn told(&self) -> String {
        let text = self.message.as_deref().unwrap_or(match self.reason.as_str() {
            "Server.InsufficientInstanceCapacity" => {
                "There was insufficient capacity available to satisfy the launch request"
            }
            "Server.InternalError" => "Internal error on launch",
            "Client.InternalError" => "Client error on launch",
            "Client.InvalidSnapshot.NotFound" => "The specified snapshot was not found",
            "Client.VolumeLimitExceeded" => "Volume limit exceeded",
            _ => "The instance was terminated during launch",
        });
        format!("{}: {text}", self.reason)
    }
}
