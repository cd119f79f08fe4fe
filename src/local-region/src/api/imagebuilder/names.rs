//! Names, versions and ARNs.

use super::{ApiError, Call, bad};
use crate::rules::imagebuilder as rules;

/// Checks a name: 3 to 128 of letters, digits, `-`, `_` and inner spaces.
pub fn check(call: &Call<'_>, name: &str) -> Result<(), ApiError> {
    call.region.rules.check(&rules::NAME, is_name(name), || {
        bad(
            "name",
            format!("'{name}' must match ^[-_A-Za-z-0-9][-_A-Za-z0-9 ]{{1,126}}[-_A-Za-z-0-9]$."),
        )
    })
}

fn is_name(name: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    let edges = |c: Option<char>| c.is_some_and(plain);
    (3..=128).contains(&name.len())
        && edges(name.chars().next())
        && edges(name.chars().last())
        && name.chars().all(|c| plain(c) || c == ' ')
}

/// The form in ARNs; names that have the same one collide.
#[must_use]
pub fn normal(name: &str) -> String {
    name.to_lowercase().replace([' ', '_'], "-")
}

/// Checks a version: `major.minor.patch`, each below 2^30.
pub fn version(call: &Call<'_>, text: &str) -> Result<(), ApiError> {
    call.region.rules.check(&rules::VERSION, is_version(text), || {
        invalid_version(text, "it must be <major>.<minor>.<patch>")
    })
}

/// A version that cannot be one.
pub fn invalid_version(text: &str, why: &str) -> ApiError {
    ApiError::new(
        "InvalidVersionNumberException",
        format!("The semantic version '{text}' is not valid: {why}."),
    )
}

fn is_version(text: &str) -> bool {
    let number = |part: &str| {
        let digits = !part.is_empty() && part.chars().all(|c| c.is_ascii_digit());
        digits && part.parse::<u32>().is_ok_and(|number| number < 1 << 30)
    };
    text.split('.').count() == 3 && text.split('.').all(number)
}

/// Checks an ARN of a request: one build, or with `versions` also a whole
/// version, where `x` stands for the latest.
pub fn check_arn(
    call: &Call<'_>,
    parameter: &str,
    arn: &str,
    kind: &str,
    form: Form,
) -> Result<(), ApiError> {
    call.region.rules.check(&rules::ARN, form.fits(arn, kind), || {
        bad(parameter, format!("'{arn}' is not the ARN of a resource of the kind {kind}."))
    })
}

/// Kinds of workflows, by the stage that they are for.
const WORKFLOWS: [&str; 3] = ["workflow/build", "workflow/test", "workflow/distribution"];

/// What stands behind the name in an ARN.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// Nothing.
    Name,
    /// A version, `x` allowed.
    Version,
    /// A version with its build number.
    Build,
    /// Either of the last two.
    VersionOrBuild,
}

impl Form {
    fn fits(self, arn: &str, kind: &str) -> bool {
        let parts: Vec<&str> = arn.splitn(6, ':').collect();
        let ["arn", _, "imagebuilder", _, _, resource] = parts[..] else { return false };
        if kind == "workflow" {
            return WORKFLOWS.iter().any(|kind| self.fits(arn, kind));
        }
        let rest = resource.strip_prefix(kind).and_then(|rest| rest.strip_prefix('/'));
        let Some(rest) = rest else { return false };
        let mut parts = rest.split('/');
        let named = parts.next().is_some_and(|name| !name.is_empty() && name == normal(name));
        let rest: Vec<&str> = parts.collect();
        let version = |text: &str| is_version(&text.replace('x', "0"));
        named
            && match rest[..] {
                [] => self == Self::Name,
                [one] => matches!(self, Self::Version | Self::VersionOrBuild) && version(one),
                [one, build] => {
                    matches!(self, Self::Build | Self::VersionOrBuild)
                        && is_version(one)
                        && build.parse::<u32>().is_ok()
                }
                _ => false,
            }
    }
}

/// What a message calls the resource of an ARN, e.g. `ImageRecipe`.
#[must_use]
pub fn kind(arn: &str) -> String {
    let resource = arn.splitn(6, ':').nth(5).and_then(|resource| resource.split('/').next());
    let words = resource.unwrap_or_default().split('-').filter(|word| !word.is_empty());
    words.map(|word| word[..1].to_uppercase() + &word[1..]).collect()
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
        let (front, last) = arn.rsplit_once('/')?;
        let (arn, build) = match last.parse() {
            Ok(build) => (front, Some(build)),
            Err(_) => (arn, None),
        };
        let (head, version) = arn.rsplit_once('/')?;
        Some((head.to_owned(), version.split('.').map(str::to_owned).collect(), build))
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
        assert!(is_version("1.2.3"));
        for text in ["1.2", "1.2.x", "1.2.3.4", "1..3", "1.2.+3", "1.2.1073741824"] {
            assert!(!is_version(text), "{text}");
        }
        assert!(is_name("nixl node"));
        for name in ["ab", " abc", "abc ", "a/bc", "äbc"] {
            assert!(!is_name(name), "{name}");
        }
        assert_eq!(normal("Nixl_Node X"), "nixl-node-x");
    }

    #[test]
    fn arns_have_the_form_of_their_kind() {
        let arn =
            |resource: &str| format!("arn:aws:imagebuilder:us-east-1:111122223333:{resource}");
        for (resource, kind, form) in [
            ("component/n/1.0.0/1", "component", Form::Build),
            ("component/n/1.0.x", "component", Form::VersionOrBuild),
            ("infrastructure-configuration/n", "infrastructure-configuration", Form::Name),
            ("workflow/test/n/1.0.0/1", "workflow", Form::Build),
            ("workflow/build/n/x.x.x", "workflow", Form::VersionOrBuild),
        ] {
            assert!(form.fits(&arn(resource), kind), "{resource}");
        }
        for (resource, kind, form) in [
            ("component/n/1.0.0", "component", Form::Build),
            ("component/n/1.0.x/1", "component", Form::VersionOrBuild),
            ("component/N/1.0.0/1", "component", Form::Build),
            ("image/n/1.0.0/1", "component", Form::Build),
            ("component/n", "component", Form::Version),
            ("workflow/deploy/n/1.0.0", "workflow", Form::Version),
            ("workflow/n/1.0.0", "workflow", Form::Version),
        ] {
            assert!(!form.fits(&arn(resource), kind), "{resource}");
        }
        assert!(!Form::Name.fits("component/n", "component"));
        assert_eq!(super::kind(&arn("image-recipe/n/1.0.0")), "ImageRecipe");
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
        let workflows = ["w/test/n/1.0.0/1", "w/build/n/1.0.0/2"].map(str::to_owned);
        let test = resolve(workflows.iter(), "w/test/n/x.x.x");
        assert_eq!(test.as_deref(), Some("w/test/n/1.0.0/1"));
    }
}
