//! What the owner of an image changes of it.
//!
//! Source: EC2 API model, ModifyImageAttribute, ModifySnapshotAttribute,
//! EnableImageDeprecation.

use super::convert::tag_specification;
use super::{Client, SERVICE, named};
use crate::{AwsError, ErrorKind, Result, Tag};
use aws_sdk_ec2::types as sdk;
use aws_smithy_types::DateTime;
use std::collections::BTreeSet;
use std::time::SystemTime;

/// Who else may launch an image.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize)]
pub struct Sharing {
    /// Account ids, 12 digits.
    pub accounts: BTreeSet<String>,
    /// ARNs of organizations (`…:organization/o-…`).
    pub organizations: BTreeSet<String>,
    /// ARNs of organizational units (`…:ou/o-…/ou-…`).
    pub units: BTreeSet<String>,
}

impl Sharing {
    /// Whether it is nobody.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.accounts.is_empty() && self.organizations.is_empty() && self.units.is_empty()
    }

    /// Those that are not among `others`.
    #[must_use]
    pub fn without(&self, others: &Self) -> Self {
        let left = |of: &BTreeSet<String>, there: &BTreeSet<String>| of - there;
        Self {
            accounts: left(&self.accounts, &others.accounts),
            organizations: left(&self.organizations, &others.organizations),
            units: left(&self.units, &others.units),
        }
    }

    fn permissions(&self) -> Vec<sdk::LaunchPermission> {
        let new = sdk::LaunchPermission::builder;
        let accounts = self.accounts.iter().map(|id| new().user_id(id).build());
        let organizations = self.organizations.iter().map(|a| new().organization_arn(a).build());
        let units = self.units.iter().map(|a| new().organizational_unit_arn(a).build());
        accounts.chain(organizations).chain(units).collect()
    }
}

impl std::fmt::Display for Sharing {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let all = self.accounts.iter().chain(&self.organizations).chain(&self.units);
        let all: Vec<&str> = all.map(String::as_str).collect();
        f.write_str(&if all.is_empty() { "nobody else".to_owned() } else { all.join(", ") })
    }
}

/// A copy to make.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CopyImage {
    /// Region of the source.
    pub source_region: String,
    /// Source.
    pub source_image_id: String,
    /// Name, which no other image of the account has in the region.
    pub name: String,
    /// Description.
    pub description: String,
    /// Key of the region that encrypts the copy, as `alias/…`; without, it is
    /// encrypted as its source is, or by the account's default.
    pub kms_key: Option<String>,
    /// Tags of the copy and of its snapshots.
    pub tags: Vec<Tag>,
    /// Idempotency token, at most 64 ASCII characters.
    pub client_token: String,
}

/// The calls, all on images of the account's own; each may be repeated.
#[async_trait::async_trait]
pub trait ImageAttributes: Send + Sync {
    /// Who else may launch the image.
    async fn sharing(&self, image_id: &str) -> Result<Sharing>;
    /// Lets these launch it as well, and takes the permission from those.
    async fn change_sharing(&self, image_id: &str, add: &Sharing, remove: &Sharing) -> Result<()>;
    /// Accounts that may make volumes of a snapshot, which who copies an image needs.
    async fn snapshot_sharing(&self, snapshot_id: &str) -> Result<BTreeSet<String>>;
    /// Lets these do so as well, and takes the permission from those.
    async fn change_snapshot_sharing(
        &self,
        snapshot_id: &str,
        add: &BTreeSet<String>,
        remove: &BTreeSet<String>,
    ) -> Result<()>;
    /// Copies an image to this region; the id of the copy, which is pending.
    async fn copy(&self, request: &CopyImage) -> Result<String>;
    /// Its instances need tokens of IMDS from then on. EC2 has no way back.
    async fn require_imds_v2(&self, image_id: &str) -> Result<()>;
    /// It is deprecated from a time in the future on (EC2 rounds to minutes).
    async fn deprecate(&self, image_id: &str, at: SystemTime) -> Result<()>;
    /// It is not deprecated, now or later.
    async fn undo_deprecation(&self, image_id: &str) -> Result<()>;
}

fn sharing(permissions: Vec<sdk::LaunchPermission>) -> Sharing {
    let mut sharing = Sharing::default();
    for one in permissions {
        sharing.accounts.extend(one.user_id);
        sharing.organizations.extend(one.organization_arn);
        sharing.units.extend(one.organizational_unit_arn);
    }
    sharing
}

