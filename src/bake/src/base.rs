//! The image a bake starts from: a moving parameter becomes one AMI here, on
//! its way into the lock.

use crate::cloud::Cloud;
use crate::error::{BakeError, Result};
use crate::flow::{Pace, retry};
use crate::recipe::{Base, Recipe};
use nixl_aws::ec2::Image;

/// The AMI that the recipe's base is now, checked to exist and to be of the
/// recipe's kind.
pub(crate) async fn newest(cloud: &Cloud, recipe: &Recipe) -> Result<Image> {
    let missing =
        || BakeError::NoBase { base: recipe.base.to_string(), region: cloud.region.clone() };
    let parameter = match &recipe.base {
        Base::Ami(_) => None,
        Base::Parameter(name) => Some(name.clone()),
        Base::Public(platform) => Some(platform.parameter(recipe.architecture)),
    };
    let pace = Pace::default();
    let ami = match parameter {
        None => recipe.base.to_string(),
        Some(name) => {
            let value = retry(pace, || async { cloud.ssm.get_parameter(&name).await }).await?;
            value.ok_or_else(missing)?.trim().to_owned()
        }
    };
    let image = retry(pace, || async { cloud.images.by_id(&ami).await }).await?;
    check(recipe, image.ok_or_else(missing)?)
}

/// The same release in another region.
pub(crate) async fn elsewhere(
    cloud: &Cloud,
    recipe: &Recipe,
    name: &str,
    owner: &str,
) -> Result<String> {
    let found =
        retry(Pace::default(), || async { cloud.images.by_name(name, owner).await }).await?;
    let image = found.ok_or_else(|| BakeError::NotPublished {
        name: name.to_owned(),
        region: cloud.region.clone(),
    })?;
    check(recipe, image).map(|image| image.id)
}

/// That a pinned AMI is still there.
pub(crate) async fn exists(cloud: &Cloud, ami: &str, pace: Pace) -> Result<()> {
    match retry(pace, || async { cloud.images.by_id(ami).await }).await? {
        Some(_) => Ok(()),
        None => Err(BakeError::BaseGone { ami: ami.to_owned(), region: cloud.region.clone() }),
    }
}

fn check(recipe: &Recipe, image: Image) -> Result<Image> {
    let wanted = recipe.architecture.as_str();
    if image.architecture == wanted {
        return Ok(image);
    }
    Err(BakeError::WrongArchitecture {
        what: image.id,
        found: image.architecture,
        wanted: wanted.to_owned(),
    })
}
