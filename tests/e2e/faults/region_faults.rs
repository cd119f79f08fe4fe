//! Faults of a region, each of which must have fired.

use anyhow::{Context, Result, ensure};
use nixl_tests::Region;

/// A region whose faults are set and counted.
pub struct Faults<'a> {
    /// The region.
    pub region: &'a Region,
}

impl<'a> Faults<'a> {
    /// Of this region.
    pub fn new(region: &'a Region) -> Self {
        Self { region }
    }

    /// Sets a fault, in the words of `nixl-region fault`.
    pub fn set(&self, words: &str) -> Result<()> {
        let args: Vec<&str> = ["fault"].into_iter().chain(words.split_whitespace()).collect();
        self.region.control().ok(&args).map(drop)
    }

    /// Every fault has fired; removes them.
    pub fn fired(&self) -> Result<()> {
        let list = self.region.control().json(&["fault", "list", "--output", "json"])?;
        self.region.control().ok(&["fault", "remove", "--all"])?;
        let faults = list.as_array().filter(|faults| !faults.is_empty());
        for fault in faults.with_context(|| format!("no fault was set: {list}"))? {
            ensure!(fault["fired"].as_u64() > Some(0), "it never came to this: {fault}");
        }
        Ok(())
    }
}
