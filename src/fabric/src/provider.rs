//! Providers that can be asked for. There is no falling back from one to
//! another: a pair that silently ran over TCP would be correct and slow.

use std::fmt;
use std::str::FromStr;

/// What carries the messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Provider {
    /// Elastic Fabric Adapter, fabric `efa` (not `efa-direct`).
    Efa,
    /// TCP; through `ofi_rxm` before libfabric 1.18.
    Tcp,
    /// Shared memory, one host only.
    Shm,
}

impl Provider {
    /// Name in settings, and `prov_name` to ask libfabric for.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Efa => "efa",
            Self::Tcp => "tcp",
            Self::Shm => "shm",
        }
    }

    /// Whether an entry of `fi_getinfo` is this provider.
    ///
    /// Fabric names: `efa` and `efa-direct` since libfabric 2.1, before that
    /// `EFA-` and a GID; so they are looked at here, never asked for.
    #[must_use]
    pub fn accepts(self, provider_name: &str, fabric_name: &str) -> bool {
        match self {
            Self::Efa => {
                provider_name == "efa" && (fabric_name == "efa" || fabric_name.starts_with("EFA-"))
            }
            Self::Tcp => matches!(provider_name, "tcp" | "tcp;ofi_rxm"),
            Self::Shm => provider_name == "shm",
        }
    }
}

impl fmt::Display for Provider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Provider {
    type Err = crate::FabricError;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        [Self::Efa, Self::Tcp, Self::Shm]
            .into_iter()
            .find(|provider| provider.name() == name)
            .ok_or_else(|| crate::FabricError::UnknownProvider { name: name.to_owned() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn efa_is_never_efa_direct() {
        assert!(Provider::Efa.accepts("efa", "efa"));
        assert!(Provider::Efa.accepts("efa", "EFA-fe80::1"));
        assert!(!Provider::Efa.accepts("efa", "efa-direct"));
        assert!(!Provider::Efa.accepts("tcp", "efa"));
    }

    #[test]
    fn tcp_is_not_layered_on_anything_else() {
        assert!(Provider::Tcp.accepts("tcp;ofi_rxm", "10.0.0.0/24"));
        assert!(!Provider::Tcp.accepts("net", "10.0.0.0/24"));
        assert!(!Provider::Tcp.accepts("verbs;ofi_rxm", "x"));
    }

    #[test]
    fn names_parse_back() {
        for provider in [Provider::Efa, Provider::Tcp, Provider::Shm] {
            assert_eq!(provider.name().parse::<Provider>().expect("parses"), provider);
        }
        let error = "verbs".parse::<Provider>().expect_err("not offered");
        assert!(error.to_string().contains("verbs"), "{error}");
    }
}
