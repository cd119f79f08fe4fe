//! Which image it is.

use super::{Facts, Spec};
use crate::check::Check;
use crate::failure::joined;
use nixl_aws::Tag;
use nixl_aws::ec2::Image;
use nixl_cluster::{image_name, tag};
use serde::{Deserialize, Serialize};
use std::fmt;

/// Which image is wanted.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum WantedImage {
    /// The newest baked one.
    #[default]
    Newest,
    /// The one of this id, `ami-…`.
    Ami(String),
    /// The one whose id this parameter of SSM holds: a name, also with `:VERSION` or
    /// `:LABEL`, or an ARN.
    Parameter(String),
}

impl fmt::Display for WantedImage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Newest => f.write_str("the newest one"),
            Self::Ami(id) => f.write_str(id),
            Self::Parameter(name) => write!(f, "ssm:{name}"),
        }
    }
}

/// Name of the check.
const IMAGE: &str = "image";

/// The image that is wanted.
pub(super) fn image(spec: &Spec, facts: &Facts) -> Result<Image, Check> {
    match &spec.image {
        WantedImage::Newest => newest(spec, facts),
        WantedImage::Ami(id) => of_id(facts, id, id),
        wanted @ WantedImage::Parameter(name) => {
            // What else it holds may be a secret, and is not told.
            let id = facts.image_parameter.as_deref().ok_or_else(|| {
                Check::fail(
                    IMAGE,
                    format!("no parameter {name} in {} holds an image's id", spec.region),
                    "`nixl-bake build` writes /nixl/ami/RECIPE/ARCHITECTURE/latest; look with `aws ssm get-parameter --name`",
                )
            })?;
            of_id(facts, id, &format!("{id} of {wanted}"))
        }
    }
}

fn of_id(facts: &Facts, id: &str, told: &str) -> Result<Image, Check> {
    let image = facts.images.iter().find(|image| image.id == id).ok_or_else(|| {
        Check::fail(
            IMAGE,
            format!("image {told} is not there or not yours"),
            "leave out --image to use the newest baked one",
        )
    })?;
    if image.state != "available" {
        let found = format!("image {told} is {}, not available", image.state);
        return Err(Check::fail(IMAGE, found, "wait for it, or name another --image"));
    }
    Ok(image.clone())
}

fn newest(spec: &Spec, facts: &Facts) -> Result<Image, Check> {
    // EC2 shows no tags of others' images. Anybody may give one such a name and share it,
    // so it counts only if its owner was named.
    let is_baked = |image: &Image| {
        Tag::find(&image.tags, tag::DIGEST).is_some()
            || spec.shared_by.contains(&image.owner_id) && image_name::is_baked(&image.name)
    };
    let found = match spec.shared_by.as_slice() {
        [] => "no image".to_owned(),
        owners => format!("no image, and none that {} shares", joined(owners)),
    };
    facts
        .images
        .iter()
        .filter(|image| image.state == "available" && is_baked(image))
        // RFC 3339 in UTC sorts as text; the id settles a tie.
        .max_by_key(|image| (&image.creation_date, &image.id))
        .cloned()
        .ok_or_else(|| Check::fail(IMAGE, found, "run `nixl-bake build`"))
}

/// Which image it is, and the volume that its nodes boot from.
pub(super) fn checks(spec: &Spec, image: &Image) -> [Check; 2] {
    const NAME: &str = "root-volume";
    let age = image.creation_date.get(..10).unwrap_or_default();
    let mut found = format!("{} ({}) {age}", image.id, image.architecture);
    found.truncate(found.trim_end().len());
    if let wanted @ WantedImage::Parameter(_) = &spec.image {
        found.push_str(&format!(", by {wanted}"));
    }
    if spec.shared_by.contains(&image.owner_id) {
        found.push_str(&format!(", shared by {}", image.owner_id));
    }
    let volume = match &image.root_volume {
        None => Check::warn(
            NAME,
            format!("image {} names no EBS volume to boot from", image.id),
            "a node's disk then goes with a power-off, and `nixl-launch down` cannot see it: use an image that `nixl-bake build` made",
        ),
        Some(volume) => {
            let found = format!("{} GiB {} on {}", volume.size_gib, volume.kind, volume.device);
            if volume.delete_on_termination {
                Check::pass(NAME, format!("{found}, goes with its node"))
            } else {
                Check::warn(
                    NAME,
                    format!("{found} stays, and costs, when its node has ended"),
                    "only `nixl-launch down` or `nixl-launch reap` removes it then; bake an image whose volume goes with the instance",
                )
            }
        }
    };
    [Check::pass(IMAGE, found), volume]
}
