//! AWS's own session-manager-plugin, called as the AWS CLI calls it
//! (`awscli/customizations/sessionmanager.py`).

use super::SessionError;
use nixl_aws::ssm::{Session, StartSession};
use serde_json::json;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Name of the program.
pub const PROGRAM: &str = "session-manager-plugin";
/// Where plugins after [`LAST_WITHOUT_VARIABLE`] read the session from: a token
/// in the arguments can be read by every user of the computer.
const VARIABLE: &str = "AWS_SSM_START_SESSION_RESPONSE";
const LAST_WITHOUT_VARIABLE: [u32; 4] = [1, 2, 497, 0];

/// The program, if it is on the path.
#[must_use]
pub fn find() -> Option<PathBuf> {
    find_in(&std::env::var_os("PATH")?)
}

fn find_in(path: &OsString) -> Option<PathBuf> {
    use std::os::unix::fs::PermissionsExt as _;
    let runs = |file: &PathBuf| {
        file.metadata().is_ok_and(|it| it.is_file() && it.permissions().mode() & 0o111 != 0)
    };
    std::env::split_paths(path).map(|folder| folder.join(PROGRAM)).find(runs)
}

/// The program, to be run with this session.
///
/// # Errors
/// If it cannot be asked for its version.
pub fn command(
    program: &Path,
    session: &Session,
    request: &StartSession,
    region: &str,
    endpoint: &str,
) -> Result<Command, SessionError> {
    let local = |error| SessionError::Local { what: program.display().to_string(), error };
    let version = Command::new(program).arg("--version").output().map_err(local)?;
    let version = String::from_utf8_lossy(&version.stdout).into_owned();
    let response = json!({
        "SessionId": session.id,
        "TokenValue": session.token,
        "StreamUrl": session.stream_url,
    })
    .to_string();
    let profile = std::env::var("AWS_PROFILE").unwrap_or_default();
    let parameters =
        serde_json::to_string(request).map_err(|error| local(std::io::Error::other(error)))?;
    let mut command = Command::new(program);
    if takes_variable(&version) {
        command.arg(VARIABLE).env(VARIABLE, response);
    } else {
        command.arg(response);
    }
    command.args([region, "StartSession", &profile, &parameters, endpoint]);
    Ok(command)
}

/// Whether a plugin of this version takes the name of a variable.
fn takes_variable(version: &str) -> bool {
    let version: String = version.split_whitespace().collect();
    let mut numbers = [0; 4];
    let parts: Vec<&str> = version.split('.').collect();
    if parts.len() > numbers.len() {
        return false;
    }
    for (number, part) in numbers.iter_mut().zip(parts) {
        let Ok(parsed) = part.parse() else { return false };
        *number = parsed;
    }
    numbers > LAST_WITHOUT_VARIABLE
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_compared_as_the_cli_does() {
        assert!(takes_variable("1.2.553.0\n") && takes_variable("1.3"));
        for old in ["1.2.497.0", "1.2.331.0", "", "unknown", "1.2.3.4.5"] {
            assert!(!takes_variable(old), "{old}");
        }
    }

    #[test]
    fn only_a_program_is_found() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().as_os_str().to_owned();
        std::fs::write(folder.path().join(PROGRAM), "").unwrap();
        assert_eq!(find_in(&path), None);
        use std::os::unix::fs::PermissionsExt as _;
        let mode = std::fs::Permissions::from_mode(0o755);
        std::fs::set_permissions(folder.path().join(PROGRAM), mode).unwrap();
        assert_eq!(find_in(&path), Some(folder.path().join(PROGRAM)));
    }
}
