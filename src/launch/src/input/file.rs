//! `nixl.toml`.

use super::asked::Asked;
use super::near::hint;
use crate::cli::Nodes;
use std::path::{Path, PathBuf};

/// Read if it is there and no other file is named.
pub const DEFAULT_PATH: &str = "nixl.toml";

/// Why a file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// It cannot be read.
    #[error("{}: {error}", path.display())]
    Unreadable {
        /// File.
        path: PathBuf,
        /// Why.
        error: std::io::Error,
    },
    /// It says something wrong.
    #[error("{}:{line}:{column}: {message}", path.display())]
    Wrong {
        /// File.
        path: PathBuf,
        /// Line, from 1.
        line: usize,
        /// Column in characters, from 1.
        column: usize,
        /// What is wrong, with what was probably meant.
        message: String,
    },
}

/// What the named file says, or else [`DEFAULT_PATH`] if it is there.
///
/// # Errors
/// If it cannot be read or understood.
pub fn load(named: Option<&Path>) -> Result<Asked, FileError> {
    let path = named.unwrap_or(Path::new(DEFAULT_PATH));
    match std::fs::read_to_string(path) {
        Ok(text) => parse(path, &text),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound && named.is_none() => {
            Ok(Asked::default())
        }
        Err(error) => Err(FileError::Unreadable { path: path.to_owned(), error }),
    }
}

fn parse(path: &Path, text: &str) -> Result<Asked, FileError> {
    let wrong = |at: usize, message: String| {
        let before = &text[..at.min(text.len())];
        let line_start = before.rfind('\n').map_or(0, |at| at + 1);
        FileError::Wrong {
            path: path.to_owned(),
            line: before.matches('\n').count() + 1,
            column: before[line_start..].chars().count() + 1,
            message,
        }
    };
    let mut asked: Asked = toml::from_str(text).map_err(|error| {
        let at = error.span().map_or(0, |span| span.start);
        let message = error.message();
        wrong(at, format!("{message}{}", hint_for_key(message)))
    })?;
    let key = |name: &str| text.lines().position(|line| line.trim_start().starts_with(name));
    if let Some(nodes) = asked.nodes.filter(|nodes| *nodes < 2) {
        let line = key("nodes").unwrap_or_default();
        let at = text.lines().take(line).map(|line| line.len() + 1).sum();
        return Err(wrong(at, format!("{nodes} is no cluster; the least is 2")));
    }
    asked.layout = Nodes { nodes: asked.nodes.take(), roles: asked.roles.take() };
    Ok(asked)
}

