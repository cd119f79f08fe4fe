//! What differs between two locks.

use super::Lock;
use serde::Serialize;
use std::collections::BTreeMap;

/// A line of the difference.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Change {
    /// What is pinned.
    pub what: String,
    /// To what it was; nothing if it is new.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub was: Option<String>,
    /// To what it is now; nothing if it is gone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub is: Option<String>,
}

/// What leads from `old` to `new`, in the order of the file.
#[must_use]
pub fn diff(old: &Lock, new: &Lock) -> Vec<Change> {
    let (old, new) = (entries(old), entries(new));
    let names = old.iter().chain(&new).map(|(name, _)| name.clone());
    let mut seen = std::collections::BTreeSet::new();
    let [old, new]: [BTreeMap<String, String>; 2] =
        [old.iter().cloned().collect(), new.iter().cloned().collect()];
    names
        .filter(|name| seen.insert(name.clone()))
        .filter(|name| old.get(name) != new.get(name))
        .map(|what| Change { was: old.get(&what).cloned(), is: new.get(&what).cloned(), what })
        .collect()
}

/// Each thing that is pinned, and to what.
fn entries(lock: &Lock) -> Vec<(String, String)> {
    let mut entries = Vec::new();
    if let Some(base) = &lock.base {
        let release = format!("{} of {}", base.name, base.owner);
        entries.push((format!("base {} {}", base.base, base.architecture.as_str()), release));
        let amis = base.amis.iter();
        entries.extend(amis.map(|(region, ami)| (format!("base in {region}"), ami.clone())));
    }
    if let Some(daemon) = &lock.daemon {
        let id = daemon.build_id.as_deref().unwrap_or("none");
        let sum = daemon.sha256.short();
        let said = format!("build id {id}, {} bytes, SHA-256 {sum}…", daemon.size_bytes);
        entries.push(("daemon".to_owned(), said));
    }
    for pin in &lock.downloads {
        let sum = pin.sha256.short();
        let said =
            format!("{}, {} bytes, SHA-256 {sum}…, {}", pin.version, pin.size_bytes, pin.url);
        entries.push((format!("download {}/{}", pin.component, pin.name), said));
    }
    entries
}
