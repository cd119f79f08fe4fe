//! Executions of workflows: the steps that Image Builder shows of them.
//!
//! Source: AWS CLI, example of list-workflow-step-executions; EC2 Image Builder
//! samples, "debugging".

use crate::api::timestamp;
use serde_json::{Map, Value};

/// A step of the workflow that builds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// A build instance starts.
    Launch,
    /// All documents run.
    Components,
    /// Packages are listed.
    Inventory,
    /// What an instance leaves is removed.
    Sanitize,
    /// Windows only.
    SysPrep,
    /// The AMI is made.
    CreateImage,
    /// The build instance ends.
    Terminate,
}

impl Step {
    /// All, in the order they run.
    pub const BUILD: [Self; 7] = [
        Self::Launch,
        Self::Components,
        Self::Inventory,
        Self::Sanitize,
        Self::SysPrep,
        Self::CreateImage,
        Self::Terminate,
    ];

    /// Name and action.
    #[must_use]
    pub fn shown(self) -> (&'static str, &'static str) {
        match self {
            Self::Launch => ("LaunchBuildInstance", "LaunchInstance"),
            Self::Components => ("ApplyBuildComponents", "ExecuteComponents"),
            Self::Inventory => ("InventoryCollection", "CollectImageMetadata"),
            Self::Sanitize => ("RunSanitizeScript", "SanitizeInstance"),
            Self::SysPrep => ("RunSysPrepScript", "RunSysPrep"),
            Self::CreateImage => ("CreateOutputAMI", "CreateImage"),
            Self::Terminate => ("TerminateBuildInstance", "TerminateInstance"),
        }
    }
}

impl AsRef<str> for Step {
    fn as_ref(&self) -> &str {
        self.shown().0
    }
}

/// A step as its workflow's document has it.
#[derive(Debug, Clone)]
pub struct Planned {
    /// Name, the only one in its document.
    pub name: String,
    /// Action.
    pub action: String,
    /// Inputs of the action.
    pub inputs: Map<String, Value>,
    /// Whether the next step runs where this one fails.
    pub goes_on: bool,
    /// Whether it is undone where the workflow fails.
    pub rolls_back: bool,
    /// Whether a condition says if it runs.
    pub is_conditional: bool,
}

/// A workflow that an image runs.
#[derive(Debug, Clone)]
pub struct Flow {
    /// ARN of its build version.
    pub arn: String,
    /// Steps.
    pub steps: Vec<Planned>,
    /// Whether the image goes on where it fails.
    pub goes_on: bool,
}

/// How a step stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Execution {
    /// Name.
    pub name: String,
    /// Action.
    pub action: String,
    /// Inputs, JSON, if they are known.
    pub inputs: Option<String>,
    /// `PENDING`, `RUNNING`, `COMPLETED`, `SKIPPED`, `FAILED`, `CANCELLED`.
    pub status: &'static str,
    /// When it began.
    pub started: Option<String>,
    /// When it ended.
    pub ended: Option<String>,
}

/// A workflow execution.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Workflow(Vec<Execution>);

impl Workflow {
    /// The one that builds; nothing of it has begun.
    #[must_use]
    pub fn build() -> Self {
        let steps = Step::BUILD.iter().map(|step| (step.shown(), None));
        Self(steps.map(|((name, action), inputs)| pending(name, action, inputs)).collect())
    }

    /// One of these steps, none of which has begun.
    #[must_use]
    pub fn planned(steps: &[Planned]) -> Self {
        let one = |step: &Planned| {
            let inputs = Value::Object(step.inputs.clone()).to_string();
            pending(&step.name, &step.action, Some(inputs))
        };
        Self(steps.iter().map(one).collect())
    }

    /// All steps.
    #[must_use]
    pub fn executions(&self) -> &[Execution] {
        &self.0
    }

    /// How many have one of these states.
    #[must_use]
    pub fn count(&self, status: &str) -> usize {
        self.0.iter().filter(|one| one.status == status).count()
    }

    /// The step runs.
    pub fn begin(&mut self, step: impl AsRef<str>) {
        self.set(step.as_ref(), "RUNNING", true, false);
    }

    /// The step, which ran, is over.
    pub fn end(&mut self, step: impl AsRef<str>, status: &'static str) {
        self.set(step.as_ref(), status, false, true);
    }

    /// The step is over as soon as it began.
    pub fn pass(&mut self, step: impl AsRef<str>, status: &'static str) {
        self.set(step.as_ref(), status, true, true);
    }

    /// Whatever runs is over.
    pub fn cancel(&mut self) {
        for one in self.0.iter_mut().filter(|one| one.status == "RUNNING") {
            (one.status, one.ended) = ("CANCELLED", Some(timestamp()));
        }
    }

    fn set(&mut self, step: &str, status: &'static str, begins: bool, ends: bool) {
        for one in self.0.iter_mut().filter(|one| one.name == step) {
            one.status = status;
            if begins {
                one.started = Some(timestamp());
            }
            if ends {
                one.ended = Some(timestamp());
            }
        }
    }
}

fn pending(name: &str, action: &str, inputs: Option<String>) -> Execution {
    let (name, action) = (name.to_owned(), action.to_owned());
    Execution { name, action, inputs, status: "PENDING", started: None, ended: None }
}
