//! A real pair and every way to it that needs no SSH: a shell, a command on all
//! nodes, their journals as one, a port, the page.

mod exec;
mod logs;
mod plugin;
mod ports;
mod shell;
mod started;

use anyhow::{Context as _, Result, ensure};
use nixl_tests::{Region, Story, node, wait_for};
use std::process::ExitCode;
use std::time::Duration;

const NODES: [&str; 2] = ["nixl-node1", "nixl-node2"];
const UP: [&str; 5] = ["up", "--provider=tcp", "--nodes=2", "--tracking-server", "--output=json"];
/// Until something that is on its way has come.
const PATIENCE: Duration = Duration::from_secs(60);

/// One process for them all, where the AWS CLI takes one each.
const END_ALL: &str = "import boto3
ssm = boto3.client('ssm')
for session in ssm.describe_sessions(State='Active')['Sessions']:
    print(ssm.terminate_session(SessionId=session['SessionId'])['SessionId'])";

/// The pair as it was launched.
struct Pair {
    region: Region,
    /// Of the tracking server.
    arn: String,
    /// Its instances, by rank.
    ids: [String; 2],
}

fn main() -> ExitCode {
    let mut story = Story::begin("access");
    let Some(mut region) = story.always("a state folder and a free port", Region::new) else {
        return story.end();
    };
    story.step("a region comes up", || region.up());
    story.step("an image is baked", || {
        let baked = region.bake()?;
        ensure!(baked["ami_id"].is_string(), "{baked}");
        Ok(())
    });
    let mut pair = Pair { region, arn: String::new(), ids: Default::default() };
    story.step("a pair with MLflow is launched", || launch(&mut pair));
    story.check("connect is a login shell with MLflow's variable", || shell::connect(&pair));
    story.check("a terminal has its size, its keys and is put back", || shell::terminal(&pair));
    story.check("a shell that is ended from here is ended there", || shell::ended(&pair));
    story
        .check("a session-manager-plugin gets what the AWS CLI gives it", || plugin::called(&pair));
    story.check("exec tells both nodes apart, and their exit codes", || exec::apart(&pair));
    story.check("exec loses nothing of a megabyte", || exec::megabyte(&pair));
    story.check("exec ends what takes too long, and what is interrupted", || exec::ended(&pair));
    story.check("logs of both nodes are one journal", || logs::merged(&pair));
    story.check("logs are told by stage, reason, unit and time", || logs::filtered(&pair));
    story.check("logs -f loses nothing to a dead daemon or session, and ends", || {
        logs::followed(&pair)
    });
    story.check("forward carries several connections", || ports::forward(&pair));
    story.check("dashboard is the node's page", || ports::dashboard(&pair));
    story.check("a node that is not there is guessed", || {
        let launch = pair.region.program("nixl-launch");
        launch.refused(&["connect", "nixl-nod2"], 1, &["did you mean nixl-node2?"])
    });
    let region = pair.region;
    story.always("launch down", || {
        region.program("nixl-launch").ok(&["down", "--mlflow"]).map(drop)
    });
    story.always("region down", || region.down());
    drop(region);
    story.end()
}

fn launch(pair: &mut Pair) -> Result<()> {
    let region = &pair.region;
    let told = region.program("nixl-launch").json(&UP)?;
    pair.arn = told["tracking"]["arn"].as_str().context("no tracking server")?.to_owned();
    for (rank, id) in pair.ids.iter_mut().enumerate() {
        let told = &told["nodes"][rank]["instance_id"];
        told.as_str().context("a node is missing")?.clone_into(id);
    }
    wait_for("a pair", PATIENCE, || paired(region)).map(drop)
}

fn paired(region: &Region) -> Result<()> {
    NODES.iter().try_for_each(|name| node::paired(region, name).map(drop))
}

/// Waits until no process of a node has this in its command line.
fn gone(region: &Region, node: &str, pattern: &str) -> Result<()> {
    wait_for("the end of what ran on the node", PATIENCE, || {
        let found = region.exec(node, &["pgrep", "-a", "-f", pattern])?;
        ensure!(found.code == 1, "{node}: {found}");
        Ok(())
    })
    .map(drop)
}

/// Ids of the sessions that SSM holds for open.
fn sessions(region: &Region) -> Result<Vec<String>> {
    let told = region.venv_program("aws").json(&["ssm", "describe-sessions", "--state=Active"])?;
    let all = told["Sessions"].as_array().with_context(|| format!("{told}"))?;
    Ok(all.iter().filter_map(|it| it["SessionId"].as_str().map(str::to_owned)).collect())
}

/// Ends them all; how many there were.
fn end_sessions(region: &Region) -> Result<usize> {
    let said = region.venv_program("python").ok(&["-c", END_ALL])?;
    Ok(said.lines().count())
}
