//! `[publish]`: what becomes of an image once it is there. Nothing of it is in the
//! image, so nothing of it counts for the image's identity.

use super::values::text_value;
use nixl_aws::ec2::Sharing;
use serde::Deserialize;
use std::collections::BTreeSet;
use toml::Spanned;

/// The key of every account that AWS manages.
const DEFAULT_KEY: &str = "alias/aws/ebs";

text_value!(
    /// A KMS key by its alias, which can be the same in all regions.
    KmsKey,
    |text| text.len() <= 256
        && text.strip_prefix("alias/").is_some_and(|name| {
            !name.is_empty()
                && name.chars().all(|c| c.is_ascii_alphanumeric() || "/_-".contains(c))
        }),
    "name a key by its alias, e.g. \"alias/nixl\""
);

text_value!(
    /// Account id.
    Account,
    |text| text.len() == 12 && text.bytes().all(|b| b.is_ascii_digit()),
    "an account id is 12 digits in quotes"
);

text_value!(
    /// ARN of an organization or of a unit of one.
    Organization,
    |text| {
        let parts: Vec<&str> = text.splitn(6, ':').collect();
        matches!(parts.as_slice(), ["arn", _, "organizations", _, _, rest]
            if rest.starts_with("organization/o-") || rest.starts_with("ou/o-"))
    },
    "use the ARN of an organization (\"arn:aws:organizations::111122223333:organization/o-…\") or of a unit (\"…:ou/o-…/ou-…\")"
);

text_value!(
    /// Name of a region.
    RegionName,
    |text| {
        let words: Vec<&str> = text.split('-').collect();
        let (letters, number) = words.split_at(words.len() - 1);
        (2..=4).contains(&letters.len())
            && letters.iter().all(|word| {
                !word.is_empty() && word.chars().all(|c| c.is_ascii_lowercase())
            })
            && number.iter().all(|word| word.len() == 1 && word.chars().all(|c| c.is_ascii_digit()))
    },
    "use the name of a region, e.g. \"us-west-2\""
);

/// Days of grace of an image that another takes the place of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(try_from = "i64")]
pub struct Days(u16);

impl Days {
    /// As a number.
    #[must_use]
    pub fn days(self) -> u16 {
        self.0
    }
}

impl TryFrom<i64> for Days {
    type Error = String;
    fn try_from(days: i64) -> Result<Self, String> {
        // EC2's limit is 10 years.
        u16::try_from(days)
            .ok()
            .filter(|days| (1..=3650).contains(days))
            .map(Self)
            .ok_or_else(|| format!("{days} is no time of grace: use 1 to 3650 days"))
    }
}

/// What becomes of an image.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Publish {
    /// Where else the image is.
    #[serde(default)]
    pub regions: BTreeSet<RegionName>,
    accounts: Option<Vec<Account>>,
    organizations: Option<Vec<Organization>>,
    /// Whether `accounts` may copy the image as well, to other regions and with keys of
    /// their own; without, it stays as it is.
    copyable: Option<Spanned<bool>>,
    /// An image of the recipe that is not the latest any more is deprecated so many
    /// days later; without, never.
    pub deprecate_days: Option<Days>,
}

impl Publish {
    /// Whether anybody else gets the image.
    #[must_use]
    pub fn shares(&self) -> bool {
        self.sharing().is_some_and(|with| !with.is_empty())
    }

    /// Accounts that may copy the image, and no others; `None` if the recipe does not
    /// say so, and it stays as it is.
    #[must_use]
    pub fn copied_by(&self) -> Option<BTreeSet<String>> {
        let copyable = *self.copyable.as_ref()?.get_ref();
        let accounts = self.accounts.iter().flatten().filter(|_| copyable);
        Some(accounts.map(|one| one.as_str().to_owned()).collect())
    }

    /// Where the file says `copyable` and names no account, in bytes.
    pub(super) fn copyable_by_nobody(&self) -> Option<usize> {
        let copyable = self.copyable.as_ref().filter(|copyable| *copyable.get_ref())?;
        let nobody = self.copied_by().is_none_or(|accounts| accounts.is_empty());
        nobody.then(|| copyable.span().start)
    }

    /// Who else may launch the image, and nobody besides; `None` if the recipe does
    /// not say so, and it stays as it is.
    #[must_use]
    pub fn sharing(&self) -> Option<Sharing> {
        if self.accounts.is_none() && self.organizations.is_none() {
            return None;
        }
        let all = self.organizations.iter().flatten().map(|one| one.as_str().to_owned());
        let (organizations, units) = all.partition(|arn| arn.contains(":organization/"));
        let accounts = self.accounts.iter().flatten();
        let accounts = accounts.map(|one| one.as_str().to_owned()).collect();
        Some(Sharing { accounts, organizations, units })
    }
}

impl KmsKey {
    /// Whether it is the one that AWS manages, with which nothing can be shared.
    #[must_use]
    pub fn is_default(&self) -> bool {
        self.as_str() == DEFAULT_KEY
    }

    /// ARN of the alias.
    #[must_use]
    pub fn arn(&self, partition: &str, region: &str, account: &str) -> String {
        format!("arn:{partition}:kms:{region}:{account}:{}", self.as_str())
    }
}
