//! Reading `/etc/nixl/node.toml` and saying what is wrong with it, and where.

use nixl_cluster::reason::{self, Reason};
use nixl_cluster::settings::NodeSettings;
use nixl_mlflow::TrackingResource;
use nixl_mlflow::endpoint::{Allow, Upstream};
use nixl_tracking::Endpoint;
use std::io;
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};

/// Session length SageMaker accepts (API reference, `CreatePresignedMlflowTrackingServerUrl`).
const SESSION_SECS: RangeInclusive<u32> = 1800..=43_200;
/// A report of a node with 32 rails fits in.
const MIN_SPOOL_BYTES: u64 = 1 << 20;

/// Why the settings cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum SettingsError {
    /// There is no file yet.
    #[error("{} does not exist", path.display())]
    Missing {
        /// Path of the file.
        path: PathBuf,
    },
    /// The file cannot be read.
    #[error("{} cannot be read: {source}", path.display())]
    Unreadable {
        /// Path of the file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The text does not parse.
    #[error("{} line {line}: {message}", path.display())]
    Syntax {
        /// Path of the file.
        path: PathBuf,
        /// Line, from 1.
        line: usize,
        /// What the parser says.
        message: String,
    },
    /// A value is out of its range.
    #[error("{}: {key} {why}", path.display())]
    Value {
        /// Path of the file.
        path: PathBuf,
        /// Key of the value.
        key: &'static str,
        /// What is wrong with it.
        why: String,
    },
}

impl SettingsError {
    /// The reason this is told as.
    #[must_use]
    pub fn reason(&self) -> &'static Reason {
        match self {
            Self::Missing { .. } => &reason::SETTINGS_MISSING,
            Self::Unreadable { .. } | Self::Syntax { .. } | Self::Value { .. } => {
                &reason::SETTINGS_INVALID
            }
        }
    }
}

/// Reads and checks the file.
///
/// # Errors
/// If it is missing, unreadable or not valid.
pub fn load(path: &Path) -> Result<NodeSettings, SettingsError> {
    let text = std::fs::read_to_string(path).map_err(|source| match source.kind() {
        io::ErrorKind::NotFound => SettingsError::Missing { path: path.to_owned() },
        _ => SettingsError::Unreadable { path: path.to_owned(), source },
    })?;
    parse(path, &text)
}

