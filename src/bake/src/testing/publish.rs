//! What the scripted cloud knows of publishing: parameters, and what is changed of
//! images.

use super::{Fake, World, service_error};
use crate::cloud::{Place, Regions};
use nixl_aws::ec2::{CopyImage, Image, ImageAttributes, Sharing};
use nixl_aws::ssm::ParameterStore;
use nixl_aws::{Result, Tag};
use std::collections::BTreeSet;

impl Fake {
    /// The world of a region.
    pub fn there(&self, region: &str) -> Self {
        if region == "eu-west-1" {
            return self.clone();
        }
        self.world().others.entry(region.to_owned()).or_default().clone()
    }
}

#[async_trait::async_trait]
impl Regions for Fake {
    async fn names(&self) -> Result<Vec<String>> {
        self.called("names").map(drop)?;
        Ok(["eu-central-1", "eu-west-1", "us-west-2"].map(str::to_owned).to_vec())
    }
    fn place(&self, region: &str) -> Place {
        let there = self.there(region);
        Place {
            region: region.to_owned(),
            images: Box::new(there.clone()),
            builder: Box::new(there.clone()),
            attributes: Box::new(there.clone()),
            removal: Box::new(there.clone()),
            ssm: Box::new(there.clone()),
            parameters: Box::new(there),
        }
    }
}

#[async_trait::async_trait]
impl ParameterStore for Fake {
    async fn create_image_parameter(&self, name: &str, ami: &str, tags: &[Tag]) -> Result<()> {
        let mut world = self.called("create_parameter")?;
        if world.parameters.contains_key(name) {
            return Err(service_error("create_parameter", "ParameterAlreadyExists", ""));
        }
        world.parameters.insert(name.into(), (ami.into(), tags.to_vec()));
        Ok(())
    }
    async fn set_image_parameter(&self, name: &str, ami: &str) -> Result<()> {
        let mut world = self.called("set_parameter")?;
        world.parameters.entry(name.into()).or_default().0 = ami.into();
        Ok(())
    }
    async fn parameter_tags(&self, name: &str) -> Result<Option<Vec<Tag>>> {
        Ok(self.called("parameter_tags")?.parameters.get(name).map(|(_, tags)| tags.clone()))
    }
}

impl World {
    fn image(&mut self, id: &str) -> &mut Image {
        self.images.iter_mut().find(|image| image.id == id).unwrap()
    }
}

#[async_trait::async_trait]
impl ImageAttributes for Fake {
    async fn sharing(&self, id: &str) -> Result<Sharing> {
        Ok(self.called("sharing")?.shared.get(id).cloned().unwrap_or_default())
    }
    async fn change_sharing(&self, id: &str, add: &Sharing, remove: &Sharing) -> Result<()> {
        let mut world = self.called("change_sharing")?;
        let now = world.shared.entry(id.into()).or_default();
        *now = now.without(remove);
        now.accounts.extend(add.accounts.iter().cloned());
        now.organizations.extend(add.organizations.iter().cloned());
        now.units.extend(add.units.iter().cloned());
        Ok(())
    }
    async fn snapshot_sharing(&self, id: &str) -> Result<BTreeSet<String>> {
        let world = self.called("snapshot_sharing")?;
        Ok(world.snapshots_shared.get(id).cloned().unwrap_or_default())
    }
    async fn change_snapshot_sharing(
        &self,
        id: &str,
        add: &BTreeSet<String>,
        remove: &BTreeSet<String>,
    ) -> Result<()> {
        let mut world = self.called("change_snapshot_sharing")?;
        let now = world.snapshots_shared.entry(id.into()).or_default();
        *now = &(&*now - remove) | add;
        Ok(())
    }
    async fn copy(&self, request: &CopyImage) -> Result<String> {
        let mut world = self.called("copy")?;
        if let Some(id) = world.tokens.get(&request.client_token) {
            return Ok(id.clone());
        }
        let id = format!("ami-copy-{}", world.tokens.len() + 1);
        world.tokens.insert(request.client_token.clone(), id.clone());
        world.images.push(Image {
            id: id.clone(),
            snapshot_ids: vec![format!("snap-of-{id}")],
            name: request.name.clone(),
            state: "pending".into(),
            architecture: "x86_64".into(),
            tags: request.tags.clone(),
            ..Image::default()
        });
        Ok(id)
    }
    async fn require_imds_v2(&self, id: &str) -> Result<()> {
        self.called("require_imds_v2")?.image(id).imds_v2 = true;
        Ok(())
    }
    async fn deprecate(&self, id: &str, _: std::time::SystemTime) -> Result<()> {
        self.called("deprecate")?.image(id).deprecation_time = Some("2030".into());
        Ok(())
    }
    async fn undo_deprecation(&self, id: &str) -> Result<()> {
        self.called("undo_deprecation")?.image(id).deprecation_time = None;
        Ok(())
    }
}
