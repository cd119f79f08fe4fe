//! `recipe.toml`: what an image is made of.

mod component;
mod position;
mod values;

pub(crate) use component::variable;
pub use component::{ComponentSpec, FileSource, FileSpec};
pub(crate) use position::line_and_column;
pub use position::parse;
pub use values::{Architecture, Base, Name, SemanticVersion, VolumeSize};

use serde::Deserialize;

/// The recipe as written.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Recipe {
    /// Name of the image recipe, and start of every derived name.
    pub name: Name,
    /// Version for people; the content's own identity is its digest.
    pub version: SemanticVersion,
    /// One line about the image.
    #[serde(deserialize_with = "values::one_line")]
    pub description: String,
    /// Where to start.
    pub base: Base,
    /// Kind of machine.
    pub architecture: Architecture,
    /// Device name of the base's root volume.
    #[serde(deserialize_with = "values::device")]
    pub root_device: String,
    /// Size of the root volume.
    pub volume_size_gib: VolumeSize,
    /// Type of the build instance.
    #[serde(deserialize_with = "values::instance_type")]
    pub instance_type: String,
    /// Component folders in order.
    #[serde(deserialize_with = "values::components")]
    pub components: Vec<Name>,
}

#[cfg(test)]
mod tests;
