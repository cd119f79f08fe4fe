//! From files to what is to be baked: the first steps of `build` and `plan`.

use crate::blueprint::Blueprint;
use crate::cli::Input;
use crate::cloud::{Cloud, Door, Regions};
use crate::content::Content;
use crate::daemon::Daemon;
use crate::error::{BakeError, Result};
use crate::flow::{self, Baked, Pace};
use crate::lock::{self, Curl, Lock, Pins, Wants};
use crate::progress::Progress;
use crate::publish::Wishes;
use std::path::Path;

/// What to do where there is no lock.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum WithoutLock {
    /// Nothing.
    Refuse,
    /// Make it.
    Make,
    /// Look at what it would say.
    Imagine,
}

/// What there is to do, and what becomes of the image.
pub struct Prepared {
    /// What there is to do.
    pub task: Task,
    /// What becomes of the image.
    pub wishes: Wishes,
    /// Where.
    pub regions: Box<dyn Regions>,
}

/// What there is to do.
pub enum Task {
    /// Nothing: it is baked.
    Nothing(Box<Baked>),
    /// To bake it, and where.
    Bake(Cloud, Box<Blueprint>),
}

/// What is to be baked, with the lock's pins, and where. An image that is
/// there is found by one call, without asking who calls.
///
/// # Errors
/// If a file is wrong, lock and recipe disagree, or AWS refuses.
pub async fn prepare(
    input: &Input,
    region: Option<&str>,
    progress: &dyn Progress,
    without_lock: WithoutLock,
) -> Result<Prepared> {
    // All files before the first call: a typo costs no connection.
    let daemon = Daemon::read(&input.noded)?;
    let content = Content::load(&input.paths.recipe, &daemon)?;
    let path = input.paths.lock();
    let lock = Lock::read(&path)?;
    if lock.is_none() && without_lock == WithoutLock::Refuse {
        return Err(BakeError::NoLock { path });
    }
    let door = Door::open(region).await?;
    let regions = door.regions();
    let wishes = Wishes::new(&content.recipe);
    let pins = |lock: &Lock, region: &str| {
        let disagrees = |differences| BakeError::LockDisagrees { path: path.clone(), differences };
        Pins::new(lock, &content, &daemon, region).map_err(disagrees)
    };
    let (cloud, pins) = match lock {
        Some(lock) => {
            let pins = pins(&lock, &door.region)?;
            let digest = content.digest(&pins);
            if let Some(image) = flow::find(&*door.images, &digest, Pace::default()).await? {
                let baked = Baked {
                    ami_id: image.id.clone(),
                    digest: digest.hex(),
                    reused: true,
                    region: door.region,
                    base_ami: pins.base_ami,
                    build_arn: None,
                    image: Some(image),
                };
                return Ok(Prepared { task: Task::Nothing(Box::new(baked)), wishes, regions });
            }
            (door.enter().await?, pins)
        }
        None => {
            let cloud = door.enter().await?;
            let wants = Wants { content: &content, daemon: Some(&daemon), update: false };
            let lock = lock::make(&Lock::default(), wants, &cloud, &Curl, progress).await?;
            progress.note(&kept(&lock, &path, without_lock));
            let pins = pins(&lock, &cloud.region)?;
            (cloud, pins)
        }
    };
    let blueprint = Box::new(Blueprint::new(&content, &pins, &cloud)?);
    Ok(Prepared { task: Task::Bake(cloud, blueprint), wishes, regions })
}

/// Writes a new lock where that is wanted; what to tell of it.
fn kept(lock: &Lock, path: &Path, without_lock: WithoutLock) -> String {
    if without_lock != WithoutLock::Make {
        return format!("{} is not there: as if it were made now", path.display());
    }
    match lock.write(path) {
        Ok(()) => format!("made {}: keep it with the recipe", path.display()),
        Err(error) => format!("the lock is not kept: {error}"),
    }
}
