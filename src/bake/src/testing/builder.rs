//! The scripted Image Builder: what is made is there, and builds go as scripted.

use super::Fake;
use nixl_aws::ec2::Image;
use nixl_aws::imagebuilder::*;
use nixl_aws::{Result, Tag};
use nixl_cluster::tag;
use std::collections::VecDeque;

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
    async fn find_test_workflow(&self, name: &str, version: &str) -> Result<Option<Resource>> {
        let key = format!("workflow/{name}/{version}");
        Ok(self.called("find_test_workflow")?.resources.get(&key).cloned())
    }
    async fn create_test_workflow(&self, request: &CreateWorkflow) -> Result<String> {
        let key = format!("workflow/{}/{}", request.name, request.version);
        self.create("create_test_workflow", key, &request.tags)
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
        assert_eq!(request.tests, Tag::find(&request.tags, tag::TESTED_ON).is_some());
        assert_eq!(request.tests, request.workflows.is_some());
        world.workflows.extend(request.workflows.clone());
        world.builds.push(Build {
            arn: arn.clone(),
            status: "PENDING".into(),
            tags: request.tags.clone(),
            ..Build::default()
        });
        Ok(arn)
    }
    async fn retry_image(&self, arn: &str, _: &str) -> Result<()> {
        let mut world = self.called("retry_image")?;
        let at = world.builds.iter().position(|build| build.arn == arn).unwrap();
        assert!(world.builds[at].failure.take().is_some_and(|failure| failure.in_test()));
        world.builds[at].status = "TESTING".into();
        let script = world.scripts.pop_front().unwrap_or_else(|| vec!["TESTING", "AVAILABLE"]);
        world.running.insert(arn.to_owned(), script.into());
        Ok(())
    }
    async fn list_builds(&self, _: &str, _: &str) -> Result<Vec<Build>> {
        Ok(self.called("list_builds")?.builds.clone())
    }
    async fn list_all_builds(&self) -> Result<Vec<Build>> {
        Ok(self.called("list_all_builds")?.builds.clone())
    }
    async fn get_image(&self, arn: &str) -> Result<Option<Build>> {
        let mut world = self.called("get_image")?;
        let next = world.running.get_mut(arn).and_then(VecDeque::pop_front);
        let Some(at) = world.builds.iter().position(|build| build.arn == arn) else {
            return Ok(None);
        };
        if let Some(status) = next {
            let world = &mut *world;
            let build = &mut world.builds[at];
            let in_test = build.status == "TESTING";
            build.status = status.into();
            let id = format!("ami-{at:017x}");
            // What is tested is an AMI already, without tags of ours.
            if matches!(status, "TESTING" | "AVAILABLE")
                && !world.images.iter().any(|image| image.id == id)
            {
                world.images.push(Image {
                    id: id.clone(),
                    state: "available".into(),
                    tags: vec![Tag::new(BUILD_ARN_TAG, arn)],
                    ..Image::default()
                });
            }
            if status == "AVAILABLE" {
                build.amis = vec![("eu-west-1".into(), id.clone())];
                let image = world.images.iter_mut().find(|image| image.id == id);
                image.unwrap().tags.extend(build.tags.clone());
            }
            if status == "FAILED" {
                world.builds[at].failure = Some(Failure {
                    image_status: Some(if in_test { "TESTING" } else { "BUILDING" }.into()),
                    component_arn: Some(
                        "arn:aws:imagebuilder:r:1:component/nixl-noded/1.2.3/1".into(),
                    ),
                    phase: Some(if in_test { "test" } else { "build" }.into()),
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
