//! Everything that goes into an image, read once and before any call.

mod component;

pub use component::{Component, Download, File};

use crate::daemon::Daemon;
use crate::error::{BakeError, Result};
use crate::hash::Sum;
use crate::lock::Pins;
use crate::recipe::{Name, Recipe, Source};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Changes when the same files must count as other content.
const DIGEST_FORMAT: &str = "nixl-bake digest 4";
/// What a recipe says that is not in the image.
const NOT_CONTENT: [&str; 2] = ["publish", "shared_by"];
/// Image Builder's default limit of components in a recipe.
const MAX_COMPONENTS: usize = 20;

/// A recipe with the content of all it names.
#[derive(Debug, Clone)]
pub struct Content {
    /// The recipe.
    pub recipe: Recipe,
    recipe_sum: Sum,
    /// Components of the image in the recipe's order.
    pub components: Vec<Component>,
    /// Components that are not for this image, and why.
    pub left_out: Vec<(Component, String)>,
}

impl Content {
    /// Reads a recipe, its component folders beside it and the daemon binary.
    ///
    /// # Errors
    /// All that is wrong with any of them.
    pub fn load(recipe: &Path, daemon: &Daemon) -> Result<Self> {
        let content = Self::read(recipe, daemon.bytes.clone()).map_err(BakeError::several)?;
        let (wanted, os) = (content.recipe.architecture, content.recipe.platform.os);
        if daemon.architecture != wanted {
            return Err(BakeError::WrongArchitecture {
                what: "the daemon".to_owned(),
                found: daemon.architecture.as_str().to_owned(),
                wanted: wanted.as_str().to_owned(),
            });
        }
        if daemon.glibc > os.glibc() {
            return Err(BakeError::NewerGlibc {
                needed: daemon.glibc,
                os: os.as_str(),
                there: os.glibc(),
            });
        }
        Ok(content)
    }

    /// The same with any bytes for the daemon; all that is wrong, one by one.
    ///
    /// # Errors
    /// If anything is.
    pub fn read(path: &Path, noded: Arc<Vec<u8>>) -> std::result::Result<Self, Vec<BakeError>> {
        let text = read_text(path).map_err(|error| vec![error])?;
        let source = Source { path, text: &text };
        let recipe = Recipe::read(source).map_err(|error| vec![error])?;
        let recipe_sum = recipe_sum(source).map_err(|error| vec![error])?;
        let beside = path.parent().unwrap_or(Path::new(""));
        let mut problems = Vec::new();
        let all: Vec<Component> = recipe
            .components
            .iter()
            .filter_map(|name| {
                Component::load(beside, name, (&recipe, source), &noded, &mut problems)
            })
            .collect();
        // Without all of them it is not known which sets there are.
        if all.len() == recipe.components.len() {
            check_sets(&recipe, source, &all, &mut problems);
        }
        check_inputs(&recipe, source, &mut problems);
        check_names(&recipe, source, &all, &mut problems);
        let (mut components, mut left_out) = (Vec::new(), Vec::new());
        for component in all {
            match component.left_out(&recipe) {
                None => components.push(component),
                Some(why) => left_out.push((component, why)),
            }
        }
        if problems.is_empty() && !(1..=MAX_COMPONENTS).contains(&components.len()) {
            let count = components.len();
            problems.push(source.at(
                recipe.components_at,
                format!("{count} components: Image Builder takes 1 to {MAX_COMPONENTS}"),
            ));
        }
        if problems.is_empty() {
            Ok(Self { recipe, recipe_sum, components, left_out })
        } else {
            Err(problems)
        }
    }

    /// What the image's components download, by folder.
    pub fn downloads(&self) -> impl Iterator<Item = (&str, &Download)> {
        self.components.iter().flat_map(|component| {
            component.downloads.iter().map(|one| (component.folder.as_str(), one))
        })
    }

