//! The parameter that holds the id of a recipe's latest image.

use super::Wishes;
use crate::cloud::Place;
use crate::error::{BakeError, Result};
use crate::flow::{Pace, retry};
use nixl_aws::Tag;
use nixl_cluster::tag;

/// Makes it hold `ami`; `before` is what it held when it was looked at.
pub(super) async fn keep(
    place: &Place,
    wishes: &Wishes,
    ami: &str,
    before: Option<String>,
    pace: Pace,
) -> Result<()> {
    let name = &wishes.parameter;
    let made = before.is_none() && create(place, wishes, ami, pace).await?;
    if !made && is_ours(place, wishes, pace).await? {
        retry(pace, || async { place.parameters.set_image_parameter(name, ami).await }).await?;
    } else if !made {
        // It has gone in between; a write over it would leave it without tags.
        create(place, wishes, ami, pace).await?;
    }
    taken(place, name, ami, before, pace).await
}

/// What it holds, if it is there.
pub(super) async fn value(place: &Place, name: &str, pace: Pace) -> Result<Option<String>> {
    Ok(retry(pace, || async { place.ssm.get_parameter(name).await }).await?)
}

/// Whether it was made: another run, or this one where an answer was lost, may have
/// made it meanwhile.
async fn create(place: &Place, wishes: &Wishes, ami: &str, pace: Pace) -> Result<bool> {
    let (name, tags) = (&wishes.parameter, &wishes.parameter_tags);
    let made =
        retry(pace, || async { place.parameters.create_image_parameter(name, ami, tags).await });
    match made.await {
        Err(error) if error.is(&["ParameterAlreadyExists"]) => Ok(false),
        made => Ok(made.map(|()| true)?),
    }
}

/// Whether there is one and it is ours: the name may be somebody else's.
pub(super) async fn is_ours(place: &Place, wishes: &Wishes, pace: Pace) -> Result<bool> {
    let (name, recipe) = (&wishes.parameter, &wishes.recipe);
    let tags = retry(pace, || async { place.parameters.parameter_tags(name).await }).await?;
    match tags {
        None => Ok(false),
        Some(tags) if Tag::find(&tags, tag::RECIPE) == Some(recipe) => Ok(true),
        Some(_) => Err(BakeError::ForeignParameter { name: name.clone(), recipe: recipe.clone() }),
    }
}

/// Waits until SSM has looked at the image and taken it. A third value is another
/// run's, which came later.
async fn taken(
    place: &Place,
    name: &str,
    ami: &str,
    before: Option<String>,
    pace: Pace,
) -> Result<()> {
    let mut pause = pace.first;
    for attempt in 1.. {
        let now = value(place, name, pace).await?;
        if now.is_some() && now != before {
            return Ok(());
        }
        if attempt >= pace.tries {
            break;
        }
        tokio::time::sleep(pause).await;
        pause = pace.next(pause);
    }
    Err(BakeError::ParameterLate { name: name.to_owned(), ami: ami.to_owned() })
}
