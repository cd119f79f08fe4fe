//! Every resource an image needs, with its name, before anything is made.
//! `plan` looks these up, `build` makes what is missing: both from the same list.

use crate::builder_profile::Profile;
use crate::cloud::Cloud;
use crate::content::{Content, Part};
use crate::document::{self, ImageIdentity, MAX_INLINE_CHARS, Store};
use crate::error::Result;
use crate::hash::Sum;
use crate::lock::Pins;
use crate::manifest::MANIFEST;
use crate::test_stage::TestStage;
use nixl_aws::Tag;
use nixl_aws::imagebuilder::{
    CreateComponent, CreateDistribution, CreateImage, CreateInfrastructure, CreateRecipe,
    DocumentSource,
};
use nixl_cluster::{image_name, tag};
use std::sync::Arc;

/// Role and instance profile of the build instance; IAM is global, so one does
/// for every region.
pub const BUILDER_PROFILE: &str = "nixl-bake";
/// Version of this program, on everything it makes.
pub(crate) const VERSION: &str = env!("CARGO_PKG_VERSION");

/// A file to have in the bucket.
#[derive(Debug, Clone)]
pub struct Upload {
    /// Key, which holds the content's sum.
    pub key: String,
    /// Content.
    pub bytes: Arc<Vec<u8>>,
    /// Its sum.
    pub sum: Sum,
}

/// All of it.
#[derive(Debug, Clone)]
pub struct Blueprint {
    /// Identity of the image.
    pub digest: Sum,
    /// What it is made of.
    pub parts: Vec<Part>,
    /// AMI to start from.
    pub base_ami: String,
    /// Region the AMI is made in.
    pub region: String,
    /// Bucket for the build's files.
    pub bucket: String,
    /// Tags of the bucket.
    pub bucket_tags: Vec<Tag>,
    /// Files.
    pub uploads: Vec<Upload>,
    /// Build instance's profile.
    pub profile: Profile,
    /// Components in order.
    pub components: Vec<CreateComponent>,
    /// Image recipe; its component ARNs are known once those exist.
    pub recipe: CreateRecipe,
    /// Where it is built.
    pub infrastructure: CreateInfrastructure,
    /// Where it goes.
    pub distribution: CreateDistribution,
    /// What tests it, if it is tested.
    pub test: Option<TestStage>,
}

