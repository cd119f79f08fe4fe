//! A checkout in a temporary folder and a scripted cloud.

mod builder;
mod checkout;
mod files;
mod prune;
mod publish;

pub use checkout::Checkout;

use crate::builder_profile::{BuilderProfile, Profile, Standing};
use crate::cloud::{Cloud, Images};
use crate::execution_role::{ExecutionRole, Role};
use crate::lock::Pins;
use crate::progress::Progress;
use nixl_aws::ec2::{Image, Sharing};
use nixl_aws::imagebuilder::{BUILD_ARN_TAG, Build, Resource, Workflows};
use nixl_aws::logs::{Logs, Page};
use nixl_aws::ssm::Ssm;
use nixl_aws::sts::Identity;
use nixl_aws::{AwsError, ErrorKind, Result, Tag};
use nixl_cluster::tag;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::{Arc, Mutex};

pub const BASE: &str = "ami-0123456789abcdef0";

/// The image behind it.
pub fn base_image() -> Image {
    Image {
        id: BASE.into(),
        name: "debian-12".into(),
        owner_id: "136693071363".into(),
        state: "available".into(),
        architecture: "x86_64".into(),
        ..Image::default()
    }
}

/// The base pinned, and nothing else to pin.
pub fn pins() -> Pins {
    Pins {
        base_ami: BASE.to_owned(),
        base_identity: "136693071363/debian-12".to_owned(),
        downloads: BTreeMap::new(),
    }
}

/// What the fake cloud holds, and what goes wrong next.
#[derive(Default)]
pub struct World {
    /// Every call, in order.
    pub calls: Vec<String>,
    /// Errors for the next calls of an operation.
    pub errors: BTreeMap<&'static str, VecDeque<AwsError>>,
    pub images: Vec<Image>,
    pub resources: BTreeMap<String, Resource>,
    pub builds: Vec<Build>,
    /// Workflows that builds were asked for with.
    pub workflows: Vec<Workflows>,
    /// Token to ARN, for ever.
    pub tokens: BTreeMap<String, String>,
    /// Statuses of each build to come, the last one stays; empty: straight to AVAILABLE.
    pub scripts: VecDeque<Vec<&'static str>>,
    pub running: BTreeMap<String, VecDeque<&'static str>>,
    pub objects: BTreeMap<String, usize>,
    /// Worlds of further regions.
    pub others: BTreeMap<String, Fake>,
    /// Who else may launch each image.
    pub shared: BTreeMap<String, Sharing>,
    /// Accounts that may make volumes of each snapshot.
    pub snapshots_shared: BTreeMap<String, BTreeSet<String>>,
    /// Value and tags of each parameter of the account's own.
    pub parameters: BTreeMap<String, (String, Vec<Tag>)>,
    /// Image and tags of each snapshot.
    pub snapshots: BTreeMap<String, (String, Vec<Tag>)>,
    /// Who uses images.
    pub uses: Vec<nixl_aws::ec2::Use>,
    /// What can be read, by key.
    pub contents: BTreeMap<String, bytes::Bytes>,
    pub bucket: bool,
    pub profile: Standing,
    pub role: Standing,
    /// Pieces of the build's log to come.
    pub log: VecDeque<Vec<&'static str>>,
    /// When workflows began and ended.
    pub times: Option<(String, Option<String>)>,
    /// What another run makes at the time of the next call of an operation.
    pub appearing: Option<(&'static str, String, Resource)>,
}

impl World {
    pub fn appear_after(&mut self, operation: &'static str, key: String, resource: Resource) {
        self.appearing = Some((operation, key, resource));
    }
}

fn service_error(operation: &'static str, code: &str, message: &str) -> AwsError {
    AwsError {
        service: "imagebuilder",
        operation,
        kind: ErrorKind::Service { code: code.into(), status: 429 },
        message: message.into(),
    }
}

/// Handle to a [`World`].
#[derive(Clone, Default)]
pub struct Fake(pub Arc<Mutex<World>>);

impl Fake {
    pub fn cloud(&self) -> Cloud {
        Cloud {
            identity: Identity {
                account: "123456789012".into(),
                arn: "arn:aws:iam::123456789012:user/dev".into(),
            },
            region: "eu-west-1".into(),
            images: Box::new(self.clone()),
            builder: Box::new(self.clone()),
            profile: Box::new(self.clone()),
            roles: Box::new(self.clone()),
            s3: Box::new(self.clone()),
            ssm: Box::new(self.clone()),
            logs: Box::new(self.clone()),
        }
    }

    pub fn world(&self) -> std::sync::MutexGuard<'_, World> {
        self.0.lock().unwrap()
    }

    pub fn fails(&self, operation: &'static str, code: &str, message: &str, times: usize) {
        let error = service_error(operation, code, message);
        self.world().errors.entry(operation).or_default().extend(vec![error; times]);
    }

    /// Number of calls of an operation.
    pub fn count(&self, operation: &str) -> usize {
        self.world().calls.iter().filter(|call| *call == operation).count()
    }

