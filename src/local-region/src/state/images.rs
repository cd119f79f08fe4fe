//! Images, and what their owner can change of them.

use super::ids;
use crate::backend::RootFs;
use jiff::Timestamp;
use std::collections::BTreeSet;

/// An image.
#[derive(Debug, Clone)]
pub struct Image {
    /// `ami-…`
    pub id: String,
    /// Name, unique for its owner.
    pub name: String,
    /// Account.
    pub owner: String,
    /// Description.
    pub description: String,
    /// Creation time.
    pub created: String,
    /// Readable by everyone.
    pub public: bool,
    /// Snapshot behind it.
    pub snapshot_id: String,
    /// Key that its snapshot is encrypted with, as it was named.
    pub kms_key: Option<String>,
    /// Who else may launch it.
    pub shared_with: BTreeSet<Party>,
    /// Accounts that may make volumes of its snapshot, or `all`.
    pub copied_by: BTreeSet<String>,
    /// Its instances need tokens of IMDS unless their launch says otherwise.
    pub imds_v2: bool,
    /// From then on it is deprecated.
    pub deprecated_at: Option<Timestamp>,
    /// A copy is pending until then.
    pub available_at: Option<Timestamp>,
    /// Where its files are.
    pub root: RootFs,
}

impl Image {
    /// A new one, which is its owner's alone.
    #[must_use]
    pub fn new(name: String, owner: &str, root: RootFs) -> Self {
        Self {
            id: ids::resource("ami"),
            name,
            owner: owner.to_owned(),
            description: String::new(),
            created: crate::api::timestamp(),
            public: false,
            snapshot_id: ids::resource("snap"),
            kms_key: None,
            shared_with: BTreeSet::new(),
            copied_by: BTreeSet::new(),
            imds_v2: false,
            deprecated_at: None,
            available_at: None,
            root,
        }
    }

    /// `pending` or `available`.
    #[must_use]
    pub fn state(&self, now: Timestamp) -> &'static str {
        if self.available_at.is_some_and(|at| at > now) { "pending" } else { "available" }
    }

    /// Whether an account may launch it because its owner says so.
    #[must_use]
    pub fn is_shared_with(&self, account: &str) -> bool {
        self.shared_with.contains(&Party::Account(account.to_owned()))
    }

    /// Whether it is deprecated at this time.
    #[must_use]
    pub fn deprecated(&self, now: Timestamp) -> bool {
        self.deprecated_at.is_some_and(|at| at <= now)
    }
}

/// Whom an image can be shared with.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Party {
    /// Account id.
    Account(String),
    /// ARN of an organization.
    Organization(String),
    /// ARN of an organizational unit.
    Unit(String),
}
