//! MLflow: what the nodes were told of, and its role.

use super::{Facts, bucket, fix, unread};
use crate::check::Check;
use crate::keys;
use crate::report::TrackingReport;
use nixl_aws::Tag;
use nixl_aws::ec2::Instance;
use nixl_aws::sagemaker::Kind;

pub(super) fn judge(facts: &Facts, nodes: &[Instance]) -> Vec<Check> {
    let told = nodes.iter().find_map(|node| Tag::find(&node.tags, keys::TRACKING_ARN));
    let Some(arn) = told else {
        return vec![Check::skip("mlflow", "the nodes were told of no MLflow")];
    };
    match &facts.tracking {
        Err(error) => vec![unread("mlflow", error)],
        Ok(None) => {
            let fix = match Kind::of(arn) {
                Some((Kind::App, _)) => "the nodes know it by an ARN that does not come back: `nixl-launch down`, then `nixl-launch up`".to_owned(),
                _ => format!("{} makes one of this cluster again", fix::up(nodes)),
            };
            vec![Check::fail("mlflow", format!("{arn} is gone"), fix)]
        }
        Ok(Some(server)) if server.active => on(facts, nodes, server),
        Ok(Some(TrackingReport { status, .. })) if status.ends_with("ing") => {
            let fix = "wait: an App takes about 5 minutes to be made, a server up to 25 to be made or started";
            vec![Check::warn("mlflow", format!("{arn} is {status}"), fix)]
        }
        Ok(Some(server)) => {
            vec![Check::fail("mlflow", format!("{arn} is {}", server.status), start(server))]
        }
    }
}

/// A server that is only attached is its owner's to start.
fn start(server: &TrackingReport) -> String {
    let name = &server.name;
    if server.kind == "app" {
        let arn = &server.arn;
        return format!("`aws sagemaker describe-mlflow-app --arn {arn}` may say why");
    }
    match (server.status.ends_with("Failed"), server.owned) {
        (true, _) => format!(
            "`aws sagemaker describe-mlflow-tracking-server --tracking-server-name {name}` may say why"
        ),
        (false, true) => "`nixl-launch mlflow start`".to_owned(),
        (false, false) => {
            format!("`aws sagemaker start-mlflow-tracking-server --tracking-server-name {name}`")
        }
    }
}

fn on(facts: &Facts, nodes: &[Instance], server: &TrackingReport) -> Vec<Check> {
    let arn = &server.arn;
    if server.owned {
        vec![Check::pass("mlflow", arn), role(facts, nodes), bucket::judge(facts, nodes)]
    } else {
        vec![Check::pass("mlflow", format!("{arn}, attached"))]
    }
}

/// What the server reads and writes its artifacts with.
fn role(facts: &Facts, nodes: &[Instance]) -> Check {
    const NAME: &str = "mlflow-role";
    let name = facts.cluster.mlflow_role(&facts.region);
    match &facts.tracking_role {
        Err(error) => unread(NAME, error),
        Ok(Some(role)) => Check::pass(NAME, &role.name),
        Ok(None) => {
            let found = format!("{name} is gone: the server reaches no artifact");
            Check::fail(NAME, found, format!("{} makes it again", fix::up(nodes)))
        }
    }
}
