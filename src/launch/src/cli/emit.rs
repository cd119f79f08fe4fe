//! `emit`: what `up` would do in the words of another tool; nothing is changed.

use super::{Cli, with_engine};
use crate::emit;
use crate::failure::{Failure, Problem};
use crate::input::Asked;
use crate::plan::plan;
use clap::{Args, ValueEnum};

/// Flags of `emit`.
#[derive(Debug, Args)]
pub struct Emit {
    /// Which tool
    #[arg(value_enum)]
    pub form: Form,
    /// What is asked for
    #[command(flatten)]
    pub asked: Asked,
}

/// Which tool it is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Form {
    /// A Bash script that calls the AWS CLI and does what `up` would do
    AwsCli,
}

/// The plan must be one that `up` would carry out.
pub(super) async fn run(cli: &Cli, flags: &Emit) -> anyhow::Result<()> {
    let plan = with_engine(cli, async |engine| {
        let spec = cli.spec(&flags.asked, engine).map_err(Failure::unchanged)?;
        let plan = plan(&spec, &engine.facts(&spec).await.map_err(Failure::unchanged)?);
        plan.ready().map_err(|checks| Failure::unchanged(Problem::Plan(checks)))?;
        Ok(plan)
    })
    .await?;
    let text = match flags.form {
        Form::AwsCli => emit::aws_cli(&plan)?,
    };
    print!("{text}");
    Ok(())
}
