//! Workflows that Image Builder itself keeps: those of every image that names none.

use super::workflow_document::outline;
use crate::state::workflow::Flow;
use serde_json::{Value, json};

const BUILD: &str = include_str!("managed/build-image.yaml");
const TEST: &str = include_str!("managed/test-image.yaml");

/// ARN of the one that builds.
#[must_use]
pub fn build_arn(region: &str) -> String {
    arn(region, "build/build-image/1.0.3/1")
}

/// ARN of the one that tests.
#[must_use]
pub fn test_arn(region: &str) -> String {
    arn(region, "test/test-image/1.0.3/1")
}

fn arn(region: &str, rest: &str) -> String {
    format!("arn:aws:imagebuilder:{region}:aws:workflow/{rest}")
}

/// What GetWorkflow tells of each.
#[must_use]
pub fn bodies(region: &str) -> Vec<Value> {
    let body = |kind: &str, name: &str, description: &str, arn: String, data: &str| {
        json!({
            "arn": arn,
            "name": name,
            "version": "1.0.3",
            "description": description,
            "type": kind,
            "owner": "Amazon",
            "data": data,
        })
    };
    vec![
        body("BUILD", "build-image", "Workflow to build an AMI", build_arn(region), BUILD),
        body("TEST", "test-image", "Workflow to test an AMI", test_arn(region), TEST),
    ]
}

/// The one that tests.
#[must_use]
pub fn test(region: &str) -> Flow {
    let steps = outline(TEST).map(|outline| outline.steps).unwrap_or_default();
    Flow { arn: test_arn(region), steps, goes_on: false }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::imagebuilder::workflow_actions;
    use crate::state::workflow::Step;

    #[test]
    fn their_documents_are_as_ones_own_must_be() {
        for body in bodies("us-east-1") {
            let stage = body["type"].as_str().unwrap();
            for step in outline(body["data"].as_str().unwrap()).unwrap().steps {
                let action = workflow_actions::find(&step.action, stage).unwrap();
                assert_eq!(action.wrong_input(&step.inputs), None, "{}", step.name);
            }
        }
        assert_eq!(test("us-east-1").steps.len(), 3);
        let steps = outline(BUILD).unwrap().steps;
        let steps: Vec<_> = steps.iter().map(|one| (&*one.name, &*one.action)).collect();
        assert_eq!(steps, Step::BUILD.map(Step::shown));
    }
}
