//! What a component downloads while it is installed: named here, pinned in
//! `recipe.lock`.

use super::{Architecture, Os, Text, When, files};
use serde::{Deserialize, Deserializer, de::Error as _};
use toml::Spanned;

/// A download as written.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DownloadSpec {
    /// Name in `$NIXL_FILES`.
    #[serde(deserialize_with = "name")]
    pub name: String,
    /// What it is a version of; may hold `{input}`.
    pub version: Spanned<Text>,
    /// Where it is; may hold `{input}`.
    pub url: Spanned<Text>,
    /// Images it is for.
    #[serde(default)]
    pub when: When,
}

fn name<'de, D: Deserializer<'de>>(from: D) -> Result<String, D::Error> {
    files::file_name(String::deserialize(from)?).map_err(D::Error::custom)
}

/// Names in braces that stand for the image, beside a component's inputs:
/// operating system, architecture as EC2 writes it, as Debian, uname and NVIDIA do.
#[must_use]
pub(crate) fn facts(os: Os, architecture: Architecture) -> [(&'static str, &'static str); 5] {
    let (machine, nvidia) = match architecture {
        Architecture::X86_64 => ("x86_64", "x86_64"),
        Architecture::Arm64 => ("aarch64", "sbsa"),
    };
    [
        ("os", os.as_str()),
        ("arch", architecture.as_str()),
        ("deb_arch", architecture.debian()),
        ("machine", machine),
        ("nvidia_arch", nvidia),
    ]
}

/// `text` with every `{name}` replaced by what `value` says; or the name that
/// it does not know.
pub(crate) fn expand(text: &str, value: impl Fn(&str) -> Option<String>) -> Result<String, &str> {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('{') {
        let (name, after) = after.split_once('}').ok_or(after)?;
        out.push_str(before);
        out.push_str(&value(name).ok_or(name)?);
        rest = after;
    }
    out.push_str(rest);
    Ok(out)
}

/// Why a download cannot be pinned, if it cannot.
#[must_use]
pub(crate) fn fault(version: &str, url: &str) -> Option<&'static str> {
    // What is served on this computer only is for tests and mirrors of one's own.
    let secure = ["https://", "http://127.0.0.1:", "http://localhost:"];
    if !secure.iter().any(|scheme| url.starts_with(scheme)) {
        return Some("it is not https");
    }
    if url.contains(|c: char| c.is_whitespace() || "'\"\\`$<>".contains(c)) {
        return Some("it has a character that URLs do not have");
    }
    let moves = |word: &str| matches!(word, "latest" | "master" | "main" | "stable" | "");
    if moves(version) {
        return Some("its version moves; name one");
    }
    let latest = |part: &str| part == "latest" || part.contains("-latest.");
    if url.split(['/', '?']).any(latest) {
        return Some("`latest` in it moves; name a version");
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_in_braces_are_replaced_or_told() {
        let value = |name: &str| (name == "version").then(|| "1.2".to_owned());
        assert_eq!(expand("a-{version}.tar", value).unwrap(), "a-1.2.tar");
        assert_eq!(expand("{versoin}", value), Err("versoin"));
        assert_eq!(expand("{version", value), Err("version"));
    }

    #[test]
    fn what_moves_or_is_open_to_anybody_is_no_download() {
        let fault = |url| fault("1.2", url);
        assert_eq!(fault("https://x.com/a-1.2.tar.gz"), None);
        assert_eq!(fault("http://127.0.0.1:8000/a"), None);
        assert!(fault("http://x.com/a").unwrap().contains("https"));
        assert!(fault("https://x.com/aws-efa-installer-latest.tar.gz").unwrap().contains("latest"));
        assert!(fault("https://x.com/latest/a").unwrap().contains("latest"));
        assert!(fault("https://x.com/a b").is_some());
        assert!(super::fault("latest", "https://x.com/a").is_some());
    }
}
