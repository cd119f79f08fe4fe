//! Image builds as records: documents are read and not run, their steps pass in
//! moments, and the image is its parent under another name.

use super::script::{Failing, Script};
use crate::backend::{
    BuildDocument, BuildFailure, BuildNews, BuildSpec, Builder, RootFs, StepDone, TellBuild,
    TestInstance,
};
use crate::build::{self, Stage, toe::Console};
use std::sync::{Arc, Mutex, PoisonError};

/// Builds nothing, and says step by step that it did.
pub struct PretendBuilder {
    script: Arc<Script>,
    /// Builds that each failure of the script has failed so far.
    failed: Mutex<Vec<u32>>,
}

impl PretendBuilder {
    /// What it does is in the script.
    #[must_use]
    pub fn new(script: Arc<Script>) -> Arc<Self> {
        let failed = Mutex::new(vec![0; script.failing.len()]);
        Arc::new(Self { script, failed })
    }

    /// The failure that the script has for a stage of these documents.
    fn failing(&self, stage: Stage, documents: &[BuildDocument]) -> Option<&Failing> {
        let mut failed = self.failed.lock().unwrap_or_else(PoisonError::into_inner);
        let has = |one: &Failing| {
            one.test == (stage == Stage::Test)
                && documents.iter().any(|document| one.is_of(&document.name))
        };
        let left = |(one, done): &(&Failing, &mut u32)| {
            has(one) && one.builds.is_none_or(|most| **done < most)
        };
        let (failing, done) = self.script.failing.iter().zip(failed.iter_mut()).find(left)?;
        *done += 1;
        Some(failing)
    }

    async fn stage(
        &self,
        stage: Stage,
        spec: &BuildSpec,
        tell: TellBuild,
    ) -> Result<(), BuildFailure> {
        let failing = self.failing(stage, &spec.documents);
        let console = Console::new(tell);
        let mut last = None;
        for planned in build::plan(stage, &spec.documents)? {
            let now = Some((planned.component_arn.clone(), planned.phase.clone()));
            if last != now {
                console.phase(&planned.component_arn, &planned.phase);
                last = now;
            }
            console.step(&planned.step, &planned.action);
            tokio::time::sleep(self.script.step()).await;
            let scripted = failing.filter(|one| one.is_of(&planned.document));
            let refused = spec.may.all(&planned.needs).err();
            let message = refused.or_else(|| scripted.map(|failing| failing.message.clone()));
            if let Some(message) = &message {
                let mut stderr = console.stream("Stderr");
                stderr.push(message.as_bytes());
                stderr.flush();
            }
            console.exit_code(i32::from(message.is_some()));
            console.step_ended(&planned.action);
            console.tell(BuildNews::Step(StepDone {
                document: planned.document,
                phase: planned.phase.clone(),
                step: planned.step.clone(),
                ok: message.is_none(),
                secs: self.script.step().as_secs_f64(),
            }));
            if let Some(message) = message {
                console.ended(false);
                return Err(BuildFailure {
                    component_arn: planned.component_arn,
                    phase: planned.phase,
                    step: planned.step,
                    action: planned.action,
                    message,
                });
            }
        }
        console.ended(true);
        Ok(())
    }
}

#[async_trait::async_trait]
impl Builder for PretendBuilder {
    async fn build(&self, spec: BuildSpec, tell: TellBuild) -> Result<RootFs, BuildFailure> {
        self.stage(Stage::Build, &spec, tell).await?;
        Ok(spec.parent)
    }

    async fn test(
        &self,
        spec: BuildSpec,
        _: TestInstance,
        tell: TellBuild,
    ) -> Result<(), BuildFailure> {
        self.stage(Stage::Test, &spec, tell).await
    }

    async fn discard(&self, _: &RootFs, _: &[RootFs]) {}
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::backend::May;

    fn spec() -> BuildSpec {
        let document = |name: &str| {
            BuildDocument {
            component_arn: format!("arn:{name}"),
            name: name.to_owned(),
            document: "schemaVersion: 1.0\nphases:\n- name: build\n  steps:\n  - {name: one, action: ExecuteBash, inputs: {commands: ['exit 1']}}\n- name: validate\n  steps:\n  - {name: two, action: ExecuteBash, inputs: {commands: ['exit 1']}}\n".to_owned(),
            parameters: Vec::new(),
        }
        };
        BuildSpec {
            build_id: "build-1".to_owned(),
            parent: RootFs { layers: vec!["/no-root".into()] },
            documents: vec![document("first"), document("second")],
            s3_root: "/".into(),
            rules: Default::default(),
            may: May::everything(),
        }
    }

    async fn built(builder: &PretendBuilder) -> (Result<RootFs, BuildFailure>, Vec<String>) {
        let told = Arc::new(Mutex::new(Vec::new()));
        let kept = told.clone();
        let progress = move |news: BuildNews| {
            let BuildNews::Step(done) = news else { return };
            let (document, phase, step, ok) = (done.document, done.phase, done.step, done.ok);
            kept.lock().unwrap().push(format!("{document} {phase} {step} {ok}"));
        };
        let result = builder.build(spec(), Arc::new(progress)).await;
        let told = told.lock().unwrap().clone();
        (result, told)
    }

    #[tokio::test]
    async fn steps_pass_phase_by_phase_and_nothing_runs() {
        let builder = PretendBuilder::new(Arc::new(Script::parse("step = '1ms'").unwrap()));
        let (result, told) = built(&builder).await;
        assert_eq!(result.unwrap(), spec().parent);
        let expected = [
            "first build one true",
            "second build one true",
            "first validate two true",
            "second validate two true",
        ];
        assert_eq!(told, expected);
    }

    #[tokio::test]
    async fn a_component_fails_as_often_as_the_script_says() {
        let text =
            "step = '1ms'\n[[failing]]\ncomponent = 'cond'\nmessage = 'disk full'\nbuilds = 1";
        let builder = PretendBuilder::new(Arc::new(Script::parse(text).unwrap()));
        let (result, told) = built(&builder).await;
        let failure = result.unwrap_err().to_string();
        assert_eq!(failure, "component arn:second, phase build, step one (ExecuteBash): disk full");
        assert_eq!(told, ["first build one true", "second build one false"]);
        assert!(built(&builder).await.0.is_ok(), "the second build is well");
    }
}
