//! Image Builder's resources, kept as the JSON that their Get operations
//! return, beside what a build needs.

use super::workflow::{Flow, Workflow};
use crate::backend::StepDone;
use serde_json::Value;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

/// A resource whose Get answer never changes but for its tags.
#[derive(Debug, Clone)]
pub struct Resource {
    /// What Get returns; `tags` is inside.
    pub body: Value,
}

/// An image (one build version).
#[derive(Debug, Clone)]
pub struct ImageBuild {
    /// What GetImage returns; `state` and `outputResources` change.
    pub body: Value,
    /// AMI it became.
    pub ami_id: Option<String>,
    /// Steps done.
    pub steps: Vec<StepDone>,
    /// Steps its documents have.
    pub steps_total: usize,
    /// The workflow that builds it.
    pub workflow: Workflow,
    /// `wf-…`
    pub workflow_execution_id: String,
    /// When it began and ended.
    pub started: String,
    /// When it ended.
    pub ended: Option<String>,
    /// The workflows that test it.
    pub test_flows: Vec<Flow>,
    /// Their runs, the last of which counts.
    pub tests: Vec<TestRun>,
    /// ARN of the role that its workflows run as, if it names one.
    pub execution_role: Option<String>,
    /// Tells the build to stop.
    pub cancel: Arc<tokio::sync::Notify>,
}

/// A run of a test workflow.
#[derive(Debug, Clone)]
pub struct TestRun {
    /// `wf-…`
    pub id: String,
    /// ARN of the workflow.
    pub arn: String,
    /// Its steps.
    pub workflow: Workflow,
    /// When it began.
    pub started: String,
    /// When it ended, and as what.
    pub ended: Option<(String, &'static str)>,
}

impl ImageBuild {
    /// Status of the image.
    #[must_use]
    pub fn status(&self) -> &str {
        self.body["state"]["status"].as_str().unwrap_or_default()
    }

    /// Whether it goes on.
    #[must_use]
    pub fn is_building(&self) -> bool {
        matches!(
            self.status(),
            "PENDING" | "CREATING" | "BUILDING" | "TESTING" | "DISTRIBUTING" | "INTEGRATING"
        )
    }
}

/// All of Image Builder, each by ARN.
#[derive(Default)]
pub struct ImageBuilder {
    /// Components.
    pub components: BTreeMap<String, Resource>,
    /// Recipes.
    pub recipes: BTreeMap<String, Resource>,
    /// Infrastructure configurations.
    pub infrastructures: BTreeMap<String, Resource>,
    /// Distribution configurations.
    pub distributions: BTreeMap<String, Resource>,
    /// Workflows of one's own.
    pub workflows: BTreeMap<String, Resource>,
    /// Images.
    pub images: BTreeMap<String, ImageBuild>,
    /// Answers by operation and client token, with the request they answered.
    pub tokens: HashMap<(String, String), (Value, Value)>,
}

impl ImageBuilder {
    /// The `tags` object of a resource of any kind.
    pub fn body_mut(&mut self, arn: &str) -> Option<&mut Value> {
        if let Some(image) = self.images.get_mut(arn) {
            return Some(&mut image.body);
        }
        [
            &mut self.components,
            &mut self.recipes,
            &mut self.infrastructures,
            &mut self.distributions,
            &mut self.workflows,
        ]
        .into_iter()
        .find_map(|map| map.get_mut(arn))
        .map(|resource| &mut resource.body)
    }
}
