//! `nixl-region env`.

use std::process::ExitCode;

use super::state::{self, Credentials};
use crate::layout::Layout;

pub(super) fn run(layout: &Layout) -> anyhow::Result<ExitCode> {
    print!("{}", lines(&state::credentials(layout)?));
    Ok(ExitCode::SUCCESS)
}

/// Values hold no character that a shell would read.
fn lines(credentials: &Credentials) -> String {
    let Credentials { endpoint_url, region, access_key_id, secret_access_key, .. } = credentials;
    format!(
        "export AWS_ENDPOINT_URL={endpoint_url}\n\
         export AWS_ACCESS_KEY_ID={access_key_id}\n\
         export AWS_SECRET_ACCESS_KEY={secret_access_key}\n\
         export AWS_REGION={region}\n\
         export AWS_DEFAULT_REGION={region}\n\
         unset AWS_SESSION_TOKEN AWS_PROFILE\n"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shell_takes_the_lines() {
        let text = lines(&Credentials::generate(4577, "us-east-1"));
        let script =
            format!("AWS_PROFILE=x\n{text}echo $AWS_ENDPOINT_URL $AWS_REGION ${{AWS_PROFILE-}}");
        let output = std::process::Command::new("sh").args(["-euc", &script]).output().unwrap();
        let output = String::from_utf8(output.stdout).unwrap();
        assert_eq!(output.trim(), "http://127.0.0.1:4577 us-east-1");
    }
}
