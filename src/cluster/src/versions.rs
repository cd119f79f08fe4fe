//! Versions of a node's software, as paired nodes tell each other.

use serde::{Deserialize, Serialize};

/// Longest version that is believed.
const MAX_BYTES: usize = 128;

/// What a node runs; what is not there or not known is left out.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Versions {
    /// Of the daemon.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub release: Option<String>,
    /// `uname -r`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kernel: Option<String>,
    /// Of the library in use.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub libfabric: Option<String>,
    /// Of the kernel module `efa`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub efa_driver: Option<String>,
    /// Of the GPUs' driver.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub nvidia_driver: Option<String>,
}

impl Versions {
    /// Without what is no version: another node said it, and it ends up in logs.
    #[must_use]
    pub fn sound(self) -> Self {
        let sound = |text: Option<String>| {
            text.filter(|text| {
                (1..=MAX_BYTES).contains(&text.len()) && text.chars().all(|c| c.is_ascii_graphic())
            })
        };
        Self {
            release: sound(self.release),
            kernel: sound(self.kernel),
            libfabric: sound(self.libfabric),
            efa_driver: sound(self.efa_driver),
            nvidia_driver: sound(self.nvidia_driver),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_known_is_left_out_and_what_is_new_ignored() {
        let versions = Versions { release: Some("1.0".to_owned()), ..Versions::default() };
        assert_eq!(serde_json::to_string(&versions).unwrap(), r#"{"release":"1.0"}"#);
        let newer = r#"{"release":"1.0","firmware":"7"}"#;
        assert_eq!(serde_json::from_str::<Versions>(newer).unwrap(), versions);
    }

    #[test]
    fn what_is_no_version_is_not_taken_for_one() {
        let bad = ["", "6.1 root", "6.1\n", &"9".repeat(MAX_BYTES + 1)];
        for bad in bad.map(|bad| Some(bad.to_owned())) {
            let told = Versions { kernel: bad, ..Versions::default() };
            assert_eq!(told.sound(), Versions::default());
        }
        let good =
            Versions { kernel: Some("6.1.0-56-cloud-amd64".to_owned()), ..Versions::default() };
        assert_eq!(good.clone().sound(), good);
    }
}
