//! Commands that mend the cluster that is there.

use crate::keys;
use nixl_aws::Tag;
use nixl_aws::ec2::Instance;
use nixl_cluster::name::DEFAULT_TRACKING_SERVER;
use nixl_cluster::{Layout, Provider, instance_type, tag};

/// The `up` that means these nodes: without what is not the default of them it
/// would ask for others, and refuse.
pub(super) fn up(nodes: &[Instance]) -> String {
    let mut command = "nixl-launch up".to_owned();
    let Some(node) = nodes.first() else { return format!("`{command}`") };
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
    match told(keys::TRACKING_ARN).and_then(|arn| arn.rsplit('/').next()) {
        None => command.push_str(" --no-mlflow"),
        Some(DEFAULT_TRACKING_SERVER) => {}
        Some(name) => command.push_str(&format!(" --tracking-server {name}")),
    }
    format!("`{command}`")
}

/// What can only be had at launch.
pub(super) fn again(nodes: &[Instance]) -> String {
    format!("`nixl-launch down`, then {}", up(nodes))
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
        assert_eq!(up(&[node(&usual, "g6.12xlarge")]), "`nixl-launch up`");
        let other = [
            (tag::SIZE, "4"),
            (keys::PREFILL, "1"),
            (keys::PROVIDER, "tcp"),
            (keys::TRACKING_ARN, "a/b"),
        ];
        assert_eq!(
            up(&[node(&other, "g5.12xlarge")]),
            "`nixl-launch up --nodes 4 --roles prefill=1,decode=3 --provider tcp --instance-type g5.12xlarge --tracking-server b`"
        );
        assert_eq!(up(&[node(&[], "g6.12xlarge")]), "`nixl-launch up --no-mlflow`");
    }
}
