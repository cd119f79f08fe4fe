//! What a script must not contain, because AWSTOE would read it as its own or
//! because nothing would be there.

use crate::error::BakeError;
use crate::recipe::{ComponentSpec, Source, variable};

/// What every script may use: operating system and architecture of the image.
pub(crate) const FACTS: [&str; 2] = ["NIXL_OS", "NIXL_ARCH"];
/// What the image is, to scripts that tell it: name and version of the recipe,
/// digest, and its parts as lines of a name and a value. They count for no
/// digest, as they follow from it.
pub(crate) const IMAGE: [&str; 3] = ["NIXL_IMAGE", "NIXL_DIGEST", "NIXL_PARTS"];
/// Folder of the component's files while it is installed.
pub(crate) const FILES: &str = "NIXL_FILES";

/// Tells of `{{` (a reference to AWSTOE, even inside a heredoc), of exit code
/// 194 in the open (reboots and runs the step again), of carriage returns and
/// other control characters, of missing strict mode and of `$NIXL_…` that
/// nothing sets.
pub(crate) fn check_script(
    source: Source<'_>,
    spec: &ComponentSpec,
    keep: &mut impl FnMut(BakeError),
) {
    let text = source.text;
    let finds = [
        (text.find("{{"), "`{{` is a reference to Image Builder; write it as `{ {` or '{''{'"),
        (
            text.find("exit 194"),
            "exit code 194 makes Image Builder reboot and run the step again; say `reboot_once WHY`",
        ),
        (
            text.find(|c: char| c.is_control() && c != '\n' && c != '\t'),
            "a control character (a carriage return?); use plain text with \\n",
        ),
        (
            (!text.lines().any(|line| line.trim() == "set -Eeuo pipefail")).then_some(0),
            "no strict mode: start with `set -Eeuo pipefail`",
        ),
    ];
    for (at, message) in finds {
        if let Some(at) = at {
            keep(source.at(at, message));
        }
    }
    let installs = source.path.ends_with("install.sh");
    let known = known(spec, installs);
    for (at, name) in uses(text) {
        if !known.iter().any(|known| known == name) {
            let what = match name.starts_with("NIXL_INPUT_") {
                true => "component.toml has no input for",
                false => "nothing sets",
            };
            keep(
                source.unknown(
                    at,
                    what,
                    &format!("${name}"),
                    known
                        .iter()
                        .map(|known| format!("${known}"))
                        .collect::<Vec<_>>()
                        .iter()
                        .map(String::as_str),
                ),
            );
        }
    }
}

/// Variables a script may use.
fn known(spec: &ComponentSpec, installs: bool) -> Vec<String> {
    let mut known: Vec<String> =
        FACTS.iter().chain(&IMAGE).map(|name| (*name).to_owned()).collect();
    // Files are gone when the component is validated; their sums stay.
    if installs && !(spec.files.is_empty() && spec.downloads.is_empty()) {
        known.push(FILES.to_owned());
    }
    known.extend(spec.files.iter().map(|file| variable(&file.name)));
    known.extend(spec.downloads.iter().map(|one| variable(&one.name)));
    known.extend(spec.inputs.keys().map(crate::recipe::InputName::variable));
    known
}

/// Every `$NIXL_…` and `${NIXL_…`, with the place of its dollar sign.
fn uses(text: &str) -> impl Iterator<Item = (usize, &str)> {
    text.match_indices('$').filter_map(|(at, _)| {
        let rest = &text[at + 1..];
        let rest = rest.strip_prefix('{').unwrap_or(rest);
        let end = rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(rest.len());
        rest[..end].starts_with("NIXL_").then_some((at, &rest[..end]))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    const SPEC: &str = "name = \"nixl-a\"\ndescription = \"a\"\ntimeout_secs = 1\n\
        inputs.version = { description = \"v\" }\nfiles = [{ name = \"a.tar\", path = \"a\" }]\n";

    fn told(name: &str, text: &str) -> Vec<String> {
        let spec: ComponentSpec =
            Source { path: Path::new("component.toml"), text: SPEC }.parse().unwrap();
        let text = format!("set -Eeuo pipefail\n{text}");
        let mut told = Vec::new();
        let source = Source { path: Path::new(name), text: &text };
        check_script(source, &spec, &mut |error| told.push(error.to_string()));
        told
    }

    #[test]
    fn what_image_builder_would_misread_is_refused_with_its_place() {
        let one = |text: &str| told("install.sh", text).remove(0);
        assert!(one("echo '{{ x }}'").starts_with("install.sh:2:7: `{{`"));
        assert!(one("exit 194").contains("reboot_once"));
        assert!(one("echo a\r\n").contains("carriage return"));
        assert!(told("install.sh", "echo\n").is_empty());
        let mut bare = Vec::new();
        let spec = Source { path: Path::new("c"), text: SPEC }.parse().unwrap();
        let source = Source { path: Path::new("a"), text: "echo" };
        check_script(source, &spec, &mut |error: BakeError| bare.push(error.to_string()));
        assert!(bare[0].contains("strict mode"), "{bare:?}");
    }

    #[test]
    fn what_nothing_sets_is_told_with_what_was_meant() {
        let good = "echo $NIXL_INPUT_VERSION ${NIXL_OS} \"$NIXL_ARCH\" ${NIXL_SHA256_A_TAR:0:3}\n";
        assert!(told("install.sh", good).is_empty(), "{:?}", told("install.sh", good));
        let wrong = told("install.sh", "echo ${NIXL_INPUT_VERSOIN}\n");
        assert_eq!(
            wrong,
            [
                "install.sh:2:6: component.toml has no input for `$NIXL_INPUT_VERSOIN`; did you mean `$NIXL_INPUT_VERSION`?"
            ]
        );
        assert!(told("install.sh", "cp $NIXL_FILES/a.tar .").is_empty());
        assert!(told("validate.sh", "cp $NIXL_FILES/a.tar .")[0].contains("nothing sets"));
    }
}