    fn called(&self, operation: &'static str) -> Result<std::sync::MutexGuard<'_, World>> {
        let mut world = self.world();
        world.calls.push(operation.into());
        if let Some((_, key, made)) = world.appearing.take_if(|(at, ..)| *at == operation) {
            world.resources.insert(key, made);
        }
        match world.errors.get_mut(operation).and_then(VecDeque::pop_front) {
            Some(error) => Err(error),
            None => Ok(world),
        }
    }

    fn create(&self, operation: &'static str, key: String, tags: &[Tag]) -> Result<String> {
        let mut world = self.called(operation)?;
        let arn = format!("arn:{key}/1");
        world.resources.insert(key, Resource { arn: arn.clone(), tags: tags.to_vec() });
        Ok(arn)
    }
}

#[async_trait::async_trait]
impl Images for Fake {
    async fn by_id(&self, id: &str) -> Result<Option<Image>> {
        let mut world = self.called("by_id")?;
        let found = world.images.iter_mut().find(|image| image.id == id);
        // A copy is pending for one look.
        Ok(found.map(|image| {
            let seen = image.clone();
            if image.state == "pending" {
                image.state = "available".into();
            }
            seen
        }))
    }
    async fn by_name(&self, name: &str, owner: &str) -> Result<Option<Image>> {
        let world = self.called("by_name")?;
        let fits = |image: &&Image| image.name == name && image.owner_id == owner;
        Ok(world.images.iter().find(fits).cloned())
    }
    async fn shared(&self, owners: &[&str], stem: &str) -> Result<Vec<Image>> {
        let world = self.called("shared")?;
        let fits = |image: &&Image| {
            owners.contains(&image.owner_id.as_str()) && image.name.starts_with(&format!("{stem}-"))
        };
        Ok(world.images.iter().filter(fits).rev().cloned().collect())
    }
    async fn by_recipe(&self, name: &str) -> Result<Vec<Image>> {
        let world = self.called("by_recipe")?;
        let fits = |image: &&Image| Tag::find(&image.tags, tag::RECIPE) == Some(name);
        Ok(world.images.iter().filter(fits).rev().cloned().collect())
    }
    async fn by_digest(&self, digest: Option<&str>) -> Result<Vec<Image>> {
        let world = self.called("by_digest")?;
        let fits = |image: &&Image| {
            Tag::find(&image.tags, tag::DIGEST).is_some_and(|of| digest.is_none_or(|d| d == of))
        };
        Ok(world.images.iter().filter(fits).cloned().collect())
    }
    async fn by_build(&self, arn: Option<&str>) -> Result<Vec<Image>> {
        let world = self.called("by_build")?;
        let fits = |image: &&Image| {
            Tag::find(&image.tags, BUILD_ARN_TAG).is_some_and(|of| arn.is_none_or(|arn| arn == of))
        };
        Ok(world.images.iter().filter(fits).cloned().collect())
    }
}

#[async_trait::async_trait]
impl BuilderProfile for Fake {
    async fn standing(&self, _: &Profile) -> Result<Standing> {
        Ok(self.called("standing")?.profile.clone())
    }
    async fn ensure(&self, _: &Profile) -> Result<Standing> {
        let mut world = self.called("ensure_profile")?;
        let before = world.profile.clone();
        if before == Standing::Incomplete {
            world.profile = Standing::Complete;
        }
        Ok(before)
    }
}

#[async_trait::async_trait]
impl ExecutionRole for Fake {
    async fn role_standing(&self, _: &Role) -> Result<Standing> {
        Ok(self.called("role_standing")?.role.clone())
    }
    async fn ensure_role(&self, _: &Role) -> Result<Standing> {
        let mut world = self.called("ensure_role")?;
        let before = world.role.clone();
        if before == Standing::Incomplete {
            world.role = Standing::Complete;
        }
        Ok(before)
    }
}

#[async_trait::async_trait]
impl Ssm for Fake {
    async fn get_parameter(&self, name: &str) -> Result<Option<String>> {
        let world = self.called("get_parameter")?;
        if name.starts_with("/aws/") {
            return Ok(Some(BASE.into()));
        }
        Ok(world.parameters.get(name).map(|(value, _)| value.clone()))
    }
}

#[async_trait::async_trait]
impl Logs for Fake {
    async fn events(&self, group: &str, _: &str, after: Option<&str>) -> Result<Option<Page>> {
        assert_eq!(group, "/aws/imagebuilder/nixl");
        let mut world = self.called("log_events")?;
        let at = after.map_or(0, |after| after.parse().unwrap());
        let Some(piece) = world.log.pop_front() else {
            return Ok(after.map(|after| Page { messages: vec![], next: Some(after.to_owned()) }));
        };
        let messages: Vec<String> = piece.into_iter().map(str::to_owned).collect();
        Ok(Some(Page { next: Some((at + messages.len()).to_string()), messages }))
    }
}

/// Keeps what was told.
#[derive(Default)]
pub struct Told(pub Mutex<Vec<String>>);

impl Told {
    pub fn all(&self) -> String {
        self.0.lock().unwrap().join("\n")
    }
    fn add(&self, text: String) {
        self.0.lock().unwrap().push(text);
    }
}

impl Progress for Told {
    fn phase(&self, what: &str) {
        self.add(what.to_owned());
    }
    fn step(&self, done: usize, total: usize, what: &str) {
        self.add(format!("step {}/{total} {what}", done + 1));
    }
    fn note(&self, text: &str) {
        self.add(text.to_owned());
    }
    fn building(&self, arn: &str) {
        self.add(format!("building {arn}"));
    }
}
