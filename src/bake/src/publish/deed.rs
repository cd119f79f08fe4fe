//! What has to be done to an image in a region, told apart from doing it: `plan` looks,
//! `build` looks and does.

use super::{DAY, Wishes, parameter};
use crate::cloud::Place;
use crate::error::Result;
use crate::flow::{Pace, retry};
use crate::progress::Progress;
use nixl_aws::ec2::{Image, Sharing};
use serde::Serialize;
use std::collections::BTreeSet;
use std::time::SystemTime;

/// What an image that is not there yet is called.
const FUTURE: &str = "the image";

/// One thing that is not as it is wished.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case", tag = "kind")]
pub enum Deed {
    /// It is not in this region and is copied to it.
    Copy {
        /// Region it comes from.
        from: String,
        /// Alias of the key that encrypts it, if the recipe names one.
        #[serde(skip_serializing_if = "Option::is_none")]
        kms_key: Option<String>,
    },
    /// It is being copied to this region.
    AwaitCopy,
    /// Its instances need tokens of IMDS from then on; EC2 has no way back.
    RequireImdsV2,
    /// Others may launch it, and nobody besides.
    Share {
        /// Who may.
        with: Sharing,
        /// Who may not yet.
        add: Sharing,
        /// Who may no more.
        remove: Sharing,
    },
    /// Accounts may copy it, and no others: that is a permission of its snapshots.
    ShareSnapshot {
        /// Snapshot, if there is one yet.
        #[serde(skip_serializing_if = "Option::is_none")]
        snapshot: Option<String>,
        /// Accounts that may.
        with: BTreeSet<String>,
        /// Which may not yet.
        add: BTreeSet<String>,
        /// Which may no more.
        remove: BTreeSet<String>,
    },
    /// It was deprecated and is the latest again.
    UndoDeprecation,
    /// The recipe's parameter gets its id.
    SetParameter {
        /// Name.
        name: String,
        /// What it says now, if it is there.
        #[serde(skip_serializing_if = "Option::is_none")]
        was: Option<String>,
    },
    /// An image that it takes the place of gets a last day.
    Deprecate {
        /// That image.
        ami_id: String,
        /// Days from now.
        days: u16,
    },
}

impl Deed {
    /// For people, of the image with this id or of one that is not there yet.
    #[must_use]
    pub fn told(&self, ami: Option<&str>) -> String {
        let ami = ami.unwrap_or(FUTURE);
        match self {
            Self::Copy { from, kms_key: None } => format!("{ami} is copied from {from}"),
            Self::Copy { from, kms_key: Some(key) } => {
                format!("{ami} is copied from {from} and encrypted with {key}")
            }
            Self::AwaitCopy => format!("{ami} is being copied"),
            Self::RequireImdsV2 => format!("instances of {ami} need IMDSv2"),
            Self::Share { with, .. } => format!("{ami} may be launched by {with}"),
            Self::ShareSnapshot { with, .. } => {
                let with = Sharing { accounts: with.clone(), ..Sharing::default() };
                format!("{ami} may be copied by {with}")
            }
            Self::UndoDeprecation => {
                format!("{ami} is the latest again and not deprecated any more")
            }
            Self::SetParameter { name, was: None } => format!("{name} is {ami}"),
            Self::SetParameter { name, was: Some(was) } => {
                format!("{name} is {ami} (was {was})")
            }
            Self::Deprecate { ami_id, days } => format!("{ami_id} is deprecated in {days} days"),
        }
    }
}

/// Looks what differs, in the order in which it is done. An image that is not there yet
/// is as EC2 would make it.
pub(super) async fn look(
    place: &Place,
    wishes: &Wishes,
    image: Option<&Image>,
    pace: Pace,
) -> Result<Vec<Deed>> {
    let (share, snapshots, parameter, deprecations) = tokio::try_join!(
        share(place, wishes, image, pace),
        share_snapshots(place, wishes, image, pace),
        set_parameter(place, wishes, image, pace),
        deprecations(place, wishes, image, pace),
    )?;
    let imds = image.is_none_or(|image| !image.imds_v2).then_some(Deed::RequireImdsV2);
    let deprecated = image.is_some_and(|image| image.deprecation_time.is_some());
    let undo = (wishes.grace_days.is_some() && deprecated).then_some(Deed::UndoDeprecation);
    let before = imds.into_iter().chain(share).chain(snapshots).chain(undo);
    // The parameter comes when the image is finished.
    Ok(before.chain(parameter).chain(deprecations).collect())
}

