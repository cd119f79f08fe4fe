//! Values that are checked when they are read, so that an error points at the
//! place in the file.

use serde::{Deserialize, Deserializer, de::Error as _};

macro_rules! text_value {
    ($(#[$doc:meta])* $name:ident, $check:expr, $want:literal) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Deserialize)]
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

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

pub(super) use text_value;

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

text_value!(
    /// Name of a component's input.
    InputName,
    |text| (1..=32).contains(&text.len())
        && text.starts_with(|c: char| c.is_ascii_lowercase())
        && text.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_'),
    "use 1 to 32 of a-z, 0-9 and '_', a letter first"
);

text_value!(
    /// Value of an input. Not secret: documents can be read by whoever may see
    /// the account's components.
    Text,
    |text| text.len() <= 200 && !text.contains("{{") && !text.chars().any(char::is_control),
    "use one line of at most 200 bytes without `{{`"
);

impl InputName {
    /// `$NIXL_INPUT_…`
    #[must_use]
    pub fn variable(&self) -> String {
        format!("NIXL_INPUT_{}", self.0.to_ascii_uppercase())
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

pub(super) fn device<'de, D: Deserializer<'de>>(from: D) -> Result<Option<String>, D::Error> {
    let text = String::deserialize(from)?;
    let is_name = |name: &str| !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric());
    if !text.strip_prefix("/dev/").is_some_and(is_name) {
        return Err(D::Error::custom(format!(
            "{text:?} is no device name: Debian's images use \"/dev/xvda\", Ubuntu's \"/dev/sda1\""
        )));
    }
    Ok(Some(text))
}

pub(super) fn instance_type<'de, D: Deserializer<'de>>(from: D) -> Result<String, D::Error> {
    parse_instance_type(&String::deserialize(from)?).map_err(D::Error::custom)
}

/// Reads the name of an instance type.
///
/// # Errors
/// If it is none.
pub fn parse_instance_type(text: &str) -> Result<String, String> {
    let is_word = |word: &str| {
        !word.is_empty()
            && word.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-')
    };
    if !text.split_once('.').is_some_and(|(family, size)| is_word(family) && is_word(size)) {
        return Err(format!("{text:?} is no instance type: use one such as \"m7i.large\""));
    }
    Ok(text.to_owned())
}

/// Component folders, each once.
#[derive(Deserialize)]
#[serde(try_from = "Vec<Name>")]
pub(super) struct Components(pub Vec<Name>);

impl TryFrom<Vec<Name>> for Components {
    type Error = String;
    fn try_from(names: Vec<Name>) -> Result<Self, String> {
        let mut seen = std::collections::HashSet::new();
        match names.iter().find(|name| !seen.insert(*name)) {
            Some(twice) => Err(format!("component {twice} is listed twice")),
            None => Ok(Self(names)),
        }
    }
}
