//! The nodes' role: without it SSM does not reach them and they tell nothing.

use super::{Facts, fix, unread};
use crate::check::Check;
use crate::keys;
use crate::plan::{ARTIFACT_SIDS, Artifacts, SSM_CORE_POLICY, Store, is_ours, node_policy};
use nixl_aws::Tag;
use nixl_aws::ec2::Instance;
use serde_json::Value;

pub(super) fn judge(facts: &Facts, nodes: &[Instance]) -> Vec<Check> {
    let name = facts.cluster.node_role(&facts.region);
    let again = format!(
        "{} makes it again; an SSM agent that missed it tries again after up to 30 minutes, or at a reboot",
        fix::up(nodes)
    );
    let again = again.as_str();
    let role = match &facts.role {
        Err(error) => return vec![unread("role", error)],
        Ok(None) => return vec![Check::fail("role", format!("{name} is gone"), again)],
        Ok(Some(role)) if !is_ours(&facts.cluster, &role.tags) => {
            let found = format!("{name} is there and not this cluster's");
            return vec![Check::fail("role", found, "choose another --cluster")];
        }
        Ok(Some(role)) => Check::pass("role", &role.name),
    };
    let profile = match &facts.profile {
        Err(error) => unread("profile", error),
        Ok(Some(profile)) if profile.roles.contains(&name) => Check::pass("profile", &profile.name),
        Ok(Some(profile)) => {
            Check::fail("profile", format!("{} does not hold the role", profile.name), again)
        }
        Ok(None) => Check::fail("profile", format!("{name} is gone"), again),
    };
    let policy = match &facts.attached {
        Err(error) => unread("ssm-policy", error),
        Ok(arns) if arns.iter().any(|arn| arn.ends_with(SSM_CORE_POLICY)) => {
            Check::pass("ssm-policy", SSM_CORE_POLICY)
        }
        Ok(_) => {
            let found = format!("the role lacks {SSM_CORE_POLICY}: SSM does not reach the nodes");
            Check::fail("ssm-policy", found, again)
        }
    };
    vec![role, profile, policy, own_policy(facts, nodes)]
}

/// Whether it is what `up` writes; where it is not known which bucket the nodes keep
/// artifacts in, what is said of that does not matter.
fn as_written(text: &str, facts: &Facts, arn: Option<&str>) -> bool {
    let Ok(mut there) = serde_json::from_str::<Value>(text) else { return false };
    let wanted = |it: Option<Artifacts>| node_policy(&facts.region, arn, it.as_ref());
    let server = facts.tracking.as_ref().ok().and_then(Option::as_ref);
    let bucket = facts.tracking_bucket.as_ref().ok().and_then(Option::as_ref);
    match (server, bucket) {
        (Some(server), _) if !server.owned => {
            there == wanted(Artifacts::of_uri(&server.artifact_store_uri))
        }
        (Some(_), Some(bucket)) => {
            let kms_key = Tag::find(&bucket.tags, keys::KMS_KEY).map(str::to_owned);
            let store = Store { bucket: bucket.name.clone(), kms_key };
            there == wanted(Some(store.artifacts()))
        }
        _ => {
            let of_store = |it: &Value| ARTIFACT_SIDS.iter().any(|sid| it["Sid"] == *sid);
            if let Some(statements) = there["Statement"].as_array_mut() {
                statements.retain(|statement| !of_store(statement));
            }
            there == wanted(None)
        }
    }
}

/// What the daemon and MLflow's clients call: tags, peers, tracking server, artifacts.
fn own_policy(facts: &Facts, nodes: &[Instance]) -> Check {
    const NAME: &str = "node-policy";
    let arn = nodes.iter().find_map(|node| Tag::find(&node.tags, keys::TRACKING_ARN));
    let again = || format!("{} writes it again", fix::up(nodes));
    match &facts.policy {
        Err(error) => unread(NAME, error),
        Ok(None) => {
            Check::fail(NAME, "the role's own policy is gone: its nodes cannot register", again())
        }
        Ok(Some(text)) if as_written(text, facts, arn) => {
            Check::pass(NAME, "as this program writes it")
        }
        Ok(Some(_)) => Check::warn(NAME, "is not as this program writes it", again()),
    }
}
