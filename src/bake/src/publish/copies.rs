//! The image in further regions: found by its content, or copied.
//!
//! A copy carries the tags of its source from its creation on and has a client token, so
//! a run that was cut off finds it, and two runs at once make one.

use super::{Wishes, seen};
use crate::cloud::Place;
use crate::error::{BakeError, Result};
use crate::flow::{Options, Pace, retry};
use crate::hash::Sum;
use crate::progress::Progress;
use nixl_aws::Tag;
use nixl_aws::ec2::{CopyImage, Image};
use nixl_cluster::tag;
use std::time::Instant;

/// Tokens that lead to copies which are gone are passed over, but not for ever.
const MAX_REPLAYS: usize = 20;
/// Looks for a copy before it counts as gone.
const LOOKS: u32 = 3;

/// How the image of a content stands in a region.
pub(super) enum Standing {
    /// It is there.
    Available(Image),
    /// It is being copied.
    Pending(Image),
    /// It is not there; the names and tokens of so many failed ones are spent.
    Absent { failed: usize },
}

/// Looks for the image of a content.
pub(super) async fn look(place: &Place, digest: &str, pace: Pace) -> Result<Standing> {
    let images = retry(pace, || async { place.images.by_digest(Some(digest)).await }).await?;
    let known = |state: &str| images.iter().find(|image| image.state == state).cloned();
    Ok(match (known("available"), known("pending")) {
        (Some(image), _) => Standing::Available(image),
        (None, Some(image)) => Standing::Pending(image),
        (None, None) => Standing::Absent { failed: images.len() },
    })
}

/// The image of the same content in another region, available.
pub(super) async fn there(
    place: &Place,
    home: &str,
    source: &Image,
    wishes: &Wishes,
    progress: &dyn Progress,
    options: Options,
) -> Result<Image> {
    let digest = Tag::find(&source.tags, tag::DIGEST).unwrap_or_default();
    let image = match look(place, digest, options.pace).await? {
        Standing::Available(image) => return Ok(image),
        Standing::Pending(image) => image,
        Standing::Absent { failed } => copy(place, home, source, wishes, failed, options).await?,
    };
    progress.note(&format!("{} is copied to {} as {}", source.id, place.region, image.id));
    available(place, image, options).await
}

/// Copies it. `failed` images of this content are there, whose names and tokens are spent.
async fn copy(
    place: &Place,
    home: &str,
    source: &Image,
    wishes: &Wishes,
    failed: usize,
    options: Options,
) -> Result<Image> {
    let mut attempt = failed;
    loop {
        let request = request(place, home, source, wishes, attempt);
        let id = retry(options.pace, || async { place.attributes.copy(&request).await }).await?;
        let mut looks = options.pace;
        looks.tries = looks.tries.min(LOOKS);
        match seen(place, &id, looks).await {
            // The token's first answer, of a copy that somebody has removed since.
            Err(BakeError::NoImage { .. }) if attempt < failed + MAX_REPLAYS => attempt += 1,
            found => return found,
        }
    }
}

fn request(
    place: &Place,
    home: &str,
    source: &Image,
    wishes: &Wishes,
    attempt: usize,
) -> CopyImage {
    let number = attempt.to_string();
    let token = ["copy", &source.id, &place.region, &number].map(str::as_bytes);
    let ours = |tag: &&Tag| tag.key == tag::NAME || tag.key.starts_with(tag::PREFIX);
    CopyImage {
        source_region: home.to_owned(),
        source_image_id: source.id.clone(),
        name: match attempt {
            0 => source.name.clone(),
            _ => format!("{}-{}", source.name, attempt + 1),
        },
        description: format!("{} of {home}", source.id),
        kms_key: wishes.kms_key.clone(),
        tags: source.tags.iter().filter(ours).cloned().collect(),
        client_token: Sum::of_fields(token).hex(),
    }
}

/// Waits for a copy: minutes, or more than an hour of a large one far away.
async fn available(place: &Place, mut image: Image, options: Options) -> Result<Image> {
    let started = Instant::now();
    let mut pause = options.pace.first;
    while image.state == "pending" {
        if started.elapsed() >= options.deadline {
            let minutes = started.elapsed().as_secs() / 60;
            return Err(BakeError::CopyLate { ami: image.id, minutes });
        }
        tokio::time::sleep(pause).await;
        pause = options.pace.next(pause);
        image = seen(place, &image.id, options.pace).await?;
    }
    match image.state.as_str() {
        "available" => Ok(image),
        _ => Err(BakeError::CopyFailed { ami: image.id, state: image.state }),
    }
}
