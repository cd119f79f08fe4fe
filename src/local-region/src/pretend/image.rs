//! The image that is there from the start where none is needed: it is the account's
//! own and carries a digest as a baked one does, and its name says what it is.

use crate::server::Region;
use crate::state::ec2::Image;
use nixl_cluster::tag;
use sha2::{Digest, Sha256};

const NAME: &str = "nixl-pretend-image";

/// Registers it.
pub fn register(region: &Region) {
    let config = &region.inner.config;
    let image = Image {
        description: "Nothing is in it: the region has no machines".to_owned(),
        ..Image::new(NAME.to_owned(), &config.account_id, config.base_image.clone())
    };
    let digest = hex::encode(Sha256::digest(NAME));
    let mut state = region.inner.state();
    state.ec2.tags.insert(image.id.clone(), [(tag::DIGEST.to_owned(), digest)].into());
    state.ec2.images.insert(image.id.clone(), image);
}
