//! `nixl-bake plan`: what `build` would do, by looking only.

use crate::blueprint::Blueprint;
use crate::builder_profile::Standing;
use crate::cloud::{Cloud, Regions};
use crate::compare::{Change, compare};
use crate::error::{BakeError, Result};
use crate::flow::{Baked, Pace, find, finished, history, is_ours, retry, with_failed_test};
use crate::publish::{Outlook, Subject, Wishes, outlook};
use crate::show;
use nixl_aws::Tag;
use nixl_aws::ec2::Image;
use nixl_aws::imagebuilder::Resource;
use serde::Serialize;

/// A plan.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Plan {
    /// Identity of the image.
    pub digest: String,
    /// AMI it starts from.
    pub base_ami: String,
    /// Region.
    pub region: String,
    /// The image, if it is baked already.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ami_id: Option<String>,
    /// The same as it was seen.
    #[serde(skip)]
    pub image: Option<Image>,
    /// Account that shares it with this one, if it is not this one's own.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub shared_by: Option<String>,
    /// The newest image of this recipe, if there is one, and what differs in it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub since: Option<Since>,
    /// What is needed, in order; empty if the image is there.
    pub lines: Vec<Line>,
    /// What becomes of it then, a region each; none if it is not to be published.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub publishing: Option<Vec<Outlook>>,
}

/// Why there is something to bake.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Since {
    /// The newest image of this recipe.
    pub ami_id: String,
    /// What differs.
    pub changed: Vec<Change>,
}

/// One thing that is needed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Line {
    /// Kind.
    pub what: &'static str,
    /// Name.
    pub name: String,
    /// What happens.
    pub action: Action,
}

/// What happens to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Action {
    /// It is there.
    Exists,
    /// It is made.
    Create,
    /// It is uploaded.
    Upload,
    /// It failed and is tried again.
    Retry,
    /// It runs already and is waited for.
    Wait,
    /// Its name is taken by something else; `build` would stop here.
    Conflict,
}

impl Action {
    /// One word.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Exists => "exists",
            Self::Create => "create",
            Self::Upload => "upload",
            Self::Retry => "retry",
            Self::Wait => "wait",
            Self::Conflict => "conflict",
        }
    }
}

impl Plan {
    /// For an image that is there: nothing.
    #[must_use]
    pub fn nothing(baked: Baked) -> Self {
        Self {
            digest: baked.digest,
            base_ami: baked.base_ami,
            region: baked.region,
            ami_id: Some(baked.ami_id),
            image: baked.image,
            shared_by: baked.shared_by,
            since: None,
            lines: Vec::new(),
            publishing: None,
        }
    }

    /// Looks as well what becomes of the image. Changes nothing.
    pub async fn look_at_publishing(&mut self, regions: &dyn Regions, wishes: &Wishes, pace: Pace) {
        let image = self.image.as_ref();
        let subject = Subject { digest: &self.digest, home: &self.region, image };
        self.publishing = Some(outlook(regions, wishes, subject, pace).await);
    }

    fn found(mut self, image: Image) -> Self {
        self.ami_id = Some(image.id.clone());
        self.image = Some(image);
        self
    }
}

/// Looks everything up. Changes nothing.
pub async fn plan(cloud: &Cloud, blueprint: &Blueprint, pace: Pace) -> Result<Plan> {
    let mut plan = Plan {
        digest: blueprint.digest.hex(),
        base_ami: blueprint.base_ami.clone(),
        region: blueprint.region.clone(),
        ami_id: None,
        image: None,
        shared_by: None,
        since: None,
        lines: Vec::new(),
        publishing: None,
    };
    if let Some(image) = find(&*cloud.images, &blueprint.digest, pace).await? {
        return Ok(plan.found(image));
    }
    let history = history(cloud, blueprint, pace).await?;
    if let Some(image) = finished(cloud, &history, pace).await? {
        return Ok(plan.found(image));
    }
    plan.since = since(cloud, blueprint, pace).await?;
    if let Some(build) = history.running {
        plan.lines.push(Line { what: "build", name: build.arn, action: Action::Wait });
        return Ok(plan);
    }
    if let Some(build) = with_failed_test(cloud, blueprint, &history, pace).await? {
        plan.lines.push(Line { what: "test", name: build.arn, action: Action::Retry });
        return Ok(plan);
    }
    plan.lines = lines(cloud, blueprint, pace).await?;
    plan.lines.push(Line {
        what: "build",
        name: format!("{} (attempt {})", blueprint.distribution.name, history.next_attempt),
        action: Action::Create,
    });
    let built_on = &blueprint.infrastructure.instance_type;
    plan.lines.extend(blueprint.test_on().map(|kind| Line {
        what: "test",
        name: format!("on {kind} (built on {built_on})"),
        action: Action::Create,
    }));
    Ok(plan)
}

