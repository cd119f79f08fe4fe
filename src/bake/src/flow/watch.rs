//! What a build is told of while it runs: step of the workflow, component and
//! step of its document, and how long builds of this recipe take.

use super::card::Card;
use super::log::Log;
use crate::blueprint::Blueprint;
use crate::cloud::Cloud;
use crate::progress::Progress;
use nixl_aws::imagebuilder::{Build, Workflow};
use nixl_aws::{AwsError, Tag};
use std::time::Duration;

/// Image Builder's tag on every AMI it makes.
const BUILD_TAG: &str = "Ec2ImageBuilderArn";

/// Steps of the workflows in which documents run.
const COMPONENTS: [&str; 2] = ["ApplyBuildComponents", "ApplyTestComponents"];

/// Eyes on one build.
pub(super) struct Watch<'a> {
    cloud: &'a Cloud,
    /// Names in the order they are installed.
    components: Vec<&'a str>,
    log: Log,
    /// How long an earlier build took.
    usual: Option<Duration>,
    has_told: bool,
}

impl<'a> Watch<'a> {
    /// Looks at an earlier build, too; without one there is nothing to expect.
    pub(super) async fn new(cloud: &'a Cloud, blueprint: &'a Blueprint, arn: &str) -> Self {
        let usual = usual(cloud, &blueprint.recipe.name).await.unwrap_or_else(|error| {
            tracing::debug!(%error, "no earlier build");
            None
        });
        Self {
            cloud,
            components: blueprint.components.iter().map(|one| one.name.as_str()).collect(),
            log: Log::new(&blueprint.recipe.name, arn),
            usual,
            has_told: false,
        }
    }

    /// Tells how far it is. Steps are told where the service tells them;
    /// without, the state will do.
    pub(super) async fn show(&mut self, build: &Build, progress: &dyn Progress) {
        progress.phase(match build.status.as_str() {
            "PENDING" | "CREATING" => "waiting for a build instance",
            "BUILDING" => "building",
            "TESTING" => "testing",
            "DISTRIBUTING" => "making the AMI",
            "INTEGRATING" => "finishing",
            other => other,
        });
        if let Err(error) = self.log.read(self.cloud).await {
            progress.note(&format!("the build's log cannot be read: {error}"));
        }
        if let Err(error) = self.steps(build, progress).await {
            tracing::debug!(%error, "no steps");
        }
    }

    async fn steps(&mut self, build: &Build, progress: &dyn Progress) -> Result<(), AwsError> {
        let workflows = self.cloud.builder.list_workflows(&build.arn).await?;
        let elapsed = elapsed(&workflows);
        if let (Some(usual), Some(elapsed), false) = (self.usual, elapsed, self.has_told) {
            let (usual, elapsed) = (human(usual), human(elapsed));
            progress.note(&format!("an earlier build took {usual}, this one runs for {elapsed}"));
            self.has_told = true;
        }
        let Some(workflow) = workflows.into_iter().find(|one| one.status == "RUNNING") else {
            return Ok(());
        };
        let steps = self.cloud.builder.list_steps(&workflow.id).await?;
        let Some(step) = steps.into_iter().find(|step| step.status == "RUNNING") else {
            return Ok(());
        };
        let mut tail = of_about(elapsed, self.usual);
        if let Some(message) = step.message.filter(|message| !message.trim().is_empty()) {
            tail = format!(": {}{tail}", message.trim());
        }
        let place = self.log.place().filter(|_| COMPONENTS.contains(&step.name.as_str()));
        match place.and_then(|it| Some((it, self.number(&it.component)?))) {
            Some((place, number)) => {
                let what = [&place.component, &place.phase, &place.step]
                    .map(String::as_str)
                    .into_iter()
                    .filter(|part| !part.is_empty())
                    .collect::<Vec<_>>()
                    .join(" / ");
                progress.step(number, self.components.len(), &format!("{what}{tail}"));
            }
            None => {
                let (done, total) = (workflow.steps_done as usize, workflow.steps_total as usize);
                progress.step(done, total, &format!("{}{tail}", step.name));
            }
        }
        Ok(())
    }

    fn number(&self, component: &str) -> Option<usize> {
        self.components.iter().position(|name| name.eq_ignore_ascii_case(component))
    }

    /// What is known of its failure.
    pub(super) async fn card(mut self, build: &Build) -> Card {
        if let Err(error) = self.log.read(self.cloud).await {
            tracing::debug!(%error, "no log");
        }
        let mut card = Card::new(build);
        card.log = Some(self.log.command(&self.cloud.region));
        if let Some(failed) = self.log.failed() {
            card.exit_code = Some(failed.exit_code);
            card.excerpt = super::excerpt::excerpt(&failed.lines);
        }
        card
    }
}

/// How long the build of the recipe's newest image took.
async fn usual(cloud: &Cloud, recipe: &str) -> Result<Option<Duration>, AwsError> {
    let images = cloud.images.by_recipe(recipe).await?;
    let Some(arn) = images.iter().find_map(|image| Tag::find(&image.tags, BUILD_TAG)) else {
        return Ok(None);
    };
    let workflows = cloud.builder.list_workflows(arn).await?;
    let began = workflows.iter().filter_map(|one| time(one.started.as_deref())).min();
    let ended = workflows.iter().filter_map(|one| time(one.ended.as_deref())).max();
    Ok(began.zip(ended).and_then(|(began, ended)| Duration::try_from(ended - began).ok()))
}

fn time(text: Option<&str>) -> Option<jiff::Timestamp> {
    text?.parse().ok()
}

/// Since the first workflow began, by this computer's clock.
fn elapsed(workflows: &[Workflow]) -> Option<Duration> {
    let began = workflows.iter().filter_map(|one| time(one.started.as_deref())).min()?;
    Some(Duration::try_from(jiff::Timestamp::now() - began).unwrap_or_default())
}

/// ` (3 of about 6 min)`; nothing in the first minute.
fn of_about(elapsed: Option<Duration>, usual: Option<Duration>) -> String {
    let minutes = |time: Duration| time.as_secs() / 60;
    match (elapsed.map(minutes), usual) {
        (Some(elapsed @ 1..), Some(usual)) => {
            format!(" ({elapsed} of about {} min)", (usual.as_secs() + 30) / 60)
        }
        (Some(elapsed @ 1..), None) => format!(" ({elapsed} min)"),
        _ => String::new(),
    }
}

fn human(time: Duration) -> String {
    match time.as_secs() {
        secs @ 0..120 => format!("{secs} s"),
        secs => format!("{} min", (secs + 30) / 60),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_told_in_few_words() {
        let secs = Duration::from_secs;
        assert_eq!((human(secs(45)), human(secs(390))), ("45 s".into(), "7 min".into()));
        assert_eq!(of_about(Some(secs(59)), Some(secs(390))), "");
        assert_eq!(of_about(Some(secs(200)), Some(secs(390))), " (3 of about 7 min)");
        assert_eq!(of_about(Some(secs(200)), None), " (3 min)");
        assert_eq!(of_about(None, Some(secs(390))), "");
    }

    #[test]
    fn a_clock_that_is_behind_means_that_it_has_just_begun() {
        let started = Some("2999-01-01T00:00:00.000Z".to_owned());
        let workflow = Workflow { started, ..Workflow::default() };
        assert_eq!(elapsed(&[workflow]), Some(Duration::ZERO));
        assert_eq!(elapsed(&[Workflow::default()]), None);
    }
}
