//! `nixl-noded environment`, run as root once a boot: puts
//! `MLFLOW_TRACKING_ARN` where login shells, PAM and units look for it.
//!
//! No single place serves all: PAM sessions read `/etc/environment`, SSM
//! sessions and Run Command do not (they read `profile.d`), and units read
//! neither (they take `EnvironmentFile=-/run/nixl/environment`).

mod file;
mod text;

use crate::{events, settings};
use anyhow::Context as _;
use std::path::{Path, PathBuf};

/// The variable.
pub const VARIABLE: &str = "MLFLOW_TRACKING_ARN";
const ENVIRONMENT: &str = "etc/environment";
const PROFILE: &str = "etc/profile.d/nixl.sh";
/// For `EnvironmentFile=` of units.
const UNITS: &str = "run/nixl/environment";

/// The three files below a root folder.
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

    /// Writes all three; the paths that changed.
    ///
    /// # Errors
    /// If a file cannot be read or written; files before it are written.
    pub fn write(&self, arn: Option<&str>) -> anyhow::Result<Vec<PathBuf>> {
        let mut changed = Vec::new();
        let mut note = |path: PathBuf, differs: bool| {
            if differs {
                changed.push(path);
            }
        };
        let path = self.root.join(ENVIRONMENT);
        let before = file::read(&path)?.unwrap_or_default();
        let after = text::edit(&before, arn.map(assignment).as_deref());
        note(path.clone(), file::replace(&path, &after)?);

        let path = self.root.join(PROFILE);
        let differs = match arn {
            Some(arn) => file::replace(&path, profile(arn).as_bytes())?,
            None => file::remove(&path)?,
        };
        note(path, differs);

        let path = self.root.join(UNITS);
        let units = arn.map(|arn| format!("{}\n", assignment(arn))).unwrap_or_default();
        note(path.clone(), file::replace(&path, units.as_bytes())?);
        Ok(changed)
    }

    /// Files that do not say what they should.
    #[must_use]
    pub fn stale(&self, arn: Option<&str>) -> Vec<PathBuf> {
        let Some(arn) = arn else { return Vec::new() };
        let line = assignment(arn);
        let holds = |path: &Path, line: &str| {
            file::read(path).ok().flatten().is_some_and(|bytes| {
                bytes.split(|byte| *byte == b'\n').any(|found| found == line.as_bytes())
            })
        };
        [ENVIRONMENT, UNITS]
            .into_iter()
            .map(|path| self.root.join(path))
            .filter(|path| !holds(path, &line))
            .collect()
    }
}

/// Without quotes: `EnvironmentFile=` and pam_env both take it so, and an ARN
/// that the settings accepted has nothing to quote.
fn assignment(arn: &str) -> String {
    format!("{VARIABLE}={arn}")
}

fn profile(arn: &str) -> String {
    format!("# Written by nixl-environment.service at every boot.\nexport {VARIABLE}='{arn}'\n")
}

/// Reads the settings and writes the files.
///
/// # Errors
/// If the settings are missing or not valid, or a file cannot be written.
pub fn run(settings_path: &Path, root: &Path) -> anyhow::Result<()> {
    let settings = settings::load(settings_path).context("nothing was written")?;
    let changed = Files::below(root).write(settings.mlflow_tracking_arn.as_deref())?;
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

    const ARN: &str = "arn:aws:sagemaker:us-east-1:111122223333:mlflow-tracking-server/a";

    fn root() -> tempfile::TempDir {
        let root = tempfile::tempdir().unwrap();
        for folder in ["etc/profile.d", "run/nixl"] {
            fs::create_dir_all(root.path().join(folder)).unwrap();
        }
        root
    }

    #[test]
    fn all_three_files_are_written_once_and_taken_back() {
        let root = root();
        let etc = root.path().join(ENVIRONMENT);
        fs::write(&etc, "LANG=C\n").unwrap();
        fs::set_permissions(&etc, fs::Permissions::from_mode(0o640)).unwrap();
        let files = Files::below(root.path());
        assert_eq!(files.stale(Some(ARN)).len(), 2);
        assert_eq!(files.write(Some(ARN)).unwrap().len(), 3);
        assert!(files.stale(Some(ARN)).is_empty());
        assert!(files.write(Some(ARN)).unwrap().is_empty(), "idempotent");
        let text = fs::read_to_string(&etc).unwrap();
        assert_eq!(text, format!("LANG=C\n# nixl: begin\n{VARIABLE}={ARN}\n# nixl: end\n"));
        assert_eq!(fs::metadata(&etc).unwrap().permissions().mode() & 0o777, 0o640);
        let units = fs::read_to_string(root.path().join(UNITS)).unwrap();
        assert_eq!(units, format!("{VARIABLE}={ARN}\n"));
        files.write(None).unwrap();
        assert_eq!(fs::read_to_string(&etc).unwrap(), "LANG=C\n");
        assert!(!root.path().join(PROFILE).exists());
    }

    #[test]
    fn a_shell_gets_the_variable() {
        let root = root();
        Files::below(root.path()).write(Some(ARN)).unwrap();
        let script = format!(". '{}'; env", root.path().join(PROFILE).display());
        let output = std::process::Command::new("/bin/sh").args(["-c", &script]).output().unwrap();
        let told = String::from_utf8(output.stdout).unwrap();
        assert!(told.lines().any(|line| line == format!("{VARIABLE}={ARN}")), "{told}");
    }

    #[test]
    fn missing_settings_change_nothing() {
        let root = root();
        let error = run(&root.path().join("none.toml"), root.path()).unwrap_err();
        assert!(format!("{error:#}").contains("none.toml does not exist"), "{error:#}");
        assert!(!root.path().join(ENVIRONMENT).exists());
    }
}
