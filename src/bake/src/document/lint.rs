//! What a script must not contain, because AWSTOE would read it as its own.

use crate::error::{BakeError, Result};
use crate::recipe::line_and_column;
use std::path::Path;

/// Refuses a script with `{{` (a reference to AWSTOE, even inside a heredoc),
/// with exit code 194 in the open (reboots and runs the step again), with
/// carriage returns or other control characters, or without strict mode.
pub fn check_script(path: &Path, text: &str) -> Result<()> {
    let refuse = |at: usize, message: &str| {
        let (line, column) = line_and_column(text, at);
        Err(BakeError::Malformed {
            path: path.to_owned(),
            line,
            column,
            message: message.to_owned(),
        })
    };
    if let Some(at) = text.find("{{") {
        return refuse(at, "`{{` is a reference to Image Builder; write it as `{ {` or '{''{'");
    }
    if let Some(at) = text.find("exit 194") {
        return refuse(at, "exit code 194 makes Image Builder reboot and run the step again");
    }
    if let Some(at) = text.find(|c: char| c.is_control() && c != '\n' && c != '\t') {
        return refuse(at, "a control character (a carriage return?); use plain text with \\n");
    }
    if !text.lines().any(|line| line.trim() == "set -Eeuo pipefail") {
        return refuse(0, "no strict mode: start with `set -Eeuo pipefail`");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_image_builder_would_misread_is_refused_with_its_place() {
        let strict = "set -Eeuo pipefail\n";
        let told = |text: &str| {
            check_script(Path::new("install.sh"), &format!("{strict}{text}"))
                .unwrap_err()
                .to_string()
        };
        assert!(told("echo '{{ x }}'").starts_with("install.sh:2:7: `{{`"));
        assert!(told("exit 194").contains("reboot"));
        assert!(told("echo a\r\n").contains("carriage return"));
        assert!(check_script(Path::new("a"), strict).is_ok());
        assert!(check_script(Path::new("a"), "echo").is_err());
    }
}
