//! A checkout in a temporary folder and a scripted cloud.

mod prune;
mod publish;

use crate::builder_profile::{BuilderProfile, Profile, Standing};
use crate::cloud::{Cloud, Images};
use crate::content::Content;
use crate::daemon::Daemon;
use crate::error::Result as BakeResult;
use crate::glibc::Glibc;
use crate::hash::Sum;
use crate::lock::Pins;
use crate::progress::Progress;
use crate::recipe::Architecture;
use nixl_aws::ec2::{Image, Sharing};
use nixl_aws::imagebuilder::*;
use nixl_aws::logs::{Logs, Page};
use nixl_aws::s3::{Object, S3};
use nixl_aws::ssm::Ssm;
use nixl_aws::sts::Identity;
use nixl_aws::{AwsError, ErrorKind, Result, Tag};
use nixl_cluster::tag;
use std::collections::{BTreeMap, VecDeque};
use std::path::PathBuf;
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

/// A recipe with one component, its scripts, a systemd tree and a daemon.
pub struct Checkout {
    folder: tempfile::TempDir,
}

impl Checkout {
    pub fn new() -> Self {
        let checkout = Self { folder: tempfile::tempdir().unwrap() };
        let shipped = include_str!("../../../../image/recipe.toml");
        let list = shipped.find("components = ").unwrap();
        let recipe = format!("{}components = [\"nixl-noded\"]\n", &shipped[..list]);
        checkout.write("image/recipe.toml", &recipe);
        checkout.write(
            "image/nixl-noded/component.toml",
            include_str!("../../../../image/nixl-noded/component.toml"),
        );
        checkout.write(
            "image/nixl-noded/install.sh",
            "#!/bin/bash\n# Puts it there.\nset -Eeuo pipefail\ninstall \"$NIXL_FILES/nixl-noded\" /usr/bin\n",
        );
        checkout.write(
            "image/nixl-noded/validate.sh",
            "#!/bin/bash\nset -Eeuo pipefail\nnixl-noded --version || die \"it does not run\"\n",
        );
        checkout.write("systemd/usr/lib/systemd/system/nixl-noded.service", "[Service]\n");
        std::fs::write(checkout.path("nixl-noded"), "a daemon").unwrap();
        checkout
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub fn daemon(&self) -> Daemon {
        let bytes = std::fs::read(self.path("nixl-noded")).unwrap();
        Daemon {
            sum: Sum::of(&bytes),
            bytes: Arc::new(bytes),
            build_id: None,
            architecture: Architecture::X86_64,
            glibc: Glibc(2, 34),
        }
    }

    pub fn write(&self, name: &str, text: &str) {
        let path = self.path(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }

    pub fn load(&self) -> BakeResult<Content> {
        Content::load(&self.path("image/recipe.toml"), &self.daemon())
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

#[async_trait::async_trait]
impl S3 for Fake {
    async fn head_bucket(&self, _: &str, _: &str) -> Result<bool> {
        Ok(self.called("head_bucket")?.bucket)
    }
    async fn create_bucket(&self, _: &str) -> Result<()> {
        self.called("create_bucket")?.bucket = true;
        Ok(())
    }
    async fn block_public_access(&self, _: &str) -> Result<()> {
        self.called("block_public_access").map(drop)
    }
    async fn put_bucket_tagging(&self, _: &str, _: &[Tag]) -> Result<()> {
        self.called("put_bucket_tagging").map(drop)
    }
    async fn delete_bucket(&self, _: &str) -> Result<()> {
        self.called("delete_bucket").map(drop)
    }
    async fn head_object(&self, _: &str, key: &str) -> Result<Option<Object>> {
        let world = self.called("head_object")?;
        Ok(world.objects.get(key).map(|size| Object { key: key.into(), size_bytes: *size as u64 }))
    }
    async fn get_object(&self, _: &str, key: &str, _: u64) -> Result<Option<bytes::Bytes>> {
        Ok(self.called("get_object")?.contents.get(key).cloned())
    }
    async fn put_object(&self, _: &str, key: &str, body: bytes::Bytes, _: &str) -> Result<()> {
        self.called("put_object")?.objects.insert(key.into(), body.len());
        Ok(())
    }
    async fn list_objects(&self, _: &str, _: &str) -> Result<Vec<Object>> {
        let world = self.called("list_objects")?;
        let object =
            |(key, size): (&String, &usize)| Object { key: key.clone(), size_bytes: *size as u64 };
        Ok(world.objects.iter().map(object).collect())
    }
    async fn delete_objects(&self, _: &str, _: &[String]) -> Result<()> {
        self.called("delete_objects").map(drop)
    }
}

#[async_trait::async_trait]
impl ImageBuilder for Fake {
    async fn find_component(&self, name: &str, version: &str) -> Result<Option<Resource>> {
        let key = format!("component/{name}/{version}");
        Ok(self.called("find_component")?.resources.get(&key).cloned())
    }
    async fn create_component(&self, request: &CreateComponent) -> Result<String> {
        let key = format!("component/{}/{}", request.name, request.version);
        self.create("create_component", key, &request.tags)
    }
    async fn find_recipe(&self, name: &str, _: &str) -> Result<Option<Resource>> {
        Ok(self.called("find_recipe")?.resources.get(&format!("recipe/{name}")).cloned())
    }
    async fn create_recipe(&self, request: &CreateRecipe) -> Result<String> {
        assert!(!request.component_arns.is_empty());
        self.create("create_recipe", format!("recipe/{}", request.name), &request.tags)
    }
    async fn find_infrastructure(&self, name: &str) -> Result<Option<Resource>> {
        Ok(self.called("find_infrastructure")?.resources.get(&format!("infra/{name}")).cloned())
    }
    async fn create_infrastructure(&self, request: &CreateInfrastructure) -> Result<String> {
        self.create("create_infrastructure", format!("infra/{}", request.name), &request.tags)
    }
    async fn find_distribution(&self, name: &str) -> Result<Option<Resource>> {
        Ok(self.called("find_distribution")?.resources.get(&format!("dist/{name}")).cloned())
    }
    async fn create_distribution(&self, request: &CreateDistribution) -> Result<String> {
        self.create("create_distribution", format!("dist/{}", request.name), &request.tags)
    }
    async fn create_image(&self, request: &CreateImage) -> Result<String> {
        let mut world = self.called("create_image")?;
        if let Some(arn) = world.tokens.get(&request.client_token) {
            return Ok(arn.clone());
        }
        let arn = format!("arn:image/nixl/{}", world.tokens.len() + 1);
        world.tokens.insert(request.client_token.clone(), arn.clone());
        let script =
            world.scripts.pop_front().unwrap_or_else(|| vec!["CREATING", "BUILDING", "AVAILABLE"]);
        world.running.insert(arn.clone(), script.into());
        world.builds.push(Build {
            arn: arn.clone(),
            status: "PENDING".into(),
            tags: request.tags.clone(),
            ..Build::default()
        });
        Ok(arn)
    }
    async fn list_builds(&self, _: &str, _: &str) -> Result<Vec<Build>> {
        Ok(self.called("list_builds")?.builds.clone())
    }
    async fn get_image(&self, arn: &str) -> Result<Option<Build>> {
        let mut world = self.called("get_image")?;
        let next = world.running.get_mut(arn).and_then(VecDeque::pop_front);
        let Some(at) = world.builds.iter().position(|build| build.arn == arn) else {
            return Ok(None);
        };
        if let Some(status) = next {
            let build = &mut world.builds[at];
            build.status = status.into();
            if status == "AVAILABLE" {
                let id = format!("ami-{at:017x}");
                build.amis = vec![("eu-west-1".into(), id.clone())];
                let tags = build.tags.clone();
                world.images.push(Image {
                    id,
                    state: "available".into(),
                    tags,
                    ..Image::default()
                });
            }
            if status == "FAILED" {
                world.builds[at].failure = Some(Failure {
                    component_arn: Some(
                        "arn:aws:imagebuilder:r:1:component/nixl-noded/1.2.3/1".into(),
                    ),
                    phase: Some("build".into()),
                    step: Some("install".into()),
                    message: Some("line 14 failed: install\nno such file".into()),
                    ..Failure::default()
                });
            }
        }
        Ok(Some(world.builds[at].clone()))
    }
    async fn list_workflows(&self, _: &str) -> Result<Vec<Workflow>> {
        let times = self.called("list_workflows")?.times.clone();
        let (started, ended) =
            times.map_or((None, None), |(started, ended)| (Some(started), ended));
        Ok(vec![Workflow {
            id: "wf-1".into(),
            kind: "BUILD".into(),
            status: "RUNNING".into(),
            steps_total: 6,
            steps_done: 2,
            started,
            ended,
        }])
    }
    async fn list_steps(&self, _: &str) -> Result<Vec<Step>> {
        drop(self.called("list_steps")?);
        Ok(vec![Step {
            name: "ApplyBuildComponents".into(),
            status: "RUNNING".into(),
            message: None,
        }])
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
