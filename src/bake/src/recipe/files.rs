//! Files a component brings along.

use serde::{Deserialize, Deserializer, de::Error as _};
use std::path::PathBuf;

/// A file for the build machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileSpec {
    /// Name in `$NIXL_FILES`.
    pub name: String,
    /// Where its content comes from.
    pub source: FileSource,
}

/// Where a file's content comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FileSource {
    /// The daemon binary given on the command line.
    Noded,
    /// A file, relative to the component's folder.
    Path(PathBuf),
    /// A folder, packed as a tar, relative to the component's folder.
    Tree(PathBuf),
}

/// A file of the image that is kept in the bucket, under the image's digest.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UploadSpec {
    /// Name there.
    #[serde(deserialize_with = "name")]
    pub name: String,
    /// Where it is in the image.
    #[serde(deserialize_with = "absolute")]
    pub path: String,
}

fn name<'de, D: Deserializer<'de>>(from: D) -> Result<String, D::Error> {
    file_name(String::deserialize(from)?).map_err(D::Error::custom)
}

/// S3Upload takes `*` in a path for a pattern.
fn absolute<'de, D: Deserializer<'de>>(from: D) -> Result<String, D::Error> {
    let path = String::deserialize(from)?;
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./+".contains(c);
    if path.starts_with('/') && path.chars().all(plain) && !path.ends_with('/') {
        return Ok(path);
    }
    Err(D::Error::custom(format!("{path:?} is no file of the image: give its absolute path")))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    name: String,
    source: Option<Source>,
    path: Option<PathBuf>,
    tree: Option<PathBuf>,
}

#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
enum Source {
    Noded,
}

impl<'de> Deserialize<'de> for FileSpec {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let written = Written::deserialize(from)?;
        let name = file_name(written.name).map_err(D::Error::custom)?;
        let source = match (written.source, written.path, written.tree) {
            (Some(Source::Noded), None, None) => FileSource::Noded,
            (None, Some(path), None) => FileSource::Path(path),
            (None, None, Some(tree)) => FileSource::Tree(tree),
            _ => {
                return Err(D::Error::custom(format!(
                    "file {name:?} needs exactly one of `source = \"noded\"`, `path` and `tree`"
                )));
            }
        };
        Ok(Self { name, source })
    }
}

/// A name that can be a path, a variable's name and part of an S3 key.
pub(super) fn file_name(name: String) -> Result<String, String> {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    if name.is_empty() || name.len() > 64 || name.starts_with('.') || !name.chars().all(plain) {
        return Err(format!(
            "{name:?} is no file name here: use 1 to 64 letters, digits, '-', '_' and '.'"
        ));
    }
    Ok(name)
}

pub(super) fn files<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<FileSpec>, D::Error> {
    let files = Vec::<FileSpec>::deserialize(from)?;
    let mut seen = std::collections::HashSet::new();
    if let Some(twice) = files.iter().find(|file| !seen.insert(variable(&file.name))) {
        return Err(D::Error::custom(format!("file {:?} is listed twice", twice.name)));
    }
    Ok(files)
}

/// `$NIXL_SHA256_…` of a file.
#[must_use]
pub(crate) fn variable(name: &str) -> String {
    let plain = |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_uppercase() } else { '_' };
    format!("NIXL_SHA256_{}", name.chars().map(plain).collect::<String>())
}
