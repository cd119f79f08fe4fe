//! `MLFLOW_TRACKING_ARN`: a tracking server by name or an MLflow App by id
//! (SageMaker API reference, `CreatePresignedMlflowTrackingServerUrl` and
//! `CreatePresignedMlflowAppUrl`).

use std::fmt;
use std::str::FromStr;

/// Longest name of a tracking server (API reference, `TrackingServerName`).
const MAX_NAME_CHARS: usize = 256;
/// Longest ARN of an App (API reference, `CreatePresignedMlflowAppUrl`).
const MAX_APP_ARN_CHARS: usize = 128;

/// A tracking resource, from its ARN.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TrackingResource {
    /// `arn:…:mlflow-tracking-server/<name>`
    Server {
        /// Whole ARN.
        arn: String,
        /// Region.
        region: String,
        /// Name.
        name: String,
    },
    /// `arn:…:mlflow-app/<id>`
    App {
        /// Whole ARN.
        arn: String,
        /// Region.
        region: String,
        /// Id.
        id: String,
    },
}

/// Why a text is no tracking ARN.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{given:?} is no MLflow tracking ARN: {why} ({})", expected(meant.as_deref()))]
pub struct ArnError {
    /// As given.
    pub given: String,
    /// What is wrong.
    pub why: &'static str,
    /// The ARN that is left without blanks, as after the colons of a text that
    /// went through a word processor.
    pub meant: Option<String>,
}

fn expected(meant: Option<&str>) -> String {
    meant.map_or_else(
        || {
            "expected arn:aws:sagemaker:REGION:ACCOUNT:mlflow-tracking-server/NAME or …:mlflow-app/ID"
                .to_owned()
        },
        |meant| format!("write {meant}"),
    )
}

/// A partition whose data plane has no known host name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "SageMaker's MLflow has no public endpoint for {arn}: tracking servers are in the partitions aws and aws-us-gov, Apps in aws; set endpoint below [mlflow] in the settings if yours has one"
)]
pub struct NoEndpoint {
    /// The ARN.
    pub arn: String,
}

impl TrackingResource {
    /// Whole ARN.
    #[must_use]
    pub fn arn(&self) -> &str {
        match self {
            Self::Server { arn, .. } | Self::App { arn, .. } => arn,
        }
    }

    /// Region.
    #[must_use]
    pub fn region(&self) -> &str {
        match self {
            Self::Server { region, .. } | Self::App { region, .. } => region,
        }
    }

    /// Public URL of the tracking API, without a slash at the end
    /// (sagemaker-mlflow 0.5.0, `mlflow_sagemaker_helpers`; both suffixes are `.aws`).
    ///
    /// # Errors
    /// If the partition has none.
    pub fn endpoint(&self) -> Result<String, NoEndpoint> {
        let partition = self.arn().split(':').nth(1).unwrap_or_default();
        match (self, partition) {
            (Self::Server { region, .. }, "aws" | "aws-us-gov") => {
                Ok(format!("https://{region}.experiments.sagemaker.aws"))
            }
            (Self::App { region, .. }, "aws") => {
                Ok(format!("https://mlflow.sagemaker.{region}.app.aws"))
            }
            _ => Err(NoEndpoint { arn: self.arn().to_owned() }),
        }
    }

    /// Header that tells the endpoint which resource is meant; its value is the ARN.
    #[must_use]
    pub fn routing_header(&self) -> &'static str {
        match self {
            Self::Server { .. } => "x-mlflow-sm-tracking-server-arn",
            Self::App { .. } => "x-sm-mlflow-app-arn",
        }
    }

    /// SigV4's name of the service of the tracking API.
    #[must_use]
    pub fn signing_name(&self) -> &'static str {
        match self {
            Self::Server { .. } => "sagemaker-mlflow",
            Self::App { .. } => "sagemaker",
        }
    }

    /// IAM action that presigned URLs need (service authorization reference).
    #[must_use]
    pub fn presign_action(&self) -> &'static str {
        match self {
            Self::Server { .. } => "sagemaker:CreatePresignedMlflowTrackingServerUrl",
            Self::App { .. } => "sagemaker:CreatePresignedMlflowAppUrl",
        }
    }
}

impl fmt::Display for TrackingResource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.arn())
    }
}

impl FromStr for TrackingResource {
    type Err = ArnError;

    fn from_str(given: &str) -> Result<Self, ArnError> {
        parse(given).map_err(|why| {
            let dense: String = given.chars().filter(|c| !c.is_whitespace()).collect();
            if dense != given && parse(&dense).is_ok() {
                let why = "there are blanks in it";
                ArnError { given: given.to_owned(), why, meant: Some(dense) }
            } else {
                ArnError { given: given.to_owned(), why, meant: None }
            }
        })
    }
}

