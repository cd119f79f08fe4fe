//! Image Builder shapes, cut down to the members that are used.

use crate::Tag;

/// Tag that Image Builder itself puts on what it makes, AMIs and instances: the ARN of the build.
pub const BUILD_ARN_TAG: &str = "Ec2ImageBuilderArn";

/// Something that exists.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Resource {
    /// ARN.
    pub arn: String,
    /// Tags.
    pub tags: Vec<Tag>,
}

/// Where a component's document is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DocumentSource {
    /// In the request, at most 16 000 characters.
    Inline(String),
    /// `s3://bucket/key`.
    Uri(String),
}

/// A component to create.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CreateComponent {
    /// 3 to 128 of letters, digits, `-`, `_` and space.
    pub name: String,
    /// `major.minor.patch`, each below 2^30.
    pub version: String,
    /// Description, not empty.
    pub description: String,
    /// Document.
    pub document: DocumentSource,
    /// Tags.
    pub tags: Vec<Tag>,
    /// Idempotency token, at most 64 characters.
    pub client_token: String,
}

/// An image recipe to create.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CreateRecipe {
    /// Name.
    pub name: String,
    /// Version.
    pub version: String,
    /// Description, not empty.
    pub description: String,
    /// AMI to start from.
    pub parent_image: String,
    /// Component ARNs in order.
    pub component_arns: Vec<String>,
    /// Device name of the root volume.
    pub root_device: String,
    /// Size of the root volume, 1 to 16000.
    pub volume_size_gib: u16,
    /// ARN of the key (or of its alias) that encrypts the root volume; without, it is
    /// as the base's.
    pub kms_key: Option<String>,
    /// Tags.
    pub tags: Vec<Tag>,
    /// Idempotency token.
    pub client_token: String,
}

/// An infrastructure configuration to create. The builder requires IMDSv2 and
/// is terminated whether the build succeeds or not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CreateInfrastructure {
    /// Name.
    pub name: String,
    /// Description, not empty.
    pub description: String,
    /// Type of the build instance.
    pub instance_type: String,
    /// Instance profile name.
    pub instance_profile: String,
    /// Tags, of the configuration and of the build instance.
    pub tags: Vec<Tag>,
    /// Idempotency token.
    pub client_token: String,
}

/// A distribution configuration to create: one region, this account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CreateDistribution {
    /// Name.
    pub name: String,
    /// Description, not empty.
    pub description: String,
    /// Region.
    pub region: String,
    /// AMI name; contains `{{ imagebuilder:buildDate }}`.
    pub ami_name: String,
    /// Tags of the AMI.
    pub ami_tags: Vec<Tag>,
    /// Tags.
    pub tags: Vec<Tag>,
    /// Idempotency token.
    pub client_token: String,
}

/// A test workflow to create.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CreateWorkflow {
    /// 3 to 128 of letters, digits, `-`, `_` and space.
    pub name: String,
    /// `major.minor.patch`, each below 2^30.
    pub version: String,
    /// Description, not empty.
    pub description: String,
    /// YAML, at most 16 000 characters.
    pub document: String,
    /// Tags.
    pub tags: Vec<Tag>,
    /// Idempotency token.
    pub client_token: String,
}

/// Workflows of a build in place of Image Builder's own: none of theirs runs then.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Workflows {
    /// ARNs; an `x` in a version stands for the latest.
    pub arns: Vec<String>,
    /// ARN of the role that Image Builder runs them as.
    pub execution_role: String,
}

/// A build to start.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CreateImage {
    /// Image recipe.
    pub recipe_arn: String,
    /// Infrastructure configuration.
    pub infrastructure_arn: String,
    /// Distribution configuration.
    pub distribution_arn: String,
    /// Whether an instance of the image runs its components' phases `test`.
    pub tests: bool,
    /// Workflows that are not Image Builder's own.
    pub workflows: Option<Workflows>,
    /// Tags.
    pub tags: Vec<Tag>,
    /// Idempotency token. The service answers a known token with the first
    /// answer, so another attempt needs another token.
    pub client_token: String,
}

/// An image build version.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Build {
    /// ARN, ends in `/<build number>`.
    pub arn: String,
    /// Name of the recipe that it is of.
    pub name: String,
    /// `PENDING`, `CREATING`, `BUILDING`, `TESTING`, `DISTRIBUTING`,
    /// `INTEGRATING`, `AVAILABLE`, `FAILED`, `CANCELLED`, …
    pub status: String,
    /// Why, if the service says so.
    pub reason: Option<String>,
    /// What failed.
    pub failure: Option<Failure>,
    /// AMIs made, as (region, AMI id).
    pub amis: Vec<(String, String)>,
    /// Tags.
    pub tags: Vec<Tag>,
}

impl Build {
    /// ARN of its image version, and its number among the builds of that.
    #[must_use]
    pub fn version(&self) -> (&str, u64) {
        let (version, number) = self.arn.rsplit_once('/').unwrap_or((&self.arn, ""));
        (version, number.parse().unwrap_or(0))
    }

    /// Whether the image was made, and failed in its test.
    #[must_use]
    pub fn failed_test(&self) -> bool {
        self.status == "FAILED" && self.failure.as_ref().is_some_and(Failure::in_test)
    }

    /// Whether nothing will happen any more.
    #[must_use]
    pub fn is_final(&self) -> bool {
        matches!(
            self.status.as_str(),
            "AVAILABLE" | "FAILED" | "CANCELLED" | "DEPRECATED" | "DELETED" | "DISABLED"
        )
    }
}

/// What failed in a build.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Failure {
    /// Status of the image when it failed, e.g. `BUILDING`.
    pub image_status: Option<String>,
    /// Workflow step that failed, e.g. `ApplyBuildComponents`.
    pub workflow_step: Option<String>,
    /// Component that failed.
    pub component_arn: Option<String>,
    /// Phase of its document.
    pub phase: Option<String>,
    /// Step of the phase.
    pub step: Option<String>,
    /// Action module of the step.
    pub action: Option<String>,
    /// Message, cut at 1024 characters by the service.
    pub message: Option<String>,
}

impl Failure {
    /// Whether the image was built already, and failed in its test.
    #[must_use]
    pub fn in_test(&self) -> bool {
        self.image_status.as_deref() == Some("TESTING")
    }
}

/// A workflow execution.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Workflow {
    /// Execution id.
    pub id: String,
    /// `BUILD`, `TEST` or `DISTRIBUTION`.
    pub kind: String,
    /// `PENDING`, `RUNNING`, `COMPLETED`, `FAILED`, …
    pub status: String,
    /// Steps in all.
    pub steps_total: u32,
    /// Steps that are over, well or not.
    pub steps_done: u32,
    /// When it began, ISO 8601.
    pub started: Option<String>,
    /// When it ended, ISO 8601.
    pub ended: Option<String>,
}

/// A step of a workflow execution.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Step {
    /// Name.
    pub name: String,
    /// `PENDING`, `RUNNING`, `COMPLETED`, `FAILED`, …
    pub status: String,
    /// What the service says about it.
    pub message: Option<String>,
}
