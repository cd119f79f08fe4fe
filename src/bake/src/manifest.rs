//! The manifest of an image, as its component `manifest` writes it and keeps it
//! in the bake bucket.

use crate::cloud::Cloud;
use crate::flow::{Pace, retry};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Its name among what is kept of an image.
pub const MANIFEST: &str = "manifest.json";
/// Form that is understood.
const FORMAT: u32 = 1;
/// Ten times that of an image with 2000 packages.
const MAX_BYTES: u64 = 4 << 20;

/// What is in an image.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// Form.
    format: u32,
    /// Digest of the image it is of.
    digest: String,
    /// Operating system.
    pub system: System,
    /// Versions that people ask for first, by name.
    pub versions: BTreeMap<String, String>,
    /// All packages.
    pub packages: Vec<Package>,
}

/// An operating system.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct System {
    /// For people.
    pub name: String,
}

/// A package.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Package {
    /// `deb`, `rpm` or `pypi`.
    pub kind: String,
    /// Name.
    pub name: String,
    /// Version.
    pub version: String,
    /// Architecture, where there is one.
    pub architecture: Option<String>,
}

/// Why there is no manifest to read.
#[derive(Debug, thiserror::Error)]
pub enum Unread {
    /// The image has no tag that tells where it is.
    #[error("the image has no manifest (component `manifest` makes one)")]
    None,
    /// The tag is no `s3://bucket/key`.
    #[error("{0} is no object of S3")]
    NoObject(String),
    /// The object is gone.
    #[error("{0} is not there")]
    Gone(String),
    /// It is no manifest, or another image's.
    #[error("{uri}: {why}")]
    Wrong {
        /// Where it is.
        uri: String,
        /// Why.
        why: String,
    },
    /// The call failed; another region's bucket is not read from here.
    #[error("{uri}: {error}")]
    Aws {
        /// Where it is.
        uri: String,
        /// Why.
        error: nixl_aws::AwsError,
    },
}

impl Manifest {
    /// Reads the manifest that an image of this digest names.
    ///
    /// # Errors
    /// If it names none, or that cannot be read or is another image's.
    pub async fn fetch(cloud: &Cloud, uri: Option<&str>, digest: &str) -> Result<Self, Unread> {
        let uri = uri.ok_or(Unread::None)?;
        let place = uri.strip_prefix("s3://").and_then(|rest| rest.split_once('/'));
        let (bucket, key) = place.ok_or_else(|| Unread::NoObject(uri.to_owned()))?;
        let get = || async { cloud.s3.get_object(bucket, key, MAX_BYTES).await };
        let bytes = retry(Pace::default(), get)
            .await
            .map_err(|error| Unread::Aws { uri: uri.to_owned(), error })?
            .ok_or_else(|| Unread::Gone(uri.to_owned()))?;
        Self::parse(&bytes, digest).map_err(|why| Unread::Wrong { uri: uri.to_owned(), why })
    }

    fn parse(bytes: &[u8], digest: &str) -> Result<Self, String> {
        let manifest: Self = serde_json::from_slice(bytes).map_err(|error| error.to_string())?;
        if manifest.format != FORMAT {
            return Err(format!("form {} is not known here, {FORMAT} is", manifest.format));
        }
        if manifest.digest != digest {
            return Err(format!("it is of an image with digest {}", manifest.digest));
        }
        Ok(manifest)
    }

    /// Versions first, then every package, by name: several of one are one value.
    #[must_use]
    pub fn entries(&self) -> Vec<(String, String)> {
        let mut entries: Vec<_> =
            self.versions.iter().map(|(name, is)| (name.clone(), is.clone())).collect();
        let mut packages: BTreeMap<String, Vec<&str>> = BTreeMap::new();
        for one in &self.packages {
            packages.entry(format!("{}:{}", one.kind, one.name)).or_default().push(&one.version);
        }
        entries.extend(packages.into_iter().map(|(name, mut versions)| {
            versions.sort_unstable();
            versions.dedup();
            (name, versions.join(", "))
        }));
        entries
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Fake;

    fn text(digest: &str) -> Vec<u8> {
        let package = |kind: &str, name: &str, version: &str| serde_json::json!({"kind": kind, "name": name, "version": version});
        serde_json::json!({
            "format": 1, "digest": digest, "made": "2026-11-29T08:00:00Z",
            "system": {"id": "amzn", "name": "Amazon Linux 2023"},
            "versions": {"kernel": "6.1"},
            "packages": [package("rpm", "kernel", "6.2"), package("rpm", "kernel", "6.1"), package("pypi", "nixl", "1.5.1")],
        })
        .to_string()
        .into_bytes()
    }

    #[test]
    fn packages_that_are_there_twice_are_one_entry() {
        let entries = Manifest::parse(&text("d"), "d").unwrap().entries();
        let told: Vec<_> = entries.iter().map(|(name, is)| format!("{name} {is}")).collect();
        assert_eq!(told, ["kernel 6.1", "pypi:nixl 1.5.1", "rpm:kernel 6.1, 6.2"]);
    }

    #[tokio::test]
    async fn only_the_images_own_manifest_is_read() {
        let fake = Fake::default();
        let cloud = fake.cloud();
        fake.world().contents.insert("images/d/manifest.json".into(), text("d").into());
        let told = async |uri: Option<&str>, digest: &str| {
            Manifest::fetch(&cloud, uri, digest)
                .await
                .map(|it| it.system.name)
                .unwrap_or_else(|e| e.to_string())
        };
        let uri = Some("s3://bucket/images/d/manifest.json");
        assert_eq!(told(uri, "d").await, "Amazon Linux 2023");
        assert!(told(uri, "e").await.contains("digest d"));
        assert!(told(None, "d").await.contains("no manifest"));
        assert!(told(Some("http://a/b"), "d").await.contains("no object of S3"));
        assert!(told(Some("s3://bucket/other"), "d").await.contains("not there"));
    }
}
