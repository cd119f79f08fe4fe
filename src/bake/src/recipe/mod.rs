//! `recipe.toml`: what an image is made of.

mod base;
mod component;
mod downloads;
mod files;
mod position;
mod publish;
mod values;

pub use base::{Architecture, Base, Os, Platform};
pub use component::{ComponentSpec, InputSpec, When};
pub use downloads::DownloadSpec;
pub(crate) use downloads::{expand, facts, fault};
pub(crate) use files::variable;
pub use files::{FileSource, FileSpec, UploadSpec};
pub use position::Source;
pub use publish::{Account, Days, KmsKey, Publish};
pub use values::{InputName, Name, SemanticVersion, Text, VolumeSize, parse_instance_type};

use crate::error::Result;
use serde::Deserialize;
use std::collections::BTreeMap;
use toml::Spanned;
use values::Components;

/// The recipe as written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    name: Name,
    version: SemanticVersion,
    #[serde(deserialize_with = "values::one_line")]
    description: String,
    base: Spanned<Base>,
    platform: Option<Platform>,
    architecture: Architecture,
    #[serde(default, deserialize_with = "values::device")]
    root_device: Option<String>,
    volume_size_gib: VolumeSize,
    kms_key: Option<Spanned<KmsKey>>,
    #[serde(deserialize_with = "values::instance_type")]
    instance_type: String,
    components: Spanned<Components>,
    #[serde(default)]
    sets: Vec<Spanned<Name>>,
    #[serde(default)]
    inputs: Inputs,
    #[serde(default)]
    publish: Publish,
    #[serde(default)]
    shared_by: Vec<Account>,
}

/// Values for components' inputs, by component folder and input.
pub type Inputs = BTreeMap<Spanned<String>, BTreeMap<Spanned<String>, Text>>;

/// The recipe.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recipe {
    /// Name of the image recipe, and start of every derived name.
    pub name: Name,
    /// Version for people; the content's own identity is its digest.
    pub version: SemanticVersion,
    /// One line about the image.
    pub description: String,
    /// Where to start.
    pub base: Base,
    /// What the base is, which decides what components do and whether they are
    /// needed at all.
    pub platform: Platform,
    /// Kind of machine.
    pub architecture: Architecture,
    /// Device name of the base's root volume.
    pub root_device: String,
    /// Size of the root volume.
    pub volume_size_gib: VolumeSize,
    /// Key that encrypts it; without, it is as the base's.
    pub kms_key: Option<KmsKey>,
    /// Type of the build instance.
    pub instance_type: String,
    /// Component folders in order.
    pub components: Vec<Name>,
    /// Where in the file that list begins, in bytes.
    pub components_at: usize,
    /// Sets of optional components that are wanted.
    pub sets: Vec<Spanned<Name>>,
    /// Inputs of components that differ from their defaults.
    pub inputs: Inputs,
    /// What becomes of the image once it is there.
    pub publish: Publish,
    /// Accounts whose image of the same content is as good as our own. Nobody else's is:
    /// anyone may give an image any name and share it.
    pub shared_by: Vec<Account>,
}

impl Recipe {
    /// Reads a recipe.
    ///
    /// # Errors
    /// With the place of the first thing that is wrong.
    pub fn read(source: Source<'_>) -> Result<Self> {
        let written: Written = source.parse()?;
        let at = written.base.span().start;
        let base = written.base.into_inner();
        let platform = match (&base, written.platform) {
            (Base::Public(platform), None) => *platform,
            (Base::Public(_), Some(_)) => {
                return Err(
                    source.at(at, format!("base {base} tells what it is: leave `platform` out"))
                );
            }
            (_, Some(platform)) => platform,
            (_, None) => {
                let say = "does not tell what it is: add `platform`, e.g. \"ubuntu-24.04\"";
                return Err(source.at(at, format!("base {base} {say}")));
            }
        };
        if let Some(at) = written.publish.copyable_by_nobody() {
            let say = "snapshots are shared with accounts only: name them in `accounts`, or leave `copyable` out";
            return Err(source.at(at, say));
        }
        if let Some(key) = &written.kms_key
            && key.get_ref().is_default()
            && written.publish.shares()
        {
            let key_at = key.span().start;
            let say = "an image that AWS's own key encrypts cannot be shared; name a key of yours, or leave `accounts` and `organizations` out";
            return Err(source.at(key_at, say));
        }
        Ok(Self {
            name: written.name,
            version: written.version,
            description: written.description,
            base,
            platform,
            architecture: written.architecture,
            root_device: written
                .root_device
                .unwrap_or_else(|| platform.os.root_device().to_owned()),
            volume_size_gib: written.volume_size_gib,
            kms_key: written.kms_key.map(Spanned::into_inner),
            instance_type: written.instance_type,
            components_at: written.components.span().start,
            components: written.components.into_inner().0,
            sets: written.sets,
            inputs: written.inputs,
            publish: written.publish,
            shared_by: written.shared_by,
        })
    }
}

#[cfg(test)]
mod tests;
