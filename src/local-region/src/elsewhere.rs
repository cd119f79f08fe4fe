//! The account's other regions, as far as images go there: each has images, tags and
//! parameters of its own, and shares rules, clock and settings with the region that is
//! up. Their calls meet that region's faults and throttling, and are in its log.

use crate::rules::images::REGIONAL;
use crate::server::Inner;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError, Weak};

/// Regions that every account has without opting in (Regions and Zones guide).
const NAMES: [&str; 17] = [
    "ap-northeast-1",
    "ap-northeast-2",
    "ap-northeast-3",
    "ap-south-1",
    "ap-southeast-1",
    "ap-southeast-2",
    "ca-central-1",
    "eu-central-1",
    "eu-north-1",
    "eu-west-1",
    "eu-west-2",
    "eu-west-3",
    "sa-east-1",
    "us-east-1",
    "us-east-2",
    "us-west-1",
    "us-west-2",
];

/// Operations of EC2 that other regions carry out; of SSM those of parameters.
const EC2: [&str; 17] = [
    "CopyImage",
    "CreateTags",
    "DeleteTags",
    "DeregisterImage",
    "DescribeImageAttribute",
    "DescribeImages",
    "DescribeInstances",
    "DescribeLaunchTemplates",
    "DescribeLaunchTemplateVersions",
    "DescribeRegions",
    "DescribeSnapshotAttribute",
    "DescribeSnapshots",
    "DescribeTags",
    "DisableImageDeprecation",
    "EnableImageDeprecation",
    "ModifyImageAttribute",
    "ModifySnapshotAttribute",
];

/// A region's place among the others.
#[derive(Default)]
pub struct Place {
    /// The region that is up, if it is not this one.
    home: Weak<Inner>,
    /// Those that were called so far, by name; in the region that is up.
    others: Mutex<BTreeMap<String, Arc<Inner>>>,
}

impl Place {
    /// One beside the region that is up.
    #[must_use]
    pub fn beside(home: &Arc<Inner>) -> Self {
        Self { home: Arc::downgrade(home), ..Self::default() }
    }
}

/// The region of this name, made at its first call; `None` if there is none, or the
/// region that is up has ended.
#[must_use]
pub fn region(from: &Arc<Inner>, name: &str) -> Option<Arc<Inner>> {
    let home = home(from);
    if home.config.region == name {
        return Some(home);
    }
    let name = NAMES.into_iter().find(|known| *known == name)?;
    let mut others = home.place.others.lock().unwrap_or_else(PoisonError::into_inner);
    let new = || Arc::new(Inner::elsewhere(&home, name));
    Some(others.entry(name.to_owned()).or_insert_with(new).clone())
}

/// Names of all regions that the account has.
#[must_use]
pub fn names(from: &Arc<Inner>) -> BTreeSet<String> {
    let home = home(from).config.region.clone();
    NAMES.into_iter().map(str::to_owned).chain([home]).collect()
}

/// This region and all others that were called.
#[must_use]
pub fn all(from: &Arc<Inner>) -> Vec<Arc<Inner>> {
    let home = home(from);
    let others = home.place.others.lock().unwrap_or_else(PoisonError::into_inner);
    std::iter::once(&home).chain(others.values()).cloned().collect()
}

/// The region that carries out a call that is signed for one; the region that is up
/// has the services that know no regions, and refuses what is signed for nowhere.
#[must_use]
pub fn of_call(home: &Arc<Inner>, service: &str, signed_for: &str) -> Arc<Inner> {
    let there = matches!(service, "ec2" | "ssm" | "sts") && home.rules.on(&REGIONAL);
    let found = there.then(|| region(home, signed_for)).flatten();
    found.unwrap_or_else(|| home.clone())
}

/// Whether the operation is carried out in a region.
#[must_use]
pub fn carries_out(region: &Inner, service: &str, operation: &str) -> bool {
    region.place.home.upgrade().is_none()
        || match service {
            "ec2" => EC2.contains(&operation),
            "ssm" => operation.contains("Parameter") || operation.contains("Tags"),
            _ => operation == "GetCallerIdentity",
        }
}

fn home(from: &Arc<Inner>) -> Arc<Inner> {
    from.place.home.upgrade().unwrap_or_else(|| from.clone())
}
