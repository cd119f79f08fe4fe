//! Options of a launch that choose among few values.

use super::either;
use super::market::Demand;
use super::metadata_options::MetadataOptions;
use crate::api::{ApiError, params::Params, tags::Tags};
use crate::rules::{Rules, launch as rules};
use crate::state::{attributes::Attributes, ec2::Image};

/// Metadata options, shutdown behaviour and protection.
pub struct LaunchOptions {
    /// Of the metadata service.
    pub metadata: MetadataOptions,
    /// A power-off terminates instead of stopping.
    pub terminate_on_shutdown: bool,
    /// Protection.
    pub attributes: Attributes,
}

impl LaunchOptions {
    /// Reads them; `tags` are the instance's.
    pub fn read(
        in_force: &Rules,
        p: &Params,
        tags: &Tags,
        demand: &Demand,
        image: &Image,
    ) -> Result<Self, ApiError> {
        let attributes = Attributes {
            disable_api_termination: p.flag("DisableApiTermination")?,
            disable_api_stop: p.flag("DisableApiStop")?,
        };
        if let Some(attribute) = attributes.protection() {
            super::attributes::check_protectable(in_force, demand.market, attribute)?;
        }
        let shutdown = (super::attributes::SHUTDOWN, ["stop", "terminate"]);
        Ok(Self {
            metadata: MetadataOptions::of_launch(in_force, &p.sub("MetadataOptions"), tags, image)?,
            terminate_on_shutdown: either(in_force, &rules::SHUTDOWN, p, shutdown, false)?,
            attributes,
        })
    }
}
