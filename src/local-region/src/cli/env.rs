//! `nixl-region env`.

use std::path::Path;
use std::process::ExitCode;

use super::state::{self, Credentials};
use crate::layout::Layout;

pub(super) fn run(layout: &Layout) -> anyhow::Result<ExitCode> {
    let folder = std::path::absolute(layout.state_dir())?;
    print!("{}", lines(&state::credentials(layout)?, &folder));
    Ok(ExitCode::SUCCESS)
}

/// Credentials hold no character that a shell would read. Base images are the
/// region's own, so what a recipe is pinned to is kept with it.
fn lines(credentials: &Credentials, folder: &Path) -> String {
    let folder = quoted(&folder.to_string_lossy());

    let Credentials { endpoint_url, region, access_key_id, secret_access_key, .. } = credentials;
    format!(
        "export AWS_ENDPOINT_URL={endpoint_url}\n\
         export AWS_ACCESS_KEY_ID={access_key_id}\n\
         export AWS_SECRET_ACCESS_KEY={secret_access_key}\n\
         export AWS_REGION={region}\n\
         export AWS_DEFAULT_REGION={region}\n\
         export NIXL_BAKE_LOCK_DIR={folder}\n\
         unset AWS_SESSION_TOKEN AWS_PROFILE\n"
    )
}

/// A word for a shell.
fn quoted(text: &str) -> String {
    let plain = |c: char| c.is_alphanumeric() || "/._-".contains(c);
    if text.chars().all(plain) {
        return text.to_owned();
    }
    format!("'{}'", text.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shell_takes_the_lines() {
        let folder = Path::new("/var/it's mine");
        let text = lines(&Credentials::generate(4577, "us-east-1"), folder);
        let script = format!(
            "AWS_PROFILE=x\n{text}echo $AWS_ENDPOINT_URL $AWS_REGION ${{AWS_PROFILE-}} $NIXL_BAKE_LOCK_DIR"
        );
        let output = std::process::Command::new("sh").args(["-euc", &script]).output().unwrap();
        let output = String::from_utf8(output.stdout).unwrap();
        assert_eq!(output.trim(), "http://127.0.0.1:4577 us-east-1 /var/it's mine");
    }
}
