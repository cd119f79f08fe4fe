//! AWSTOE component documents, made from types so that no script is pasted
//! into YAML by hand.
//!
//! Source: "Component document schema", EC2 Image Builder user guide. What it
//! does not promise, the document brings along: strict mode and retries
//! ([`PRELUDE`]), and checksums after S3Download, which has none.

mod lint;
mod schema;

pub use lint::check_script;

use crate::content::{Component, File};
use crate::error::{BakeError, Result};
use crate::recipe::variable;
use schema::{Document, Inputs, Phase, S3Download, Step};

/// Before every script: strict mode, `die` and `retry`.
pub const PRELUDE: &str = include_str!("prelude.sh");
/// Longest document CreateComponent takes inline, in characters.
pub const MAX_INLINE_CHARS: usize = 16_000;
/// Longest document it takes from S3.
pub const MAX_BYTES: usize = 64 * 1024;
/// Where a component's files are while it is installed. Not below /tmp or
/// /var/tmp, which a base may mount `noexec`.
const FOLDER: &str = "/var/lib/nixl-bake";
/// S3Download has no retry of its own.
const DOWNLOAD_ATTEMPTS: u32 = 3;

/// Where the files of a build are in S3.
#[derive(Debug, Clone)]
pub struct Store {
    /// Bucket.
    pub bucket: String,
    /// Account that must own it.
    pub account: String,
}

impl Store {
    /// Key of a file: by its content, so that it is uploaded once.
    #[must_use]
    pub fn key(&self, file: &File) -> String {
        format!("components/{}/{}", file.sum.hex(), file.name)
    }

    /// `s3://…`
    #[must_use]
    pub fn uri(&self, key: &str) -> String {
        format!("s3://{}/{key}", self.bucket)
    }
}

/// The document of a component.
pub fn render(component: &Component, store: &Store) -> Result<String> {
    let timeout = component.spec.timeout_secs;
    let folder = format!("{FOLDER}/{}", component.name());
    let bash = |name: &str, script: String| Step {
        name: name.to_owned(),
        action: "ExecuteBash",
        timeout_seconds: timeout,
        on_failure: "Abort",
        max_attempts: None,
        inputs: Inputs::Commands { commands: vec![script] },
    };

    let mut build = Vec::new();
    if !component.files.is_empty() {
        // S3Download wants its destination folder to exist.
        build.push(bash("folder", format!("{PRELUDE}install -d -m 0700 {folder}\n")));
        build.push(Step {
            name: "download".to_owned(),
            action: "S3Download",
            timeout_seconds: timeout,
            on_failure: "Abort",
            max_attempts: Some(DOWNLOAD_ATTEMPTS),
            inputs: Inputs::S3Download(
                component
                    .files
                    .iter()
                    .map(|file| S3Download {
                        source: store.uri(&store.key(file)),
                        destination: format!("{folder}/{}", file.name),
                        expected_bucket_owner: store.account.clone(),
                    })
                    .collect(),
            ),
        });
        let sums: String = component
            .files
            .iter()
            .map(|file| format!("{}  {}\n", file.sum.hex(), file.name))
            .collect();
        build.push(bash(
            "checksum",
            format!("{PRELUDE}cd {folder}\nsha256sum --check --strict <<'SUMS'\n{sums}SUMS\n"),
        ));
    }
    build.push(bash("install", script(component, Some(&folder), &component.install)));
    if !component.files.is_empty() {
        build.push(bash("clean", format!("{PRELUDE}rm -rf {folder}\nrmdir {FOLDER} || true\n")));
    }
    let validate = vec![bash("validate", script(component, None, &component.validate))];

    let document = Document {
        name: component.name().as_str(),
        description: &component.spec.description,
        schema_version: 1.0,
        phases: vec![
            Phase { name: "build", steps: build },
            Phase { name: "validate", steps: validate },
        ],
    };
    let text = document.to_yaml();
    if text.len() > MAX_BYTES {
        return Err(BakeError::DocumentTooLong {
            component: component.name().to_string(),
            bytes: text.len(),
            limit: MAX_BYTES,
        });
    }
    Ok(text)
}

/// A script behind its prelude. `folder` holds the files; they are gone when
/// the component is validated, their sums are still known.
fn script(component: &Component, folder: Option<&str>, text: &str) -> String {
    let mut script = PRELUDE.to_owned();
    if let Some(folder) = folder.filter(|_| !component.files.is_empty()) {
        script.push_str(&format!("export NIXL_FILES={folder}\n"));
    }
    for file in &component.files {
        script.push_str(&format!("export {}={}\n", variable(&file.name), file.sum.hex()));
    }
    // AWSTOE runs it with bash; a shebang in the middle would only mislead.
    let body = match text.strip_prefix("#!") {
        Some(rest) => rest.split_once('\n').map_or("", |(_, body)| body),
        None => text,
    };
    script.push_str(body);
    if !script.ends_with('\n') {
        script.push('\n');
    }
    script
}

#[cfg(test)]
mod tests;
