//! Where MLflow is and what it wants to hear. A command of Run Command or a unit has
//! no login's variables, so that what is not said is read where a login has it from.

use crate::environment::{self, ARN_VARIABLE};
use anyhow::Context as _;
use nixl_cluster::mlflow::{TOKEN_FILE, URI_VARIABLE};
use nixl_tracking::{Endpoint, Token};
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

/// What was given; an empty variable is none.
#[derive(Debug, Default)]
pub(super) struct Given {
    pub uri: Option<String>,
    pub arn: Option<String>,
    pub token: Option<String>,
    pub token_file: Option<PathBuf>,
}

/// The place.
#[derive(Debug)]
pub(super) struct Place {
    pub endpoint: Endpoint,
    pub token: Token,
    pub arn: Option<String>,
}

impl Place {
    /// Of what was given, and of the node whose files are below `root`.
    ///
    /// # Errors
    /// If nobody says where MLflow is, or it is no endpoint.
    pub fn find(given: Given, root: &Path) -> anyhow::Result<Self> {
        let said = |value: Option<String>| value.filter(|value| !value.is_empty());
        let node = Node::read(root)?;
        let uri = said(given.uri).or_else(|| node.uri.clone()).with_context(|| {
            format!(
                "nobody says where MLflow is: {URI_VARIABLE} is not set, nor in {}; this node may have no MLflow (--tracking-uri URL names one)",
                node.path.display()
            )
        })?;
        // The node's token and ARN are of the node's own endpoint only.
        let own = node.uri.as_ref() == Some(&uri);
        let token = match (given.token_file, said(given.token)) {
            (Some(path), _) => Token::File(path),
            (None, Some(token)) => Token::Value(token),
            (None, None) if own => node.token(root),
            (None, None) => Token::None,
        };
        let arn = said(given.arn).or_else(|| node.arn.filter(|_| own));
        Ok(Self { endpoint: uri.parse()?, token, arn })
    }
}

/// What the node was told at its boot.
struct Node {
    path: PathBuf,
    uri: Option<String>,
    arn: Option<String>,
}

impl Node {
    fn read(root: &Path) -> anyhow::Result<Self> {
        let path = root.join(environment::UNITS);
        let text = match fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == ErrorKind::NotFound => String::new(),
            Err(error) => {
                return Err(error).with_context(|| format!("{} cannot be read", path.display()));
            }
        };
        let value = |name: &str| {
            let mut lines = text.lines().filter_map(|line| line.split_once('='));
            lines.find(|(key, _)| *key == name).map(|(_, value)| value.to_owned())
        };
        Ok(Self { uri: value(URI_VARIABLE), arn: value(ARN_VARIABLE), path })
    }

    /// Who may not read it may use sudo, or is told so by the endpoint.
    fn token(&self, root: &Path) -> Token {
        let path = root.join(TOKEN_FILE.trim_start_matches('/'));
        match fs::File::open(&path) {
            Ok(_) => Token::File(path),
            Err(_) => Token::None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OWN: &str = "http://127.0.0.1:9101";

    fn node() -> tempfile::TempDir {
        let root = tempfile::tempdir().unwrap();
        fs::create_dir_all(root.path().join("run/nixl")).unwrap();
        let text = format!("{ARN_VARIABLE}=arn:a\n{URI_VARIABLE}={OWN}\n");
        fs::write(root.path().join(environment::UNITS), text).unwrap();
        fs::write(root.path().join("run/nixl/mlflow-token"), "s3cret\n").unwrap();
        root
    }

    fn find(given: Given, root: &Path) -> (String, String, Option<String>) {
        let place = Place::find(given, root).unwrap();
        (place.endpoint.to_string(), format!("{:?}", place.token), place.arn)
    }

    #[test]
    fn without_a_login_the_node_says_where_and_with_which_token() {
        let root = node();
        let (uri, token, arn) = find(Given::default(), root.path());
        assert_eq!((uri.as_str(), arn.as_deref()), (OWN, Some("arn:a")));
        assert!(token.starts_with("File(") && token.contains("run/nixl/mlflow-token"), "{token}");
        fs::remove_file(root.path().join("run/nixl/mlflow-token")).unwrap();
        assert_eq!(find(Given::default(), root.path()).1, "None");
    }

    #[test]
    fn what_is_given_counts_and_another_server_gets_nothing_of_the_node() {
        let root = node();
        let given = |uri: &str, token: &str| Given {
            uri: Some(uri.to_owned()),
            token: Some(token.to_owned()),
            ..Given::default()
        };
        let another = find(given("http://h:5000", ""), root.path());
        assert_eq!(another, ("http://h:5000".to_owned(), "None".to_owned(), None));
        assert_eq!(find(given("", "mine"), root.path()).1, "Value(…)");
        let file = Given { token_file: Some("/t".into()), ..given(OWN, "mine") };
        assert_eq!(find(file, root.path()).1, "File(\"/t\")");
    }

    #[test]
    fn a_computer_without_mlflow_is_told_what_to_say() {
        let root = tempfile::tempdir().unwrap();
        let why = Place::find(Given::default(), root.path()).unwrap_err().to_string();
        assert!(why.contains("MLFLOW_TRACKING_URI is not set") && why.contains("--tracking-uri"));
        let given = Given { uri: Some("https://h".to_owned()), ..Given::default() };
        assert!(Place::find(given, root.path()).is_err());
    }
}