fn parse(given: &str) -> Result<TrackingResource, &'static str> {
    let parts: Vec<&str> = given.split(':').collect();
    let [scheme, partition, service, region, account, resource] = parts[..] else {
        return Err("it does not have six parts between colons");
    };
    if scheme != "arn" {
        return Err("it does not begin with arn:");
    }
    if !is_partition(partition) {
        return Err("the partition is not aws, aws-cn or the like");
    }
    if service != "sagemaker" {
        return Err("the service is not sagemaker");
    }
    if !is_region(region) {
        return Err("the region does not look like us-east-1");
    }
    if account.len() != 12 || !account.bytes().all(|b| b.is_ascii_digit()) {
        return Err("the account is not 12 digits");
    }
    let (kind, id) = resource.split_once('/').ok_or("the resource has no name after a slash")?;
    let (arn, region, id_owned) = (given.to_owned(), region.to_owned(), id.to_owned());
    match kind {
        "mlflow-tracking-server" if is_server_name(id) => {
            Ok(TrackingResource::Server { arn, region, name: id_owned })
        }
        "mlflow-tracking-server" => {
            Err("a server's name is 1 to 256 of a-z, A-Z, 0-9 and '-', no '-' first or last")
        }
        "mlflow-app" if given.len() > MAX_APP_ARN_CHARS => {
            Err("an App's ARN has at most 128 characters")
        }
        "mlflow-app" if is_app_id(id) => Ok(TrackingResource::App { arn, region, id: id_owned }),
        "mlflow-app" => Err("an App's id is made of a-z, A-Z, 0-9, '-', '_' and '.'"),
        _ => Err("the resource is neither mlflow-tracking-server nor mlflow-app"),
    }
}

/// `aws[a-z\-]*`
fn is_partition(text: &str) -> bool {
    text.strip_prefix("aws")
        .is_some_and(|rest| rest.bytes().all(|b| b.is_ascii_lowercase() || b == b'-'))
}

/// Two or more words and a number: `eu-west-2`, `us-gov-east-1`.
fn is_region(text: &str) -> bool {
    let parts: Vec<&str> = text.split('-').collect();
    let Some((number, words)) = parts.split_last() else { return false };
    let is = |part: &str, of: fn(&u8) -> bool| !part.is_empty() && part.bytes().all(|b| of(&b));
    words.len() >= 2
        && words.iter().all(|word| is(word, u8::is_ascii_lowercase))
        && is(number, u8::is_ascii_digit)
}

/// `[a-zA-Z0-9](-*[a-zA-Z0-9]){0,255}`, at most 256 characters.
fn is_server_name(text: &str) -> bool {
    (1..=MAX_NAME_CHARS).contains(&text.len())
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
        && !text.starts_with('-')
        && !text.ends_with('-')
}

