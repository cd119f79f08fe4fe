//! What the flow needs from AWS, each behind a trait that tests script.

use nixl_aws::ec2::{AccountRegions as _, Ec2, Filter, Image, ImageAttributes, ImageRemoval};
use nixl_aws::imagebuilder::{BUILD_ARN_TAG, ImageBuilder};
use nixl_aws::logs::Logs;
use nixl_aws::s3::S3;
use nixl_aws::ssm::{ParameterStore, Ssm};
use nixl_aws::{Aws, Result};
use nixl_cluster::tag;

use crate::builder_profile::{BuilderProfile, InIam};
use crate::error::BakeError;
use crate::execution_role::ExecutionRole;
use nixl_aws::sts::{Identity, Sts as _};

/// AMIs, by the questions asked.
#[async_trait::async_trait]
pub trait Images: Send + Sync {
    /// The AMI of this id, whoever owns it.
    async fn by_id(&self, id: &str) -> Result<Option<Image>>;
    /// The AMI of this name and owner.
    async fn by_name(&self, name: &str, owner: &str) -> Result<Option<Image>>;
    /// The account's own AMIs of a recipe, newest first.
    async fn by_recipe(&self, name: &str) -> Result<Vec<Image>>;
    /// Available AMIs of other accounts whose names begin so and that this one may launch,
    /// newest first.
    async fn shared(&self, owners: &[&str], stem: &str) -> Result<Vec<Image>>;
    /// The account's own AMIs that carry a digest, this one or any.
    async fn by_digest(&self, digest: Option<&str>) -> Result<Vec<Image>>;
    /// The account's own AMIs that Image Builder made, in this build or in any, newest
    /// first.
    async fn by_build(&self, arn: Option<&str>) -> Result<Vec<Image>>;
}

/// An account and region, and the services there.
pub struct Cloud {
    /// Whose credentials these are.
    pub identity: Identity,
    /// Region.
    pub region: String,
    /// AMIs.
    pub images: Box<dyn Images>,
    /// Image Builder.
    pub builder: Box<dyn ImageBuilder>,
    /// Instance profile of the build instance.
    pub profile: Box<dyn BuilderProfile>,
    /// Role of workflows.
    pub roles: Box<dyn ExecutionRole>,
    /// Files.
    pub s3: Box<dyn S3>,
    /// Parameters.
    pub ssm: Box<dyn Ssm>,
    /// Logs of builds.
    pub logs: Box<dyn Logs>,
}

/// Regions as publishing, pruning and looking need them.
#[async_trait::async_trait]
pub trait Regions: Send + Sync {
    /// Names of all that the account can use, in order.
    async fn names(&self) -> Result<Vec<String>>;
    /// One by its name; calls nothing.
    fn place(&self, region: &str) -> Place;
}

/// What they need of a region.
pub struct Place {
    /// Region.
    pub region: String,
    /// AMIs.
    pub images: Box<dyn Images>,
    /// What makes them.
    pub builder: Box<dyn ImageBuilder>,
    /// What is changed of them.
    pub attributes: Box<dyn ImageAttributes>,
    /// What removes them.
    pub removal: Box<dyn ImageRemoval>,
    /// Parameters.
    pub ssm: Box<dyn Ssm>,
    /// Parameters of the account's own.
    pub parameters: Box<dyn ParameterStore>,
}

#[async_trait::async_trait]
impl Regions for Aws {
    async fn names(&self) -> Result<Vec<String>> {
        nixl_aws::ec2::Client::new(self).regions().await
    }

    fn place(&self, region: &str) -> Place {
        let aws = self.in_region(region);
        let ec2 = nixl_aws::ec2::Client::new(&aws);
        let ssm = nixl_aws::ssm::Client::new(&aws);
        Place {
            region: region.to_owned(),
            images: Box::new(Ec2Images(ec2.clone())),
            builder: Box::new(nixl_aws::imagebuilder::Client::new(&aws)),
            attributes: Box::new(ec2.clone()),
            removal: Box::new(ec2),
            ssm: Box::new(ssm.clone()),
            parameters: Box::new(ssm),
        }
    }
}

