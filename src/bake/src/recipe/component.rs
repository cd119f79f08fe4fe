//! `component.toml`: what a component needs besides its two scripts.

use super::{
    Architecture, DownloadSpec, FileSpec, InputName, Name, Os, Platform, Text, UploadSpec, files,
    values,
};
use serde::{Deserialize, Deserializer, de::Error as _};
use std::collections::BTreeMap;

/// A component as written.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ComponentSpec {
    /// Name in Image Builder.
    pub name: Name,
    /// One line about it.
    #[serde(deserialize_with = "values::one_line")]
    pub description: String,
    /// Longest time one of its steps may take: Image Builder's own default
    /// would bill two hours for a hung lock.
    #[serde(deserialize_with = "timeout")]
    pub timeout_secs: u32,
    /// The optional set it belongs to; without, it is in every image.
    pub set: Option<Name>,
    /// Images it is for.
    #[serde(default)]
    pub when: When,
    /// What a recipe may set, as `$NIXL_INPUT_…` in its scripts.
    #[serde(default)]
    pub inputs: BTreeMap<InputName, InputSpec>,
    /// Files the build machine gets, in `$NIXL_FILES`.
    #[serde(default, deserialize_with = "files::files")]
    pub files: Vec<FileSpec>,
    /// What it downloads, into the same folder.
    #[serde(default)]
    pub downloads: Vec<DownloadSpec>,
    /// What of the image is kept in the bucket, once it is validated.
    #[serde(default)]
    pub uploads: Vec<UploadSpec>,
}

/// Images a component is for; what is left out does not matter.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct When {
    /// Operating systems.
    #[serde(default)]
    pub os: Vec<Os>,
    /// Only Deep Learning AMIs, or only others.
    pub dlami: Option<bool>,
    /// Kinds of machine.
    #[serde(default)]
    pub architecture: Vec<Architecture>,
}

impl When {
    /// What keeps the component out of an image, if anything does.
    #[must_use]
    pub fn against(&self, platform: Platform, architecture: Architecture) -> Option<String> {
        if self.dlami.is_some_and(|wanted| wanted != platform.dlami)
            || !self.os.is_empty() && !self.os.contains(&platform.os)
        {
            return Some(format!("not for {platform}"));
        }
        let fits = self.architecture.is_empty() || self.architecture.contains(&architecture);
        (!fits).then(|| format!("not for {}", architecture.as_str()))
    }
}

/// An input.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct InputSpec {
    /// One line about it.
    #[serde(deserialize_with = "values::one_line")]
    pub description: String,
    /// Value where the recipe gives none; without, the recipe must.
    pub default: Option<Text>,
}

fn timeout<'de, D: Deserializer<'de>>(from: D) -> Result<u32, D::Error> {
    let secs = i64::deserialize(from)?;
    u32::try_from(secs)
        .ok()
        .filter(|secs| (1..=86_400).contains(secs))
        .ok_or_else(|| D::Error::custom(format!("{secs} is no time limit: use 1 to 86400 seconds")))
}
