//! What differs between two locks.

use super::Lock;
use crate::compare::{Change, compare};

/// What leads from `old` to `new`, in the order of the file.
#[must_use]
pub fn diff(old: &Lock, new: &Lock) -> Vec<Change> {
    compare(&entries(old), &entries(new))
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
