//! Names and ids by their form, as AWS writes them.
//!
//! Sources: EC2 API reference, "Resource IDs" (8 or 17 hex digits); EC2 user
//! guide, "Instance type naming conventions", "Regions and Zones".

use super::near::{hint, nearest};
use crate::plan::{IdleStop, WantedImage};
use nixl_cluster::instance_type;
use regex_lite::Regex;
use serde::Deserialize;
use std::str::FromStr;
use std::time::Duration;

/// A text of another form.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{given:?} is no {what}: {rule}{hint}")]
pub struct BadName {
    /// As given.
    pub given: String,
    /// What it should be.
    pub what: &'static str,
    /// Its form.
    pub rule: &'static str,
    /// What was probably meant, or nothing.
    pub hint: String,
}

/// Regions to offer for a typo; any name of the right form is taken.
///
/// Source: botocore 1.44.5, partitions.json, without the isolated partitions.
pub(super) const REGIONS: &[&str] = &[
    "af-south-1",
    "ap-east-1",
    "ap-east-2",
    "ap-northeast-1",
    "ap-northeast-2",
    "ap-northeast-3",
    "ap-south-1",
    "ap-south-2",
    "ap-southeast-1",
    "ap-southeast-2",
    "ap-southeast-3",
    "ap-southeast-4",
    "ap-southeast-5",
    "ap-southeast-6",
    "ap-southeast-7",
    "ca-central-1",
    "ca-west-1",
    "cn-north-1",
    "cn-northwest-1",
    "eu-central-1",
    "eu-central-2",
    "eu-north-1",
    "eu-south-1",
    "eu-south-2",
    "eu-west-1",
    "eu-west-2",
    "eu-west-3",
    "eusc-de-east-1",
    "il-central-1",
    "me-central-1",
    "me-south-1",
    "mx-central-1",
    "sa-east-1",
    "us-east-1",
    "us-east-2",
    "us-gov-east-1",
    "us-gov-west-1",
    "us-west-1",
    "us-west-2",
];

fn none(_: &str) -> String {
    String::new()
}

fn near_region(given: &str) -> String {
    // A zone in the place of its region.
    let of_zone = given.strip_suffix(|c: char| c.is_ascii_lowercase());
    let region = of_zone.filter(|region| REGIONS.contains(region));
    hint(region.unwrap_or(given), REGIONS.iter().copied())
}

/// A zone is a region and a letter, so what is wrong is the region.
fn near_zone(given: &str) -> String {
    let Some((at, letter)) = given.char_indices().next_back() else { return String::new() };
    let region = nearest(&given[..at], REGIONS.iter().copied());
    let region = region.filter(|_| letter.is_ascii_lowercase());
    region.map(|region| format!("; did you mean {region}{letter}?")).unwrap_or_default()
}

