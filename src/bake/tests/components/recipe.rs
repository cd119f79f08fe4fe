//! Shipped components in a recipe of the test's own.

use nixl_bake::content::{Component, Content};
use nixl_bake::hash::Sum;
use nixl_bake::lock::{Pin, Pins};
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

/// The component of a folder, for `base`, with these lines in its recipe more.
pub fn component(folder: &str, base: &str, more: &str) -> Component {
    let image = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../image");
    let checkout = tempfile::tempdir().unwrap();
    std::os::unix::fs::symlink(image.join(folder), checkout.path().join(folder)).unwrap();
    let recipe = checkout.path().join("recipe.toml");
    let text = format!(
        "name = \"test\"\nversion = \"1.0.0\"\ndescription = \"test\"\nbase = \"{base}\"\n\
         architecture = \"x86_64\"\nvolume_size_gib = 8\ninstance_type = \"m7i.large\"\n\
         components = [\"{folder}\"]\n{more}\n"
    );
    std::fs::write(&recipe, text).unwrap();
    let mut content =
        Content::read(&recipe, Arc::default()).unwrap_or_else(|problems| panic!("{problems:?}"));
    content.components.remove(0)
}

/// Pins for downloads of a component: what each is really.
pub fn pins(component: &Component, content: &BTreeMap<String, Vec<u8>>) -> Pins {
    let pin = |name: &str| {
        let bytes = content.get(name).map_or(&[][..], Vec::as_slice);
        Pin { size_bytes: bytes.len() as u64, sha256: Sum::of(bytes) }
    };
    let downloads = component
        .downloads
        .iter()
        .map(|one| ((component.folder.to_string(), one.name.clone()), pin(&one.name)));
    Pins {
        base_ami: "ami-0123456789abcdef0".into(),
        base_identity: "base".into(),
        downloads: downloads.collect(),
    }
}
