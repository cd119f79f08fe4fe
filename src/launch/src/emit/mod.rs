//! A plan in the words of other tools, for who wants to review it or to leave.
//! Text only: nothing is asked or changed here.

mod aws_cli;
mod cloudformation;
mod launch_template;

pub use aws_cli::aws_cli;
pub use cloudformation::cloudformation;
pub use launch_template::launch_template;

use crate::plan::Plan;

/// Why a plan cannot be put into other words.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EmitError {
    /// Room is held and let go by `up` as it goes.
    #[error("hold is what `up` does as it goes: leave it out")]
    Hold,
    /// The schedule moves with the nodes' end.
    #[error("an idle stop of MLflow is what `up` sets and each command moves: leave it out")]
    IdleStop,
    /// No way to launch it.
    #[error("the plan has nothing to try")]
    Nothing,
    /// No security group of the cluster, and none named.
    #[error(
        "security group {name} is not there; name one that lets all traffic in and out to itself with --security-group, or make it as docs/growing.md says"
    )]
    NoSecurityGroup {
        /// Its name.
        name: String,
    },
    /// A stack makes all of it, under names that are taken.
    #[error(
        "cluster {cluster} is there already, or its security group: a stack makes its own; run `nixl-launch down` first or choose another --cluster"
    )]
    There {
        /// Its name.
        cluster: String,
    },
    /// More than CloudFormation takes.
    #[error("{resources} resources, a stack has at most {most}: ask for fewer --nodes")]
    TooManyResources {
        /// How many it would have.
        resources: usize,
        /// The limit.
        most: usize,
    },
    /// Longer than CloudFormation takes.
    #[error("{bytes} bytes, a template has at most {most}: ask for fewer --nodes")]
    TooLong {
        /// How long it would be.
        bytes: usize,
        /// The limit.
        most: usize,
    },
    /// The settings do not fit user data.
    #[error("user data: {why}")]
    UserData {
        /// Why.
        why: String,
    },
}

/// What all forms need of a plan.
fn check(plan: &Plan) -> Result<(), EmitError> {
    match plan {
        _ if plan.spec.hold => Err(EmitError::Hold),
        _ if plan.spec.mlflow_idle_stop.is_some() => Err(EmitError::IdleStop),
        _ if plan.attempts.is_empty() || plan.image.is_none() => Err(EmitError::Nothing),
        _ => Ok(()),
    }
}

/// ARN of the group of the schedules that end the nodes.
fn schedule_group_arn(plan: &Plan) -> String {
    let spec = &plan.spec;
    let partition = crate::plan::partition(&spec.region);
    let (region, account) = (&spec.region, &plan.account);
    format!(
        "arn:{partition}:scheduler:{region}:{account}:schedule-group/{}",
        spec.cluster.scheduler()
    )
}

#[cfg(test)]
mod tests;
