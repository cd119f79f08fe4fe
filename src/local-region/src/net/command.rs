//! Runs one external command and keeps what it said when it failed.

use std::io::Write;
use std::process::{Command, Output, Stdio};

/// A command that failed.
#[derive(Debug, thiserror::Error)]
pub enum CommandError {
    /// It could not be started.
    #[error("{command}: {source}")]
    Start {
        /// The command line.
        command: String,
        /// Why.
        source: std::io::Error,
    },
    /// It ended with another status than 0.
    #[error("{command}: {stderr}")]
    Status {
        /// The command line.
        command: String,
        /// Its last words.
        stderr: String,
    },
}

/// Runs a command to its end; what it printed.
pub fn run(program: &str, args: &[&str]) -> Result<String, CommandError> {
    let output = Command::new(program).args(args).stdin(Stdio::null()).output();
    ended(program, args, output)
}

/// Runs a command that reads from its standard input.
pub fn feed(program: &str, args: &[&str], input: &str) -> Result<(), CommandError> {
    let child = Command::new(program)
        .args(args)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn();
    let output = child.and_then(|mut child| {
        // What a command leaves unread it has complained about; its pipe ends here.
        if let Some(mut stdin) = child.stdin.take() {
            let _ = stdin.write_all(input.as_bytes());
        }
        child.wait_with_output()
    });
    ended(program, args, output).map(drop)
}

fn ended(
    program: &str,
    args: &[&str],
    output: std::io::Result<Output>,
) -> Result<String, CommandError> {
    let command = || format!("{program} {}", args.join(" "));
    let output = output.map_err(|source| CommandError::Start { command: command(), source })?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    let stderr = String::from_utf8_lossy(&output.stderr).trim().replace('\n', "; ");
    let stderr = if stderr.is_empty() { output.status.to_string() } else { stderr };
    Err(CommandError::Status { command: command(), stderr })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_names_the_command_and_its_words() {
        let error = run("sh", &["-c", "echo no such link >&2; exit 2"]).unwrap_err().to_string();
        assert!(error.ends_with("no such link"), "{error}");
        let error = run("nixl-no-such-program", &[]).unwrap_err().to_string();
        assert!(error.starts_with("nixl-no-such-program"), "{error}");
    }
}
