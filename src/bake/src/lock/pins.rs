//! What a build takes from the lock, once lock and recipe are seen to agree.

use super::Lock;
use crate::content::Content;
use crate::daemon::Daemon;
use crate::hash::Sum;
use crate::recipe::Base;
use std::collections::BTreeMap;

/// A download's length and sum.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pin {
    /// Length.
    pub size_bytes: u64,
    /// SHA-256.
    pub sha256: Sum,
}

/// All that a build of one recipe in one region takes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pins {
    /// AMI to start from.
    pub base_ami: String,
    /// What that AMI is, wherever it is: for a public image its publisher and
    /// name, which are the same in all regions; for others the AMI itself, as
    /// a name can be given again.
    pub base_identity: String,
    /// Downloads by component folder and name.
    pub downloads: BTreeMap<(String, String), Pin>,
}

impl Pins {
    /// What `lock` says for `content` in `region`; or all it does not agree in.
    ///
    /// # Errors
    /// Each difference in words.
    pub fn new(
        lock: &Lock,
        content: &Content,
        daemon: &Daemon,
        region: &str,
    ) -> Result<Self, Vec<String>> {
        let mut differences = Vec::new();
        let base = base(lock, content, region).map_err(|why| differences.push(why)).ok();
        match &lock.daemon {
            None => differences.push("the daemon is not pinned".to_owned()),
            Some(pin) if pin.sha256 != daemon.sum => {
                let pinned = pin.build_id.clone().unwrap_or_else(|| pin.sha256.short());
                let given = daemon.shown();
                differences.push(format!("daemon {pinned} is pinned, {given} is given"));
            }
            Some(_) => {}
        }
        let mut downloads = BTreeMap::new();
        for (folder, wanted) in content.downloads() {
            let what = format!("download {folder}/{}", wanted.name);
            let found = lock
                .downloads
                .iter()
                .find(|pin| pin.component == folder && pin.name == wanted.name);
            match found {
                None => differences.push(format!("{what} is not pinned")),
                Some(pin) if pin.version != wanted.version || pin.url != wanted.url => differences
                    .push(format!(
                        "{what}: {} from {} is pinned, the recipe says {} from {}",
                        pin.version, pin.url, wanted.version, wanted.url
                    )),
                Some(pin) => {
                    let key = (folder.to_owned(), wanted.name.clone());
                    let pin = Pin { size_bytes: pin.size_bytes, sha256: pin.sha256 };
                    downloads.insert(key, pin);
                }
            }
        }
        for pin in &lock.downloads {
            let wanted = |(folder, wanted): (&str, &crate::content::Download)| {
                folder == pin.component && wanted.name == pin.name
            };
            if !content.downloads().any(wanted) {
                let what = format!("download {}/{}", pin.component, pin.name);
                differences.push(format!("{what} is pinned and not in the recipe"));
            }
        }
        match base {
            Some((base_ami, base_identity)) if differences.is_empty() => {
                Ok(Self { base_ami, base_identity, downloads })
            }
            _ => Err(differences),
        }
    }

    /// Pins as long as any can be, for documents that are only measured.
    #[must_use]
    pub(crate) fn longest(content: &Content) -> Self {
        let all = content.components.iter().chain(content.left_out.iter().map(|(one, _)| one));
        let downloads = all.flat_map(|component| {
            let folder = component.folder.to_string();
            component.downloads.iter().map(move |one| (folder.clone(), one.name.clone()))
        });
        let pin = Pin { size_bytes: u64::MAX, sha256: Sum::of(b"") };
        Self {
            base_ami: String::new(),
            base_identity: String::new(),
            downloads: downloads.map(|key| (key, pin.clone())).collect(),
        }
    }
}

fn base(lock: &Lock, content: &Content, region: &str) -> Result<(String, String), String> {
    let recipe = &content.recipe;
    let wanted = format!("{} {}", recipe.base, recipe.architecture.as_str());
    let pin = lock.base.as_ref().ok_or_else(|| format!("base {wanted} is not pinned"))?;
    if pin.base != recipe.base.to_string() || pin.architecture != recipe.architecture {
        let pinned = format!("{} {}", pin.base, pin.architecture.as_str());
        return Err(format!("base {pinned} is pinned, the recipe says {wanted}"));
    }
    let ami =
        pin.amis.get(region).ok_or_else(|| format!("base {wanted} is not pinned in {region}"))?;
    let identity = match recipe.base {
        Base::Public(_) => format!("{}/{}", pin.owner, pin.name),
        Base::Ami(_) | Base::Parameter(_) => ami.clone(),
    };
    Ok((ami.clone(), identity))
}
