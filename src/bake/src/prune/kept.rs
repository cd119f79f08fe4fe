//! Why an image stays.

use super::Found;
use crate::cloud::Place;
use crate::error::Result;
use crate::flow::{Pace, retry};
use crate::publish::latest;
use crate::undistributed::{Made, state};
use nixl_aws::Tag;
use nixl_aws::ec2::Image;
use nixl_cluster::tag;
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};

/// The first reason there is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case", tag = "kind")]
pub enum Why {
    /// It is among the newest.
    Newest,
    /// EC2 or Image Builder is not through with it.
    State {
        /// `pending`, `testing`, …
        state: String,
    },
    /// Its test failed and can be tried again.
    Retry,
    /// Somebody uses it.
    Used {
        /// Instances, launch templates and parameters.
        by: Vec<String>,
    },
    /// Other accounts may launch it, whose instances are not seen here.
    Shared {
        /// Who.
        with: String,
    },
}

impl std::fmt::Display for Why {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Newest => f.write_str("among the newest"),
            Self::State { state } => f.write_str(state),
            Self::Retry => f.write_str("`build` can test it again; goes with --failed"),
            Self::Used { by } => write!(f, "used by {}", by.join(", ")),
            Self::Shared { with } => {
                write!(f, "shared with {with}, whose instances are not seen here")
            }
        }
    }
}

/// Goes through images, newest first, by recipe and architecture.
pub(super) struct Newest {
    keep: usize,
    retry: bool,
    /// How many of each kind count so far; none where there was one that does not.
    seen: BTreeMap<(String, String), usize>,
    /// Digests that need no further test.
    baked: BTreeSet<String>,
}

impl Newest {
    /// With `retry` what can be tested again may stay for that.
    pub(super) fn new(keep: usize, retry: bool, images: &[Found]) -> Self {
        let baked = images.iter().filter(|one| one.state() == "available");
        let baked = baked.map(|one| digest(&one.image).to_owned()).collect();
        Self { keep, retry, seen: BTreeMap::new(), baked }
    }

    /// Why this one stays, if it does. Only what is available counts, and what EC2 or Image
    /// Builder still works on is left to them.
    pub(super) fn takes(&mut self, one: &Found) -> Option<Why> {
        let (image, state) = (&one.image, one.state());
        let ended = one.made.as_ref().is_none_or(|made| made.build.is_final());
        if !ended || !matches!(image.state.as_str(), "available" | "failed") {
            return Some(Why::State { state });
        }
        if image.state == "failed" {
            return None;
        }
        let later = self.seen.contains_key(&kind(image));
        let count = self.seen.entry(kind(image)).or_default();
        if let Some(made) = &one.made {
            let can = made.can_retry && !later && !self.baked.contains(digest(image));
            return (can && self.retry).then_some(Why::Retry);
        }
        *count += 1;
        (*count <= self.keep).then_some(Why::Newest)
    }
}

/// Who uses each image.
pub(super) struct Uses(BTreeMap<String, Vec<String>>);

impl Uses {
    /// Instances, launch templates and the parameters of `images`.
    pub(super) async fn look(place: &Place, images: &[Found], pace: Pace) -> Result<Self> {
        let removal = &place.removal;
        let (instances, templates) = tokio::try_join!(
            retry(pace, || async { removal.used_by_instances().await }),
            retry(pace, || async { removal.used_by_templates().await }),
        )?;
        let mut uses: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for one in instances.into_iter().chain(templates) {
            uses.entry(one.image_id).or_default().push(one.by);
        }
        let kinds: BTreeSet<_> = images.iter().map(|one| kind(&one.image)).collect();
        for (recipe, architecture) in kinds {
            let name = latest(&recipe, &architecture);
            let value = retry(pace, || async { place.ssm.get_parameter(&name).await }).await?;
            if let Some(ami) = value {
                uses.entry(ami).or_default().push(format!("parameter {name}"));
            }
        }
        Ok(Self(uses))
    }

    pub(super) fn of(&self, ami: &str) -> Option<Why> {
        self.0.get(ami).map(|by| Why::Used { by: by.clone() })
    }
}

/// Whether others may launch it.
pub(super) async fn shared(place: &Place, ami: &str, pace: Pace) -> Result<Option<Why>> {
    let with = match retry(pace, || async { place.attributes.sharing(ami).await }).await {
        // Another run was faster.
        Err(error) if error.is(&["InvalidAMIID.NotFound", "InvalidAMIID.Unavailable"]) => {
            return Ok(Some(Why::State { state: "removed meanwhile".to_owned() }));
        }
        with => with?,
    };
    Ok((!with.is_empty()).then(|| Why::Shared { with: with.to_string() }))
}

/// Whether Image Builder works on it again since it was looked at.
pub(super) async fn taken_up(place: &Place, made: &Made, pace: Pace) -> Result<Option<Why>> {
    let arn = &made.build.arn;
    let now = retry(pace, || async { place.builder.get_image(arn).await }).await?;
    let now = now.filter(|now| now.status != made.build.status);
    Ok(now.map(|now| Why::State { state: state(&now) }))
}

fn digest(image: &Image) -> &str {
    Tag::find(&image.tags, tag::DIGEST).unwrap_or_default()
}

fn kind(image: &Image) -> (String, String) {
    let recipe = Tag::find(&image.tags, tag::RECIPE).unwrap_or_default();
    (recipe.to_owned(), image.architecture.clone())
}
