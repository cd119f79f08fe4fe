//! The documents of the shipped recipes on every base, in the shape Image
//! Builder gets them, against files: scripts, preludes and sums are left out,
//! as they are looked at elsewhere.
//!
//! `NIXL_UPDATE_GOLDEN=1 cargo test -p nixl-bake --test golden` writes the files anew.

#![allow(clippy::unwrap_used)]

use nixl_bake::content::{Component, Content};
use nixl_bake::document::{ImageIdentity, Store, prelude, render};
use nixl_bake::hash::Sum;
use nixl_bake::lock::{Pin, Pins};
use nixl_bake::recipe::Platform;
use std::path::{Path, PathBuf};
use std::sync::Arc;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// The shipped GPU recipe, which has all components, on another base.
fn on(base: Platform, architecture: &str) -> Content {
    let folder = tempfile::tempdir().unwrap();
    let image = root().join("image");
    for entry in std::fs::read_dir(&image).unwrap() {
        let entry = entry.unwrap();
        if entry.file_type().unwrap().is_dir() {
            std::os::unix::fs::symlink(entry.path(), folder.path().join(entry.file_name()))
                .unwrap();
        }
    }
    let text = std::fs::read_to_string(image.join("gpu.toml"))
        .unwrap()
        .replace("base = \"ubuntu-24.04\"", &format!("base = \"{base}\""))
        .replace("architecture = \"x86_64\"", &format!("architecture = \"{architecture}\""));
    let recipe = folder.path().join("gpu.toml");
    std::fs::write(&recipe, text).unwrap();
    Content::read(&recipe, Arc::default()).unwrap_or_else(|problems| panic!("{problems:?}"))
}

fn pins(content: &Content) -> Pins {
    let pin = Pin { size_bytes: 1, sha256: Sum::of(b"") };
    Pins {
        base_ami: "ami-0123456789abcdef0".into(),
        base_identity: "base".into(),
        downloads: content
            .downloads()
            .map(|(folder, one)| ((folder.to_owned(), one.name.clone()), pin.clone()))
            .collect(),
    }
}

/// A document with its long parts named instead of told.
fn shape(component: &Component, pins: &Pins) -> String {
    let store = Store { bucket: "bucket".into(), account: "123456789012".into() };
    let image =
        ImageIdentity { name: "test 1.0.0".into(), digest: Sum::of(b""), parts: Vec::new() };
    let text = render(component, &store, &image, pins).unwrap();
    let document: serde_yaml_ng::Value = serde_yaml_ng::from_str(&text).unwrap();
    let mut lines = vec![format!("{} ({})", component.name(), component.folder)];
    for phase in document["phases"].as_sequence().unwrap() {
        for step in phase["steps"].as_sequence().unwrap() {
            let word = |key: &str| step[key].as_str().unwrap();
            let timeout = step["timeoutSeconds"].as_u64().unwrap();
            lines.push(format!(
                "  {} {} {} {timeout} s {}",
                phase["name"].as_str().unwrap(),
                word("name"),
                word("action"),
                word("onFailure")
            ));
            let Some(script) = step["inputs"]["commands"][0].as_str() else { continue };
            let mut script = script.to_owned();
            for text in [&component.install, &component.validate].into_iter().chain(&component.test)
            {
                script = script.replace(text.split_once('\n').unwrap().1, "SCRIPT\n");
            }
            for text in prelude::ALL {
                script = script.replace(text, "");
            }
            lines.extend(script.lines().map(|line| format!("    {}", without_sums(line))));
        }
    }
    lines.join("\n")
}

fn without_sums(line: &str) -> String {
    let is_sum = |word: &str| word.len() == 64 && word.chars().all(|c| c.is_ascii_hexdigit());
    line.split(' ')
        .map(|word| match word.rsplit_once('=') {
            Some((name, value)) if is_sum(value) => format!("{name}=SUM"),
            _ if is_sum(word) => "SUM".to_owned(),
            _ => word.to_owned(),
        })
        .collect::<Vec<_>>()
        .join(" ")
}

#[test]
fn documents_on_every_base_are_as_they_were() {
    let update = std::env::var_os("NIXL_UPDATE_GOLDEN").is_some();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden");
    for base in Platform::all() {
        for architecture in ["x86_64", "arm64"] {
            let content = on(base, architecture);
            let pins = pins(&content);
            let mut parts: Vec<String> =
                content.components.iter().map(|one| shape(one, &pins)).collect();
            let left_out = content.left_out.iter();
            parts.extend(left_out.map(|(one, why)| format!("left out: {} ({why})", one.folder)));
            let is = parts.join("\n") + "\n";
            let path = folder.join(format!("{base}-{architecture}.txt"));
            if update {
                std::fs::create_dir_all(&folder).unwrap();
                std::fs::write(&path, is).unwrap();
            } else {
                let was = std::fs::read_to_string(&path).unwrap_or_default();
                assert!(was == is, "{} is not what is rendered now:\n{is}", path.display());
            }
        }
    }
}
