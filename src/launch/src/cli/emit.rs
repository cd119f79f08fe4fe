//! `emit`: what `up` would do in the words of another tool; nothing is changed.

use super::{Cli, with_engine};
use crate::check::{Check, Checks};
use crate::emit;
use crate::failure::{Failure, Problem};
use crate::input::Asked;
use crate::plan::{Facts, plan};
use clap::{Args, ValueEnum};
use nixl_cluster::Membership;
use serde_json::Value;

/// Flags of `emit`.
#[derive(Debug, Args)]
pub struct Emit {
    /// Which tool
    #[arg(value_enum)]
    pub form: Form,
    /// launch-template: how nodes get their ranks
    #[arg(long, value_enum, default_value_t = Ranks::Registration)]
    pub membership: Ranks,
    /// launch-template: security group of the nodes [default: the cluster's own]
    #[arg(long, value_name = "sg-…")]
    pub security_group: Option<String>,
    /// What is asked for
    #[command(flatten)]
    pub asked: Asked,
}

/// Which tool it is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Form {
    /// A Bash script that calls the AWS CLI and does what `up` would do
    AwsCli,
    /// A CloudFormation template, in JSON, of the first place that `up` would try
    /// (docs/growing.md)
    Cloudformation,
    /// Input of `aws ec2 create-launch-template --cli-input-json`, for nodes that
    /// are launched one by one (docs/growing.md)
    LaunchTemplate,
    /// IAM policy of the nodes' role
    NodePolicy,
}

/// How nodes that are launched one by one get their ranks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Ranks {
    /// From the tag nixl:rank that each instance is given
    Tag,
    /// In the order of launch, once all are registered
    Registration,
}

impl From<Ranks> for Membership {
    fn from(ranks: Ranks) -> Self {
        match ranks {
            Ranks::Tag => Self::Tag,
            Ranks::Registration => Self::Registration,
        }
    }
}

/// The plan must be one that `up` would carry out; for others' launches the nodes
/// that are there already do not count.
pub(super) async fn run(cli: &Cli, flags: &Emit) -> anyhow::Result<()> {
    let plan = with_engine(cli, async |engine| {
        let spec = cli.spec(&flags.asked, engine).map_err(Failure::unchanged)?;
        let mut facts: Facts = engine.facts(&spec).await.map_err(Failure::unchanged)?;
        let makes = matches!(flags.form, Form::AwsCli | Form::Cloudformation);
        if !makes {
            facts.instances.clear();
        }
        let mut plan = plan(&spec, &facts);
        plan.ready().map_err(|checks| Failure::unchanged(Problem::Plan(checks)))?;
        if plan.tracking.is_unknown() && !makes {
            let check = Check::fail(
                "mlflow",
                "SageMaker gives an App its ARN once it is made, and nodes are told of it at launch",
                "`nixl-launch mlflow up` makes it; or say --tracking-server, --mlflow-arn or --no-mlflow",
            );
            return Err(Failure::unchanged(Problem::Plan(Checks(vec![check]))));
        }
        // An App that is there needs nothing more, and a stack would make a server again.
        let there = flags.form == Form::Cloudformation && facts.tracking.found.is_some();
        if there || plan.tracking.made_app().is_some() {
            plan.tracking.attach();
        }
        Ok(plan)
    })
    .await?;
    let json = |document: Value| format!("{document:#}\n");
    let text = match flags.form {
        Form::AwsCli => emit::aws_cli(&plan)?,
        Form::Cloudformation => emit::cloudformation(&plan)?,
        Form::LaunchTemplate => {
            let group = flags.security_group.as_deref();
            json(emit::launch_template(&plan, flags.membership.into(), group)?)
        }
        Form::NodePolicy => {
            json(plan.policies[&plan.spec.cluster.node_role(&plan.spec.region)].clone())
        }
    };
    print!("{text}");
    Ok(())
}
