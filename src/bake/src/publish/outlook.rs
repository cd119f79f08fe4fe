//! What publishing would do, for `plan`.

use super::copies::Standing;
use super::{Deed, Wishes, all, copies, deed, parameter};
use crate::cloud::{Place, Regions};
use crate::error::Result;
use crate::flow::Pace;
use nixl_aws::ec2::Image;
use serde::Serialize;

/// What would be done in a region.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Outlook {
    /// Region.
    pub region: String,
    /// The image, if it is there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ami_id: Option<String>,
    /// What would be done, in order.
    pub deeds: Vec<Deed>,
    /// What stands in the way.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub problem: Option<String>,
}

/// The image that is looked for.
#[derive(Debug, Clone, Copy)]
pub struct Subject<'a> {
    /// Its content.
    pub digest: &'a str,
    /// Region it is baked in.
    pub home: &'a str,
    /// It, if it is baked.
    pub image: Option<&'a Image>,
}

/// Looks everything up, in all regions at once. Changes nothing.
pub async fn outlook(
    regions: &dyn Regions,
    wishes: &Wishes,
    subject: Subject<'_>,
    pace: Pace,
) -> Vec<Outlook> {
    let others = wishes.regions.iter().map(String::as_str).filter(|region| *region != subject.home);
    let looks = std::iter::once(subject.home).chain(others).map(|region| async move {
        let place = regions.place(region);
        let mut outlook =
            Outlook { region: region.to_owned(), ami_id: None, deeds: Vec::new(), problem: None };
        if let Err(problem) = look(&place, wishes, subject, pace, &mut outlook).await {
            outlook.problem = Some(problem.to_string());
        }
        outlook
    });
    all(looks.collect()).await
}

async fn look(
    place: &Place,
    wishes: &Wishes,
    subject: Subject<'_>,
    pace: Pace,
    outlook: &mut Outlook,
) -> Result<()> {
    let standing = match subject.image {
        image if place.region == subject.home => image.cloned().map(Standing::Available),
        _ => Some(copies::look(place, subject.digest, pace).await?),
    };
    let (from, kms_key) = (subject.home.to_owned(), wishes.kms_key.clone());
    let (image, copy) = match standing {
        None => (None, None),
        Some(Standing::Available(image)) => (Some(image), None),
        Some(Standing::Pending(image)) => (Some(image), Some(Deed::AwaitCopy)),
        Some(Standing::Absent { .. }) => (None, Some(Deed::Copy { from, kms_key })),
    };
    outlook.ami_id = image.as_ref().map(|image| image.id.clone());
    outlook.deeds.extend(copy);
    outlook.deeds.extend(deed::look(place, wishes, image.as_ref(), pace).await?);
    let taken = |deed: &Deed| matches!(deed, Deed::SetParameter { was: Some(_), .. });
    if outlook.deeds.iter().any(taken) {
        parameter::is_ours(place, wishes, pace).await?;
    }
    Ok(())
}
