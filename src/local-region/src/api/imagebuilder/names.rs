//! Names, versions and ARNs.

use super::{ApiError, Call, bad};

/// Checks a name: 3 to 128 of letters, digits, `-`, `_` and inner spaces.
pub fn check(name: &str) -> Result<(), ApiError> {
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    let edges = |c: Option<char>| c.is_some_and(plain);
    let fits = (3..=128).contains(&name.len())
        && edges(name.chars().next())
        && edges(name.chars().last())
        && name.chars().all(|c| plain(c) || c == ' ');
    if fits {
        Ok(())
    } else {
        Err(bad(
            "name",
            format!("'{name}' must match ^[-_A-Za-z-0-9][-_A-Za-z0-9 ]{{1,126}}[-_A-Za-z-0-9]$."),
        ))
    }
}

/// The form in ARNs; names that have the same one collide.
#[must_use]
pub fn normal(name: &str) -> String {
    name.to_lowercase().replace([' ', '_'], "-")
}

/// `major.minor.patch`, each below 2^30.
pub fn version(text: &str) -> Result<[u32; 3], ApiError> {
    let parts: Option<Vec<u32>> = text
        .split('.')
        .map(|part| {
            let digits = !part.is_empty() && part.chars().all(|c| c.is_ascii_digit());
            part.parse().ok().filter(|number| digits && *number < 1 << 30)
        })
        .collect();
    parts.and_then(|parts| parts.try_into().ok()).ok_or_else(|| {
        ApiError::new(
            "InvalidVersionNumberException",
            format!(
                "The semantic version '{text}' is not valid: it must be <major>.<minor>.<patch>."
            ),
        )
    })
}

/// `arn:aws:imagebuilder:<region>:<account>:<kind>/<name>/<rest>`
#[must_use]
pub fn arn(call: &Call<'_>, kind: &str, name: &str, rest: &str) -> String {
    let slash = if rest.is_empty() { "" } else { "/" };
    call.arn(&format!("{kind}/{}{slash}{rest}", normal(name)))
}

/// The latest resource that an ARN without build number, or with `x` in its
/// version, stands for.
#[must_use]
pub fn resolve<'a>(arns: impl Iterator<Item = &'a String>, wanted: &str) -> Option<String> {
    let split = |arn: &str| -> Option<(String, Vec<String>, Option<u32>)> {
        let mut parts = arn.split('/');
        let head = format!("{}/{}", parts.next()?, parts.next()?);
        let version = parts.next()?.split('.').map(str::to_owned).collect();
        let build = match parts.next() {
            Some(build) => Some(build.parse().ok()?),
            None => None,
        };
        Some((head, version, build))
    };
    let (head, version, build) = split(wanted)?;
    arns.filter_map(|arn| Some((arn, split(arn)?)))
        .filter(|(_, (h, v, b))| {
            *h == head
                && v.len() == version.len()
                && version.iter().zip(v).all(|(want, have)| want == "x" || want == have)
                && (build.is_none() || build == *b)
        })
        .max_by_key(|(_, (_, v, b))| {
            (v.iter().map(|part| part.parse::<u32>().unwrap_or(0)).collect::<Vec<_>>(), *b)
        })
        .map(|(arn, _)| arn.clone())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_and_names_are_checked() {
        assert_eq!(version("1.2.3").unwrap(), [1, 2, 3]);
        for text in ["1.2", "1.2.x", "1.2.3.4", "1..3", "1.2.+3", "1.2.1073741824"] {
            assert!(version(text).is_err(), "{text}");
        }
        check("nixl node").unwrap();
        for name in ["ab", " abc", "abc ", "a/bc", "äbc"] {
            assert!(check(name).is_err(), "{name}");
        }
        assert_eq!(normal("Nixl_Node X"), "nixl-node-x");
    }

    #[test]
    fn resolves_the_latest() {
        let arns: Vec<String> =
            ["c/n/1.0.0/1", "c/n/1.0.0/2", "c/n/1.0.10/1", "c/n/1.0.9/1", "c/m/9.0.0/1"]
                .map(str::to_owned)
                .to_vec();
        let latest = |wanted: &str| resolve(arns.iter(), wanted);
        assert_eq!(latest("c/n/1.0.0").as_deref(), Some("c/n/1.0.0/2"));
        assert_eq!(latest("c/n/x.x.x").as_deref(), Some("c/n/1.0.10/1"));
        assert_eq!(latest("c/n/1.0.0/1").as_deref(), Some("c/n/1.0.0/1"));
        assert_eq!(latest("c/n/2.x.x"), None);
    }
}
