//! Which answers of libfabric are a provider.

use nixl_cluster::Provider;

/// Whether an entry of `fi_getinfo` is this provider.
///
/// Fabric names: `efa` and `efa-direct` since libfabric 2.1, before that `EFA-`
/// and a GID; so they are looked at here, never asked for.
#[must_use]
pub fn accepts(provider: Provider, provider_name: &str, fabric_name: &str) -> bool {
    match provider {
        Provider::Efa => {
            provider_name == "efa" && (fabric_name == "efa" || fabric_name.starts_with("EFA-"))
        }
        // Through `ofi_rxm` before libfabric 1.18.
        Provider::Tcp => matches!(provider_name, "tcp" | "tcp;ofi_rxm"),
        Provider::Shm => provider_name == "shm",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn efa_is_never_efa_direct() {
        assert!(accepts(Provider::Efa, "efa", "efa"));
        assert!(accepts(Provider::Efa, "efa", "EFA-fe80::1"));
        assert!(!accepts(Provider::Efa, "efa", "efa-direct"));
        assert!(!accepts(Provider::Efa, "tcp", "efa"));
    }

    #[test]
    fn tcp_is_not_layered_on_anything_else() {
        assert!(accepts(Provider::Tcp, "tcp;ofi_rxm", "10.0.0.0/24"));
        assert!(!accepts(Provider::Tcp, "net", "10.0.0.0/24"));
        assert!(!accepts(Provider::Tcp, "verbs;ofi_rxm", "x"));
    }
}
