//! The role that Image Builder runs workflows as.
//!
//! It holds AWS's policy for this and nothing else. The policy comes after the
//! role, so one that is interrupted is not taken for whole.

use crate::builder_profile::{InIam, Standing, exists, is_ours};
use nixl_aws::iam::Iam;
use nixl_aws::{Result, Tag};

/// A role as it is wanted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Role {
    /// Name.
    pub name: String,
    /// Who may assume it, JSON.
    pub trust_policy: String,
    /// ARN of its one managed policy.
    pub managed_policy: String,
    /// Tags.
    pub tags: Vec<Tag>,
}

/// Roles of workflows.
#[async_trait::async_trait]
pub trait ExecutionRole: Send + Sync {
    /// How it stands; changes nothing.
    async fn role_standing(&self, role: &Role) -> Result<Standing>;
    /// Makes and mends what is not as it should be; how it stood before. One
    /// that is foreign stays as it is.
    async fn ensure_role(&self, role: &Role) -> Result<Standing>;
}

impl<I: Iam> InIam<I> {
    /// How it stands, and whether there is one of this name.
    async fn look_at_role(&self, role: &Role) -> Result<(Standing, bool)> {
        let Some(found) = self.0.role(&role.name).await? else {
            return Ok((Standing::Incomplete, false));
        };
        if !is_ours(&found.tags) {
            return Ok((Standing::Foreign { what: "role", arn: found.arn }, true));
        }
        let attached = self.0.attached_role_policies(&role.name).await?;
        Ok(match attached.contains(&role.managed_policy) {
            true => (Standing::Complete, true),
            false => (Standing::Incomplete, true),
        })
    }
}

#[async_trait::async_trait]
impl<I: Iam> ExecutionRole for InIam<I> {
    async fn role_standing(&self, role: &Role) -> Result<Standing> {
        Ok(self.look_at_role(role).await?.0)
    }

    async fn ensure_role(&self, role: &Role) -> Result<Standing> {
        let (before, is_there) = self.look_at_role(role).await?;
        if before != Standing::Incomplete {
            return Ok(before);
        }
        if !is_there
            && exists(self.0.create_role(&role.name, &role.trust_policy, &role.tags).await)?
        {
            // Made in between, by another run of ours or by somebody else.
            let (now, _) = self.look_at_role(role).await?;
            if now != Standing::Incomplete {
                return Ok(now);
            }
        }
        self.0.attach_role_policy(&role.name, &role.managed_policy).await?;
        Ok(before)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::builder_profile::tests::{Account, role as found};
    use nixl_cluster::tag;

    fn wanted() -> Role {
        Role {
            name: "nixl-bake".into(),
            trust_policy: "{}".into(),
            managed_policy: "arn:execution".into(),
            tags: vec![Tag::new(tag::VERSION, "1")],
        }
    }

    async fn ensure(account: &Account) -> Standing {
        InIam(account.clone()).ensure_role(&wanted()).await.unwrap()
    }

    async fn standing(account: &Account) -> Standing {
        InIam(account.clone()).role_standing(&wanted()).await.unwrap()
    }

    #[tokio::test]
    async fn it_is_made_once_and_holds_one_policy() {
        let account = Account::default();
        assert_eq!(standing(&account).await, Standing::Incomplete);
        assert!(account.state().changes.is_empty(), "a look changes nothing");
        assert_eq!(ensure(&account).await, Standing::Incomplete);
        assert_eq!(ensure(&account).await, Standing::Complete);
        assert_eq!(account.state().changes, ["create_role", "attach_role_policy"]);
        assert_eq!(account.state().attached, ["arn:execution"]);
    }

    #[tokio::test]
    async fn one_that_was_cut_off_is_finished() {
        let account = Account::default();
        account.state().role = Some(found(&wanted().tags));
        assert_eq!(standing(&account).await, Standing::Incomplete);
        ensure(&account).await;
        assert_eq!(account.state().changes, ["attach_role_policy"]);
        assert_eq!(standing(&account).await, Standing::Complete);
    }

    #[tokio::test]
    async fn a_role_of_others_stays_as_it_is() {
        let cluster = [&wanted().tags[..], &[Tag::new(tag::CLUSTER, "bake-workflows")]].concat();
        for tags in [vec![], cluster] {
            let account = Account::default();
            account.state().role = Some(found(&tags));
            assert!(matches!(ensure(&account).await, Standing::Foreign { what: "role", .. }));
            assert!(account.state().changes.is_empty());

            // Made by them after we looked.
            let account = Account::default();
            account.state().overtakes = Some(tags);
            assert!(matches!(ensure(&account).await, Standing::Foreign { .. }));
            assert_eq!(account.state().changes, ["create_role"]);
        }
    }

    #[tokio::test]
    async fn another_run_of_ours_may_be_faster() {
        let account = Account::default();
        account.state().overtakes = Some(wanted().tags);
        ensure(&account).await;
        assert_eq!(standing(&account).await, Standing::Complete);
    }
}
