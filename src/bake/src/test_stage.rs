//! What tests an image on a type of its own (`--test-on`): a test workflow beside
//! Image Builder's own build workflow, and the role that it runs both as.
//!
//! Source: Image Builder user guide, "Supported step actions for your workflow
//! document", LaunchInstance (`instanceTypesOverride`), and "Manage build, test,
//! and distribution workflows", Service access.

use crate::blueprint::{VERSION, tags, token};
use crate::cloud::Cloud;
use crate::execution_role::Role;
use crate::hash::Sum;
use nixl_aws::Tag;
use nixl_aws::imagebuilder::{CreateWorkflow, Workflows};
use nixl_cluster::tag;

/// The role that Image Builder runs workflows as; one for every region.
pub const EXECUTION_ROLE: &str = "nixl-bake-workflows";

/// All of it.
#[derive(Debug, Clone)]
pub struct TestStage {
    /// Type of the instance that the image is tested on.
    pub instance_type: String,
    /// The workflow, the same for all images that are tested on this type.
    pub workflow: CreateWorkflow,
    /// Image Builder's own, which builds as it does where no workflow is named.
    pub build_workflow_arn: String,
    /// Who runs them.
    pub role: Role,
    /// Its ARN.
    role_arn: String,
}

impl TestStage {
    /// Tests on this type in the account and region of `cloud`.
    #[must_use]
    pub fn new(instance_type: &str, cloud: &Cloud) -> Self {
        let (account, partition) = (&cloud.identity.account, cloud.identity.partition());
        Self {
            instance_type: instance_type.to_owned(),
            workflow: workflow(instance_type),
            build_workflow_arn: format!(
                "arn:{partition}:imagebuilder:{}:aws:workflow/build/build-image/x.x.x",
                cloud.region
            ),
            role: Role {
                name: EXECUTION_ROLE.to_owned(),
                trust_policy: trust(account),
                managed_policy: format!(
                    "arn:{partition}:iam::aws:policy/EC2ImageBuilderExecutionPolicy"
                ),
                tags: vec![Tag::new(tag::VERSION, VERSION)],
            },
            role_arn: format!("arn:{partition}:iam::{account}:role/{EXECUTION_ROLE}"),
        }
    }

    /// What a build runs; workflows that are named replace all of Image Builder's own.
    #[must_use]
    pub fn workflows(&self, test_workflow_arn: String) -> Workflows {
        Workflows {
            arns: vec![self.build_workflow_arn.clone(), test_workflow_arn],
            execution_role: self.role_arn.clone(),
        }
    }
}

/// Steps as those of Image Builder's own test workflow, so that what is told of them is
/// the same, too.
fn workflow(instance_type: &str) -> CreateWorkflow {
    let name = format!("nixl-bake-test-{}", instance_type.replace('.', "-"));
    let document = format!(
        r#"name: {name}
description: Tests an image on {instance_type}
schemaVersion: 1.0
steps:
  - name: LaunchTestInstance
    action: LaunchInstance
    onFailure: Abort
    inputs:
      waitFor: "ssmAgent"
      instanceTypesOverride:
        - "{instance_type}"
  - name: ApplyTestComponents
    action: ExecuteComponents
    onFailure: Abort
    inputs:
      instanceId.$: "$.stepOutputs.LaunchTestInstance.instanceId"
  - name: TerminateTestInstance
    action: TerminateInstance
    onFailure: Continue
    inputs:
      instanceId.$: "$.stepOutputs.LaunchTestInstance.instanceId"
"#
    );
    let sum = Sum::of(document.as_bytes());
    CreateWorkflow {
        version: sum.version(),
        description: format!("Tests an image on {instance_type}"),
        tags: tags(&sum),
        client_token: token(&["workflow", &name, &sum.hex()]),
        name,
        document,
    }
}

/// Image Builder, and only for this account.
fn trust(account: &str) -> String {
    serde_json::json!({
        "Version": "2012-10-17",
        "Statement": [{
            "Effect": "Allow",
            "Principal": {"Service": "imagebuilder.amazonaws.com"},
            "Action": "sts:AssumeRole",
            "Condition": {"StringEquals": {"aws:SourceAccount": account}},
        }],
    })
    .to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Fake;

    #[test]
    fn the_workflow_tests_on_the_type_and_ends_the_instance() {
        let stage = TestStage::new("g6.12xlarge", &Fake::default().cloud());
        let document: serde_yaml_ng::Value =
            serde_yaml_ng::from_str(&stage.workflow.document).unwrap();
        let steps = document["steps"].as_sequence().unwrap();
        let actions: Vec<&str> = steps.iter().map(|one| one["action"].as_str().unwrap()).collect();
        assert_eq!(actions, ["LaunchInstance", "ExecuteComponents", "TerminateInstance"]);
        assert_eq!(steps[0]["inputs"]["instanceTypesOverride"][0], "g6.12xlarge");
        let launched = "$.stepOutputs.LaunchTestInstance.instanceId";
        assert!(steps[1..].iter().all(|step| step["inputs"]["instanceId.$"] == launched));
        assert_eq!(stage.workflow.name, "nixl-bake-test-g6-12xlarge");
        let other = TestStage::new("p5.48xlarge", &Fake::default().cloud()).workflow;
        assert!(other.name != stage.workflow.name && other.version != stage.workflow.version);
    }

    #[test]
    fn a_build_names_both_workflows_and_the_role() {
        let stage = TestStage::new("g6.12xlarge", &Fake::default().cloud());
        let named = stage.workflows("arn:test".to_owned());
        let build = "arn:aws:imagebuilder:eu-west-1:aws:workflow/build/build-image/x.x.x";
        assert_eq!(named.arns, [build, "arn:test"]);
        assert_eq!(named.execution_role, "arn:aws:iam::123456789012:role/nixl-bake-workflows");
        assert!(stage.role.trust_policy.contains(r#""aws:SourceAccount":"123456789012""#));
    }
}
