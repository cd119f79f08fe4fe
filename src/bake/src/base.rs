//! The image a bake starts from: a moving parameter becomes one AMI id here,
//! and that id is part of the digest.

use crate::cloud::Cloud;
use crate::error::{BakeError, Result};
use crate::recipe::{Base, Recipe};

/// The AMI behind `base`, checked to exist and to be of the recipe's kind.
pub async fn resolve(cloud: &Cloud, recipe: &Recipe) -> Result<String> {
    let missing =
        || BakeError::NoBase { base: recipe.base.to_string(), region: cloud.region.clone() };
    let parameter = match &recipe.base {
        Base::Ami(_) => None,
        Base::Parameter(name) => Some(name.clone()),
        Base::Public(platform) => Some(platform.parameter(recipe.architecture)),
    };
    let ami = match parameter {
        None => recipe.base.to_string(),
        Some(name) => cloud.ssm.get_parameter(&name).await?.ok_or_else(missing)?.trim().to_owned(),
    };
    let image = cloud.images.by_id(&ami).await?.ok_or_else(missing)?;
    let wanted = recipe.architecture.as_str();
    if image.architecture != wanted {
        return Err(BakeError::WrongArchitecture {
            ami,
            found: image.architecture,
            wanted: wanted.to_owned(),
        });
    }
    Ok(ami)
}
