//! Image Builder's resources: adopted where they exist, made where they do not.

use super::{Pace, patience::retry};
use crate::blueprint::{Arns, Blueprint};
use crate::builder_profile::Standing;
use crate::cloud::Cloud;
use crate::error::{BakeError, Result};
use crate::progress::Progress;
use nixl_aws::imagebuilder::Resource;
use nixl_aws::{AwsError, Tag};
use nixl_cluster::tag;

/// Makes what is missing.
pub(super) async fn ensure(
    cloud: &Cloud,
    blueprint: &Blueprint,
    progress: &dyn Progress,
    pace: Pace,
) -> Result<Arns> {
    let builder = &cloud.builder;
    progress.phase("preparing Image Builder");
    let name = &blueprint.profile.name;
    match retry(pace, || async { cloud.profile.ensure(&blueprint.profile).await }).await? {
        Standing::Complete => {}
        Standing::Incomplete => {
            progress.note(&format!("role and instance profile {name} are as they should be now"));
        }
        Standing::Foreign { what, arn } => {
            return Err(BakeError::Foreign { what, name: name.clone(), arn });
        }
    }
    if let Some(test) = &blueprint.test {
        let (name, role) = (&test.role.name, &test.role);
        match retry(pace, || async { cloud.roles.ensure_role(role).await }).await? {
            Standing::Complete => {}
            Standing::Incomplete => progress.note(&format!("role {name} is as it should be now")),
            Standing::Foreign { what, arn } => {
                return Err(BakeError::Foreign { what, name: name.clone(), arn });
            }
        }
    }

    let total = blueprint.components.len() + 3 + usize::from(blueprint.test.is_some());
    let mut component_arns = Vec::new();
    for (done, request) in blueprint.components.iter().enumerate() {
        let label = format!("component {}", request.name);
        progress.step(done, total, &label);
        component_arns.push(
            one(
                pace,
                Wanted { what: "component", name: &request.name, tags: &request.tags },
                || async { builder.find_component(&request.name, &request.version).await },
                || async { builder.create_component(request).await },
            )
            .await?,
        );
    }

    let mut request = blueprint.recipe.clone();
    request.component_arns = component_arns;
    let mut done = blueprint.components.len();
    let mut step = |what| {
        done += 1;
        progress.step(done - 1, total, what);
    };
    step("image recipe");
    let recipe = one(
        pace,
        Wanted { what: "image recipe", name: &request.name, tags: &request.tags },
        || async { builder.find_recipe(&request.name, &request.version).await },
        || async { builder.create_recipe(&request).await },
    )
    .await?;

    let request = &blueprint.infrastructure;
    step("infrastructure configuration");
    let infrastructure = one(
        pace,
        Wanted { what: "infrastructure configuration", name: &request.name, tags: &request.tags },
        || async { builder.find_infrastructure(&request.name).await },
        || async { builder.create_infrastructure(request).await },
    )
    .await?;

    let request = &blueprint.distribution;
    step("distribution configuration");
    let distribution = one(
        pace,
        Wanted { what: "distribution configuration", name: &request.name, tags: &request.tags },
        || async { builder.find_distribution(&request.name).await },
        || async { builder.create_distribution(request).await },
    )
    .await?;

    let Some(test) = &blueprint.test else {
        return Ok(Arns { recipe, infrastructure, distribution, test_workflow: None });
    };
    let request = &test.workflow;
    step("test workflow");
    let workflow = one(
        pace,
        Wanted { what: "workflow", name: &request.name, tags: &request.tags },
        || async { builder.find_test_workflow(&request.name, &request.version).await },
        || async { builder.create_test_workflow(request).await },
    )
    .await?;
    Ok(Arns { recipe, infrastructure, distribution, test_workflow: Some(workflow) })
}

struct Wanted<'a> {
    what: &'static str,
    name: &'a str,
    tags: &'a [Tag],
}

/// Finds one, or makes it. Another run may make it in between: then it is
/// there at the second look.
async fn one<F, FF, C, CF>(pace: Pace, wanted: Wanted<'_>, mut find: F, create: C) -> Result<String>
where
    F: FnMut() -> FF,
    FF: Future<Output = std::result::Result<Option<Resource>, AwsError>>,
    C: FnMut() -> CF,
    CF: Future<Output = std::result::Result<String, AwsError>>,
{
    if let Some(found) = retry(pace, &mut find).await? {
        return adopt(&wanted, found);
    }
    match retry(pace, create).await {
        Ok(arn) => Ok(arn),
        Err(error) if says_it_exists(&error) => match retry(pace, &mut find).await? {
            Some(found) => adopt(&wanted, found),
            None => Err(error.into()),
        },
        Err(error) => Err(error.into()),
    }
}

/// Recipes and configurations have a code for it, components and workflows only a text.
fn says_it_exists(error: &AwsError) -> bool {
    error.is(&["ResourceAlreadyExistsException"])
        || error.code().is_some() && error.message.contains("already exists")
}

/// Versions and names are made of the content, so another digest under ours
/// was put there by somebody else.
pub(crate) fn is_ours(tags: &[Tag], found: &Resource) -> bool {
    Tag::find(&found.tags, tag::DIGEST) == Tag::find(tags, tag::DIGEST)
}

fn adopt(wanted: &Wanted<'_>, found: Resource) -> Result<String> {
    if is_ours(wanted.tags, &found) {
        return Ok(found.arn);
    }
    Err(BakeError::Foreign { what: wanted.what, name: wanted.name.to_owned(), arn: found.arn })
}
