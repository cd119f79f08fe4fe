//! Image builds: AWSTOE component documents run for real in a copy of the
//! parent image, as Image Builder does on a build instance (ARCHITECTURE.md,
//! Image Builder user guide "AWS Task Orchestrator and Executor").

mod actions;
mod document;
mod inputs;
mod instance;
mod log;
mod place;
mod reference;
mod runner;
pub(crate) mod sandbox;
mod sanitize;
pub(crate) mod toe;
mod web;

use std::sync::Arc;

use crate::backend::{
    BuildDocument, BuildFailure, BuildSpec, Builder, RootFs, TellBuild, TestInstance,
};
use crate::layout::Layout;
use document::{Document, Phase};
use runner::Runner;

/// A stage of an image, each on an instance of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// On the build instance.
    Build,
    /// On the test instance.
    Test,
}

impl Stage {
    /// Its phases, in order.
    fn phases(self) -> &'static [&'static str] {
        match self {
            Self::Build => &["build", "validate"],
            Self::Test => &["test"],
        }
    }
}

/// Builds images with systemd-nspawn.
pub struct NspawnBuilder {
    layout: Layout,
}

impl NspawnBuilder {
    /// A builder for this region.
    pub fn new(layout: &Layout) -> Arc<Self> {
        Arc::new(Self { layout: layout.clone() })
    }

    async fn run(&self, spec: &BuildSpec, tell: TellBuild) -> Result<RootFs, BuildFailure> {
        let documents = read(&spec.documents)?;
        let setup = |message: String| failure("", "", "", "PrepareInstance", message);
        let folder = self.layout.build_dir(&spec.build_id);
        let sandbox = sandbox::Sandbox::new(&self.layout, &spec.build_id, &folder, &spec.parent)
            .map_err(|error| setup(error.to_string()))?;
        sandbox.want_clean_up().map_err(|error| setup(error.to_string()))?;
        let console = toe::Console::new(tell);
        let runner = Runner::new(&sandbox, spec, console);
        let result = build(&sandbox, &runner, &documents).await;
        sandbox.close().await;
        if let Err(error) = result {
            sandbox.drop_upper().await;
            return Err(error);
        }
        tracing::info!(build = spec.build_id, "image built");
        let mut layers = vec![sandbox.layer()];
        layers.extend(spec.parent.layers.iter().cloned());
        Ok(RootFs { layers })
    }
}

/// All phases of the build stage, and what is done before an AMI is made.
async fn build(
    sandbox: &sandbox::Sandbox,
    runner: &Runner<'_>,
    documents: &[Read<'_>],
) -> Result<(), BuildFailure> {
    phases(Stage::Build, runner, documents).await?;
    match sandbox.bash(sanitize::SCRIPT, &[], sanitize::TIMEOUT_SECS, None).await {
        Ok(output) if output.ok() => Ok(()),
        Ok(output) => Err(failure("", "", "", "SanitizeInstance", output.tail())),
        Err(error) => Err(failure("", "", "", "SanitizeInstance", error.to_string())),
    }
}

async fn phases(
    stage: Stage,
    runner: &Runner<'_>,
    documents: &[Read<'_>],
) -> Result<(), BuildFailure> {
    let run = async {
        for ((source, document), Phase { name, steps }) in in_order(stage, documents) {
            runner.phase(source, document, name, steps).await?;
        }
        Ok(())
    };
    let result = run.await;
    runner.console.ended(result.is_ok());
    result
}

#[async_trait::async_trait]
impl Builder for NspawnBuilder {
    async fn build(&self, spec: BuildSpec, tell: TellBuild) -> Result<RootFs, BuildFailure> {
        self.run(&spec, tell).await
    }

    async fn test(
        &self,
        spec: BuildSpec,
        on: TestInstance,
        tell: TellBuild,
    ) -> Result<(), BuildFailure> {
        let documents = read(&spec.documents)?;
        let folder = self.layout.build_dir(&spec.build_id);
        let instance = instance::Instance::new(on, &folder)
            .map_err(|error| failure("", "", "", "PrepareInstance", error.to_string()))?;
        let runner = Runner::new(&instance, &spec, toe::Console::new(tell));
        phases(Stage::Test, &runner, &documents).await
    }

    async fn discard(&self, root: &RootFs, keep: &[RootFs]) {
        // Only what a build made here; the base image lives in the cache.
        let builds = self.layout.state_dir().join("builds");
        for layer in root.layers.iter().filter(|layer| layer.starts_with(&builds)) {
            if keep.iter().any(|other| other.layers.contains(layer)) {
                continue;
            }
            if let Err(error) = tokio::fs::remove_dir_all(layer).await {
                tracing::warn!(layer = %layer.display(), %error, "layer not removed");
            }
        }
    }
}

type Read<'a> = (&'a BuildDocument, Document);

/// All documents are read before anything runs.
fn read(sources: &[BuildDocument]) -> Result<Vec<Read<'_>>, BuildFailure> {
    sources.iter().map(|source| Ok((source, parse(source)?))).collect()
}

/// Phases as they run: each of all documents before the next.
fn in_order<'a>(
    stage: Stage,
    documents: &'a [Read<'a>],
) -> impl Iterator<Item = (&'a Read<'a>, &'a Phase)> {
    stage.phases().iter().flat_map(move |name| {
        documents.iter().flat_map(move |read| {
            read.1.phases.iter().filter(move |phase| phase.name == *name).map(move |p| (read, p))
        })
    })
}

/// A step that a stage would run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Planned {
    /// ARN of its component.
    pub component_arn: String,
    /// Name of its document.
    pub document: String,
    /// `build`, `validate` or `test`.
    pub phase: String,
    /// Its name.
    pub step: String,
    /// Action module.
    pub action: String,
    /// What the role of the build instance must be allowed: actions and ARNs.
    pub needs: Vec<(&'static str, String)>,
}

/// The steps that a stage of these documents would run, in order.
///
/// # Errors
/// If a document cannot be run, as the build would fail.
pub fn plan(stage: Stage, sources: &[BuildDocument]) -> Result<Vec<Planned>, BuildFailure> {
    let documents = read(sources)?;
    let steps = in_order(stage, &documents).flat_map(|((source, document), phase)| {
        phase.steps.iter().map(|step| Planned {
            needs: document.action(step).map_or_else(|_| Vec::new(), |action| action.needs()),
            component_arn: source.component_arn.clone(),
            document: source.name.clone(),
            phase: phase.name.clone(),
            step: step.name.clone(),
            action: step.action.clone(),
        })
    });
    Ok(steps.collect())
}

fn parse(source: &BuildDocument) -> Result<Document, BuildFailure> {
    Document::parse(&source.document, &source.parameters).map_err(|error| {
        failure(&source.component_arn, "", "", "ParseDocument", format!("{}: {error}", source.name))
    })
}

/// A failure, its message cut as Image Builder cuts it.
fn failure(arn: &str, phase: &str, step: &str, action: &str, message: String) -> BuildFailure {
    BuildFailure {
        component_arn: arn.to_owned(),
        phase: phase.to_owned(),
        step: step.to_owned(),
        action: action.to_owned(),
        message: log::cut(&message),
    }
}
