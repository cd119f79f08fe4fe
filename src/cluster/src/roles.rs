//! How many nodes have which role, as a person writes it: `prefill=1,decode=3`.

use crate::{Layout, Role};
use std::fmt;
use std::str::FromStr;

/// How many nodes have which role, at least one each.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Roles {
    /// Nodes that prefill: those with the lowest ranks.
    pub prefill: u32,
    /// Nodes that decode: the others.
    pub decode: u32,
}

/// A text that deals out no roles.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RolesParseError {
    /// A part is no `ROLE=N`.
    #[error("{part:?} is no ROLE=N; write e.g. prefill=1,decode=3")]
    Part {
        /// The part.
        part: String,
    },
    /// A role nobody knows.
    #[error("{name:?} is no role; did you mean {near:?}?")]
    Name {
        /// As written.
        name: String,
        /// The role that is written most alike.
        near: &'static str,
    },
    /// A role is counted twice.
    #[error("{role} is there twice")]
    Twice {
        /// The role.
        role: Role,
    },
    /// A role has no node.
    #[error("{role} needs at least one node; write e.g. prefill=1,decode=3")]
    Without {
        /// The role.
        role: Role,
    },
    /// More nodes than can be counted.
    #[error("that is too many nodes")]
    TooMany,
}

impl Roles {
    /// Nodes over both roles.
    #[must_use]
    pub fn size(self) -> u64 {
        u64::from(self.prefill) + u64::from(self.decode)
    }

    /// The same as a layout; parsing sees to it that the nodes can be counted.
    #[must_use]
    pub fn layout(self) -> Layout {
        Layout { size: self.prefill.saturating_add(self.decode), prefill: Some(self.prefill) }
    }
}

impl fmt::Display for Roles {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}={},{}={}", Role::Prefill, self.prefill, Role::Decode, self.decode)
    }
}

impl FromStr for Roles {
    type Err = RolesParseError;
    fn from_str(text: &str) -> Result<Self, RolesParseError> {
        let (mut prefill, mut decode) = (None, None);
        for part in text.split(',').map(str::trim) {
            let bad = || RolesParseError::Part { part: part.to_owned() };
            let (name, count) = part.split_once('=').ok_or_else(bad)?;
            let role = role(name.trim())?;
            let count: u32 = count.trim().parse().map_err(|_| bad())?;
            let slot = match role {
                Role::Prefill => &mut prefill,
                Role::Decode => &mut decode,
            };
            if slot.replace(count).is_some() {
                return Err(RolesParseError::Twice { role });
            }
        }
        let some = |count: Option<u32>, role| {
            count.filter(|count| *count > 0).ok_or(RolesParseError::Without { role })
        };
        let roles =
            Self { prefill: some(prefill, Role::Prefill)?, decode: some(decode, Role::Decode)? };
        if roles.size() > u64::from(u32::MAX) {
            return Err(RolesParseError::TooMany);
        }
        Ok(roles)
    }
}

fn role(name: &str) -> Result<Role, RolesParseError> {
    let all = [Role::Prefill, Role::Decode];
    if let Some(role) = all.into_iter().find(|role| role.as_str() == name) {
        return Ok(role);
    }
    // Of two names, the one with more letters in common is the nearer one.
    let alike = |role: &Role| name.chars().filter(|c| role.as_str().contains(*c)).count();
    let near = all.into_iter().max_by_key(alike).unwrap_or(Role::Prefill).as_str();
    Err(RolesParseError::Name { name: name.to_owned(), near })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn roles_round_trip(prefill in 1u32..100_000, decode in 1u32..100_000) {
            let roles = Roles { prefill, decode };
            prop_assert_eq!(roles.to_string().parse::<Roles>().unwrap(), roles);
            prop_assert_eq!(roles.layout().roles(), Some(roles));
            prop_assert!(roles.layout().check().is_ok());
        }

        #[test]
        fn no_text_panics(text in "\\PC*") {
            let _ = text.parse::<Roles>();
        }
    }

    #[test]
    fn faults_are_named() {
        for (text, told) in [
            ("", "\"\" is no ROLE=N"),
            ("prefill", "\"prefill\" is no ROLE=N"),
            ("prefill=x,decode=1", "\"prefill=x\" is no ROLE=N"),
            ("prefill=1", "decode needs at least one node"),
            ("prefill=0,decode=2", "prefill needs at least one node"),
            ("prefill=1,prefill=2", "prefill is there twice"),
            ("prefil=1,decode=2", "did you mean \"prefill\"?"),
            ("prefill=1,decoder=2", "did you mean \"decode\"?"),
            ("prefill=4294967295,decode=1", "too many nodes"),
        ] {
            let error = text.parse::<Roles>().unwrap_err().to_string();
            assert!(error.contains(told), "{text}: {error}");
        }
    }
}
