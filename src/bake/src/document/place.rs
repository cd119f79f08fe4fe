//! What a document is told of the image it is for, and of the bucket.

use super::lint::IMAGE;
use super::quoted;
use crate::content::{Content, File, Part};
use crate::hash::Sum;
use crate::lock::Pins;

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

/// The image that a document is for.
#[derive(Debug, Clone)]
pub struct ImageIdentity {
    /// Name and version of its recipe.
    pub name: String,
    /// Its content.
    pub digest: Sum,
    /// What it is made of.
    pub parts: Vec<Part>,
}

impl ImageIdentity {
    /// Of the image that `content` is with these pins.
    #[must_use]
    pub fn new(content: &Content, pins: &Pins) -> Self {
        let recipe = &content.recipe;
        Self {
            name: format!("{} {}", recipe.name, recipe.version),
            digest: content.digest(pins),
            parts: content.parts(pins),
        }
    }

    /// Key of what is kept of the image.
    #[must_use]
    pub fn key(&self, file: &str) -> String {
        format!("images/{}/{file}", self.digest.hex())
    }

    /// Values of [`IMAGE`].
    pub(super) fn variables(&self) -> [(String, String); 3] {
        let parts = self.parts.iter().map(|part| format!("{} {}\n", part.name, part.shown));
        let [name, digest, list] = IMAGE.map(str::to_owned);
        let parts: String = parts.collect();
        [(name, quoted(&self.name)), (digest, self.digest.hex()), (list, quoted(&parts))]
    }
}
