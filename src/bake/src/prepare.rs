//! From files to what is to be baked: the first steps of `build` and `plan`.

use crate::blueprint::Blueprint;
use crate::cli::Input;
use crate::cloud::{Cloud, Door, Images, Regions};
use crate::content::Content;
use crate::daemon::Daemon;
use crate::error::{BakeError, Result};
use crate::flow::{self, Baked, Pace};
use crate::lock::{self, Curl, Lock, Pins, Wants};
use crate::progress::Progress;
use crate::publish::Wishes;
use crate::recipe::Account;
use crate::test_stage::TestStage;
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
    if let Some(wanted) = &input.test_on
        && content.components.iter().all(|component| component.test.is_none())
    {
        return Err(BakeError::NoTest { wanted: wanted.clone() });
    }
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
    let trusted = content.recipe.shared_by.iter().chain(&input.shared_by);
    // Others' tags are not seen, so neither is where their image was tested.
    let trusted = trusted.filter(|_| input.test_on.is_none());
    let owners: Vec<&str> = trusted.map(Account::as_str).collect();
    let there = async |images: &dyn Images, region: &str, pins: &Pins| {
        let baked = there(images, &content, pins, &owners, region).await?;
        Ok::<_, BakeError>(baked.map(|baked| Task::Nothing(Box::new(baked))))
    };
    let (cloud, pins) = match lock {
        Some(lock) => {
            let pins = pins(&lock, &door.region)?;
            if let Some(task) = there(&*door.images, &door.region, &pins).await? {
                return Ok(Prepared { task, wishes, regions });
            }
            (door.enter().await?, pins)
        }
        None => {
            let cloud = door.enter().await?;
            let wants = Wants { content: &content, daemon: Some(&daemon), update: false };
            let lock = lock::make(&Lock::default(), wants, &cloud, &Curl, progress).await?;
            progress.note(&kept(&lock, &path, without_lock));
            let pins = pins(&lock, &cloud.region)?;
            if let Some(task) = there(&*cloud.images, &cloud.region, &pins).await? {
                return Ok(Prepared { task, wishes, regions });
            }
            (cloud, pins)
        }
    };
    let mut blueprint = Blueprint::new(&content, &pins, &cloud)?;
    if let Some(kind) = &input.test_on {
        blueprint = blueprint.tested(TestStage::new(kind, &cloud));
    }
    Ok(Prepared { task: Task::Bake(cloud, Box::new(blueprint)), wishes, regions })
}

/// The image of this content that is there already: our own, else one that is shared
/// with us.
async fn there(
    images: &dyn Images,
    content: &Content,
    pins: &Pins,
    owners: &[&str],
    region: &str,
) -> Result<Option<Baked>> {
    let (digest, pace) = (content.digest(pins), Pace::default());
    let recipe = content.recipe.name.as_str();
    let own = flow::find(images, &digest, pace).await?;
    let shared = match &own {
        Some(_) => None,
        None => flow::find_shared(images, owners, recipe, &digest, pace).await?,
    };
    let shared_by = shared.as_ref().map(|image| image.owner_id.clone());
    Ok(own.or(shared).map(|image| Baked {
        ami_id: image.id.clone(),
        digest: digest.hex(),
        reused: true,
        region: region.to_owned(),
        base_ami: pins.base_ami.clone(),
        shared_by,
        build_arn: None,
        tested_on: flow::tested_on(&image.tags).map(str::to_owned),
        image: Some(image),
    }))
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Checkout, Fake};
    use nixl_aws::Tag;
    use nixl_aws::ec2::Image;
    use nixl_cluster::tag;

    const OWNER: &str = "111122223333";

    #[tokio::test]
    async fn an_image_of_a_named_account_will_do_and_nobody_elses() {
        let (content, pins) = (Checkout::new().load().unwrap(), crate::testing::pins());
        let digest = content.digest(&pins);
        let fake = Fake::default();
        let add = |id: &str, name: String, owner: &str, tags| {
            let (id, owner_id, state) = (id.to_owned(), owner.to_owned(), "available".to_owned());
            let image = Image { id, name, owner_id, state, tags, ..Image::default() };
            fake.world().images.push(image);
        };
        let name = format!("nixl-{}-2026-11-29T10-20-30.123Z", digest.short());
        assert_eq!(content.recipe.name.as_str(), "nixl");
        let found = async |owners: &[&str]| {
            there(&fake, &content, &pins, owners, "eu-west-1").await.unwrap()
        };
        add("ami-stranger", name.clone(), "999999999999", vec![Tag::new(tag::DIGEST, "x")]);
        add("ami-other-content", "nixl-0123456789ab-2026".to_owned(), OWNER, Vec::new());
        assert_eq!(found(&[OWNER]).await, None);
        add("ami-shared", name, OWNER, Vec::new());
        assert_eq!(found(&[]).await, None, "without named owners none is trusted");
        let baked = found(&[OWNER]).await.unwrap();
        assert_eq!((baked.ami_id.as_str(), baked.reused), ("ami-shared", true));
        assert_eq!(baked.shared_by.as_deref(), Some(OWNER));
        // Our own goes before, and nothing else is asked then.
        add("ami-own", String::new(), "123456789012", vec![Tag::new(tag::DIGEST, digest.hex())]);
        let asked = fake.count("shared");
        let baked = found(&[OWNER]).await.unwrap();
        assert_eq!((baked.ami_id.as_str(), baked.shared_by), ("ami-own", None));
        assert_eq!(fake.count("shared"), asked);
    }

    #[test]
    fn who_shares_images_with_us_is_not_in_them() {
        let checkout = Checkout::new();
        let before = checkout.load().unwrap().digest(&crate::testing::pins());
        let path = checkout.path("image/recipe.toml");
        let text = std::fs::read_to_string(&path).unwrap();
        std::fs::write(&path, format!("shared_by = [\"{OWNER}\"]\n{text}")).unwrap();
        let content = checkout.load().unwrap();
        assert_eq!(content.recipe.shared_by[0].as_str(), OWNER);
        assert_eq!(content.digest(&crate::testing::pins()), before);
        std::fs::write(&path, format!("shared_by = [\"1111\"]\n{text}")).unwrap();
        assert!(checkout.load().unwrap_err().to_string().contains("recipe.toml:1:"));
    }
}
