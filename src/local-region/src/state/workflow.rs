//! The workflows that every image runs, one that builds and one that tests: the
//! steps that Image Builder shows of them.
//!
//! Source: AWS CLI, example of list-workflow-step-executions; EC2 Image Builder
//! samples, "debugging"; user guide, "Create a YAML workflow document" (test steps).

use crate::api::timestamp;

/// A step that is run as a whole.
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
    /// A test instance starts from the AMI.
    LaunchTest,
    /// The phases `test` of all documents run.
    TestComponents,
    /// The test instance ends.
    TerminateTest,
}

impl Step {
    /// Those of a build, in the order they run.
    pub const BUILD: [Self; 7] = [
        Self::Launch,
        Self::Components,
        Self::Inventory,
        Self::Sanitize,
        Self::SysPrep,
        Self::CreateImage,
        Self::Terminate,
    ];
    /// Those of a test, in the order they run.
    pub const TEST: [Self; 3] = [Self::LaunchTest, Self::TestComponents, Self::TerminateTest];

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
            Self::LaunchTest => ("LaunchTestInstance", "LaunchInstance"),
            Self::TestComponents => ("ApplyTestComponents", "ExecuteComponents"),
            Self::TerminateTest => ("TerminateTestInstance", "TerminateInstance"),
        }
    }
}

/// How a step stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Execution {
    /// Which.
    pub step: Step,
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
    /// One of these steps, none of which has begun.
    #[must_use]
    pub fn of(steps: &[Step]) -> Self {
        let pending =
            |step: &Step| Execution { step: *step, status: "PENDING", started: None, ended: None };
        Self(steps.iter().map(pending).collect())
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
    pub fn begin(&mut self, step: Step) {
        self.set(step, "RUNNING", true, false);
    }

    /// The step, which ran, is over.
    pub fn end(&mut self, step: Step, status: &'static str) {
        self.set(step, status, false, true);
    }

    /// The step is over as soon as it began.
    pub fn pass(&mut self, step: Step, status: &'static str) {
        self.set(step, status, true, true);
    }

    /// Whatever runs is over.
    pub fn cancel(&mut self) {
        for one in self.0.iter_mut().filter(|one| one.status == "RUNNING") {
            (one.status, one.ended) = ("CANCELLED", Some(timestamp()));
        }
    }

    fn set(&mut self, step: Step, status: &'static str, begins: bool, ends: bool) {
        for one in self.0.iter_mut().filter(|one| one.step == step) {
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