/// A region as it can be looked at without knowing who looks.
pub struct Door {
    aws: Aws,
    /// Region.
    pub region: String,
    /// AMIs.
    pub images: Box<dyn Images>,
}

impl Door {
    /// From the standard AWS environment; calls nothing.
    pub async fn open(region: Option<&str>) -> std::result::Result<Self, BakeError> {
        let aws = Aws::load(region).await;
        let region = aws.region().ok_or(BakeError::NoRegion)?.to_owned();
        let images = Box::new(Ec2Images(nixl_aws::ec2::Client::new(&aws)));
        Ok(Self { aws, region, images })
    }

    /// This region and all others.
    #[must_use]
    pub fn regions(&self) -> Box<dyn Regions> {
        Box::new(self.aws.clone())
    }

    /// Asks who the caller is.
    pub async fn enter(self) -> std::result::Result<Cloud, BakeError> {
        let Self { aws, region, images } = self;
        Ok(Cloud {
            identity: nixl_aws::sts::Client::new(&aws).get_caller_identity().await?,
            region,
            images,
            builder: Box::new(nixl_aws::imagebuilder::Client::new(&aws)),
            profile: Box::new(InIam(nixl_aws::iam::Client::new(&aws))),
            roles: Box::new(InIam(nixl_aws::iam::Client::new(&aws))),
            s3: Box::new(nixl_aws::s3::Client::new(&aws)),
            ssm: Box::new(nixl_aws::ssm::Client::new(&aws)),
            logs: Box::new(nixl_aws::logs::Client::new(&aws)),
        })
    }
}

impl Cloud {
    /// From the standard AWS environment; asks who the caller is.
    pub async fn connect(region: Option<&str>) -> std::result::Result<Self, BakeError> {
        Door::open(region).await?.enter().await
    }
}

struct Ec2Images(nixl_aws::ec2::Client);

impl Ec2Images {
    async fn own(&self, filter: Filter) -> Result<Vec<Image>> {
        self.of(&["self"], &[filter]).await
    }

    async fn of(&self, owners: &[&str], filters: &[Filter]) -> Result<Vec<Image>> {
        let mut images = self.0.describe_images(owners, filters).await?;
        images.sort_by(|a, b| b.creation_date.cmp(&a.creation_date));
        Ok(images)
    }
}

#[async_trait::async_trait]
impl Images for Ec2Images {
    async fn by_id(&self, id: &str) -> Result<Option<Image>> {
        // By filter, which answers with an empty list where an id would be an error.
        let found = self.0.describe_images(&[], &[Filter::new("image-id", [id])]).await?;
        Ok(found.into_iter().next())
    }

    async fn by_digest(&self, digest: Option<&str>) -> Result<Vec<Image>> {
        let filter = match digest {
            Some(digest) => Filter::tag(tag::DIGEST, digest),
            None => Filter::new("tag-key", [tag::DIGEST]),
        };
        self.own(filter).await
    }

    async fn by_build(&self, arn: Option<&str>) -> Result<Vec<Image>> {
        let filter = match arn {
            Some(arn) => Filter::tag(BUILD_ARN_TAG, arn),
            None => Filter::new("tag-key", [BUILD_ARN_TAG]),
        };
        self.own(filter).await
    }

    async fn by_name(&self, name: &str, owner: &str) -> Result<Option<Image>> {
        let found = self.0.describe_images(&[owner], &[Filter::new("name", [name])]).await?;
        Ok(found.into_iter().next())
    }

    async fn shared(&self, owners: &[&str], stem: &str) -> Result<Vec<Image>> {
        let named = Filter::new("name", [format!("{stem}-*").as_str()]);
        self.of(owners, &[named, Filter::new("state", ["available"])]).await
    }

    async fn by_recipe(&self, name: &str) -> Result<Vec<Image>> {
        self.own(Filter::tag(tag::RECIPE, name)).await
    }
}
