//! Why an image stays.

use crate::cloud::Place;
use crate::error::Result;
use crate::flow::{Pace, retry};
use crate::publish::latest;
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
    /// EC2 is not through with it.
    State {
        /// `pending`, `failed`, …
        state: String,
    },
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
            Self::Used { by } => write!(f, "used by {}", by.join(", ")),
            Self::Shared { with } => {
                write!(f, "shared with {with}, whose instances are not seen here")
            }
        }
    }
}

/// Counts images, newest first, by recipe and architecture.
pub(super) struct Newest {
    keep: usize,
    seen: BTreeMap<(String, String), usize>,
}

impl Newest {
    pub(super) fn new(keep: usize) -> Self {
        Self { keep, seen: BTreeMap::new() }
    }

    /// Why this one stays, if it does. What is not available counts for nobody, and what
    /// EC2 still works on is left to it.
    pub(super) fn takes(&mut self, image: &Image) -> Option<Why> {
        if !matches!(image.state.as_str(), "available" | "failed") {
            return Some(Why::State { state: image.state.clone() });
        }
        if image.state == "failed" {
            return None;
        }
        let count = self.seen.entry(kind(image)).or_default();
        *count += 1;
        (*count <= self.keep).then_some(Why::Newest)
    }
}

/// Who uses each image.
pub(super) struct Uses(BTreeMap<String, Vec<String>>);

impl Uses {
    /// Instances, launch templates and the parameters of `images`.
    pub(super) async fn look(place: &Place, images: &[Image], pace: Pace) -> Result<Self> {
        let removal = &place.removal;
        let (instances, templates) = tokio::try_join!(
            retry(pace, || async { removal.used_by_instances().await }),
            retry(pace, || async { removal.used_by_templates().await }),
        )?;
        let mut uses: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for one in instances.into_iter().chain(templates) {
            uses.entry(one.image_id).or_default().push(one.by);
        }
        let kinds: BTreeSet<_> = images.iter().map(kind).collect();
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

fn kind(image: &Image) -> (String, String) {
    let recipe = Tag::find(&image.tags, tag::RECIPE).unwrap_or_default();
    (recipe.to_owned(), image.architecture.clone())
}
