//! AWSTOE component documents, made from types so that no script is pasted
//! into YAML by hand.
//!
//! Source: "Component document schema", EC2 Image Builder user guide. What it
//! does not promise, the document brings along: strict mode and retries
//! ([`prelude`]), and checksums after S3Download, which has none.

mod lint;
mod place;
pub mod prelude;
mod schema;

use lint::FILES;
pub(crate) use lint::{FACTS, check_script};
pub use place::{ImageIdentity, Store};

use crate::content::Component;
use crate::error::{BakeError, Result};
use crate::lock::Pins;
use crate::recipe::variable;
use prelude::BASE;
use schema::{Document, Inputs, Phase, S3Transfer, Step};

/// Longest document CreateComponent takes inline, in characters.
pub const MAX_INLINE_CHARS: usize = 16_000;
/// Longest document it takes from S3.
pub const MAX_BYTES: usize = 64 * 1024;
/// Where a component's files are while it is installed. Not below /tmp or
/// /var/tmp, which a base may mount `noexec`.
const FOLDER: &str = "/var/lib/nixl-bake";
/// S3Download and S3Upload have no retry of their own.
const TRANSFER_ATTEMPTS: u32 = 3;

/// The document of a component.
///
/// # Errors
/// If it would be longer than Image Builder takes, or a download has no pin.
pub fn render(
    component: &Component,
    store: &Store,
    image: &ImageIdentity,
    pins: &Pins,
) -> Result<String> {
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
    if component.has_files() {
        // S3Download wants its destination folder to exist.
        build.push(bash("folder", format!("{BASE}install -d -m 0700 {folder}\n")));
    }
    if !component.files.is_empty() {
        build.push(Step {
            name: "download".to_owned(),
            action: "S3Download",
            timeout_seconds: timeout,
            on_failure: "Abort",
            max_attempts: Some(TRANSFER_ATTEMPTS),
            inputs: Inputs::Transfers(
                component
                    .files
                    .iter()
                    .map(|file| S3Transfer {
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
            format!("{BASE}cd {folder}\nsha256sum --check --strict <<'SUMS'\n{sums}SUMS\n"),
        ));
    }
    if !component.downloads.is_empty() {
        let mut script = format!("{BASE}{}cd {folder}\n", prelude::FETCH);
        for one in &component.downloads {
            let key = (component.folder.to_string(), one.name.clone());
            let pin = pins.downloads.get(&key).ok_or_else(|| BakeError::NotPinned {
                component: key.0.clone(),
                name: key.1.clone(),
            })?;
            let (size, sum, url) = (pin.size_bytes, pin.sha256.hex(), quoted(&one.url));
            script.push_str(&format!("fetch {} {size} {sum} {url}\n", one.name));
        }
        build.push(bash("fetch", script));
    }
    build
        .push(bash("install", script(component, Some(&folder), &component.install, (image, pins))));
    if component.has_files() || prelude::reboots(&component.install) {
        build.push(bash("clean", format!("{BASE}rm -rf {folder}\nrmdir {FOLDER} || true\n")));
    }
    let text = script(component, None, &component.validate, (image, pins));
    let mut validate = vec![bash("validate", text)];
    if !component.spec.uploads.is_empty() {
        let uploads = component.spec.uploads.iter().map(|one| S3Transfer {
            source: one.path.clone(),
            destination: store.uri(&image.key(&one.name)),
            expected_bucket_owner: store.account.clone(),
        });
        validate.push(Step {
            name: "upload".to_owned(),
            action: "S3Upload",
            timeout_seconds: timeout,
            on_failure: "Abort",
            max_attempts: Some(TRANSFER_ATTEMPTS),
            inputs: Inputs::Transfers(uploads.collect()),
        });
    }

    // Where the image is tested at all, on an instance of it.
    let test = component
        .test
        .iter()
        .map(|text| bash("test", script(component, None, text, (image, pins))));
    let test = test.collect();

    let document = Document {
        name: component.name().as_str(),
        description: &component.spec.description,
        schema_version: 1.0,
        phases: [("build", build), ("validate", validate), ("test", test)]
            .into_iter()
            .filter(|(_, steps)| !steps.is_empty())
            .map(|(name, steps)| Phase { name, steps })
            .collect(),
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

/// A script behind its prelude and the variables it uses: what it does not use
/// would make another component of it for every recipe. `folder` holds the
/// files; they are gone when the component is validated, their sums are still
/// known.
fn script(
    component: &Component,
    folder: Option<&str>,
    text: &str,
    (image, pins): (&ImageIdentity, &Pins),
) -> String {
    let mut variables: Vec<(String, String)> =
        component.facts().map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec();
    if let Some(folder) = folder.filter(|_| component.has_files()) {
        variables.push((FILES.to_owned(), folder.to_owned()));
    }
    let sums = component.files.iter().map(|file| (variable(&file.name), file.sum.hex()));
    variables.extend(sums);
    let pinned = pins.downloads.iter().filter(|((of, _), _)| of == component.folder.as_str());
    variables.extend(pinned.map(|((_, name), pin)| (variable(name), pin.sha256.hex())));
    variables.extend(image.variables());
    let inputs = component.inputs.iter();
    variables.extend(inputs.map(|(name, value)| (name.variable(), quoted(value.as_str()))));

    let mut script = BASE.to_owned();
    if prelude::reboots(text) {
        script.push_str(prelude::REBOOT);
        let mark = format!("{FOLDER}/{}/rebooted", component.name());
        script.push_str(&format!("export NIXL_REBOOTED={mark}\n"));
    }
    for (name, value) in variables.iter().filter(|(name, _)| text.contains(name.as_str())) {
        script.push_str(&format!("export {name}={value}\n"));
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

/// A word for a shell.
fn quoted(text: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:=+,@".contains(c);
    if !text.is_empty() && text.chars().all(plain) {
        return text.to_owned();
    }
    format!("'{}'", text.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests;
