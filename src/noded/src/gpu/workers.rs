//! The workers as processes.

use super::asker::Workers;
use super::protocol::{Command, Event};
use crate::worker::{ProcessSpawner, Upkeep, passes_to_all};
use std::path::Path;
use std::sync::Arc;

/// NVML takes some 30 MB, and more for each GPU; far below what a node would miss.
const MEMORY_BYTES: u64 = 1 << 30;

const UPKEEP: Upkeep<Event> = Upkeep {
    owns: "gpu",
    environment: &[],
    passes: passes_to_all,
    memory_bytes: MEMORY_BYTES,
    memory_bytes_after: |_| None,
};

/// Starts `program`, a `nixl-noded`, to ask NVML; `library` stands in for the loader's.
#[must_use]
pub fn workers(program: &str, library: Option<&Path>) -> Workers {
    let mut args = vec!["gpu-worker".into()];
    if let Some(library) = library {
        args.extend(["--library".into(), library.into()]);
    }
    Arc::new(ProcessSpawner::<Command, Event>::new(program, args, UPKEEP))
}
