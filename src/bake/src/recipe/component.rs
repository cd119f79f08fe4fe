//! `component.toml`: what a component needs besides its two scripts.

use super::{Name, values};
use serde::{Deserialize, Deserializer, de::Error as _};
use std::path::PathBuf;

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
    /// Files the build machine gets, in `$NIXL_FILES`.
    #[serde(default, deserialize_with = "files")]
    pub files: Vec<FileSpec>,
}

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
        let name = written.name;
        // It becomes a path, a variable's name and part of an S3 key.
        let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
        if name.is_empty() || name.len() > 64 || name.starts_with('.') || !name.chars().all(plain) {
            return Err(D::Error::custom(format!(
                "{name:?} is no file name here: use 1 to 64 letters, digits, '-', '_' and '.'"
            )));
        }
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

fn timeout<'de, D: Deserializer<'de>>(from: D) -> Result<u32, D::Error> {
    let secs = i64::deserialize(from)?;
    u32::try_from(secs)
        .ok()
        .filter(|secs| (1..=86_400).contains(secs))
        .ok_or_else(|| D::Error::custom(format!("{secs} is no time limit: use 1 to 86400 seconds")))
}

fn files<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<FileSpec>, D::Error> {
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
