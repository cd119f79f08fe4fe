//! What the shm provider left of a process that was killed.

use std::fs;

const FOLDER: &str = "/dev/shm";

/// Removes the shared memory of an earlier process with this process's number.
/// libfabric names it `process:user:endpoint` and answers `EBUSY` where it is
/// there and the process lives (prov/shm: `smr_create`).
pub(super) fn remove() {
    let own = std::process::id();
    for entry in fs::read_dir(FOLDER).into_iter().flatten().flatten() {
        if entry.file_name().to_str().is_some_and(|name| is_of(name, own))
            && let Err(error) = fs::remove_file(entry.path())
        {
            tracing::warn!(path = %entry.path().display(), %error, "left of a process before");
        }
    }
}

fn is_of(name: &str, process: u32) -> bool {
    let numbers: Option<Vec<u32>> = name.split(':').map(|part| part.parse().ok()).collect();
    matches!(numbers.as_deref(), Some([of, _, _]) if *of == process)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_its_own_names_are_taken() {
        assert!(is_of("77:0:0", 77) && is_of("77:993:12", 77));
        for name in ["7:0:0", "777:0:0", "77:0", "77:0:0:0", "77:0:x", "psm2_shm77", "77"] {
            assert!(!is_of(name, 77), "{name}");
        }
    }
}
