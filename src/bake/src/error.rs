//! What can go wrong, with the facts in fields.

use crate::glibc::Glibc;
use nixl_aws::AwsError;
use std::path::PathBuf;

/// A failed bake.
#[derive(Debug, thiserror::Error)]
pub enum BakeError {
    /// A file of the recipe cannot be read.
    #[error("{}: {source}{}", path.display(), hint(source))]
    Unreadable {
        /// File.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A file of the recipe says something wrong.
    #[error("{}:{line}:{column}: {message}", path.display())]
    Malformed {
        /// File.
        path: PathBuf,
        /// Line, from 1.
        line: usize,
        /// Column in characters, from 1.
        column: usize,
        /// What, and what to write instead.
        message: String,
    },
    /// Several files of the recipe say something wrong.
    #[error("{}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))]
    Several(Vec<BakeError>),
    /// A component's document would be longer than Image Builder takes.
    #[error(
        "component {component}: its document has {bytes} bytes, Image Builder takes at most {limit}; move part of its scripts into a file it lists in component.toml"
    )]
    DocumentTooLong {
        /// Component.
        component: String,
        /// Length.
        bytes: usize,
        /// Limit.
        limit: usize,
    },
    /// A file name or link target does not fit an archive.
    #[error("{}: {why}", path.display())]
    NotPackable {
        /// File.
        path: PathBuf,
        /// Why.
        why: &'static str,
    },
    /// No source named a region.
    #[error(
        "no region: pass --region or set AWS_REGION (for the local region: `eval \"$(nixl-region env)\"`)"
    )]
    NoRegion,
    /// A file cannot be written.
    #[error("{}: {source}; give another folder by --lock-dir", path.display())]
    Unwritable {
        /// File.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The daemon is no program for Linux.
    #[error("{}: no program for Linux on x86_64 or arm64 ({why})", path.display())]
    NoProgram {
        /// File.
        path: PathBuf,
        /// Why.
        why: String,
    },
    /// Lock and recipe do not agree.
    #[error(
        "{} does not agree with the recipe:\n  {}\n`nixl-bake lock` makes it agree and shows what changes; then build again",
        path.display(), differences.join("\n  ")
    )]
    LockDisagrees {
        /// The lock.
        path: PathBuf,
        /// In what, one by one.
        differences: Vec<String>,
    },
    /// There is no lock.
    #[error("{} is not there; `nixl-bake lock` makes it", path.display())]
    NoLock {
        /// Where it should be.
        path: PathBuf,
    },
    /// A download has no pin.
    #[error("download {component}/{name} is not pinned; `nixl-bake lock` does it")]
    NotPinned {
        /// Folder of its component.
        component: String,
        /// Name.
        name: String,
    },
    /// Something to download is not to be had.
    #[error("{url}: {why}")]
    Download {
        /// Where it should be.
        url: String,
        /// Why.
        why: String,
    },
    /// A release that is pinned is not in this region.
    #[error(
        "{name}, which recipe.lock pins, is not published in {region}; `nixl-bake lock --update` takes a newer one"
    )]
    NotPublished {
        /// Name of the image.
        name: String,
        /// Region.
        region: String,
    },
    /// The base image does not exist.
    #[error("base image {base} does not exist in {region}; correct `base` in the recipe")]
    NoBase {
        /// As in the recipe.
        base: String,
        /// Region.
        region: String,
    },
    /// The base image that is pinned is not there any more.
    #[error(
        "base image {ami}, which recipe.lock pins in {region}, is not there any more; `nixl-bake lock --update` takes the newest"
    )]
    BaseGone {
        /// Image.
        ami: String,
        /// Region.
        region: String,
    },
    /// There is no such image.
    #[error("image {ami} does not exist in {region}; `nixl-bake list` shows those there are")]
    NoImage {
        /// Image.
        ami: String,
        /// Region.
        region: String,
    },
    /// An image of ours that has no tags yet.
    #[error(
        "image {ami} is of a build that is {state}: nothing is known of what is in it until `nixl-bake build` has gone on with it"
    )]
    Undistributed {
        /// AMI.
        ami: String,
        /// `testing`, `test_failed`, …
        state: String,
    },
    /// An image that tells nothing of what is in it.
    #[error("image {ami} was not baked by nixl-bake in this account: it has no tag nixl:digest")]
    NotBaked {
        /// Image.
        ami: String,
    },
    /// Base image or daemon are for another kind of machine.
    #[error("{what} is {found}, the recipe says {wanted}")]
    WrongArchitecture {
        /// Image or file.
        what: String,
        /// Its architecture.
        found: String,
        /// The recipe's.
        wanted: String,
    },
    /// The daemon would not start in the image.
    #[error(
        "the daemon needs glibc {needed}, {os} has {there}: build it with scripts/build-daemon, whose daemon starts on every base"
    )]
    NewerGlibc {
        /// What it asks for.
        needed: Glibc,
        /// The base's operating system.
        os: &'static str,
        /// What that has.
        there: Glibc,
    },
    /// Something else has the name that is needed.
    #[error(
        "{what} {name} exists with other content (it was not made by nixl-bake, or was changed since); delete it and run again: {arn}"
    )]
    Foreign {
        /// Kind of resource.
        what: &'static str,
        /// Name and version.
        name: String,
        /// ARN.
        arn: String,
    },
    /// The build failed.
    #[error("{0}")]
    Build(Box<crate::flow::Card>),
    /// The image is there, and was not tested as is wanted.
    #[error(
        "image {ami} has this content already and was tested {tested}: Image Builder tests an image only while it makes it. Look at it on {wanted} by `nixl-launch up --image {ami} --instance-type {wanted}`, or deregister it and run this again"
    )]
    Untested {
        /// Image.
        ami: String,
        /// Type to test on.
        wanted: String,
        /// Where it was.
        tested: String,
    },
    /// Nothing of the recipe says how an image is tested.
    #[error("no component of this image has a test.sh: there is nothing to test on {wanted}")]
    NoTest {
        /// Type to test on.
        wanted: String,
    },
    /// It takes longer than was allowed.
    #[error(
        "still {status} after {minutes} min; the build goes on: run the same command again to wait for it ({arn})"
    )]
    Deadline {
        /// Build.
        arn: String,
        /// Status of it.
        status: String,
        /// Time waited.
        minutes: u64,
    },
    /// The image is there, and not yet what it should become.
    #[error(
        "image {ami} is baked, but could not be published in {region}: {source}\nrun the same command again: it goes on from there"
    )]
    Unpublished {
        /// Image.
        ami: String,
        /// Region.
        region: String,
        /// Why.
        #[source]
        source: Box<BakeError>,
    },
    /// A copy takes longer than was allowed.
    #[error("its copy {ami} is still pending after {minutes} min, and goes on")]
    CopyLate {
        /// Copy.
        ami: String,
        /// Time waited.
        minutes: u64,
    },
    /// EC2 could not make a copy.
    #[error("its copy {ami} is {state}: deregister it; the next run copies anew")]
    CopyFailed {
        /// Copy.
        ami: String,
        /// State.
        state: String,
    },
    /// A parameter of the name that is needed is somebody else's.
    #[error(
        "parameter {name} exists and was not made by nixl-bake for recipe {recipe}; delete it, or tag it {}={recipe} to hand it over",
        nixl_cluster::tag::RECIPE
    )]
    ForeignParameter {
        /// Name.
        name: String,
        /// Recipe it would be for.
        recipe: String,
    },
    /// A parameter does not take an AMI as its value.
    #[error(
        "parameter {name} still does not say {ami}: SSM looks for the image before it takes it, with ec2:DescribeImages of the caller"
    )]
    ParameterLate {
        /// Name.
        name: String,
        /// AMI it should hold.
        ami: String,
    },
    /// An AWS call failed.
    #[error(transparent)]
    Aws(#[from] AwsError),
}

