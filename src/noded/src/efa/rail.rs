//! Each device by itself.

use super::Snapshot;
use nixl_cluster::{Reading, reason};
use nixl_efa::Unreadable;

/// Each device: its line rate, whether programs can open it and what of it
/// cannot be read.
pub(super) fn rails(wanted: bool, snapshot: &Snapshot) -> Vec<Reading> {
    let rail = |(device, verbs): (&nixl_efa::Device, &nixl_efa::Verbs)| {
        let rate = verbs.rate_gbps.as_ref().ok().copied().flatten();
        let unknown = device.unreadable();
        let reading = match &verbs.uverbs {
            Err(error) if wanted => Reading::bad(&reason::EFA_NOT_OPENABLE, error.to_string()),
            _ if !unknown.is_empty() => unreadable(unknown),
            _ => Reading::default(),
        };
        let reading = match rate {
            Some(rate) => reading.value(rate).unit("Gb/s"),
            None => reading,
        };
        reading.about(device.name())
    };
    snapshot.inventory.present().map(rail).collect()
}

/// What these files tell is not known.
pub(super) fn unreadable<'a>(files: impl IntoIterator<Item = &'a Unreadable>) -> Reading {
    let files: Vec<&Unreadable> = files.into_iter().collect();
    let told: Vec<String> = files.iter().map(ToString::to_string).collect();
    let paths: Vec<String> = files.iter().map(|file| file.path.display().to_string()).collect();
    Reading::bad(&reason::EFA_UNREADABLE, told.join("; ")).field("paths", paths)
}
