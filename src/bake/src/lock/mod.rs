//! `recipe.lock`: what a recipe leaves open, pinned. The base's AMI in each
//! region, every download by version, size and SHA-256, and the daemon.
//!
//! `nixl-bake lock` makes the file agree with the recipe, `--update` moves what
//! has moved elsewhere, and a build takes nothing that is not in it.

mod diff;
mod fetch;
mod make;
mod pins;

pub use diff::diff;
pub use fetch::{Curl, Measure};
pub use make::{Wants, make};
pub use pins::{Pin, Pins};

use crate::error::{BakeError, Result};
use crate::hash::Sum;
use crate::recipe::{Architecture, Source};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::io::Write as _;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

/// Form of the file.
const FORM: u32 = 1;
const HEAD: &str =
    "# Written by `nixl-bake lock`; keep it with the recipe. Nothing else goes into an image.\n";

/// The file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Lock {
    /// Form of the file.
    pub form: u32,
    /// The base image.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub base: Option<BasePin>,
    /// The daemon.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub daemon: Option<DaemonPin>,
    /// Downloads by component and name.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub downloads: Vec<DownloadPin>,
}

/// The base image: one release, under its own id in each region.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BasePin {
    /// As the recipe writes it.
    pub base: String,
    /// Kind of machine.
    pub architecture: Architecture,
    /// Name its publisher gave it, the same in all regions.
    pub name: String,
    /// Account of the publisher.
    pub owner: String,
    /// AMI ids by region.
    pub amis: BTreeMap<String, String>,
}

/// The daemon.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DaemonPin {
    /// GNU build id, if it has one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub build_id: Option<String>,
    /// Length.
    pub size_bytes: u64,
    /// SHA-256.
    pub sha256: Sum,
}

/// A download.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DownloadPin {
    /// Folder of its component.
    pub component: String,
    /// Name in `$NIXL_FILES`.
    pub name: String,
    /// Version.
    pub version: String,
    /// Where it is.
    pub url: String,
    /// Length.
    pub size_bytes: u64,
    /// SHA-256.
    pub sha256: Sum,
}

impl Default for Lock {
    fn default() -> Self {
        Self { form: FORM, base: None, daemon: None, downloads: Vec::new() }
    }
}

impl Lock {
    /// Where the lock of a recipe is: beside it, or in `folder`, which may have
    /// those of many. There its name tells the recipe's own folder, too.
    #[must_use]
    pub fn path(recipe: &Path, folder: Option<&Path>) -> PathBuf {
        let Some(folder) = folder else { return recipe.with_extension("lock") };
        // A recipe that cannot be read is told when it is read.
        let whole = recipe.canonicalize().unwrap_or_else(|_| recipe.to_owned());
        let sum = Sum::of(whole.as_os_str().as_bytes()).short();
        let stem = whole.file_stem().unwrap_or(OsStr::new("recipe")).to_string_lossy();
        folder.join(format!("{stem}-{sum}.lock"))
    }

    /// Reads it; `None` if there is none.
    ///
    /// # Errors
    /// If it cannot be read or is none.
    pub fn read(path: &Path) -> Result<Option<Self>> {
        let text = match std::fs::read_to_string(path) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(source) => return Err(BakeError::Unreadable { path: path.to_owned(), source }),
        };
        let source = Source { path, text: &text };
        let lock: Self = source.parse()?;
        if lock.form != FORM {
            let message = format!("form {} is not known here, only {FORM}", lock.form);
            return Err(source.at(text.find("form").unwrap_or(0), message));
        }
        Ok(Some(lock))
    }

    /// Writes it, whole or not at all.
    ///
    /// # Errors
    /// If that fails.
    pub fn write(&self, path: &Path) -> Result<()> {
        let failed = |source| BakeError::Unwritable { path: path.to_owned(), source };
        // Strings, numbers, lists and tables only.
        let text = HEAD.to_owned() + &toml::to_string(self).expect("a lock is TOML");
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
        let mut file =
            tempfile::NamedTempFile::new_in(folder.unwrap_or(Path::new("."))).map_err(failed)?;
        file.write_all(text.as_bytes()).map_err(failed)?;
        // As any file of a checkout; a temporary one is its owner's alone.
        let mode = std::os::unix::fs::PermissionsExt::from_mode(0o644);
        file.as_file().set_permissions(mode).map_err(failed)?;
        file.persist(path).map_err(|error| failed(error.error))?;
        Ok(())
    }
}

#[cfg(test)]
mod tests;