/// Serde names the unknown field first and then those it knows, each in backticks.
fn hint_for_key(message: &str) -> String {
    if !message.starts_with("unknown field") {
        return String::new();
    }
    let mut words = message.split('`').skip(1).step_by(2);
    words.next().map(|given| hint(given, words)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::{IdleStop, PublicAddress, ServerSize, Spec, Wanted, WantedServer};
    use nixl_aws::ec2::Market;
    use proptest::prelude::*;

    fn read(text: &str) -> Result<Asked, String> {
        parse(Path::new("nixl.toml"), text).map_err(|error| error.to_string())
    }

    fn spec(flags: Asked, text: &str) -> Spec {
        flags.over(read(text).unwrap()).spec(&Default::default(), "us-east-1").unwrap()
    }

    const ALL: &str = r#"
cluster = "train"
region = "us-east-1"
image = "ami-0123456789abcdef0"
instance-type = ["g6e.12xlarge", "g6.12xlarge"]
market = ["spot", "on-demand"]
roles = "prefill=1,decode=3"
provider = "auto"
zone = "us-east-1b"
subnet = ["subnet-0123456789abcdef0"]
public-address = "none"
ttl = "2h"
idle = "30m"
tracking-server = "mine"
mlflow-size = "medium"
mlflow-version = "3.0"
mlflow-idle-stop = "2h"
kms-key = "arn:aws:kms:us-east-1:123456789012:key/k"
"#;

    #[test]
    fn flags_go_over_the_file_and_the_file_over_the_defaults() {
        let all = spec(Asked::default(), ALL);
        assert_eq!(all.instance_types, ["g6e.12xlarge", "g6.12xlarge"]);
        assert_eq!(all.markets, [Market::Spot, Market::OnDemand]);
        assert_eq!((all.size, all.prefill), (4, Some(1)));
        assert_eq!(all.zones, ["us-east-1b"]);
        assert_eq!(all.public_address, PublicAddress::None);
        assert_eq!((all.ttl_secs, all.idle_secs), (Some(7200), Some(1800)));
        let server = WantedServer {
            name: "mine".to_owned(),
            size: ServerSize::Medium,
            mlflow_version: Some("3.0".to_owned()),
        };
        assert_eq!(all.mlflow, Wanted::Server(server));
        assert_eq!(all.mlflow_idle_stop, Some(IdleStop::AfterSecs(7200)));
        assert_eq!(all.kms_key.as_deref(), Some("arn:aws:kms:us-east-1:123456789012:key/k"));
        let flags = Asked {
            instance_type: vec!["p5.48xlarge".parse().unwrap()],
            ttl: Some("never".parse().unwrap()),
            no_mlflow: Some(true),
            layout: Nodes { nodes: Some(3), roles: None },
            ..Asked::default()
        };
        let over = spec(flags, ALL);
        assert_eq!(over.instance_types, ["p5.48xlarge"]);
        assert_eq!((over.size, over.prefill, over.ttl_secs), (3, None, None));
        assert_eq!((over.mlflow, over.kms_key), (Wanted::None, None));
        assert_eq!(over.mlflow_idle_stop, None);
        let arn = "arn:aws:sagemaker:us-east-1:123456789012:mlflow-app/app-1";
        let flags = Asked { mlflow_arn: Some(arn.parse().unwrap()), ..Asked::default() };
        assert_eq!(spec(flags, ALL).mlflow, Wanted::Arn(arn.to_owned()));
        assert_eq!(spec(Asked::default(), ""), Spec::new(Default::default(), "us-east-1"));
    }

    #[test]
    fn the_one_in_the_readme_is_right() {
        let readme = include_str!("../../../../README.md");
        let (_, text) = readme.split_once("can stand in `nixl.toml`").unwrap();
        let (_, text) = text.split_once("```toml\n").unwrap();
        let (text, _) = text.split_once("```").unwrap();
        assert_eq!(spec(Asked::default(), text).size, 4);
    }

    #[test]
    fn what_is_wrong_has_its_place_and_what_was_meant() {
        for (text, expected) in [
            ("ttl = \"8h\"\ninstnce-type = \"x\"\n", "nixl.toml:2:1: unknown field `instnce-type`"),
            ("instnce-type = \"x\"\n", "did you mean instance-type?"),
            ("kms-key = \"alias/mine\"\n", "`aws kms describe-key --key-id alias/mine"),
            ("zone = \"us-east-1\"\n", "nixl.toml:1:8: \"us-east-1\" is no zone"),
            ("\n  instance-type = [\"g6.12xlrage\"]\n", "did you mean g6.12xlarge?"),
            ("nodes = 2\nnodes = 3\n", "nixl.toml:2:"),
            ("ttl = \"8h\"\n\nnodes = 1\n", "nixl.toml:3:1: 1 is no cluster"),
            ("roles = \"prefil=1,decode=1\"\n", "prefill"),
            ("market = \"spto\"\n", "did you mean spot?"),
            ("hold = \"yes\"\n", "nixl.toml:1:8:"),
            ("ami = ", "nixl.toml:1:"),
        ] {
            let error = read(text).map(drop).unwrap_err();
            assert!(error.contains(expected), "{text:?}: {error}");
        }
    }

    #[test]
    fn what_does_not_go_together_is_refused() {
        for text in [
            "zone = \"us-west-2a\"",
            "reservation = \"cr-0123456789abcdef0\"\nmarket = \"on-demand\"",
            "reservation = \"cr-0123456789abcdef0\"\nhold = true",
            "market = [\"on-demand\", \"spot\"]\nhold = true",
            "nodes = 3\nroles = \"prefill=1,decode=1\"",
        ] {
            let asked = Asked::default().over(read(text).unwrap());
            assert!(asked.spec(&Default::default(), "us-east-1").is_err(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn no_text_breaks_the_parser(text in "[a-z\\-=\"\\[\\] 0-9é\n]{0,60}") {
            let _ = read(&text);
        }

        /// A key with a letter too many or too few is told with the right one.
        #[test]
        fn a_typo_in_any_key_is_understood(at in 0usize..13, cut in 0usize..9) {
            let line = ALL.lines().filter(|line| !line.is_empty()).nth(at).unwrap();
            let (key, value) = line.split_once(" = ").unwrap();
            prop_assume!(cut < key.len() && key.len() > 3);
            let typo = format!("{}{}", &key[..cut], &key[cut + 1..]);
            let error = read(&format!("{typo} = {value}")).map(drop).unwrap_err();
            prop_assert!(error.contains("did you mean "), "{}", error);
        }
    }
}
