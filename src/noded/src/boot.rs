//! From nothing to knowing who this node is: settings, then metadata.
//!
//! Neither gives up. A node without settings or metadata is told so on
//! /health, and goes on by itself when they come.

use crate::backoff::Backoff;
use crate::beat::Beat;
use crate::board::{Board, Reading, name};
use crate::events::{self, Stage};
use crate::settings;
use nixl_aws::imds::Imds;
use nixl_cluster::{NodeSettings, reason};
use std::net::Ipv4Addr;
use std::path::Path;
use std::time::Duration;

/// User data is written before the daemon starts; whoever repairs the file by
/// hand should not have to restart anything.
const REREAD: Duration = Duration::from_secs(2);
const IMDS_FIRST: Duration = Duration::from_millis(100);
const IMDS_MOST: Duration = Duration::from_secs(5);

/// What IMDS says of this instance.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Instance {
    /// `i-…`
    pub id: String,
    /// Type name.
    pub instance_type: String,
    /// `r-…`
    pub reservation_id: String,
    /// Index in its RunInstances; the rank, unless membership is otherwise.
    pub launch_index: u32,
    /// Primary private address.
    pub local_ipv4: Option<Ipv4Addr>,
    /// Zone name.
    pub zone: String,
    /// Region name.
    pub region: String,
}

/// Reads the settings until they are good.
pub async fn settings(path: &Path, board: &Board, beat: &Beat) -> NodeSettings {
    let mut told = String::new();
    loop {
        match settings::load(path) {
            Ok(settings) => {
                board.set(name::SETTINGS, Reading::good(path.display().to_string()));
                board.describe(|node| node.cluster = Some(settings.cluster.as_str().to_owned()));
                return settings;
            }
            Err(error) => {
                let text = error.to_string();
                if text != told {
                    events::reason(Stage::Boot, error.reason(), &text);
                    told.clone_from(&text);
                }
                board.set(name::SETTINGS, Reading::bad(error.reason(), text));
            }
        }
        beat.during(tokio::time::sleep(REREAD)).await;
    }
}

/// Asks IMDS until it has answered everything.
pub async fn instance(imds: &dyn Imds, board: &Board, beat: &Beat) -> Instance {
    let mut backoff = Backoff::new(IMDS_FIRST, IMDS_MOST);
    loop {
        match beat.during(ask(imds)).await {
            Ok(instance) => {
                board.set(name::IMDS, Reading::good(instance.instance_type.as_str()));
                board.identify(&instance.id);
                events::known(&instance);
                return instance;
            }
            Err(error) => {
                events::reason(Stage::Boot, &reason::IMDS_UNREACHABLE, &error.to_string());
                let reading = Reading::bad(&reason::IMDS_UNREACHABLE, error.to_string());
                board.set(name::IMDS, reading);
            }
        }
        beat.during(tokio::time::sleep(backoff.step())).await;
    }
}

async fn ask(imds: &dyn Imds) -> nixl_aws::Result<Instance> {
    // The first answer brings the session token; the rest go out together.
    let id = imds.instance_id().await?;
    let (instance_type, reservation_id, launch_index, local_ipv4, zone, region) = tokio::try_join!(
        imds.instance_type(),
        imds.reservation_id(),
        imds.launch_index(),
        imds.local_ipv4(),
        imds.zone(),
        imds.region(),
    )?;
    Ok(Instance { id, instance_type, reservation_id, launch_index, local_ipv4, zone, region })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::beat::Beats;

    #[tokio::test]
    async fn settings_that_come_later_are_taken() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("node.toml");
        let (board, beat) = (Board::default(), Beats::default().task("boot"));
        let waiting = {
            let (path, board) = (path.clone(), board.clone());
            tokio::spawn(async move { settings(&path, &board, &beat).await })
        };
        while board.worst().is_none_or(|reason| reason.code != "node.settings_missing") {
            tokio::task::yield_now().await;
        }
        assert_eq!(board.document().status.http(), 503);
        std::fs::write(&path, "cluster = \"nixl\"\nsize = 2\nprovider = \"tcp\"\n").unwrap();
        assert_eq!(waiting.await.unwrap().size, 2);
        assert_eq!(board.worst().unwrap().code, "node.initializing");
    }
}
