//! What a person asks for, from flags and `nixl.toml`.
//!
//! ```text
//! flags ──▶ Asked ─┐
//!                  ├─ over ─▶ Asked ─▶ Spec (defaults filled in, what goes together checked)
//! nixl.toml ▶ Asked ┘
//! ```
//! Each name is checked for its form where it is read, so an error has its flag
//! or its line; nothing is asked of AWS before.

mod asked;
mod file;
mod names;
mod near;

pub(crate) use asked::mlflow;
pub use asked::{Asked, FabricProvider, MarketName, UsageError};
pub use file::{DEFAULT_PATH, FileError, load};
pub use names::{
    AccountId, BadName, ImageName, KmsKeyArn, Lifetime, Minutes, MlflowArn, MlflowVersion,
    RegionName, ReservationId, ServerIdle, ServerName, SubnetId, TypeName, ZoneName, is_ami,
};
pub use near::{hint, nearest, only_near};

/// A region of the right form, for flags.
///
/// # Errors
/// If it is of another form, with what was probably meant.
pub fn region(given: &str) -> Result<String, BadName> {
    given.parse::<RegionName>().map(|region| region.0)
}

/// Of a region that this program does not know, what was probably meant. There are
/// new ones every year, so it may be right.
#[must_use]
pub fn doubt_of_region(region: &str) -> Option<String> {
    let known = names::REGIONS.contains(&region);
    (!known).then(|| {
        format!(
            "{region} is no region that this program knows{}",
            hint(region, names::REGIONS.iter().copied())
        )
    })
}