impl Blueprint {
    /// Lays out `content` with what its lock pins for the account and region of
    /// `cloud`.
    pub fn new(content: &Content, pins: &Pins, cloud: &Cloud) -> Result<Self> {
        let account = &cloud.identity.account;
        let partition = cloud.identity.partition();
        let image = ImageIdentity::new(content, pins);
        let bucket = format!("nixl-bake-{account}-{}", cloud.region);
        let store = Store { bucket: bucket.clone(), account: account.clone() };

        let mut uploads = Vec::new();
        let mut components = Vec::new();
        for component in &content.components {
            uploads.extend(component.files.iter().map(|file| Upload {
                key: store.key(file),
                bytes: file.bytes.clone(),
                sum: file.sum,
            }));
            let text = document::render(component, &store, &image, pins)?;
            let sum = Sum::of(text.as_bytes());
            let name = component.name().to_string();
            let document = if text.chars().count() <= MAX_INLINE_CHARS {
                DocumentSource::Inline(text)
            } else {
                let key = format!("components/{}/{name}.yaml", sum.hex());
                let uri = store.uri(&key);
                uploads.push(Upload { key, bytes: Arc::new(text.into_bytes()), sum });
                DocumentSource::Uri(uri)
            };
            components.push(CreateComponent {
                version: sum.version(),
                description: component.spec.description.clone(),
                tags: tags(&sum),
                client_token: token(&["component", &name, &sum.hex()]),
                name,
                document,
            });
        }

        let recipe = &content.recipe;
        let digest = image.digest;
        let hex = digest.hex();
        let image_name = image_name::stem(recipe.name.as_str(), &hex);
        let mut ami_tags = tags(&digest);
        ami_tags.push(Tag::new(tag::NAME, &image_name));
        ami_tags.push(Tag::new(tag::RECIPE, recipe.name.as_str()));
        let mut kept = content.components.iter().flat_map(|component| &component.spec.uploads);
        if kept.any(|one| one.name == MANIFEST) {
            let key = image.key(MANIFEST);
            ami_tags.push(Tag::new(tag::MANIFEST, store.uri(&key)));
        }
        let parts = image.parts;
        // At most 23 of them, of the 50 tags that a resource can have.
        ami_tags
            .extend(parts.iter().map(|part| Tag::new(input_key(&part.name), part.shown.as_str())));
        Ok(Self {
            base_ami: pins.base_ami.clone(),
            parts,
            region: cloud.region.clone(),
            bucket_tags: vec![Tag::new(tag::VERSION, VERSION)],
            uploads,
            profile: Profile {
                name: BUILDER_PROFILE.to_owned(),
                // Without SSM core a build ends after 75 minutes of waiting for the agent.
                managed_policies: [
                    "EC2InstanceProfileForImageBuilder",
                    "AmazonSSMManagedInstanceCore",
                ]
                .map(|name| format!("arn:{partition}:iam::aws:policy/{name}"))
                .to_vec(),
                inline_name: "nixl-bake-files".to_owned(),
                inline_policy: files_policy(partition, account),
                tags: vec![Tag::new(tag::VERSION, VERSION)],
            },
            components,
            recipe: CreateRecipe {
                name: recipe.name.to_string(),
                version: digest.version(),
                description: format!("{} {}: {}", recipe.name, recipe.version, recipe.description),
                parent_image: pins.base_ami.clone(),
                component_arns: Vec::new(),
                root_device: recipe.root_device.clone(),
                volume_size_gib: recipe.volume_size_gib.gib(),
                kms_key: recipe
                    .kms_key
                    .as_ref()
                    .map(|key| key.arn(partition, &cloud.region, account)),
                tags: tags(&digest),
                client_token: token(&["recipe", &hex]),
            },
            infrastructure: infrastructure(&recipe.instance_type),
            distribution: CreateDistribution {
                name: image_name.clone(),
                description: format!("{} {}", recipe.name, recipe.version),
                region: cloud.region.clone(),
                ami_name: format!("{image_name}-{{{{ imagebuilder:buildDate }}}}"),
                ami_tags,
                tags: tags(&digest),
                client_token: token(&["distribution", &hex, &cloud.region]),
            },
            test: None,
            bucket,
            digest,
        })
    }

    /// The same image, tested before it is distributed; it is built where it is built
    /// without. The AMI gets the tag when it is distributed, which it is only after a test
    /// that went well.
    #[must_use]
    pub fn tested(mut self, test: TestStage) -> Self {
        let instance_type = &test.instance_type;
        let mark = Tag::new(tag::TESTED_ON, instance_type);
        let distribution = &mut self.distribution;
        distribution.name.push_str(&format!("-{}", instance_type.replace('.', "-")));
        distribution.ami_tags.push(mark);
        distribution.client_token =
            token(&["distribution", &self.digest.hex(), &self.region, instance_type]);
        self.test = Some(test);
        self
    }

    /// Type of the instance that the image is tested on, if it is.
    #[must_use]
    pub fn test_on(&self) -> Option<&str> {
        self.test.as_ref().map(|test| test.instance_type.as_str())
    }

    /// The request for the build, as the `attempt`-th for this content: a
    /// token is answered with its first answer for ever, also if that failed.
    #[must_use]
    pub fn image(&self, arns: Arns, attempt: u32) -> CreateImage {
        let (digest, attempt) = (self.digest.hex(), attempt.to_string());
        let mut parts = vec!["image", &digest, &self.region, &attempt];
        // Two that differ in their tests are two requests.
        parts.extend(self.test.as_ref().map(|test| test.workflow.client_token.as_str()));
        let mark = self.test_on().map(|kind| Tag::new(tag::TESTED_ON, kind));
        let workflows = self.test.as_ref().zip(arns.test_workflow);
        CreateImage {
            recipe_arn: arns.recipe,
            infrastructure_arn: arns.infrastructure,
            distribution_arn: arns.distribution,
            tests: self.test.is_some(),
            workflows: workflows.map(|(test, arn)| test.workflows(arn)),
            tags: tags(&self.digest).into_iter().chain(mark).collect(),
            client_token: token(&parts),
        }
    }

    /// Token of the `nth` time that the test of a build is tried again.
    #[must_use]
    pub fn retry_token(&self, build_arn: &str, nth: usize) -> String {
        token(&["retry", build_arn, &nth.to_string()])
    }
}