#[async_trait::async_trait]
impl ImageAttributes for Client {
    async fn sharing(&self, image_id: &str) -> Result<Sharing> {
        let name = sdk::ImageAttributeName::LaunchPermission;
        let call = self.sdk.describe_image_attribute().image_id(image_id).attribute(name);
        let answer = named!("DescribeImageAttribute", call.send().await)?;
        Ok(sharing(answer.launch_permissions.unwrap_or_default()))
    }

    async fn change_sharing(&self, image_id: &str, add: &Sharing, remove: &Sharing) -> Result<()> {
        let list = |of: &Sharing| (!of.is_empty()).then(|| of.permissions());
        let change = sdk::LaunchPermissionModifications::builder()
            .set_add(list(add))
            .set_remove(list(remove))
            .build();
        let call = self.sdk.modify_image_attribute().image_id(image_id).launch_permission(change);
        named!("ModifyImageAttribute", call.send().await).map(drop)
    }

    async fn snapshot_sharing(&self, snapshot_id: &str) -> Result<BTreeSet<String>> {
        let name = sdk::SnapshotAttributeName::CreateVolumePermission;
        let call = self.sdk.describe_snapshot_attribute().snapshot_id(snapshot_id).attribute(name);
        let answer = named!("DescribeSnapshotAttribute", call.send().await)?;
        let permissions = answer.create_volume_permissions.unwrap_or_default();
        Ok(permissions.into_iter().filter_map(|one| one.user_id).collect())
    }

    async fn change_snapshot_sharing(
        &self,
        snapshot_id: &str,
        add: &BTreeSet<String>,
        remove: &BTreeSet<String>,
    ) -> Result<()> {
        let list = |of: &BTreeSet<String>| {
            let new = sdk::CreateVolumePermission::builder;
            Some(of.iter().map(|id| new().user_id(id).build()).collect())
        };
        let new = sdk::CreateVolumePermissionModifications::builder;
        // EC2 does not do both in one call.
        let changes = [(add, new().set_add(list(add))), (remove, new().set_remove(list(remove)))];
        for (_, change) in changes.into_iter().filter(|(of, _)| !of.is_empty()) {
            let call = self
                .sdk
                .modify_snapshot_attribute()
                .snapshot_id(snapshot_id)
                .attribute(sdk::SnapshotAttributeName::CreateVolumePermission)
                .create_volume_permission(change.build());
            named!("ModifySnapshotAttribute", call.send().await)?;
        }
        Ok(())
    }

    async fn copy(&self, request: &CopyImage) -> Result<String> {
        const OPERATION: &str = "CopyImage";
        let tagged = |kind| tag_specification(kind, &request.tags);
        let kinds = [sdk::ResourceType::Image, sdk::ResourceType::Snapshot];
        let call = self
            .sdk
            .copy_image()
            .source_region(&request.source_region)
            .source_image_id(&request.source_image_id)
            .name(&request.name)
            .description(&request.description)
            .client_token(&request.client_token)
            .set_encrypted(request.kms_key.is_some().then_some(true))
            .set_kms_key_id(request.kms_key.clone())
            .set_tag_specifications(Some(kinds.map(tagged).to_vec()));
        let answer = named!("CopyImage", call.send().await)?;
        answer.image_id.ok_or_else(|| AwsError {
            service: SERVICE,
            operation: OPERATION,
            kind: ErrorKind::Ambiguous,
            message: "the answer names no image".to_owned(),
        })
    }

    async fn require_imds_v2(&self, image_id: &str) -> Result<()> {
        let value = sdk::AttributeValue::builder().value("v2.0").build();
        let call = self.sdk.modify_image_attribute().image_id(image_id).imds_support(value);
        named!("ModifyImageAttribute", call.send().await).map(drop)
    }

    async fn deprecate(&self, image_id: &str, at: SystemTime) -> Result<()> {
        let call = self.sdk.enable_image_deprecation().image_id(image_id);
        let call = call.deprecate_at(DateTime::from(at));
        named!("EnableImageDeprecation", call.send().await).map(drop)
    }

    async fn undo_deprecation(&self, image_id: &str) -> Result<()> {
        let call = self.sdk.disable_image_deprecation().image_id(image_id);
        named!("DisableImageDeprecation", call.send().await).map(drop)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_may_launch_is_the_same_there_and_back() {
        let set = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect();
        let mine = Sharing {
            accounts: set(&["111122223333", "222233334444"]),
            organizations: set(&["arn:aws:organizations::1:organization/o-a"]),
            units: set(&["arn:aws:organizations::1:ou/o-a/ou-b"]),
        };
        assert_eq!(sharing(mine.permissions()), mine);
        assert!(mine.without(&mine).is_empty());
        let less = Sharing { accounts: set(&["111122223333"]), ..mine.clone() };
        assert_eq!(mine.without(&less).accounts, set(&["222233334444"]));
    }
}
