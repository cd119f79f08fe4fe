//! Commands that mend the cluster that is there.

use crate::keys;
use crate::plan::{DEFAULT_TTL_SECS, WayOut};
use nixl_aws::Tag;
use nixl_aws::ec2::{Instance, Market};
use nixl_aws::sagemaker::Kind;
use nixl_cluster::{Layout, Provider, instance_type, tag};

/// The `up` that means these nodes: without what is not the default of them it
/// would ask for others, and refuse.
pub(super) fn up(nodes: &[Instance]) -> String {
    if let Some(stack) = nodes.iter().find_map(|node| Tag::find(&node.tags, keys::STACK)) {
        return format!("an update of CloudFormation stack {stack}");
    }
    // By its subnet: what is made again belongs into the VPC of the nodes.
    let subnet = nodes.first().and_then(|node| node.subnet_id.as_deref());
    let subnet = subnet.map(|id| format!(" --subnet {id}")).unwrap_or_default();
    format!("`{}{subnet}`", command(nodes))
}

fn command(nodes: &[Instance]) -> String {
    let mut command = "nixl-launch up".to_owned();
    let Some(node) = nodes.first() else { return command };
    let told = |key| Tag::find(&node.tags, key);
    let size = told(tag::SIZE).and_then(|size| size.parse().ok()).unwrap_or(2);
    let prefill = told(keys::PREFILL).and_then(|prefill| prefill.parse().ok());
    if size != 2 {
        command.push_str(&format!(" --nodes {size}"));
    }
    if let Some(roles) = (Layout { size, prefill }).roles() {
        command.push_str(&format!(" --roles {roles}"));
    }
    if let Some(provider) = told(keys::PROVIDER).filter(|it| *it != Provider::Efa.as_str()) {
        command.push_str(&format!(" --provider {provider}"));
    }
    if node.instance_type != instance_type::DEFAULT {
        command.push_str(&format!(" --instance-type {}", node.instance_type));
    }
    match told(keys::TRACKING_ARN).map(|arn| (arn, Kind::of(arn))) {
        None => command.push_str(" --no-mlflow"),
        Some((_, Some((Kind::Server, name)))) => {
            command.push_str(&format!(" --tracking-server {name}"));
        }
        // Whose an App is, `up` finds out by what the nodes were told.
        Some(_) => {}
    }
    command
}

/// What can only be had at launch: the same nodes, bought the same way.
pub(super) fn again(nodes: &[Instance]) -> String {
    if let Some(stack) = nodes.iter().find_map(|node| Tag::find(&node.tags, keys::STACK)) {
        return format!("delete CloudFormation stack {stack} and create it again");
    }
    format!("`nixl-launch down`, then `{}{}`", command(nodes), terms(nodes))
}

/// What a launch costs and where it goes, as far as it is not the default and
/// the nodes tell it.
fn terms(nodes: &[Instance]) -> String {
    let Some(node) = nodes.first() else { return String::new() };
    let mut terms = String::new();
    match (node.market, &node.reservation_used) {
        (Market::Spot, _) => terms.push_str(" --market spot"),
        (_, Some(id)) => terms.push_str(&format!(" --reservation {id}")),
        _ => {}
    }
    let told = |key| Tag::find(&node.tags, key);
    let ttl = told(tag::TTL_SECS).and_then(|secs| secs.parse().ok());
    match ttl {
        None => terms.push_str(" --ttl never"),
        Some(DEFAULT_TTL_SECS) => {}
        Some(secs) => terms.push_str(&format!(" --ttl {secs}s")),
    }
    if told(keys::WAY_OUT).is_some_and(|way| way == WayOut::Private.as_str()) {
        terms.push_str(" --public-address none");
    }
    if let Some(arn) = told(keys::TRACKING_ARN)
        && matches!(Kind::of(arn), Some((Kind::App, _)))
    {
        terms.push_str(&format!(" --mlflow-arn {arn}"));
    }
    terms.push_str(&format!(" --image {}", node.image_id));
    if let Some(subnet) = &node.subnet_id {
        terms.push_str(&format!(" --subnet {subnet}"));
    }
    terms
}

/// Runs a command on one node.
pub(super) fn on(node: &str, command: &str) -> String {
    format!("`nixl-launch exec --node {node} -- {command}`")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn up_means_the_nodes_that_are_there() {
        let node = |tags: &[(&str, &str)], name: &str| Instance {
            instance_type: name.to_owned(),
            tags: tags.iter().map(|(key, value)| Tag::new(*key, *value)).collect(),
            ..Default::default()
        };
        let arn = "arn:aws:sagemaker:r:1:mlflow-tracking-server/nixl-efa-mlflow";
        let usual = [(tag::SIZE, "2"), (keys::PROVIDER, "efa"), (keys::TRACKING_ARN, arn)];
        let server = "`nixl-launch up --tracking-server nixl-efa-mlflow`";
        assert_eq!(up(&[node(&usual, "g6.12xlarge")]), server);
        let app = [(keys::TRACKING_ARN, "arn:aws:sagemaker:r:1:mlflow-app/app-1")];
        assert_eq!(up(&[node(&app, "g6.12xlarge")]), "`nixl-launch up`");
        let other = [
            (tag::SIZE, "4"),
            (keys::PREFILL, "1"),
            (keys::PROVIDER, "tcp"),
            (keys::TRACKING_ARN, "arn:aws:sagemaker:r:1:mlflow-tracking-server/b"),
        ];
        assert_eq!(
            up(&[node(&other, "g5.12xlarge")]),
            "`nixl-launch up --nodes 4 --roles prefill=1,decode=3 --provider tcp --instance-type g5.12xlarge --tracking-server b`"
        );
        assert_eq!(up(&[node(&[], "g6.12xlarge")]), "`nixl-launch up --no-mlflow`");
    }

    #[test]
    fn what_is_launched_again_is_bought_the_same_way() {
        let node = |market, reservation: Option<&str>, ttl: Option<&str>| Instance {
            instance_type: "g6.12xlarge".to_owned(),
            image_id: "ami-1".to_owned(),
            subnet_id: Some("subnet-1".to_owned()),
            market,
            reservation_used: reservation.map(str::to_owned),
            tags: ttl.map(|ttl| Tag::new(tag::TTL_SECS, ttl)).into_iter().collect(),
            ..Default::default()
        };
        let spot = node(Market::Spot, None, Some("7200"));
        assert_eq!(
            again(&[spot]),
            "`nixl-launch down`, then `nixl-launch up --no-mlflow --market spot --ttl 7200s --image ami-1 --subnet subnet-1`"
        );
        let reserved = node(Market::OnDemand, Some("cr-1"), Some("28800"));
        let told = again(&[reserved]);
        assert!(told.contains("--reservation cr-1 --image") && !told.contains("--ttl"), "{told}");
        assert!(again(&[node(Market::OnDemand, None, None)]).contains("--ttl never"));
        let mut stacked = node(Market::OnDemand, None, None);
        stacked.tags.push(Tag::new(keys::STACK, "mine"));
        assert_eq!(up(&[stacked.clone()]), "an update of CloudFormation stack mine");
        assert!(again(&[stacked]).starts_with("delete CloudFormation stack mine"));
    }
}
