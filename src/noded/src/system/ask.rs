//! Programs that are asked, for what only services of the node know.

use std::io;
use std::process::Stdio;
use std::time::Duration;
use tokio::process::Command;

/// D-Bus gives up after 25 s; whoever answers at all does so at once.
const PATIENCE: Duration = Duration::from_secs(10);

/// What a program prints.
///
/// # Errors
/// If it cannot be run, does not end or fails, with its own words.
pub async fn ask(program: &str, arguments: &[&str]) -> io::Result<String> {
    let asked = Command::new(program)
        .args(arguments)
        .env("LC_ALL", "C")
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .output();
    let told = tokio::time::timeout(PATIENCE, asked).await.map_err(|_| {
        io::Error::new(io::ErrorKind::TimedOut, format!("{program} does not end"))
    })??;
    if told.status.success() {
        return Ok(String::from_utf8_lossy(&told.stdout).into_owned());
    }
    let words = String::from_utf8_lossy(&told.stderr);
    let last = words.trim().lines().last().unwrap_or("without a word");
    Err(io::Error::other(format!("{program} ended with {}: {last}", told.status)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_is_printed_is_told_and_a_failure_has_its_words() {
        assert_eq!(ask("sh", &["-c", "echo $LC_ALL"]).await.unwrap(), "C\n");
        let error = ask("sh", &["-c", "echo one >&2; echo two >&2; exit 3"]).await.unwrap_err();
        assert_eq!(error.to_string(), "sh ended with exit status: 3: two");
        let error = ask("/nonexistent/program", &[]).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::NotFound);
    }
}
