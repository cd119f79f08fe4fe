//! `nixl-noded environment`, run as root once a boot: puts MLflow's variables where
//! login shells, PAM and units look for them, and the token where one group may
//! read it.
//!
//! No single place serves all: PAM sessions read `/etc/environment`, SSM
//! sessions and Run Command do not (they read `profile.d`), and units read
//! neither (they take `EnvironmentFile=-/run/nixl/environment`).

mod file;
mod text;
mod token;

use crate::{events, settings};
use anyhow::Context as _;
use nixl_cluster::NodeSettings;
use nixl_cluster::mlflow::{TOKEN_FILE, TOKEN_VARIABLE, URI_VARIABLE};
use std::path::{Path, PathBuf};

/// The variable that names the tracking server or App.
pub const ARN_VARIABLE: &str = "MLFLOW_TRACKING_ARN";
const ENVIRONMENT: &str = "etc/environment";
const PROFILE: &str = "etc/profile.d/nixl.sh";
/// For `EnvironmentFile=` of units.
pub(crate) const UNITS: &str = "run/nixl/environment";

/// What everybody may know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Variables {
    arn: String,
    uri: String,
}

impl Variables {
    /// Those of a node that has MLflow.
    #[must_use]
    pub fn of(settings: &NodeSettings) -> Option<Self> {
        let arn = settings.mlflow_tracking_arn.clone()?;
        Some(Self { arn, uri: settings.mlflow.uri() })
    }

    /// Without quotes: `EnvironmentFile=` and pam_env both take it so, and an ARN
    /// that the settings accepted and an address have nothing to quote.
    fn lines(&self) -> [String; 2] {
        [format!("{ARN_VARIABLE}={}", self.arn), format!("{URI_VARIABLE}={}", self.uri)]
    }

    fn text(&self) -> String {
        self.lines().join("\n")
    }

    fn profile(&self) -> String {
        let [arn, uri] = self.lines();
        format!(
            "# Written by nixl-environment.service at every boot.\nexport {arn}\nexport {uri}\n\
             if [ -r {TOKEN_FILE} ] && read -r {TOKEN_VARIABLE} <{TOKEN_FILE}; then\n    \
             export {TOKEN_VARIABLE}\nfi\n"
        )
    }
}

/// The files below a root folder.
#[derive(Debug, Clone)]
pub struct Files {
    root: PathBuf,
}

impl Files {
    /// Below `root`, `/` on a node.
    #[must_use]
    pub fn below(root: &Path) -> Self {
        Self { root: root.to_owned() }
    }

    /// Writes all; the paths that changed.
    ///
    /// # Errors
    /// If a file cannot be read or written; files before it are written.
    pub fn write(&self, variables: Option<&Variables>) -> anyhow::Result<Vec<PathBuf>> {
        let mut changed = Vec::new();
        let mut note = |path: PathBuf, differs: bool| {
            if differs {
                changed.push(path);
            }
        };
        // First, as everybody who reads the rest may use it.
        for (path, differs) in token::write(&self.root, variables.is_some())? {
            note(path, differs);
        }
        let path = self.root.join(ENVIRONMENT);
        let before = file::read(&path)?.unwrap_or_default();
        let after = text::edit(&before, variables.map(Variables::text).as_deref());
        note(path.clone(), file::replace(&path, &after)?);

        let path = self.root.join(PROFILE);
        let differs = match variables {
            Some(variables) => file::replace(&path, variables.profile().as_bytes())?,
            None => file::remove(&path)?,
        };
        note(path, differs);

        let path = self.root.join(UNITS);
        let units = variables.map(|it| format!("{}\n", it.text())).unwrap_or_default();
        note(path.clone(), file::replace(&path, units.as_bytes())?);
        Ok(changed)
    }

    /// Files that do not say what they should.
    #[must_use]
    pub fn stale(&self, variables: Option<&Variables>) -> Vec<PathBuf> {
        let Some(variables) = variables else { return Vec::new() };
        let lines = variables.lines();
        let holds = |path: &Path| {
            let bytes = file::read(path).ok().flatten().unwrap_or_default();
            let found: Vec<&[u8]> = bytes.split(|byte| *byte == b'\n').collect();
            lines.iter().all(|line| found.contains(&line.as_bytes()))
        };
        [ENVIRONMENT, UNITS]
            .into_iter()
            .map(|path| self.root.join(path))
            .filter(|path| !holds(path))
            .collect()
    }
}