/// A text that fits a pattern.
macro_rules! name {
    ($(#[$doc:meta])* $name:ident, $what:literal, $pattern:literal, $rule:literal, $near:expr) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
        #[serde(try_from = "String")]
        pub struct $name(pub String);

        impl FromStr for $name {
            type Err = BadName;
            fn from_str(given: &str) -> Result<Self, BadName> {
                let fits = Regex::new($pattern).is_ok_and(|pattern| pattern.is_match(given));
                if fits {
                    return Ok(Self(given.to_owned()));
                }
                let hint = $near(given);
                Err(BadName { given: given.to_owned(), what: $what, rule: $rule, hint })
            }
        }

        impl TryFrom<String> for $name {
            type Error = BadName;
            fn try_from(given: String) -> Result<Self, BadName> {
                given.parse()
            }
        }
    };
}

/// An image by its id, or by the parameter of SSM that holds it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct ImageName(pub WantedImage);

/// Whether a text has the form of an image's id.
#[must_use]
pub fn is_ami(text: &str) -> bool {
    Regex::new("^ami-([0-9a-f]{8}|[0-9a-f]{17})$").is_ok_and(|pattern| pattern.is_match(text))
}

impl FromStr for ImageName {
    type Err = BadName;
    fn from_str(given: &str) -> Result<Self, BadName> {
        // SSM API reference, GetParameter, Name: a name, also with `:VERSION` or
        // `:LABEL`, or an ARN.
        let fits = |name: &&str| {
            (1..=2048).contains(&name.len())
                && name.chars().all(|c| c.is_ascii_alphanumeric() || "_.-/:".contains(c))
        };
        if let Some(name) = given.strip_prefix("ssm:").filter(fits) {
            return Ok(Self(WantedImage::Parameter(name.to_owned())));
        }
        if is_ami(given) {
            return Ok(Self(WantedImage::Ami(given.to_owned())));
        }
        // EC2's own way to say it, or nothing but the name.
        let name =
            given.strip_prefix("resolve:ssm:").or_else(|| given.starts_with('/').then_some(given));
        let hint = name.filter(fits).map(|name| format!("; did you mean ssm:{name}?"));
        Err(BadName {
            given: given.to_owned(),
            what: "image",
            rule: "write ami- and 8 or 17 hex digits, or ssm: and the name of a parameter",
            hint: hint.unwrap_or_default(),
        })
    }
}

impl TryFrom<String> for ImageName {
    type Error = BadName;
    fn try_from(given: String) -> Result<Self, BadName> {
        given.parse()
    }
}

name!(
    /// An account.
    AccountId, "account id", "^[0-9]{12}$", "write 12 digits", none
);
name!(
    /// A subnet.
    SubnetId, "subnet id", "^subnet-([0-9a-f]{8}|[0-9a-f]{17})$",
    "write subnet- and 8 or 17 hex digits", none
);
name!(
    /// A Capacity Reservation or Capacity Block.
    ReservationId, "Capacity Reservation id", "^cr-([0-9a-f]{8}|[0-9a-f]{17})$",
    "write cr- and 17 hex digits", none
);
name!(
    /// An instance type.
    TypeName, "instance type",
    r"^[a-z][a-z0-9-]*\.(nano|micro|small|medium|([0-9]+x|x)?large|metal(-[0-9]+xl)?)$",
    "write a family, a dot and a size", |given| hint(given, instance_type::TABLE.iter().map(|it| it.name))
);
name!(
    /// A region.
    RegionName, "region", "^[a-z]{2,4}(-[a-z]+)+-[0-9]$", "write e.g. us-east-1", near_region
);
name!(
    /// A zone: an Availability Zone or a Local Zone.
    ZoneName, "zone", "^[a-z]{2,4}(-[a-z]+)+-[0-9]([a-z]|-[a-z0-9-]*[a-z0-9])$",
    "write a region and a letter, e.g. us-east-1a", near_zone
);
name!(
    /// A tracking server: SageMaker's rule, cut at 64 so that the ARN fits a tag value.
    ServerName, "tracking server name", "^[a-zA-Z0-9]([a-zA-Z0-9-]{0,62}[a-zA-Z0-9])?$",
    "use 1 to 64 of a-z, A-Z, 0-9 and '-', no '-' at either end", none
);

name!(
    /// A version of MLflow: SageMaker says which it has.
    MlflowVersion, "version of MLflow", r"^[0-9]{1,4}\.[0-9]{1,4}(\.[0-9]{1,4})?$", "write e.g. 3.0", none
);
name!(
    /// An MLflow App or tracking server (SageMaker API reference); of a length that
    /// fits a tag value.
    MlflowArn, "ARN of MLflow",
    "^arn:aws[a-z-]*:sagemaker:[a-z]{2,4}(-[a-z]+)+-[0-9]:[0-9]{12}:(mlflow-tracking-server/[a-zA-Z0-9]([a-zA-Z0-9-]{0,126}[a-zA-Z0-9])?|mlflow-app/[a-zA-Z0-9._-]{1,64})$",
    "write arn:aws:sagemaker:REGION:ACCOUNT:mlflow-app/ID or …:mlflow-tracking-server/NAME", without_blanks
);

name!(
    /// A KMS key: a policy names a key by its ARN only, never by an alias.
    KmsKeyArn, "ARN of a KMS key",
    "^arn:aws[a-z-]*:kms:[a-z]{2,4}(-[a-z]+)+-[0-9]:[0-9]{12}:key/[a-zA-Z0-9-]{1,64}$",
    "write arn:aws:kms:REGION:ACCOUNT:key/ID", no_alias
);

fn no_alias(given: &str) -> String {
    match given.contains("alias/") {
        true => format!(
            "; `aws kms describe-key --key-id {given} --query KeyMetadata.Arn` tells an alias's key"
        ),
        false => String::new(),
    }
}

/// The article's ARNs have blanks after their colons.
fn without_blanks(given: &str) -> String {
    let close: String = given.split_whitespace().collect();
    match close != given && close.parse::<MlflowArn>().is_ok() {
        true => format!("; did you mean {close}?"),
        false => String::new(),
    }
}

impl ZoneName {
    /// What was probably meant in this region, or how to have this zone.
    #[must_use]
    pub fn elsewhere(&self, region: &str) -> String {
        let zone = &self.0;
        let there = zone.strip_suffix(|c: char| c.is_ascii_lowercase());
        match there.filter(|there| REGIONS.contains(there)) {
            Some(there) => format!("it is in --region {there}"),
            None => match zone.chars().next_back() {
                Some(letter @ 'a'..='z') => format!("did you mean {region}{letter}?"),
                _ => format!("write e.g. {region}a"),
            },
        }
    }

    /// Whether it is one of the region's.
    #[must_use]
    pub fn is_in(&self, region: &str) -> bool {
        self.0
            .strip_prefix(region)
            .is_some_and(|rest| !rest.starts_with(|c: char| c.is_ascii_digit()))
    }
}

fn duration(given: &str, what: &'static str) -> Result<Duration, BadName> {
    let bad = |rule| BadName { given: given.to_owned(), what, rule, hint: String::new() };
    let rule = "write e.g. 30m, 8h or 2d";
    let span: jiff::SignedDuration = match given.strip_suffix('d') {
        // A day is 24 hours here, which jiff leaves open.
        Some(days) => {
            let hours = days.parse::<i64>().ok().and_then(|days| days.checked_mul(24));
            jiff::SignedDuration::from_hours(
                hours.filter(|hours| hours.abs() < 1 << 32).ok_or_else(|| bad(rule))?,
            )
        }
        None => given.parse().map_err(|_| bad(rule))?,
    };
    let span = Duration::try_from(span).map_err(|_| bad(rule))?;
    if span < Duration::from_secs(60) { Err(bad("the least is 1m")) } else { Ok(span) }
}

/// How long a cluster lives: `8h`, or `never`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Lifetime(pub Option<Duration>);

impl FromStr for Lifetime {
    type Err = BadName;
    fn from_str(given: &str) -> Result<Self, BadName> {
        if given == "never" {
            return Ok(Self(None));
        }
        duration(given, "lifetime").map(|span| Self(Some(span)))
    }
}

impl TryFrom<String> for Lifetime {
    type Error = BadName;
    fn try_from(given: String) -> Result<Self, BadName> {
        given.parse()
    }
}

/// A duration of at least a minute.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Minutes(pub Duration);

impl FromStr for Minutes {
    type Err = BadName;
    fn from_str(given: &str) -> Result<Self, BadName> {
        duration(given, "duration").map(Self)
    }
}

impl TryFrom<String> for Minutes {
    type Error = BadName;
    fn try_from(given: String) -> Result<Self, BadName> {
        given.parse()
    }
}

/// How long a tracking server runs without nodes: `2h`, or `never`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct ServerIdle(pub IdleStop);

impl FromStr for ServerIdle {
    type Err = BadName;
    fn from_str(given: &str) -> Result<Self, BadName> {
        const LEAST_SECS: u64 = 3600;
        const WHAT: &str = "idle time";
        if given == "never" {
            return Ok(Self(IdleStop::Never));
        }
        let secs = duration(given, WHAT)?.as_secs();
        if secs < LEAST_SECS {
            let rule = "the least is 1h, as a tracking server takes up to 25 minutes to come up";
            let given = given.to_owned();
            return Err(BadName { given, what: WHAT, rule, hint: String::new() });
        }
        Ok(Self(IdleStop::AfterSecs(secs)))
    }
}

impl TryFrom<String> for ServerIdle {
    type Error = BadName;
    fn try_from(given: String) -> Result<Self, BadName> {
        given.parse()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn names_of_the_right_form_are_taken() {
        for name in ["g6.12xlarge", "p6-b200.48xlarge", "c5n.metal", "m7i.metal-24xl", "t3.micro"] {
            assert!(name.parse::<TypeName>().is_ok(), "{name}");
        }
        for known in instance_type::TABLE {
            assert!(known.name.parse::<TypeName>().is_ok(), "{}", known.name);
        }
        for region in REGIONS {
            assert!(region.parse::<RegionName>().is_ok(), "{region}");
            assert!(format!("{region}a").parse::<ZoneName>().unwrap().is_in(region));
        }
        assert!("us-west-2-lax-1a".parse::<ZoneName>().unwrap().is_in("us-west-2"));
        assert!("ami-0123456789abcdef0".parse::<ImageName>().is_ok());
        assert_eq!("never".parse(), Ok(Lifetime(None)));
        assert_eq!("2d".parse(), Ok(Minutes(Duration::from_secs(172_800))));
        assert_eq!("1h".parse(), Ok(ServerIdle(IdleStop::AfterSecs(3600))));
        assert_eq!("never".parse(), Ok(ServerIdle(IdleStop::Never)));
    }

    #[test]
    fn others_are_told_with_what_was_meant() {
        let told = |error: BadName| error.to_string();
        let error = told("g6.12xlrage".parse::<TypeName>().unwrap_err());
        assert!(error.ends_with("did you mean g6.12xlarge?"), "{error}");
        let error = told("us-east1".parse::<RegionName>().unwrap_err());
        assert!(error.ends_with("did you mean us-east-1?"), "{error}");
        let error = told("us-east-1a".parse::<RegionName>().unwrap_err());
        assert!(error.ends_with("did you mean us-east-1?"), "{error}");
        let error = told("us-west2b".parse::<ZoneName>().unwrap_err());
        assert!(error.ends_with("did you mean us-west-2b?"), "{error}");
        let elsewhere = |zone: &str| ZoneName(zone.to_owned()).elsewhere("us-east-1");
        assert_eq!(elsewhere("us-west-2b"), "it is in --region us-west-2");
        assert_eq!(elsewhere("us-esat-1b"), "did you mean us-east-1b?");
        for bad in ["us-east-1", "a", "us-east-1-"] {
            assert!(bad.parse::<ZoneName>().is_err(), "{bad}");
        }
        assert!("ami-123".parse::<ImageName>().is_err());
        assert!("cr-xyz".parse::<ReservationId>().is_err());
        for bad in ["", "soon", "-1h", "0s", "59s", "1", "99999999999d"] {
            assert!(bad.parse::<Lifetime>().is_err(), "{bad}");
            assert!(bad.parse::<ServerIdle>().is_err(), "{bad}");
        }
        let short = told("59m".parse::<ServerIdle>().unwrap_err());
        assert!(short.contains("the least is 1h"), "{short}");
        assert!(!ZoneName("us-east-11a".to_owned()).is_in("us-east-1"));
    }

    #[test]
    fn an_image_is_an_id_or_a_parameter() {
        let parameter = |name: &str| Ok(ImageName(WantedImage::Parameter(name.to_owned())));
        for name in [
            "/nixl/ami/nixl-gpu/x86_64/latest",
            "golden:3",
            "arn:aws:ssm:us-east-1:111122223333:parameter/golden",
        ] {
            assert_eq!(format!("ssm:{name}").parse(), parameter(name));
        }
        for (bad, meant) in [
            ("resolve:ssm:/golden", "did you mean ssm:/golden?"),
            ("/golden", "did you mean ssm:/golden?"),
            ("ssm:", "ssm: and the name of a parameter"),
            ("ssm:a b", "ssm: and the name of a parameter"),
        ] {
            let told = bad.parse::<ImageName>().unwrap_err().to_string();
            assert!(told.contains(meant), "{told}");
        }
    }

    proptest! {
        #[test]
        fn no_text_breaks_a_parser(text in "\\PC{0,40}") {
            let _ = text.parse::<Lifetime>();
            let _ = text.parse::<Minutes>();
            let _ = text.parse::<ServerIdle>();
            let _ = text.parse::<ZoneName>();
            let _ = text.parse::<TypeName>();
            let _ = text.parse::<ImageName>();
        }
    }
}
