use super::*;
use nixl_aws::{AwsError, ErrorKind};
use std::sync::{Arc, Mutex, MutexGuard};

const NAME: &str = "nixl-bake";

/// An account's IAM with one role and one profile at most.
#[derive(Clone, Default)]
pub(crate) struct Account(Arc<Mutex<State>>);

#[derive(Default)]
pub(crate) struct State {
    pub(crate) role: Option<Role>,
    profile: Option<InstanceProfile>,
    pub(crate) attached: Vec<String>,
    inline: Option<String>,
    pub(crate) changes: Vec<&'static str>,
    /// Tags of a role that somebody makes just before we do.
    pub(crate) overtakes: Option<Vec<Tag>>,
}

impl Account {
    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap()
    }

    fn change(&self, what: &'static str) -> MutexGuard<'_, State> {
        let mut state = self.state();
        state.changes.push(what);
        state
    }
}

pub(crate) fn role(tags: &[Tag]) -> Role {
    Role { name: NAME.into(), arn: "arn:role".into(), tags: tags.to_vec() }
}

fn refused(code: &str) -> AwsError {
    AwsError {
        service: "iam",
        operation: "Create",
        kind: ErrorKind::Service { code: code.into(), status: 409 },
        message: String::new(),
    }
}

#[async_trait::async_trait]
impl Iam for Account {
    async fn role(&self, _: &str) -> Result<Option<Role>> {
        Ok(self.state().role.clone())
    }
    async fn create_role(&self, _: &str, _: &str, tags: &[Tag]) -> Result<String> {
        let mut state = self.change("create_role");
        if let Some(tags) = state.overtakes.take() {
            state.role = Some(role(&tags));
        }
        if state.role.is_some() {
            return Err(refused("EntityAlreadyExists"));
        }
        state.role = Some(role(tags));
        Ok("arn:role".into())
    }
    async fn put_role_policy(&self, _: &str, _: &str, document: &str) -> Result<()> {
        self.change("put_role_policy").inline = Some(document.to_owned());
        Ok(())
    }
    async fn role_policy(&self, _: &str, _: &str) -> Result<Option<String>> {
        Ok(self.state().inline.clone())
    }
    async fn attach_role_policy(&self, _: &str, arn: &str) -> Result<()> {
        self.change("attach_role_policy").attached.push(arn.to_owned());
        Ok(())
    }
    async fn attached_role_policies(&self, _: &str) -> Result<Vec<String>> {
        Ok(self.state().attached.clone())
    }
    async fn instance_profile(&self, _: &str) -> Result<Option<InstanceProfile>> {
        Ok(self.state().profile.clone())
    }
    async fn create_instance_profile(&self, _: &str, tags: &[Tag]) -> Result<String> {
        let mut state = self.change("create_instance_profile");
        let (name, arn) = (NAME.into(), "arn:profile".into());
        state.profile = Some(InstanceProfile { name, arn, roles: vec![], tags: tags.to_vec() });
        Ok("arn:profile".into())
    }
    async fn add_role_to_instance_profile(&self, _: &str, role: &str) -> Result<()> {
        let mut state = self.change("add_role");
        state.profile.as_mut().unwrap().roles.push(role.to_owned());
        Ok(())
    }
    async fn tag_role(&self, _: &str, _: &[Tag]) -> Result<()> {
        unreachable!("nothing is tagged anew")
    }
    async fn role_names(&self) -> Result<Vec<String>> {
        unreachable!("nothing is listed")
    }
    async fn role_policies(&self, _: &str) -> Result<Vec<String>> {
        unreachable!("nothing is listed")
    }
    async fn delete_role(&self, _: &str) -> Result<()> {
        unreachable!("nothing is deleted")
    }
    async fn delete_role_policy(&self, _: &str, _: &str) -> Result<()> {
        unreachable!("nothing is deleted")
    }
    async fn detach_role_policy(&self, _: &str, _: &str) -> Result<()> {
        unreachable!("nothing is deleted")
    }
    async fn remove_role_from_instance_profile(&self, _: &str, _: &str) -> Result<()> {
        unreachable!("nothing is deleted")
    }
    async fn delete_instance_profile(&self, _: &str) -> Result<()> {
        unreachable!("nothing is deleted")
    }
}

