//! Experiments and runs that may be there already.

use crate::client::Client;
use crate::error::{ALREADY_EXISTS, CallError};
use crate::wire::Run;

/// Tag of a run that no other run has, since `runs/create` knows no client token.
pub const KEY_TAG: &str = "nixl.key";
/// The one that was there first, should there be several.
const OLDEST: &str = "attributes.start_time ASC";

/// Why there is no experiment.
#[derive(Debug, thiserror::Error)]
pub enum ExperimentError {
    /// A call failed.
    #[error(transparent)]
    Call(#[from] CallError),
    /// Nothing can be logged there.
    #[error("the experiment {name} is deleted; restore it, or delete it for good")]
    Deleted {
        /// Its name.
        name: String,
    },
}

/// Id of the experiment, made if need be; another node may be making it.
pub(crate) async fn experiment(client: &Client, name: &str) -> Result<String, ExperimentError> {
    let known = match client.experiment(name).await? {
        Some(known) => known,
        None => match client.create_experiment(name).await {
            Ok(id) => return Ok(id),
            Err(error) if error.code() == Some(ALREADY_EXISTS) => {
                client.experiment(name).await?.ok_or(error)?
            }
            Err(error) => return Err(error.into()),
        },
    };
    match known.lifecycle_stage.as_str() {
        "deleted" => Err(ExperimentError::Deleted { name: name.to_owned() }),
        _ => Ok(known.experiment_id),
    }
}

/// The run with this key.
pub(crate) async fn run_of(
    client: &Client,
    experiment_id: &str,
    key: &str,
) -> Result<Option<Run>, CallError> {
    let filter = format!("tags.`{KEY_TAG}` = '{key}'");
    Ok(client.search(experiment_id, &filter, OLDEST, 1).await?.into_iter().next())
}
