//! Values that are checked when they are read, so that an error points at the
//! place in the file.

use serde::{Deserialize, Deserializer, de::Error as _};
use std::fmt;

/// Image Builder's default limit of components in a recipe.
const MAX_COMPONENTS: usize = 20;

macro_rules! text_value {
    ($(#[$doc:meta])* $name:ident, $check:expr, $want:literal) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Deserialize)]
        #[serde(try_from = "String")]
        pub struct $name(String);

        impl $name {
            /// As text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl TryFrom<String> for $name {
            type Error = String;
            fn try_from(text: String) -> Result<Self, String> {
                let check: fn(&str) -> bool = $check;
                if check(&text) { Ok(Self(text)) } else { Err(format!("{text:?} is not valid: {}", $want)) }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

text_value!(
    /// A name that is the same in Image Builder, in its ARN (which drops case,
    /// spaces and underscores) and as a folder.
    Name,
    |text| (3..=64).contains(&text.len())
        && text.starts_with(|c: char| c.is_ascii_lowercase())
        && !text.ends_with('-')
        && text.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-'),
    "use 3 to 64 of a-z, 0-9 and '-', a letter first, no '-' at the end"
);

text_value!(
    /// `major.minor.patch`.
    SemanticVersion,
    |text| text.split('.').count() == 3
        && text.split('.').all(|node| {
            !node.is_empty()
                && node.chars().all(|c| c.is_ascii_digit())
                && node.parse::<u32>().is_ok_and(|number| number < 1 << 30)
        }),
    "use three numbers, e.g. \"0.1.0\""
);

/// Where an image starts.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub enum Base {
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
        Err(format!(
            "{text:?} is no base image: use an AMI id (\"ami-…\") or a public parameter (\"ssm:/aws/service/…\")"
        ))
    }
}

impl fmt::Display for Base {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ami(id) => f.write_str(id),
            Self::Parameter(name) => write!(f, "ssm:{name}"),
        }
    }
}

/// Kind of machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Architecture {
    /// Intel and AMD.
    #[serde(rename = "x86_64")]
    X86_64,
    /// Graviton and Grace.
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
}

/// Size of a volume in GiB, 1 to 16000.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(try_from = "i64")]
pub struct VolumeSize(u16);

impl VolumeSize {
    /// In GiB.
    #[must_use]
    pub fn gib(self) -> u16 {
        self.0
    }
}

impl TryFrom<i64> for VolumeSize {
    type Error = String;
    fn try_from(gib: i64) -> Result<Self, String> {
        u16::try_from(gib)
            .ok()
            .filter(|gib| (1..=16000).contains(gib))
            .map(Self)
            .ok_or_else(|| format!("{gib} is no volume size: use 1 to 16000 GiB"))
    }
}

pub(super) fn one_line<'de, D: Deserializer<'de>>(from: D) -> Result<String, D::Error> {
    let text = String::deserialize(from)?;
    if text.trim().is_empty() || text.len() > 200 || text.chars().any(char::is_control) {
        return Err(D::Error::custom("a description is one line of 1 to 200 bytes"));
    }
    Ok(text)
}

pub(super) fn device<'de, D: Deserializer<'de>>(from: D) -> Result<String, D::Error> {
    let text = String::deserialize(from)?;
    let is_name = |name: &str| !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric());
    if !text.strip_prefix("/dev/").is_some_and(is_name) {
        return Err(D::Error::custom(format!(
            "{text:?} is no device name: Debian's images use \"/dev/xvda\", Ubuntu's \"/dev/sda1\""
        )));
    }
    Ok(text)
}

pub(super) fn instance_type<'de, D: Deserializer<'de>>(from: D) -> Result<String, D::Error> {
    let text = String::deserialize(from)?;
    let is_word = |word: &str| {
        !word.is_empty()
            && word.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-')
    };
    if !text.split_once('.').is_some_and(|(family, size)| is_word(family) && is_word(size)) {
        return Err(D::Error::custom(format!(
            "{text:?} is no instance type: use one such as \"m7i.large\""
        )));
    }
    Ok(text)
}

pub(super) fn components<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<super::Name>, D::Error> {
    let names = Vec::<super::Name>::deserialize(from)?;
    if names.is_empty() || names.len() > MAX_COMPONENTS {
        return Err(D::Error::custom(format!(
            "{} components: Image Builder takes 1 to {MAX_COMPONENTS}",
            names.len()
        )));
    }
    let mut seen = std::collections::HashSet::new();
    if let Some(twice) = names.iter().find(|name| !seen.insert(*name)) {
        return Err(D::Error::custom(format!("component {twice} is listed twice")));
    }
    Ok(names)
}