fn wanted() -> Profile {
    Profile {
        name: NAME.into(),
        managed_policies: vec!["arn:ssm".into(), "arn:builder".into()],
        inline_name: "files".into(),
        inline_policy: r#"{"Version": "2012-10-17", "Statement": []}"#.into(),
        tags: vec![Tag::new(tag::VERSION, "1")],
    }
}

async fn ensure(account: &Account) -> Standing {
    InIam(account.clone()).ensure(&wanted()).await.unwrap()
}

async fn standing(account: &Account) -> Standing {
    InIam(account.clone()).standing(&wanted()).await.unwrap()
}

#[tokio::test]
async fn it_is_made_once_and_the_role_joins_last() {
    let account = Account::default();
    assert_eq!(standing(&account).await, Standing::Incomplete);
    assert!(account.state().changes.is_empty(), "a look changes nothing");
    assert_eq!(ensure(&account).await, Standing::Incomplete);
    assert_eq!(account.state().changes.last(), Some(&"add_role"));
    let changes = account.state().changes.len();
    assert_eq!(ensure(&account).await, Standing::Complete);
    assert_eq!(account.state().changes.len(), changes);
}

#[tokio::test]
async fn one_with_other_rights_is_mended() {
    let account = Account::default();
    ensure(&account).await;
    // The same document, written another way.
    account.state().inline = Some(r#"{"Statement":[],"Version":"2012-10-17"}"#.into());
    assert_eq!(standing(&account).await, Standing::Complete);
    account.state().inline = Some(r#"{"Statement":[1],"Version":"2012-10-17"}"#.into());
    assert_eq!(standing(&account).await, Standing::Incomplete);
    ensure(&account).await;
    assert_eq!(account.state().inline.as_deref(), Some(wanted().inline_policy.as_str()));
    account.state().attached.pop();
    ensure(&account).await;
    assert_eq!(standing(&account).await, Standing::Complete);
}

#[tokio::test]
async fn a_role_or_profile_of_others_stays_as_it_is() {
    let mine = wanted().tags;
    let cluster = [&mine[..], &[Tag::new(tag::CLUSTER, "bake")]].concat();
    for tags in [vec![], cluster] {
        let account = Account::default();
        account.state().role = Some(role(&tags));
        assert!(matches!(ensure(&account).await, Standing::Foreign { what: "role", .. }));
        assert!(account.state().changes.is_empty());

        // Made by them after we looked.
        let account = Account::default();
        account.state().overtakes = Some(tags);
        assert!(matches!(ensure(&account).await, Standing::Foreign { what: "role", .. }));
        assert_eq!(account.state().changes, ["create_role", "create_instance_profile"]);
    }
    let account = Account::default();
    let profile = |roles: &[&str], tags: Vec<Tag>| InstanceProfile {
        name: NAME.into(),
        arn: "arn:profile".into(),
        roles: roles.iter().map(|role| (*role).to_owned()).collect(),
        tags,
    };
    for theirs in [profile(&[], vec![]), profile(&["admin"], mine)] {
        account.state().profile = Some(theirs);
        let found = ensure(&account).await;
        assert!(matches!(found, Standing::Foreign { what: "instance profile", .. }), "{found:?}");
    }
    assert!(account.state().changes.is_empty());
}

#[tokio::test]
async fn another_run_of_ours_may_be_faster() {
    let account = Account::default();
    account.state().overtakes = Some(wanted().tags);
    ensure(&account).await;
    assert_eq!(standing(&account).await, Standing::Complete);
}
