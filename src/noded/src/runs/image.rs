//! Which image this node was started from, by what the bake left in it. The AMI's id
//! differs from region to region and goes with the AMI; the digest does neither.

use serde::Deserialize;
use std::fs;
use std::io::ErrorKind;
use std::path::Path;

/// Written by nixl-bake's component `manifest`.
const MANIFEST: &str = "usr/share/nixl/manifest.json";

/// What an image says of itself.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Image {
    /// Recipe and architecture.
    #[serde(rename = "image")]
    pub name: String,
    /// Of all that went into it; the AMI's tag `nixl:digest`.
    pub digest: String,
}

impl Image {
    /// The image below `root`, `/` on a node; none of one that nixl-bake did not make.
    #[must_use]
    pub fn below(root: &Path) -> Option<Self> {
        let path = root.join(MANIFEST);
        let read = fs::read(&path).and_then(|text| Ok(serde_json::from_slice(&text)?));
        match read {
            Ok(image) => Some(image),
            Err(error) if error.kind() == ErrorKind::NotFound => None,
            Err(error) => {
                tracing::warn!(path = %path.display(), %error, "the image cannot be told");
                None
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_image_is_what_its_manifest_says() {
        let root = tempfile::tempdir().unwrap();
        assert_eq!(Image::below(root.path()), None);
        let path = root.path().join(MANIFEST);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, "{\"image\": 1}").unwrap();
        assert_eq!(Image::below(root.path()), None);
        let text = r#"{"format": 1, "image": "gpu-x86_64", "digest": "ab12", "packages": []}"#;
        fs::write(&path, text).unwrap();
        let (name, digest) = ("gpu-x86_64".to_owned(), "ab12".to_owned());
        assert_eq!(Image::below(root.path()), Some(Image { name, digest }));
    }
}
