//! What there is before there is a cluster.

use super::{Facts, unread};
use crate::check::Check;
use nixl_aws::{AwsError, ErrorKind};
use nixl_cluster::check::Verdict;

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

/// What a launch needs of the account.
pub(super) fn judge(facts: &Facts) -> Vec<Check> {
    vec![image(facts), network(facts), plugin(facts.plugin)]
}

fn image(facts: &Facts) -> Check {
    let images = match &facts.images {
        Ok(images) => images,
        Err(error) => return unread("image", error),
    };
    let newest =
        images.iter().filter(|it| it.state == "available").max_by_key(|it| &it.creation_date);
    match (newest, images.first()) {
        (Some(image), _) => {
            Check::pass("image", format!("{} of {}", image.id, image.creation_date))
        }
        (None, Some(image)) => {
            let found = format!("{} is {}", image.id, image.state);
            Check::warn("image", found, "wait for it, or run `nixl-bake build`")
        }
        (None, None) => Check::warn("image", "no baked image", "run `nixl-bake build`"),
    }
}

fn network(facts: &Facts) -> Check {
    let (vpcs, subnets) = match (&facts.vpcs, &facts.subnets) {
        (Ok(vpcs), Ok(subnets)) => (vpcs, subnets),
        (Err(error), _) | (_, Err(error)) => return unread("network", error),
    };
    let Some(vpc) = vpcs.iter().find(|vpc| vpc.is_default) else {
        let fix = "make one with `aws ec2 create-default-vpc`, or name subnets";
        return Check::warn("network", "the region has no default VPC", fix);
    };
    let of_vpc: Vec<_> = subnets.iter().filter(|subnet| subnet.vpc_id == vpc.id).collect();
    if of_vpc.iter().any(|subnet| subnet.map_public_ip) {
        return Check::pass("network", format!("{}, {} subnets", vpc.id, of_vpc.len()));
    }
    let found = format!("no subnet of {} gives instances a public address", vpc.id);
    let fix = "nodes need a NAT gateway, Elastic IPs, or VPC endpoints (ssm, ssmmessages, ec2messages, ec2, s3)";
    Check::warn("network", found, fix)
}

fn plugin(there: bool) -> Check {
    if there {
        return Check::pass("session-manager-plugin", "is in the path");
    }
    Check {
        verdict: Verdict::Skip,
        ..Check::pass(
            "session-manager-plugin",
            "not installed; the sessions of this program are used",
        )
    }
}
