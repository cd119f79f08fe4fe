//! The account: who calls, and what it has for the cluster.

use super::{Facts, Launch};
use crate::check::Check;
use crate::keys;
use crate::plan::{self, Spec};
use nixl_aws::ec2::Instance;
use nixl_aws::{AwsError, ErrorKind, Tag};
use nixl_cluster::{ClusterName, tag};

/// Codes with which AWS refuses a request for its time.
const CLOCK: &[&str] = &["RequestExpired", "RequestTimeTooSkewed"];
/// What a refusal of the signature says where the time is the cause (General
/// Reference, "Troubleshoot Signature Version 4").
const CLOCK_TEXTS: [&str; 2] = ["Signature expired", "Signature not yet current"];

/// Who is calling, and whether AWS agrees with this computer's clock.
pub(super) fn credentials(facts: &Facts) -> Vec<Check> {
    match &facts.account {
        Ok(account) => vec![
            Check::pass("credentials", format!("account {account}")),
            Check::pass("region", facts.region.clone()),
            Check::pass("clock", "AWS accepts signatures of this computer's time"),
        ],
        Err(error) => vec![refused(error)],
    }
}

fn refused(error: &AwsError) -> Check {
    if error.is(CLOCK) || CLOCK_TEXTS.iter().any(|text| error.message.contains(text)) {
        let fix = "set the clock of this computer: `timedatectl` shows whether it is synchronised";
        return Check::fail("clock", error.to_string(), fix);
    }
    match error.kind {
        ErrorKind::Unreachable | ErrorKind::Ambiguous => {
            let fix = "check the network, AWS_REGION and AWS_ENDPOINT_URL";
            Check::fail("endpoint", error.to_string(), fix)
        }
        _ => {
            let fix =
                "sign in with `aws sso login`, or set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY";
            Check::fail("credentials", error.to_string(), fix)
        }
    }
}

/// What a launch would need, where there is no cluster.
pub(super) fn launch(facts: &Facts) -> Vec<Check> {
    let mut checks = vec![Check::skip("cluster", format!("no cluster {} is here", facts.cluster))];
    let Some(Launch { plan, allowed }) = &facts.launch else { return checks };
    match plan {
        // Without it no launch begins.
        Err(error) => checks.push(refused_action("plan", error)),
        Ok(plan) => checks.extend(plan.checks.iter().cloned()),
    }
    checks.push(match allowed {
        None => Check::skip(
            PERMISSION,
            "not looked at: without an image and a place there is no launch to ask for",
        ),
        Some(Ok(())) => Check::pass(PERMISSION, "ec2:RunInstances is allowed (dry run)"),
        Some(Err(error)) => refused_action(PERMISSION, error),
    });
    checks
}

const PERMISSION: &str = "permission";

/// An error for want of a permission, named by its action; or another error.
fn refused_action(name: &str, error: &AwsError) -> Check {
    const DENIED: &[&str] = &["UnauthorizedOperation", "AccessDenied*"];
    // What follows is for `sts decode-authorization-message`, a thousand characters.
    let text = error.to_string();
    let text = text.split("Encoded authorization").next().unwrap_or_default().trim();
    if !crate::errors::is(error, DENIED) {
        let fix = crate::errors::advice(error).unwrap_or("see the error");
        return Check::fail(name, text, fix);
    }
    let said = text.split_once("is not authorized to perform: ");
    let action = said.and_then(|(_, rest)| rest.split_whitespace().next()).map(str::to_owned);
    let action = action.unwrap_or_else(|| format!("{}:{}", error.service, error.operation));
    Check::fail(name, text, format!("allow {action} in the caller's own IAM policy"))
}

/// Of what was planned, what also holds of nodes that are there.
pub(super) fn of_nodes(facts: &Facts, nodes: &[Instance]) -> Vec<Check> {
    let spec = spec_of(&facts.cluster, &facts.region, nodes);
    plan::of_nodes(&spec, &facts.known, nodes)
}

/// What would be asked for to have these nodes.
pub(crate) fn spec_of(cluster: &ClusterName, region: &str, nodes: &[Instance]) -> Spec {
    let mut spec = Spec::new(cluster.clone(), region);
    let Some(node) = nodes.first() else { return spec };
    let told = |key| Tag::find(&node.tags, key);
    spec.instance_types = vec![node.instance_type.clone()];
    spec.markets = vec![node.market];
    spec.reservation_id.clone_from(&node.reservation_used);
    spec.size = told(tag::SIZE).and_then(|size| size.parse().ok()).unwrap_or(spec.size);
    spec.provider =
        told(keys::PROVIDER).and_then(|told| told.parse().ok()).unwrap_or(spec.provider);
    spec
}

pub(super) fn plugin(there: bool) -> Check {
    if there {
        return Check::pass("session-manager-plugin", "is in the path");
    }
    Check::skip("session-manager-plugin", "not installed; the sessions of this program are used")
}
