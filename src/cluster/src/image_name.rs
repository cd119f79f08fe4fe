//! Names of baked images, `<recipe>-<digest>-<when it was built>`. Other accounts see no
//! tags of an image (EC2 user guide, "Tag your Amazon EC2 resources"), so its name is all
//! that tells them what is in it.

/// Hex digits of the digest in a name.
const DIGEST_CHARS: usize = 12;

/// Name filter of EC2 that every name of a baked image fits, and others as well.
pub const PATTERN: &str = "*-????????????-*";

/// What stands before the time in the names of all images of this content. `digest` is
/// hex, whole or its beginning.
#[must_use]
pub fn stem(recipe: &str, digest: &str) -> String {
    format!("{recipe}-{}", digest.get(..DIGEST_CHARS).unwrap_or(digest))
}

/// Whether a name has the form of a baked image's.
#[must_use]
pub fn is_baked(name: &str) -> bool {
    let hex = |part: &str| part.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
    let year = |part: &str| part.bytes().all(|b| b.is_ascii_digit());
    name.match_indices('-').any(|(at, _)| {
        let rest = &name[at + 1..];
        let after = rest.get(DIGEST_CHARS..).and_then(|after| after.strip_prefix('-'));
        at > 0
            && rest.get(..DIGEST_CHARS).is_some_and(hex)
            && after.is_some_and(|after| after.get(..4).is_some_and(year))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_name_is_known_by_its_form(recipe in "[a-z][a-z0-9-]{1,20}[a-z0-9]", digest in "[0-9a-f]{64}") {
            let stem = stem(&recipe, &digest);
            prop_assert!(digest.starts_with(&stem[recipe.len() + 1..]));
            let name = format!("{stem}-2026-11-29T10-20-30.123Z");
            prop_assert!(is_baked(&name));
            let another = format!("{name}-2");
            prop_assert!(is_baked(&another));
            prop_assert!(!is_baked(&stem));
        }

        #[test]
        fn no_text_breaks_it(text in "\\PC{0,60}") {
            let _ = is_baked(&text);
        }
    }

    #[test]
    fn others_are_not_taken_for_baked() {
        for name in [
            "",
            "-0123456789ab-2026",
            "ubuntu/images/hvm-ssd-gp3/ubuntu-noble-24.04-amd64-server-20261101",
            "nixl-0123456789aB-2026-11-29",
            "nixl-0123456789ab-x026",
        ] {
            assert!(!is_baked(name), "{name}");
        }
    }
}
