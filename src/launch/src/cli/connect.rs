//! `connect`: a login shell on a node, without SSH.

use super::Cli;
use super::access::{Access, exited};
use crate::access::nodes::pick;
use crate::session::{plugin, terminal};
use anyhow::Context as _;
use clap::Args;
use std::os::unix::process::CommandExt as _;

/// Flags of `connect`.
#[derive(Debug, Args)]
pub struct Connect {
    /// The node: its name, rank or instance id
    #[arg(default_value = "0")]
    pub node: String,
    /// Do not use AWS's session-manager-plugin, even if it is installed
    #[arg(long)]
    pub no_plugin: bool,
}

pub(super) async fn run(cli: &Cli, flags: &Connect) -> anyhow::Result<()> {
    let access = Access::load(cli).await?;
    let node = pick(&access.nodes, &flags.node)?;
    eprintln!("{} ({}): the session ends with the shell", node.name, node.instance_id);
    let ssm = &access.services.ssm;
    if let Some(program) = plugin::find().filter(|_| !flags.no_plugin) {
        return replace(&access, &program, &terminal::request(&node.instance_id)).await;
    }
    exited(terminal::shell(ssm, &node.instance_id).await?)
}

/// Starts a session and becomes AWS's plugin.
pub(super) async fn replace(
    access: &Access,
    program: &std::path::Path,
    request: &nixl_aws::ssm::StartSession,
) -> anyhow::Result<()> {
    let ssm = &access.services.ssm;
    let session = ssm.start_session(request).await.map_err(crate::session::SessionError::from)?;
    let command = plugin::command(program, &session, request, &access.region, &access.endpoint);
    let error = match command {
        // Only comes back if it fails.
        Ok(mut command) => anyhow::Error::from(command.exec()),
        Err(error) => error.into(),
    };
    let _ = ssm.terminate_session(&session.id).await;
    Err(error).with_context(|| format!("{} cannot be run; try --no-plugin", program.display()))
}
