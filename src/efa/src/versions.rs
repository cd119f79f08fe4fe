//! Versions of what a link runs through.

use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::fmt;

/// What should be alike on both ends of a link.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Versions {
    /// Of AWS's EFA driver, e.g. `2.13.0g`; `None` without it: the kernel's own
    /// has no version but the kernel's.
    pub driver: Option<String>,
    /// Release of the kernel, e.g. `6.1.112-122.189.amzn2023.x86_64`.
    pub kernel: Option<String>,
    /// Firmware of the EFA devices; one, if they are alike.
    pub firmware: BTreeSet<String>,
}

/// Version of libfabric, as far as it can be compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Libfabric {
    /// First number.
    pub major: u32,
    /// Second number.
    pub minor: u32,
}

impl Libfabric {
    /// The least that NIXL's libfabric plugin takes.
    pub const LEAST_FOR_NIXL: Self = Self { major: 1, minor: 21 };

    /// From `2.4` or `2.4.0amzn3.0`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (major, rest) = text.split_once('.')?;
        let digits = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
        Some(Self { major: major.parse().ok()?, minor: rest[..digits].parse().ok()? })
    }
}

impl fmt::Display for Libfabric {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.major, self.minor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn versions_compare_as_numbers() {
        let of = |text| Libfabric::parse(text).unwrap();
        assert!(of("1.9") < of("1.21") && of("1.21.0amzn1.0") == Libfabric::LEAST_FOR_NIXL);
        assert!(of("2.4.0amzn3.0") > of("1.30"));
        for none in ["", "2", "2.", "x.1", "2.x", "1.99999999999"] {
            assert_eq!(Libfabric::parse(none), None, "{none}");
        }
    }

    proptest! {
        #[test]
        fn what_is_shown_is_read(major: u32, minor: u32, rest in "(\\.[a-z0-9.]{0,9})?") {
            let version = Libfabric { major, minor };
            prop_assert_eq!(Libfabric::parse(&format!("{version}{rest}")), Some(version));
        }

        #[test]
        fn any_text_is_met(text in ".{0,20}") {
            let _ = Libfabric::parse(&text);
        }
    }
}
