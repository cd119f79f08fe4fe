//! Versions of this node's software, as its parts know them.

use crate::{efa, gpu};
use nixl_cluster::Versions;
use std::sync::Arc;

/// Tells them as they are now: a driver may be loaded late.
pub type Source = Arc<dyn Fn() -> Versions + Send + Sync>;

/// Those of this node.
#[must_use]
pub fn source(efa: efa::State, gpu: gpu::State) -> Source {
    Arc::new(move || {
        let known = efa.versions().unwrap_or_default();
        let seen = gpu.snapshot();
        Versions {
            release: Some(env!("CARGO_PKG_VERSION").to_owned()),
            kernel: known.kernel,
            libfabric: efa.fabric().map(|fabric| fabric.library_version),
            efa_driver: known.driver,
            nvidia_driver: seen.and_then(|seen| seen.snapshot.driver_version.clone()),
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use nixl_cluster::Provider;

    #[test]
    fn what_comes_to_be_known_later_is_told() {
        let efa = efa::State::default();
        let gpu = gpu::State::default();
        let source = source(efa.clone(), gpu.clone());
        assert_eq!((source().libfabric, source().release.is_some()), (None, true));
        efa.opened(Provider::Tcp, "2.4");
        assert_eq!(source().libfabric.as_deref(), Some("2.4"));
        let driver_version = Some("580.95.05".to_owned());
        gpu.saw(nixl_gpu::Snapshot { driver_version, ..nixl_gpu::Snapshot::default() });
        assert_eq!(source().nvidia_driver.as_deref(), Some("580.95.05"));
    }
}
