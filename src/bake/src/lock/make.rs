//! A lock that agrees with its recipe.

use super::{BasePin, DaemonPin, DownloadPin, Lock, Measure};
use crate::base;
use crate::cloud::Cloud;
use crate::content::Content;
use crate::daemon::Daemon;
use crate::error::Result;
use crate::progress::Progress;
use std::collections::BTreeMap;

/// What to pin.
#[derive(Clone, Copy)]
pub struct Wants<'a> {
    /// Recipe and components.
    pub content: &'a Content,
    /// The daemon; without, its pin stays.
    pub daemon: Option<&'a Daemon>,
    /// Whether to look anew also at what is pinned.
    pub update: bool,
}

/// `old`, with what the recipe does not name any more left out and what it
/// names newly pinned.
///
/// # Errors
/// If the base or a download is not to be had.
pub async fn make(
    old: &Lock,
    wants: Wants<'_>,
    cloud: &Cloud,
    measure: &dyn Measure,
    progress: &dyn Progress,
) -> Result<Lock> {
    let mut lock = Lock { base: Some(base_pin(old, wants, cloud).await?), ..Lock::default() };
    lock.daemon = match wants.daemon {
        None => old.daemon.clone(),
        Some(daemon) => Some(DaemonPin {
            build_id: daemon.build_id.clone(),
            size_bytes: daemon.bytes.len() as u64,
            sha256: daemon.sum,
        }),
    };
    for (folder, wanted) in wants.content.downloads() {
        let known = old.downloads.iter().find(|pin| {
            (pin.component.as_str(), &pin.name, &pin.version, &pin.url)
                == (folder, &wanted.name, &wanted.version, &wanted.url)
        });
        if let Some(pin) = known.filter(|_| !wants.update) {
            lock.downloads.push(pin.clone());
            continue;
        }
        progress.phase(&format!("looking at {}", wanted.url));
        let (size_bytes, sha256) = measure.measure(&wanted.url).await?;
        if known.is_some_and(|pin| pin.sha256 != sha256) {
            progress.note(&format!(
                "{} is not what it was, though its address is the same: look before you keep it",
                wanted.url
            ));
        }
        lock.downloads.push(DownloadPin {
            component: folder.to_owned(),
            name: wanted.name.clone(),
            version: wanted.version.clone(),
            url: wanted.url.clone(),
            size_bytes,
            sha256,
        });
    }
    lock.downloads.sort_by(|a, b| (&a.component, &a.name).cmp(&(&b.component, &b.name)));
    Ok(lock)
}

async fn base_pin(old: &Lock, wants: Wants<'_>, cloud: &Cloud) -> Result<BasePin> {
    let recipe = &wants.content.recipe;
    let named = (recipe.base.to_string(), recipe.architecture);
    let known = old.base.as_ref().filter(|pin| (pin.base.clone(), pin.architecture) == named);
    if let Some(pin) = known.filter(|_| !wants.update) {
        let mut pin = pin.clone();
        if !pin.amis.contains_key(&cloud.region) {
            let ami = base::elsewhere(cloud, recipe, &pin.name, &pin.owner).await?;
            pin.amis.insert(cloud.region.clone(), ami);
        }
        return Ok(pin);
    }
    let image = base::newest(cloud, recipe).await?;
    // The same release keeps its ids in other regions; of another they are not known yet.
    let same = known.filter(|pin| pin.name == image.name && pin.owner == image.owner_id);
    let mut amis = same.map_or_else(BTreeMap::new, |pin| pin.amis.clone());
    amis.insert(cloud.region.clone(), image.id);
    Ok(BasePin {
        base: named.0,
        architecture: named.1,
        name: image.name,
        owner: image.owner_id,
        amis,
    })
}
