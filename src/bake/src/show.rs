//! `nixl-bake show` and `diff`: what is in an image, as its tags tell.

use crate::cloud::{Cloud, Regions};
use crate::compare::{Change, compare};
use crate::elsewhere::elsewhere;
use crate::error::{BakeError, Result};
use crate::flow::{Pace, retry, tested_on};
use crate::manifest::{Manifest, Unread};
use crate::undistributed::state;
use nixl_aws::Tag;
use nixl_aws::ec2::Image;
use nixl_aws::imagebuilder::BUILD_ARN_TAG;
use nixl_cluster::tag;
use serde::Serialize;
use std::collections::BTreeMap;

/// An image and what is in it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Shown {
    /// AMI.
    pub ami_id: String,
    /// Name.
    pub name: String,
    /// `available`, `pending`, `failed`, …
    pub state: String,
    /// RFC 3339.
    pub created: String,
    /// `x86_64` or `arm64`.
    pub architecture: String,
    /// Recipe it was baked from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub recipe: Option<String>,
    /// Its content.
    pub digest: String,
    /// Parts, and what each is known by.
    pub parts: BTreeMap<String, String>,
    /// Instance type that it was tested on, if it was.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tested_on: Option<String>,
    /// Where its manifest is kept.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub manifest_uri: Option<String>,
    /// What is in it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub manifest: Option<Manifest>,
    /// Why that is not known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub manifest_unread: Option<String>,
    /// RFC 3339 time from which on it is deprecated, if it is to be.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub deprecation_time: Option<String>,
    /// The same image in other regions.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub copies: Vec<Twin>,
    /// Regions that could not be looked at, and why.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub copies_unread: Vec<String>,
}

/// An image of the same content in another region.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Twin {
    /// Region.
    pub region: String,
    /// AMI.
    pub ami_id: String,
    /// `available`, `pending`, `failed`, …
    pub state: String,
}

/// What the image of this id is, and where else it is.
///
/// # Errors
/// If there is none, or it was not baked by us.
pub async fn show(cloud: &Cloud, regions: &dyn Regions, ami: &str) -> Result<Shown> {
    let mut shown = read(cloud, ami).await?;
    let found = elsewhere(regions, &cloud.region, Some(&shown.digest)).await;
    let twins = |(region, images): (String, Vec<Image>)| {
        let twin = move |it: Image| Twin { region: region.clone(), ami_id: it.id, state: it.state };
        images.into_iter().map(twin)
    };
    shown.copies = found.images.into_iter().flat_map(twins).collect();
    shown.copies_unread = found.unread;
    Ok(shown)
}

/// What is in an image.
async fn read(cloud: &Cloud, ami: &str) -> Result<Shown> {
    let image = retry(Pace::default(), || async { cloud.images.by_id(ami).await }).await?;
    let image = image
        .ok_or_else(|| BakeError::NoImage { ami: ami.to_owned(), region: cloud.region.clone() })?;
    // Tags of other accounts' images are not shown to us.
    let Some(digest) = Tag::find(&image.tags, tag::DIGEST).map(str::to_owned) else {
        return Err(without_digest(cloud, image).await?);
    };
    let manifest_uri = Tag::find(&image.tags, tag::MANIFEST).map(str::to_owned);
    let (manifest, unread) = match Manifest::fetch(cloud, manifest_uri.as_deref(), &digest).await {
        Ok(manifest) => (Some(manifest), None),
        Err(unread) => (None, Some(unread)),
    };
    Ok(Shown {
        tested_on: tested_on(&image.tags).map(str::to_owned),
        manifest_uri,
        manifest,
        manifest_unread: unread.as_ref().map(Unread::to_string),
        parts: parts(&image).into_iter().collect(),
        recipe: Tag::find(&image.tags, tag::RECIPE).map(str::to_owned),
        digest,
        ami_id: image.id,
        name: image.name,
        state: image.state,
        created: image.creation_date,
        architecture: image.architecture,
        deprecation_time: image.deprecation_time,
        copies: Vec::new(),
        copies_unread: Vec::new(),
    })
}

/// Why an image has none of our tags: they come last.
async fn without_digest(cloud: &Cloud, image: Image) -> Result<BakeError> {
    let ami = image.id;
    let Some(arn) = Tag::find(&image.tags, BUILD_ARN_TAG) else {
        return Ok(BakeError::NotBaked { ami });
    };
    let build = retry(Pace::default(), || async { cloud.builder.get_image(arn).await }).await?;
    Ok(match build.filter(|build| Tag::find(&build.tags, tag::DIGEST).is_some()) {
        Some(build) => BakeError::Undistributed { ami, state: state(&build) },
        None => BakeError::NotBaked { ami },
    })
}

/// What leads from one image to another.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Difference {
    /// Of what they are made.
    pub parts: Vec<Change>,
    /// Of what is in them: versions and packages.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub content: Option<Vec<Change>>,
    /// Why that is not known.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub unread: Vec<String>,
}

/// What leads from one image to another.
///
/// # Errors
/// As [`show`].
pub async fn diff(cloud: &Cloud, from: &str, to: &str) -> Result<Difference> {
    let (from, to) = tokio::try_join!(read(cloud, from), read(cloud, to))?;
    let parts = |shown: &Shown| shown.parts.clone().into_iter().collect::<Vec<_>>();
    let unread = |shown: &Shown| {
        shown.manifest_unread.as_ref().map(|why| format!("{}: {why}", shown.ami_id))
    };
    Ok(Difference {
        parts: compare(&parts(&from), &parts(&to)),
        unread: [&from, &to].into_iter().filter_map(unread).collect(),
        content: from
            .manifest
            .zip(to.manifest)
            .map(|(from, to)| compare(&from.entries(), &to.entries())),
    })
}

/// The parts of an image, by name.
pub(crate) fn parts(image: &Image) -> Vec<(String, String)> {
    let part =
        |tag: &Tag| Some((tag.key.strip_prefix(tag::INPUT_PREFIX)?.to_owned(), tag.value.clone()));
    image.tags.iter().filter_map(part).collect()
}
