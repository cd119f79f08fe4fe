//! Everything that goes into an image, read once and before any call.

use crate::document::PRELUDE;
use crate::error::{BakeError, Result};
use crate::hash::Sum;
use crate::recipe::{ComponentSpec, FileSource, Name, Recipe, parse};
use crate::tar;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Changes when the same files must count as other content.
const DIGEST_FORMAT: &str = "nixl-bake digest 1";

/// A recipe with the content of all it names.
#[derive(Debug, Clone)]
pub struct Content {
    /// The recipe.
    pub recipe: Recipe,
    recipe_bytes: Vec<u8>,
    /// Components in the recipe's order.
    pub components: Vec<Component>,
}

/// A component.
#[derive(Debug, Clone)]
pub struct Component {
    /// Its `component.toml`.
    pub spec: ComponentSpec,
    spec_bytes: Vec<u8>,
    /// `install.sh`.
    pub install: String,
    /// `validate.sh`.
    pub validate: String,
    /// Files for the build machine.
    pub files: Vec<File>,
}

/// A file for the build machine.
#[derive(Debug, Clone)]
pub struct File {
    /// Name there.
    pub name: String,
    /// Content.
    pub bytes: Arc<Vec<u8>>,
    /// Its SHA-256.
    pub sum: Sum,
}

impl Content {
    /// Reads a recipe, its component folders beside it and the daemon binary.
    pub fn load(recipe: &Path, noded: &Path) -> Result<Self> {
        let (text, recipe_bytes) = read_text(recipe)?;
        let parsed: Recipe = parse(recipe, &text)?;
        let folder = recipe.parent().unwrap_or(Path::new(""));
        let noded = Arc::new(read(noded)?);
        let components = parsed
            .components
            .iter()
            .map(|name| Component::load(&folder.join(name.as_str()), &noded))
            .collect::<Result<_>>()?;
        Ok(Self { recipe: parsed, recipe_bytes, components })
    }

    /// The image's identity: SHA-256 over the resolved base image, the recipe
    /// file, the prelude, and in recipe order every component's `component.toml`,
    /// scripts and files (a folder counts as its archive). Byte for byte, and
    /// nothing else: neither times nor the place of the checkout.
    #[must_use]
    pub fn digest(&self, base_ami: &str) -> Sum {
        let mut fields: Vec<&[u8]> = vec![
            DIGEST_FORMAT.as_bytes(),
            base_ami.as_bytes(),
            &self.recipe_bytes,
            PRELUDE.as_bytes(),
        ];
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

impl Component {
    fn load(folder: &Path, noded: &Arc<Vec<u8>>) -> Result<Self> {
        let spec_path = folder.join("component.toml");
        let (text, spec_bytes) = read_text(&spec_path)?;
        let spec: ComponentSpec = parse(&spec_path, &text)?;
        let script = |name: &str| -> Result<String> {
            let path = folder.join(name);
            let (text, _) = read_text(&path)?;
            crate::document::check_script(&path, &text)?;
            Ok(text)
        };
        let (install, validate) = (script("install.sh")?, script("validate.sh")?);
        let files = spec
            .files
            .iter()
            .map(|file| {
                let bytes = match &file.source {
                    FileSource::Noded => noded.clone(),
                    FileSource::Path(path) => Arc::new(read(&folder.join(path))?),
                    FileSource::Tree(tree) => Arc::new(tar::pack(&folder.join(tree))?),
                };
                let sum = Sum::of(&bytes);
                Ok(File { name: file.name.clone(), bytes, sum })
            })
            .collect::<Result<_>>()?;
        Ok(Self { spec, spec_bytes, install, validate, files })
    }

    /// Name in Image Builder.
    #[must_use]
    pub fn name(&self) -> &Name {
        &self.spec.name
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
        let line = bytes[..at].iter().filter(|byte| **byte == b'\n').count() + 1;
        BakeError::Malformed {
            path: path.to_owned(),
            line,
            column: 1,
            message: "this line is not UTF-8".to_owned(),
        }
    })?;
    Ok((text, bytes))
}

#[cfg(test)]
mod tests {
    use crate::testing::Checkout;
    use std::fs;

    fn digest(checkout: &Checkout) -> String {
        checkout.load().unwrap().digest("ami-0123456789abcdef0").hex()
    }

    #[test]
    fn the_same_content_elsewhere_and_later_has_the_same_digest() {
        let (one, other) = (Checkout::new(), Checkout::new());
        let unit = other.path("systemd/usr/lib/systemd/system/nixl-noded.service");
        fs::File::options()
            .write(true)
            .open(unit)
            .unwrap()
            .set_modified(std::time::UNIX_EPOCH)
            .unwrap();
        assert_eq!(digest(&one), digest(&other));
    }

    #[test]
    fn one_byte_of_any_input_changes_it() {
        let checkout = Checkout::new();
        let first = digest(&checkout);
        for name in [
            "image/recipe.toml",
            "image/nixl-noded/component.toml",
            "image/nixl-noded/install.sh",
            "image/nixl-noded/validate.sh",
            "systemd/usr/lib/systemd/system/nixl-noded.service",
            "nixl-noded",
        ] {
            let path = checkout.path(name);
            let before = fs::read(&path).unwrap();
            fs::write(&path, [before.as_slice(), b"\n"].concat()).unwrap();
            assert_ne!(digest(&checkout), first, "{name}");
            fs::write(&path, before).unwrap();
        }
        assert_eq!(digest(&checkout), first);
        assert_ne!(checkout.load().unwrap().digest("ami-0123456789abcdef1").hex(), first);
    }

    #[test]
    fn files_that_nothing_names_do_not_count() {
        let checkout = Checkout::new();
        let first = digest(&checkout);
        fs::write(checkout.path("image/nixl-noded/install.sh~"), "x").unwrap();
        assert_eq!(digest(&checkout), first);
    }

    #[test]
    fn a_missing_file_is_named() {
        let checkout = Checkout::new();
        fs::remove_file(checkout.path("image/nixl-noded/validate.sh")).unwrap();
        let told = checkout.load().unwrap_err().to_string();
        assert!(told.contains("nixl-noded/validate.sh"), "{told}");
    }
}