/// Reads the settings and writes the files.
///
/// # Errors
/// If the settings are missing or not valid, or a file cannot be written.
pub fn run(settings_path: &Path, root: &Path) -> anyhow::Result<()> {
    let settings = settings::load(settings_path).context("nothing was written")?;
    let changed = Files::below(root).write(Variables::of(&settings).as_ref())?;
    if changed.is_empty() {
        tracing::info!("every file already says so");
    }
    for path in changed {
        events::environment_written(&path);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::os::unix::fs::PermissionsExt as _;

    const LINES: &str = "MLFLOW_TRACKING_ARN=arn:aws:sagemaker:us-east-1:111122223333:mlflow-tracking-server/a\n\
        MLFLOW_TRACKING_URI=http://127.0.0.1:9101\n";

    fn variables() -> Variables {
        let arn = "arn:aws:sagemaker:us-east-1:111122223333:mlflow-tracking-server/a".to_owned();
        Variables { arn, uri: "http://127.0.0.1:9101".to_owned() }
    }

    fn root() -> tempfile::TempDir {
        let root = tempfile::tempdir().unwrap();
        for folder in ["etc/profile.d", "run/nixl"] {
            fs::create_dir_all(root.path().join(folder)).unwrap();
        }
        root
    }

    #[test]
    fn all_files_are_written_once_and_taken_back() {
        let root = root();
        let etc = root.path().join(ENVIRONMENT);
        fs::write(&etc, "LANG=C\n").unwrap();
        fs::set_permissions(&etc, fs::Permissions::from_mode(0o640)).unwrap();
        let (files, variables) = (Files::below(root.path()), variables());
        assert_eq!(files.stale(Some(&variables)).len(), 2);
        assert_eq!(files.write(Some(&variables)).unwrap().len(), 5);
        assert!(files.stale(Some(&variables)).is_empty());
        assert!(files.write(Some(&variables)).unwrap().is_empty(), "idempotent");
        let text = fs::read_to_string(&etc).unwrap();
        assert_eq!(text, format!("LANG=C\n# nixl: begin\n{LINES}# nixl: end\n"));
        assert_eq!(fs::metadata(&etc).unwrap().permissions().mode() & 0o777, 0o640);
        assert_eq!(fs::read_to_string(root.path().join(UNITS)).unwrap(), LINES);
        let moved = Variables { uri: "http://127.0.0.1:9102".to_owned(), ..variables };
        assert_eq!(files.stale(Some(&moved)).len(), 2);
        files.write(None).unwrap();
        assert_eq!(fs::read_to_string(&etc).unwrap(), "LANG=C\n");
        assert!(!root.path().join(PROFILE).exists());
        assert!(!root.path().join("run/nixl/mlflow-token").exists());
    }

    #[test]
    fn a_shell_gets_the_variables() {
        let root = root();
        Files::below(root.path()).write(Some(&variables())).unwrap();
        let profile = fs::read_to_string(root.path().join(PROFILE)).unwrap();
        let token = root.path().join("run/nixl/mlflow-token");
        // The token's file is named as it is on a node.
        let profile = profile.replace(TOKEN_FILE, token.to_str().unwrap());
        let script = format!("set -eu\n{profile}env");
        let env = |script: &str| {
            let output =
                std::process::Command::new("/bin/sh").args(["-c", script]).output().unwrap();
            assert!(output.status.success(), "{output:?}");
            String::from_utf8(output.stdout).unwrap()
        };
        let told = env(&script);
        let token_line = format!("{TOKEN_VARIABLE}={}", fs::read_to_string(&token).unwrap().trim());
        for line in LINES.lines().chain([token_line.as_str()]) {
            assert!(told.lines().any(|it| it == line), "{line} in {told}");
        }
        fs::remove_file(&token).unwrap();
        assert!(!env(&script).contains(TOKEN_VARIABLE));
    }

    #[test]
    fn missing_settings_change_nothing() {
        let root = root();
        let error = run(&root.path().join("none.toml"), root.path()).unwrap_err();
        assert!(format!("{error:#}").contains("none.toml does not exist"), "{error:#}");
        assert!(!root.path().join(ENVIRONMENT).exists());
    }
}