impl BakeError {
    /// One, or several at once.
    #[must_use]
    pub fn several(mut problems: Vec<Self>) -> Self {
        if problems.len() == 1 { problems.remove(0) } else { Self::Several(problems) }
    }

    /// Stable code for machines.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Unreadable { .. } => "bake.unreadable",
            Self::Several(_) => "bake.several",
            Self::Malformed { .. } => "bake.malformed",
            Self::DocumentTooLong { .. } => "bake.document_too_long",
            Self::NotPackable { .. } => "bake.not_packable",
            Self::Unwritable { .. } => "bake.unwritable",
            Self::NoProgram { .. } => "bake.no_program",
            Self::LockDisagrees { .. } => "bake.lock_disagrees",
            Self::NoLock { .. } => "bake.no_lock",
            Self::NotPinned { .. } => "bake.not_pinned",
            Self::Download { .. } => "bake.download",
            Self::NotPublished { .. } => "bake.not_published",
            Self::NoRegion => "bake.no_region",
            Self::NoBase { .. } => "bake.no_base",
            Self::NoImage { .. } => "bake.no_image",
            Self::Undistributed { .. } => "bake.undistributed",
            Self::NotBaked { .. } => "bake.not_baked",
            Self::BaseGone { .. } => "bake.base_gone",
            Self::WrongArchitecture { .. } => "bake.wrong_architecture",
            Self::NewerGlibc { .. } => "bake.newer_glibc",
            Self::Foreign { .. } => "bake.foreign_resource",
            Self::Build(_) => "bake.build_failed",
            Self::Untested { .. } => "bake.untested",
            Self::NoTest { .. } => "bake.no_test",
            Self::Deadline { .. } => "bake.deadline",
            Self::Unpublished { .. } => "bake.unpublished",
            Self::CopyLate { .. } => "bake.copy_late",
            Self::CopyFailed { .. } => "bake.copy_failed",
            Self::ForeignParameter { .. } => "bake.foreign_parameter",
            Self::ParameterLate { .. } => "bake.parameter_late",
            Self::Aws(_) => "bake.aws",
        }
    }
}

fn hint(source: &std::io::Error) -> &'static str {
    match source.kind() {
        std::io::ErrorKind::NotFound => "; check the path (it is relative to where you are)",
        std::io::ErrorKind::PermissionDenied => "; check who may read it",
        _ => "",
    }
}

/// Result of a step.
pub type Result<T> = std::result::Result<T, BakeError>;
