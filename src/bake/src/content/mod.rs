//! Everything that goes into an image, read once and before any call.

mod component;

pub use component::{Component, File};

use crate::document::prelude;
use crate::error::{BakeError, Result};
use crate::hash::Sum;
use crate::recipe::{Name, Recipe, Source};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Changes when the same files must count as other content.
const DIGEST_FORMAT: &str = "nixl-bake digest 2";
/// Image Builder's default limit of components in a recipe.
const MAX_COMPONENTS: usize = 20;

/// A recipe with the content of all it names.
#[derive(Debug, Clone)]
pub struct Content {
    /// The recipe.
    pub recipe: Recipe,
    recipe_bytes: Vec<u8>,
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
    pub fn load(recipe: &Path, noded: &Path) -> Result<Self> {
        Self::read(recipe, Arc::new(read(noded)?)).map_err(BakeError::several)
    }

    /// The same with a daemon that has been read; all that is wrong, one by one.
    ///
    /// # Errors
    /// If anything is.
    pub fn read(path: &Path, noded: Arc<Vec<u8>>) -> std::result::Result<Self, Vec<BakeError>> {
        let (text, recipe_bytes) = read_text(path).map_err(|error| vec![error])?;
        let source = Source { path, text: &text };
        let recipe = Recipe::read(source).map_err(|error| vec![error])?;
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
            Ok(Self { recipe, recipe_bytes, components, left_out })
        } else {
            Err(problems)
        }
    }

    /// The image's identity: SHA-256 over the resolved base image, the recipe
    /// file, the prelude, and in recipe order every component's `component.toml`,
    /// scripts and files (a folder counts as its archive). Byte for byte, and
    /// nothing else: neither times nor the place of the checkout.
    #[must_use]
    pub fn digest(&self, base_ami: &str) -> Sum {
        let mut fields: Vec<&[u8]> =
            vec![DIGEST_FORMAT.as_bytes(), base_ami.as_bytes(), &self.recipe_bytes];
        fields.extend(prelude::ALL.map(str::as_bytes));
        for component in &self.components {
            fields.extend([
                component.spec_bytes.as_slice(),
                component.install.as_bytes(),
                component.validate.as_bytes(),
            ]);
            for file in &component.files {
                fields.extend([file.name.as_bytes(), file.sum.as_bytes()]);
            }
        }
        Sum::of_fields(fields)
    }
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

fn read_text(path: &Path) -> Result<(String, Vec<u8>)> {
    let bytes = read(path)?;
    let text = String::from_utf8(bytes.clone()).map_err(|error| {
        let at = error.utf8_error().valid_up_to();
        Source { path, text: &String::from_utf8_lossy(&bytes) }.at(at, "this is not UTF-8")
    })?;
    Ok((text, bytes))
}

#[cfg(test)]
mod tests;