    /// What the image is made of, by name.
    #[must_use]
    pub fn parts(&self, pins: &Pins) -> Vec<Part> {
        let part = |name: String, sum: Sum, shown: String| Part { name, sum, shown };
        let base = pins.base_identity.clone();
        let recipe = self.recipe_sum;
        let mut parts = vec![
            part("base".to_owned(), Sum::of(base.as_bytes()), base),
            part("recipe".to_owned(), recipe, recipe.short()),
        ];
        for component in &self.components {
            if let Some(sum) = component.daemon_sum() {
                parts.push(part("daemon".to_owned(), sum, sum.short()));
            }
            let sum = component.sum(pins);
            parts.push(part(format!("component:{}", component.folder), sum, sum.short()));
        }
        parts
    }

    /// The image's identity: SHA-256 over its parts. Base image, recipe (what it
    /// says of the image, not how it is written), daemon, and in recipe order every component: what is put before its
    /// scripts, its `component.toml`, scripts, files (a folder counts as its
    /// archive), inputs and pinned downloads. Byte for byte, and nothing else:
    /// neither times nor the place of the checkout.
    #[must_use]
    pub fn digest(&self, pins: &Pins) -> Sum {
        let parts = self.parts(pins);
        let fields = parts.iter().flat_map(|part| [part.name.as_bytes(), part.sum.as_bytes()]);
        Sum::of_fields(std::iter::once(DIGEST_FORMAT.as_bytes()).chain(fields))
    }
}

/// A part of an image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    /// Name.
    pub name: String,
    /// Its content.
    pub sum: Sum,
    /// What people know it by.
    pub shown: String,
}

/// A set that is asked for is one that a component belongs to.
fn check_sets(
    recipe: &Recipe,
    source: Source<'_>,
    all: &[Component],
    problems: &mut Vec<BakeError>,
) {
    let known = || all.iter().filter_map(|component| component.spec.set.as_ref());
    for set in &recipe.sets {
        if !known().any(|name| name == set.get_ref()) {
            problems.push(source.unknown(
                set.span().start,
                "no component belongs to set",
                set.get_ref().as_str(),
                known().map(Name::as_str),
            ));
        }
    }
}

/// Inputs are for components that are listed.
fn check_inputs(recipe: &Recipe, source: Source<'_>, problems: &mut Vec<BakeError>) {
    let known = || recipe.components.iter().map(Name::as_str);
    for name in recipe.inputs.keys() {
        if !known().any(|known| known == name.get_ref()) {
            problems.push(source.unknown(
                name.span().start,
                "inputs for a component that is not listed:",
                name.get_ref(),
                known(),
            ));
        }
    }
}

/// Image Builder knows components by name.
fn check_names(
    recipe: &Recipe,
    source: Source<'_>,
    all: &[Component],
    problems: &mut Vec<BakeError>,
) {
    let mut seen = std::collections::BTreeMap::new();
    for component in all {
        if let Some(other) = seen.insert(component.name(), &component.folder) {
            let message = format!(
                "components {other} and {} are both named {}",
                component.folder,
                component.name()
            );
            problems.push(source.at(recipe.components_at, message));
        }
    }
}

fn read(path: &Path) -> Result<Vec<u8>> {
    std::fs::read(path)
        .map_err(|source| BakeError::Unreadable { path: PathBuf::from(path), source })
}

fn read_text(path: &Path) -> Result<String> {
    String::from_utf8(read(path)?).map_err(|error| {
        let at = error.utf8_error().valid_up_to();
        let text = String::from_utf8_lossy(error.as_bytes());
        Source { path, text: &text }.at(at, "this is not UTF-8")
    })
}

/// Sum of what a recipe says of the image. JSON with its keys in order stays the same
/// whatever becomes of TOML's writers.
fn recipe_sum(source: Source<'_>) -> Result<Sum> {
    let mut table: BTreeMap<String, serde_json::Value> = source.parse()?;
    for key in NOT_CONTENT {
        table.remove(key);
    }
    // Maps are sorted: serde_json's order of insertion is off in this workspace.
    Ok(Sum::of(&serde_json::to_vec(&table).expect("what was read can be written")))
}

#[cfg(test)]
mod tests;
