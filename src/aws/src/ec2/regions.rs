//! The account's regions.

use super::{Client, SERVICE, named};
use crate::{AwsError, Result};

/// The call; [`Client`] makes it, tests script it.
#[async_trait::async_trait]
pub trait AccountRegions: Send + Sync {
    /// Names of the regions that the account can use, in order.
    async fn regions(&self) -> Result<Vec<String>>;
}

#[async_trait::async_trait]
impl AccountRegions for Client {
    async fn regions(&self) -> Result<Vec<String>> {
        // Without AllRegions: those that need no opting in, and those opted in to.
        let answer = named!("DescribeRegions", self.sdk.describe_regions().send().await)?;
        let found = answer.regions.unwrap_or_default();
        let mut names: Vec<String> = found.into_iter().filter_map(|it| it.region_name).collect();
        names.sort();
        Ok(names)
    }
}
