//! The bearer token that a server may want.

use std::fmt;
use std::path::PathBuf;

/// The bearer token, which is never shown.
#[derive(Clone)]
pub enum Token {
    /// None is sent.
    None,
    /// As in `MLFLOW_TRACKING_TOKEN`.
    Value(String),
    /// One line of a file, read anew for each call: it changes with every boot.
    File(PathBuf),
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::None => f.write_str("None"),
            Self::Value(_) => f.write_str("Value(…)"),
            Self::File(path) => f.debug_tuple("File").field(path).finish(),
        }
    }
}

impl Token {
    /// What to send, or why the file cannot be read.
    pub(crate) fn read(&self) -> Result<Option<String>, String> {
        match self {
            Self::None => Ok(None),
            Self::Value(token) => Ok(Some(token.clone())),
            Self::File(path) => match std::fs::read_to_string(path) {
                Ok(text) => Ok(Some(text.trim().to_owned())),
                Err(error) => Err(format!("{}: {error}", path.display())),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_read_anew_and_not_shown() {
        let told = format!("{:?}", Token::Value("secret".to_owned()));
        assert!(!told.contains("secret"), "{told}");
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("token");
        let token = Token::File(path.clone());
        assert!(token.read().unwrap_err().starts_with(&path.display().to_string()));
        for now in ["one", "two"] {
            std::fs::write(&path, format!("{now}\n")).unwrap();
            assert_eq!(token.read(), Ok(Some(now.to_owned())));
        }
    }
}