async fn share(
    place: &Place,
    wishes: &Wishes,
    image: Option<&Image>,
    pace: Pace,
) -> Result<Option<Deed>> {
    let Some(with) = wishes.sharing.clone() else { return Ok(None) };
    let now = match image {
        Some(it) => retry(pace, || async { place.attributes.sharing(&it.id).await }).await?,
        None => Sharing::default(),
    };
    let (add, remove) = (with.without(&now), now.without(&with));
    let differs = !add.is_empty() || !remove.is_empty();
    Ok(differs.then_some(Deed::Share { with, add, remove }))
}

async fn share_snapshots(
    place: &Place,
    wishes: &Wishes,
    image: Option<&Image>,
    pace: Pace,
) -> Result<Vec<Deed>> {
    let Some(with) = &wishes.copied_by else { return Ok(Vec::new()) };
    let mut deeds = Vec::new();
    let mut see = |snapshot: Option<String>, now: BTreeSet<String>| {
        let (add, remove) = (with - &now, &now - with);
        if !add.is_empty() || !remove.is_empty() {
            deeds.push(Deed::ShareSnapshot { snapshot, with: with.clone(), add, remove });
        }
    };
    let Some(image) = image else {
        see(None, BTreeSet::new());
        return Ok(deeds);
    };
    for id in &image.snapshot_ids {
        let now = retry(pace, || async { place.attributes.snapshot_sharing(id).await }).await?;
        see(Some(id.clone()), now);
    }
    Ok(deeds)
}

async fn set_parameter(
    place: &Place,
    wishes: &Wishes,
    image: Option<&Image>,
    pace: Pace,
) -> Result<Option<Deed>> {
    let was = parameter::value(place, &wishes.parameter, pace).await?;
    let holds = image.is_some_and(|image| was.as_ref() == Some(&image.id));
    let name = wishes.parameter.clone();
    Ok((!holds).then_some(Deed::SetParameter { name, was }))
}

/// What the image takes the place of and has no last day.
async fn deprecations(
    place: &Place,
    wishes: &Wishes,
    image: Option<&Image>,
    pace: Pace,
) -> Result<Vec<Deed>> {
    let Some(days) = wishes.grace_days else { return Ok(Vec::new()) };
    let recipe = &wishes.recipe;
    let images = retry(pace, || async { place.images.by_recipe(recipe).await }).await?;
    let replaced = images.into_iter().filter(|one| {
        image.is_none_or(|image| one.id != image.id)
            && one.state == "available"
            && one.architecture == wishes.architecture.as_str()
            && one.deprecation_time.is_none()
    });
    Ok(replaced.map(|one| Deed::Deprecate { ami_id: one.id, days }).collect())
}

/// Does it to an image that is there.
pub(super) async fn carry_out(
    deed: &Deed,
    place: &Place,
    wishes: &Wishes,
    image: &Image,
    progress: &dyn Progress,
    pace: Pace,
) -> Result<()> {
    let (id, attributes) = (&image.id, &place.attributes);
    match deed {
        // Before anything is looked at.
        Deed::Copy { .. } | Deed::AwaitCopy => {}
        Deed::RequireImdsV2 => {
            // The image is this account's and carries our digest.
            retry(pace, || async { attributes.require_imds_v2(id).await }).await?;
        }
        Deed::Share { add, remove, .. } => {
            retry(pace, || async { attributes.change_sharing(id, add, remove).await }).await?;
        }
        Deed::ShareSnapshot { snapshot, add, remove, .. } => {
            if let Some(of) = snapshot {
                let change = || async { attributes.change_snapshot_sharing(of, add, remove).await };
                retry(pace, change).await?;
            }
        }
        Deed::UndoDeprecation => {
            retry(pace, || async { attributes.undo_deprecation(id).await }).await?;
        }
        Deed::SetParameter { was, .. } => {
            parameter::keep(place, wishes, id, was.clone(), pace).await?;
        }
        Deed::Deprecate { ami_id, days } => {
            let at = SystemTime::now() + DAY * u32::from(*days);
            retry(pace, || async { attributes.deprecate(ami_id, at).await }).await?;
        }
    }
    progress.note(&deed.told(Some(id)));
    Ok(())
}