/// The API says `.*`; the ARN also goes into environment files, so nothing
/// that a shell or systemd could read as more than a letter.
fn is_app_id(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn both_kinds_are_known() {
        let arn = "arn:aws:sagemaker:us-east-1:123456789012:mlflow-tracking-server/nixl-efa-mlflow";
        let server: TrackingResource = arn.parse().unwrap();
        assert_eq!(
            server,
            TrackingResource::Server {
                arn: arn.to_owned(),
                region: "us-east-1".to_owned(),
                name: "nixl-efa-mlflow".to_owned(),
            }
        );
        assert_eq!(
            (server.arn(), server.region(), server.to_string().as_str()),
            (arn, "us-east-1", arn)
        );
        let arn = "arn:aws-us-gov:sagemaker:us-gov-east-1:123456789012:mlflow-app/app-2X4Y";
        let app: TrackingResource = arn.parse().unwrap();
        assert!(matches!(&app, TrackingResource::App { id, .. } if id == "app-2X4Y"));
    }

    #[test]
    fn each_kind_has_its_endpoint_header_and_service() {
        let told = |arn: &str| {
            let it: TrackingResource = arn.parse().unwrap();
            (it.endpoint().ok(), it.routing_header(), it.signing_name())
        };
        assert_eq!(
            told("arn:aws-us-gov:sagemaker:us-gov-west-1:123456789012:mlflow-tracking-server/a"),
            (
                Some("https://us-gov-west-1.experiments.sagemaker.aws".to_owned()),
                "x-mlflow-sm-tracking-server-arn",
                "sagemaker-mlflow"
            )
        );
        assert_eq!(
            told("arn:aws:sagemaker:eu-west-2:123456789012:mlflow-app/app-1"),
            (
                Some("https://mlflow.sagemaker.eu-west-2.app.aws".to_owned()),
                "x-sm-mlflow-app-arn",
                "sagemaker"
            )
        );
        let china = "arn:aws-cn:sagemaker:cn-north-1:123456789012:mlflow-app/app-1";
        assert_eq!(told(china).0, None);
    }

    #[test]
    fn blanks_are_refused_with_the_text_that_was_meant() {
        let typed =
            "arn: aws: sagemaker: us-east-1: 123456789012: mlflow-tracking-server/nixl-efa-mlflow";
        let error = typed.parse::<TrackingResource>().unwrap_err();
        let meant = typed.replace(' ', "");
        assert_eq!(error.meant.as_deref(), Some(meant.as_str()));
        assert!(error.to_string().ends_with(&format!("blanks in it (write {meant})")), "{error}");
        let hopeless = "arn: aws: s3: us-east-1".parse::<TrackingResource>().unwrap_err();
        assert_eq!(hopeless.meant, None);
    }

    #[test]
    fn every_wrong_part_is_named() {
        let long = format!(
            "arn:aws:sagemaker:us-east-1:123456789012:mlflow-app/{}",
            "a".repeat(MAX_APP_ARN_CHARS)
        );
        let cases = [
            ("", "six parts"),
            ("arn:aws:sagemaker:us-east-1:123456789012", "six parts"),
            ("arn:aws:sagemaker:us-east-1:123456789012:mlflow-app/a:b", "six parts"),
            ("urn:aws:sagemaker:us-east-1:123456789012:mlflow-app/a", "begin with arn:"),
            ("arn:gcp:sagemaker:us-east-1:123456789012:mlflow-app/a", "partition"),
            ("arn:aws:s3:us-east-1:123456789012:mlflow-app/a", "service"),
            ("arn:aws:sagemaker:useast1:123456789012:mlflow-app/a", "region"),
            ("arn:aws:sagemaker::123456789012:mlflow-app/a", "region"),
            ("arn:aws:sagemaker:us-east-1:12345678901:mlflow-app/a", "12 digits"),
            ("arn:aws:sagemaker:us-east-1:12345678901x:mlflow-app/a", "12 digits"),
            ("arn:aws:sagemaker:us-east-1:123456789012:mlflow-app", "slash"),
            ("arn:aws:sagemaker:us-east-1:123456789012:mlflow-app/", "App's id"),
            ("arn:aws:sagemaker:us-east-1:123456789012:mlflow-app/a b", "blanks"),
            ("arn:aws:sagemaker:us-east-1:123456789012:mlflow-app/$(x)", "App's id"),
            (&long, "128 characters"),
            ("arn:aws:sagemaker:us-east-1:123456789012:mlflow-tracking-server/-a", "server's name"),
            (
                "arn:aws:sagemaker:us-east-1:123456789012:mlflow-tracking-server/a_b",
                "server's name",
            ),
            ("arn:aws:sagemaker:us-east-1:123456789012:notebook/a", "neither"),
        ];
        for (text, expected) in cases {
            let error = text.parse::<TrackingResource>().unwrap_err();
            assert!(error.why.contains(expected), "{text}: {}", error.why);
            assert!(!error.to_string().contains('\n'));
        }
    }

    fn arn() -> impl Strategy<Value = (String, String, String)> {
        let region = "[a-z]{2}(-gov)?-(north|south|east|west|central)-[1-9]";
        (region, "[0-9]{12}", "aws(-cn|-us-gov|-iso-b)?").prop_map(
            |(region, account, partition)| {
                (format!("arn:{partition}:sagemaker:{region}:{account}"), region, account)
            },
        )
    }

    proptest! {
        #[test]
        fn servers_round_trip((prefix, region, _) in arn(), name in "[a-zA-Z0-9](-{0,3}[a-zA-Z0-9]){0,60}") {
            let text = format!("{prefix}:mlflow-tracking-server/{name}");
            let expected = TrackingResource::Server { arn: text.clone(), region, name };
            prop_assert_eq!(text.parse::<TrackingResource>(), Ok(expected));
        }

        #[test]
        fn apps_round_trip((prefix, region, _) in arn(), id in "app-[A-Z0-9]{1,20}") {
            let text = format!("{prefix}:mlflow-app/{id}");
            let expected = TrackingResource::App { arn: text.clone(), region, id };
            prop_assert_eq!(text.parse::<TrackingResource>(), Ok(expected));
        }

        #[test]
        fn no_text_panics(text in "(arn:aws:sagemaker:us-east-1:123456789012:)?\\PC*") {
            if let Ok(resource) = text.parse::<TrackingResource>() {
                prop_assert_eq!(resource.arn(), text);
            }
        }
    }
}
