//! Where an image starts: a public image by its short name, found through the
//! SSM parameter of who publishes it, or an image of the account's own.
//!
//! Source of the parameters: "Finding AMIs with SSM" of Canonical (22.04 is
//! published on gp2, later releases on gp3), "AMIs with public parameters" of
//! Amazon Linux 2023, Debian wiki "Amazon EC2 Image", release notes of the AWS
//! Deep Learning Base AMIs (OSS NVIDIA driver).

use super::position::nearest;
use crate::glibc::Glibc;
use serde::{Deserialize, Serialize};
use std::fmt;

/// Kind of machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize, Serialize)]
pub enum Architecture {
    /// Intel and AMD.
    #[serde(rename = "x86_64")]
    X86_64,
    /// Graviton and Grace.
    #[serde(rename = "arm64")]
    Arm64,
}

impl Architecture {
    /// As EC2 writes it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::X86_64 => "x86_64",
            Self::Arm64 => "arm64",
        }
    }

    /// As Debian and Canonical write it.
    pub(super) fn debian(self) -> &'static str {
        match self {
            Self::X86_64 => "amd64",
            Self::Arm64 => "arm64",
        }
    }
}

/// Operating system of a base.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
pub enum Os {
    /// Debian 12.
    #[serde(rename = "debian-12")]
    Debian12,
    /// Ubuntu 22.04.
    #[serde(rename = "ubuntu-22.04")]
    Ubuntu2204,
    /// Ubuntu 24.04.
    #[serde(rename = "ubuntu-24.04")]
    Ubuntu2404,
    /// Amazon Linux 2023.
    #[serde(rename = "amazon-linux-2023")]
    AmazonLinux2023,
}

impl Os {
    /// All there are.
    pub const ALL: [Self; 4] =
        [Self::Debian12, Self::Ubuntu2204, Self::Ubuntu2404, Self::AmazonLinux2023];

    /// As recipes and scripts (`$NIXL_OS`) write it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Debian12 => "debian-12",
            Self::Ubuntu2204 => "ubuntu-22.04",
            Self::Ubuntu2404 => "ubuntu-24.04",
            Self::AmazonLinux2023 => "amazon-linux-2023",
        }
    }

    /// Its C library: a daemon that needs a newer one does not start there.
    #[must_use]
    pub fn glibc(self) -> Glibc {
        match self {
            Self::AmazonLinux2023 => Glibc(2, 34),
            Self::Ubuntu2204 => Glibc(2, 35),
            Self::Debian12 => Glibc(2, 36),
            Self::Ubuntu2404 => Glibc(2, 39),
        }
    }

    /// Device name of the root volume in its publisher's images.
    #[must_use]
    pub fn root_device(self) -> &'static str {
        match self {
            Self::Debian12 | Self::AmazonLinux2023 => "/dev/xvda",
            Self::Ubuntu2204 | Self::Ubuntu2404 => "/dev/sda1",
        }
    }
}

/// A public image: an operating system as its publisher ships it, or AWS's
/// Deep Learning Base AMI on it, which has NVIDIA driver, CUDA and EFA.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(try_from = "String")]
pub struct Platform {
    /// Operating system.
    pub os: Os,
    /// Whether it is the Deep Learning Base AMI.
    pub dlami: bool,
}

const DLAMI: &str = "dlami-";

impl Platform {
    /// All there are. There is no Deep Learning AMI on Debian.
    pub fn all() -> impl Iterator<Item = Self> {
        let plain = Os::ALL.into_iter().map(|os| Self { os, dlami: false });
        let dlami = Os::ALL.into_iter().filter(|os| *os != Os::Debian12);
        plain.chain(dlami.map(|os| Self { os, dlami: true }))
    }

    /// SSM parameter that holds the id of the newest image.
    #[must_use]
    pub fn parameter(self, architecture: Architecture) -> String {
        let (plain, debian) = (architecture.as_str(), architecture.debian());
        if self.dlami {
            return format!(
                "/aws/service/deeplearning/ami/{plain}/base-oss-nvidia-driver-gpu-{}/latest/ami-id",
                self.os.as_str()
            );
        }
        let ubuntu = |release, disk| {
            format!(
                "/aws/service/canonical/ubuntu/server/{release}/stable/current/{debian}/hvm/{disk}/ami-id"
            )
        };
        match self.os {
            Os::Debian12 => format!("/aws/service/debian/release/12/latest/{debian}"),
            Os::Ubuntu2204 => ubuntu("22.04", "ebs-gp2"),
            Os::Ubuntu2404 => ubuntu("24.04", "ebs-gp3"),
            Os::AmazonLinux2023 => {
                format!("/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-{plain}")
            }
        }
    }
}

impl fmt::Display for Platform {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", if self.dlami { DLAMI } else { "" }, self.os.as_str())
    }
}

impl TryFrom<String> for Platform {
    type Error = String;
    fn try_from(text: String) -> Result<Self, String> {
        let known: Vec<(String, Self)> = Self::all().map(|one| (one.to_string(), one)).collect();
        if let Some((_, platform)) = known.iter().find(|(name, _)| *name == text) {
            return Ok(*platform);
        }
        let names = known.iter().map(|(name, _)| name.as_str());
        let hint = nearest(&text, names.clone())
            .map(|meant| format!("; did you mean `{meant}`?"))
            .unwrap_or_default();
        let names = names.collect::<Vec<_>>().join(", ");
        Err(format!("{text:?} is no base image that is known: use one of {names}{hint}"))
    }
}

/// Where an image starts.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub enum Base {
    /// A public image.
    Public(Platform),
    /// An AMI.
    Ami(String),
    /// An SSM parameter that holds an AMI id.
    Parameter(String),
}

impl TryFrom<String> for Base {
    type Error = String;
    fn try_from(text: String) -> Result<Self, String> {
        let is_ami = |id: &str| {
            (8..=17).contains(&id.len()) && id.chars().all(|c| matches!(c, '0'..='9' | 'a'..='f'))
        };
        if text.strip_prefix("ami-").is_some_and(is_ami) {
            return Ok(Self::Ami(text));
        }
        if let Some(name) = text.strip_prefix("ssm:/").filter(|name| !name.is_empty()) {
            return Ok(Self::Parameter(format!("/{name}")));
        }
        Platform::try_from(text).map(Self::Public).map_err(|why| {
            format!("{why}; or an AMI id (\"ami-…\") or a parameter (\"ssm:/…\") with `platform`")
        })
    }
}

impl fmt::Display for Base {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Public(platform) => platform.fmt(f),
            Self::Ami(id) => f.write_str(id),
            Self::Parameter(name) => write!(f, "ssm:{name}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_public_image_is_known_by_its_name_and_has_a_parameter_of_its_own() {
        let mut seen = std::collections::BTreeSet::new();
        for platform in Platform::all() {
            assert_eq!(Platform::try_from(platform.to_string()), Ok(platform));
            for architecture in [Architecture::X86_64, Architecture::Arm64] {
                let parameter = platform.parameter(architecture);
                assert!(parameter.starts_with("/aws/service/"), "{parameter}");
                assert!(seen.insert(parameter));
            }
        }
        assert_eq!(seen.len(), 14);
    }

    #[test]
    fn a_wrong_name_is_told_with_the_one_meant() {
        let told = Base::try_from("ubuntu-2404".to_owned()).unwrap_err();
        assert!(told.contains("did you mean `ubuntu-24.04`?"), "{told}");
        assert!(Base::try_from("dlami-debian-12".to_owned()).is_err());
        assert!(Base::try_from("ami-xyz".to_owned()).is_err());
    }
}
