//! libfabric providers, by the names that libfabric and people use.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// What carries the messages between two nodes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Provider {
    /// AWS Elastic Fabric Adapter.
    Efa,
    /// TCP, for machines without EFA; correct and slow.
    Tcp,
    /// Shared memory, one host only.
    Shm,
}

impl Provider {
    /// All, in the order in which they are tried.
    pub const ALL: [Self; 3] = [Self::Efa, Self::Tcp, Self::Shm];

    /// Name libfabric and people use.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Efa => "efa",
            Self::Tcp => "tcp",
            Self::Shm => "shm",
        }
    }
}

impl fmt::Display for Provider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Not the name of a provider.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("provider {name:?} is not one of efa, tcp, shm")]
pub struct UnknownProvider {
    /// What was told.
    pub name: String,
}

impl FromStr for Provider {
    type Err = UnknownProvider;

    fn from_str(name: &str) -> Result<Self, UnknownProvider> {
        Self::ALL
            .into_iter()
            .find(|provider| provider.as_str() == name)
            .ok_or_else(|| UnknownProvider { name: name.to_owned() })
    }
}

/// Provider that a node is told to use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "&'static str")]
pub enum ProviderChoice {
    /// The first of [`Provider::ALL`] that is there.
    Auto,
    /// This one; another one is never used in its place.
    Only(Provider),
}

impl ProviderChoice {
    /// Name in settings.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Only(provider) => provider.as_str(),
        }
    }

    /// Providers to try, in this order.
    #[must_use]
    pub fn providers(self) -> Vec<Provider> {
        match self {
            Self::Auto => Provider::ALL.to_vec(),
            Self::Only(provider) => vec![provider],
        }
    }
}

impl From<Provider> for ProviderChoice {
    fn from(provider: Provider) -> Self {
        Self::Only(provider)
    }
}

impl From<ProviderChoice> for &'static str {
    fn from(choice: ProviderChoice) -> Self {
        choice.as_str()
    }
}

impl FromStr for ProviderChoice {
    type Err = UnknownChoice;

    fn from_str(name: &str) -> Result<Self, UnknownChoice> {
        if name == "auto" {
            return Ok(Self::Auto);
        }
        name.parse().map(Self::Only).map_err(|UnknownProvider { name }| UnknownChoice { name })
    }
}

impl TryFrom<String> for ProviderChoice {
    type Error = UnknownChoice;

    fn try_from(name: String) -> Result<Self, UnknownChoice> {
        name.parse()
    }
}

/// Not what a node can be told.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("provider {name:?} is not one of efa, tcp, shm, auto")]
pub struct UnknownChoice {
    /// What was told.
    pub name: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_parse_back() {
        for provider in Provider::ALL {
            assert_eq!(provider.as_str().parse(), Ok(provider));
            let choice = provider.as_str().parse::<ProviderChoice>().unwrap();
            assert_eq!(choice.providers(), [provider]);
        }
        let auto = "auto".parse::<ProviderChoice>().unwrap();
        assert_eq!((auto.as_str(), auto.providers()[0]), ("auto", Provider::Efa));
        let error = "verbs".parse::<ProviderChoice>().unwrap_err();
        assert!(error.to_string().contains("\"verbs\"") && error.to_string().contains("auto"));
        assert!("auto".parse::<Provider>().is_err(), "nothing listens on auto");
    }
}