fn parse(path: &Path, text: &str) -> Result<NodeSettings, SettingsError> {
    let settings: NodeSettings = toml::from_str(text).map_err(|error| {
        let offset = error.span().map_or(0, |span| span.start).min(text.len());
        SettingsError::Syntax {
            path: path.to_owned(),
            line: text.as_bytes()[..offset].iter().filter(|byte| **byte == b'\n').count() + 1,
            message: error.message().replace('\n', " "),
        }
    })?;
    let bad = |key, why| SettingsError::Value { path: path.to_owned(), key, why };
    if settings.size < 2 {
        return Err(bad("size", format!("is {}, a cluster has at least 2 nodes", settings.size)));
    }
    settings.layout().check().map_err(|error| bad("prefill", error.to_string()))?;
    if !SESSION_SECS.contains(&settings.mlflow_session_secs) {
        let why = format!("is {}, SageMaker takes 1800 to 43200", settings.mlflow_session_secs);
        return Err(bad("mlflow_session_secs", why));
    }
    if !settings.mlflow.listen.ip().is_loopback() {
        let why = format!("is {}, it must be a loopback address", settings.mlflow.listen);
        return Err(bad("mlflow.listen", why));
    }
    Allow::parse(&settings.mlflow.allow).map_err(|error| bad("mlflow.allow", error.to_string()))?;
    if let Some(url) = &settings.mlflow.endpoint {
        Upstream::new(url).map_err(|error| bad("mlflow.endpoint", error.to_string()))?;
    }
    let paths = [
        ("libfabric", &settings.libfabric),
        ("nvml", &settings.nvml),
        ("python", &settings.python),
    ];
    for (key, path) in paths {
        if let Some(path) = path.as_ref().filter(|path| !path.is_absolute()) {
            return Err(bad(key, format!("is {}, it must be an absolute path", path.display())));
        }
    }
    if let Some(runs) = &settings.link_runs {
        runs.tracking_uri
            .parse::<Endpoint>()
            .map_err(|error| bad("link_runs.tracking_uri", error.to_string()))?;
        if let Some(path) = runs.token_file.as_ref().filter(|path| !path.is_absolute()) {
            let why = format!("is {}, it must be an absolute path", path.display());
            return Err(bad("link_runs.token_file", why));
        }
        if runs.spool_bytes < MIN_SPOOL_BYTES {
            let why = format!("is {}, it must be at least {MIN_SPOOL_BYTES}", runs.spool_bytes);
            return Err(bad("link_runs.spool_bytes", why));
        }
    }
    if let Some(arn) = &settings.mlflow_tracking_arn {
        arn.parse::<TrackingResource>()
            .map_err(|error| bad("mlflow_tracking_arn", error.to_string()))?;
    }
    Ok(settings)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(text: &str) -> String {
        parse(Path::new("node.toml"), text).unwrap_err().to_string()
    }

    #[test]
    fn a_good_file_is_read() {
        let text = "cluster = \"nixl\"\nsize = 2\nprovider = \"tcp\"\n\
            mlflow_tracking_arn = \"arn:aws:sagemaker:us-east-1:111122223333:mlflow-tracking-server/a\"\n";
        let settings = parse(Path::new("node.toml"), text).unwrap();
        assert_eq!((settings.size, settings.mlflow_session_secs), (2, 43_200));
    }

    #[test]
    fn faults_are_named_with_their_line() {
        let good = "cluster = \"nixl\"\nsize = 2\n";
        let typo = error(&format!("{good}provider = \"tcp\"\nsise = 3\n"));
        assert!(typo.starts_with("node.toml line 4: ") && typo.contains("sise"), "{typo}");
        let provider = error(&format!("{good}provider = \"quic\"\n"));
        assert!(provider.starts_with("node.toml line 3: "), "{provider}");
        assert!(!provider.contains('\n'), "{provider}");
    }

    #[test]
    fn values_out_of_range_are_named() {
        let rest = "provider = \"tcp\"\ncluster = \"nixl\"\n";
        assert!(error(&format!("{rest}size = 1\n")).contains("size is 1"));
        let prefill = error(&format!("{rest}size = 2\nprefill = 2\n"));
        assert!(prefill.contains("prefill is 2; of 2 nodes"), "{prefill}");
        let library = error(&format!("{rest}size = 2\nlibfabric = \"libfabric.so.1\"\n"));
        assert!(library.contains("libfabric is libfabric.so.1"), "{library}");
        let library = error(&format!("{rest}size = 2\nnvml = \"libnvidia-ml.so.1\"\n"));
        assert!(library.contains("nvml is libnvidia-ml.so.1"), "{library}");
        let python = error(&format!("{rest}size = 2\npython = \"python3\"\n"));
        assert!(python.contains("python is python3"), "{python}");
        let session = error(&format!("{rest}size = 2\nmlflow_session_secs = 60\n"));
        assert!(session.contains("mlflow_session_secs is 60"), "{session}");
        let mlflow = |line: &str| error(&format!("{rest}size = 2\n[mlflow]\n{line}\n"));
        assert!(mlflow("listen = \"0.0.0.0:9101\"").contains("mlflow.listen is 0.0.0.0:9101"));
        assert!(mlflow("allow = [\"all\"]").contains("mlflow.allow"));
        assert!(mlflow("endpoint = \"h:1\"").contains("mlflow.endpoint"));
        assert!(mlflow("tps = 1").contains("tps"));
        let runs = |of: &str| error(&format!("{rest}size = 2\n[link_runs]\n{of}"));
        let uri = "tracking_uri = \"http://127.0.0.1:1\"\n";
        assert!(runs("tracking_uri = \"arn:x\"").contains("link_runs.tracking_uri arn:x does not"));
        assert!(runs(&format!("{uri}token_file = \"t\"")).contains("link_runs.token_file is t"));
        assert!(runs(&format!("{uri}spool_bytes = 5")).contains("link_runs.spool_bytes is 5"));
        let arn = error(&format!("{rest}size = 2\nmlflow_tracking_arn = \"x\\nLD_PRELOAD=y\"\n"));
        assert!(arn.contains("mlflow_tracking_arn"), "{arn}");
    }

    #[test]
    fn a_file_that_is_not_there_has_its_own_reason() {
        let error = load(Path::new("/nonexistent/node.toml")).unwrap_err();
        assert_eq!(error.reason().code, "node.settings_missing");
    }
}