/// What a build is made from.
#[derive(Debug, Clone)]
pub struct Arns {
    /// Image recipe.
    pub recipe: String,
    /// Infrastructure configuration.
    pub infrastructure: String,
    /// Distribution configuration.
    pub distribution: String,
    /// Test workflow, if the image is tested.
    pub test_workflow: Option<String>,
}

/// Where it is built.
fn infrastructure(instance_type: &str) -> CreateInfrastructure {
    let sum = Sum::of_fields([instance_type.as_bytes(), BUILDER_PROFILE.as_bytes()]);
    CreateInfrastructure {
        name: format!("nixl-bake-{}", sum.short()),
        description: format!("Builds on {instance_type}"),
        instance_type: instance_type.to_owned(),
        instance_profile: BUILDER_PROFILE.to_owned(),
        tags: tags(&sum),
        client_token: token(&["infrastructure", &sum.hex()]),
    }
}

pub(crate) fn tags(digest: &Sum) -> Vec<Tag> {
    vec![Tag::new(tag::DIGEST, digest.hex()), Tag::new(tag::VERSION, VERSION)]
}

/// Tag that tells a part of the image.
fn input_key(part: &str) -> String {
    format!("{}{part}", tag::INPUT_PREFIX)
}

/// 64 characters, the longest a client token may be.
pub(crate) fn token(parts: &[&str]) -> String {
    Sum::of_fields(parts.iter().map(|part| part.as_bytes())).hex()
}

/// Reading what is installed and keeping manifests in this account's bake
/// buckets, in any region. S3Download asks for no
/// list where it names one file (user guide, "S3Download": IAM requirements).
fn files_policy(partition: &str, account: &str) -> String {
    let bucket = format!("arn:{partition}:s3:::nixl-bake-{account}-*");
    serde_json::json!({
        "Version": "2012-10-17",
        "Statement": [
            {"Effect": "Allow", "Action": "s3:GetObject", "Resource": format!("{bucket}/components/*")},
            {"Effect": "Allow", "Action": "s3:PutObject", "Resource": format!("{bucket}/images/*")},
        ],
    })
    .to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Checkout, Fake, pins};

    fn blueprint() -> Blueprint {
        let content = Checkout::new().load().unwrap();
        Blueprint::new(&content, &pins(), &Fake::default().cloud()).unwrap()
    }

    #[test]
    fn every_name_fits_its_service() {
        let blueprint = blueprint();
        assert!(blueprint.bucket.len() <= 63);
        for name in [
            &blueprint.recipe.name,
            &blueprint.infrastructure.name,
            &blueprint.distribution.name,
            &blueprint.components[0].name,
        ] {
            assert!((3..=128).contains(&name.len()), "{name}");
        }
        assert!(blueprint.distribution.ami_name.contains("{{ imagebuilder:buildDate }}"));
        assert!(blueprint.distribution.ami_name.len() <= 127);
        assert_eq!(blueprint.recipe.client_token.len(), 64);
    }

    #[test]
    fn another_attempt_has_another_token() {
        let blueprint = blueprint();
        let arns = Arns {
            recipe: "r".into(),
            infrastructure: "i".into(),
            distribution: "d".into(),
            test_workflow: None,
        };
        let tokens = [1, 2, 1].map(|attempt| blueprint.image(arns.clone(), attempt).client_token);
        assert!(tokens[0] != tokens[1] && tokens[0] == tokens[2]);
    }

    #[test]
    fn a_long_document_goes_through_s3() {
        let checkout = Checkout::new();
        let path = checkout.path("image/nixl-noded/install.sh");
        let mut script = std::fs::read_to_string(&path).unwrap();
        script.push_str(&"# filler\n".repeat(MAX_INLINE_CHARS / 9));
        std::fs::write(&path, script).unwrap();
        let content = checkout.load().unwrap();
        let blueprint = Blueprint::new(&content, &pins(), &Fake::default().cloud()).unwrap();
        let DocumentSource::Uri(uri) = &blueprint.components[0].document else {
            panic!("the document is inline");
        };
        let upload = blueprint.uploads.last().unwrap();
        assert_eq!(*uri, format!("s3://{}/{}", blueprint.bucket, upload.key));
        assert!(upload.bytes.starts_with(b"name: nixl-noded"));
    }
}