/// The newest image of the recipe, and the parts that its tags tell apart.
async fn since(cloud: &Cloud, blueprint: &Blueprint, pace: Pace) -> Result<Option<Since>> {
    let name = &blueprint.recipe.name;
    let images = retry(pace, || async { cloud.images.by_recipe(name).await }).await?;
    let Some(image) = images.into_iter().find(|image| image.state == "available") else {
        return Ok(None);
    };
    let parts = blueprint.parts.iter().map(|part| (part.name.clone(), part.shown.clone()));
    let changed = compare(&show::parts(&image), &parts.collect::<Vec<_>>());
    Ok(Some(Since { ami_id: image.id, changed }))
}

async fn lines(cloud: &Cloud, blueprint: &Blueprint, pace: Pace) -> Result<Vec<Line>> {
    let mut lines = Vec::new();
    let mut line = |what, name: &str, action| {
        lines.push(Line { what, name: name.to_owned(), action });
    };
    let either = |there: bool, absent: Action| if there { Action::Exists } else { absent };
    let builder = &cloud.builder;

    let bucket = &blueprint.bucket;
    let account = &cloud.identity.account;
    let has_bucket = retry(pace, || async { cloud.s3.head_bucket(bucket, account).await }).await?;
    line("bucket", bucket, either(has_bucket, Action::Create));
    for upload in &blueprint.uploads {
        let key = &upload.key;
        let there = has_bucket
            && retry(pace, || async { cloud.s3.head_object(bucket, key).await }).await?.is_some();
        line("file", key, either(there, Action::Upload));
    }

    let profile = &blueprint.profile;
    let standing = |standing| match standing {
        Standing::Complete => Action::Exists,
        Standing::Incomplete => Action::Create,
        Standing::Foreign { .. } => Action::Conflict,
    };
    let found = retry(pace, || async { cloud.profile.standing(profile).await }).await?;
    line("instance profile", &profile.name, standing(found));
    if let Some(test) = &blueprint.test {
        let role = &test.role;
        let found = retry(pace, || async { cloud.roles.role_standing(role).await }).await?;
        line("role", &role.name, standing(found));
    }

    let state = |found: Option<Resource>, tags: &[Tag]| match found {
        None => Action::Create,
        Some(found) if is_ours(tags, &found) => Action::Exists,
        Some(_) => Action::Conflict,
    };
    for wanted in &blueprint.components {
        let found =
            retry(pace, || async { builder.find_component(&wanted.name, &wanted.version).await })
                .await?;
        line("component", &wanted.name, state(found, &wanted.tags));
    }
    let wanted = &blueprint.recipe;
    let found =
        retry(pace, || async { builder.find_recipe(&wanted.name, &wanted.version).await }).await?;
    line("image recipe", &wanted.name, state(found, &wanted.tags));
    let wanted = &blueprint.infrastructure;
    let found = retry(pace, || async { builder.find_infrastructure(&wanted.name).await }).await?;
    line("infrastructure", &wanted.name, state(found, &wanted.tags));
    let wanted = &blueprint.distribution;
    let found = retry(pace, || async { builder.find_distribution(&wanted.name).await }).await?;
    line("distribution", &wanted.name, state(found, &wanted.tags));
    if let Some(test) = &blueprint.test {
        let wanted = &test.workflow;
        let found = retry(pace, || async {
            builder.find_test_workflow(&wanted.name, &wanted.version).await
        })
        .await?;
        line("test workflow", &wanted.name, state(found, &wanted.tags));
    }
    Ok::<_, BakeError>(lines)
}
