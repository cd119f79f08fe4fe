//! WebDownload: fetched by curl out here, as AWSTOE fetches it itself and not by
//! what the image has; checked and put in place inside the image.

use std::fs::File;
use std::process::Stdio;

use super::actions::Shell;
use super::inputs::{Algorithm, WebDownload};
use crate::rules::imagebuilder::WEB_DOWNLOAD;

/// Attempts of one download.
const ATTEMPTS: u32 = 5;
/// Exits with 0 where `$1` is a file whose sum by `$2` is `$3`, which needs no download.
const HAS_IT: &str = r#"[ -f "$1" ] && [ "$("$2" < "$1" | cut -d' ' -f1)" = "$3" ]"#;
/// Puts stdin at `$1`, once its sum by `$2` is `$3` where one is given; one that is there
/// is replaced where `$4` says so.
const PUT: &str = r#"
if [ "$4" = n ] && [ -e "$1" ]; then echo "the file exists and is not overwritten"; exit 1; fi
folder=$(dirname -- "$1"); mkdir -p -- "$folder"
part=$(mktemp -- "$folder/.download.XXXXXX"); trap 'rm -f -- "$part"' EXIT
cat > "$part"
if [ -n "$2" ]; then
    found=$("$2" < "$part" | cut -d' ' -f1)
    [ "$found" = "$3" ] || { echo "the checksum is $found, $3 is wanted"; exit 1; }
fi
chmod 0644 -- "$part"; mv -f -- "$part" "$1""#;

/// Downloads one file.
pub(super) async fn download(shell: &Shell<'_>, item: &WebDownload) -> Result<(), String> {
    let checks = shell.runner.rules.on(&WEB_DOWNLOAD);
    let file = item.file();
    let (program, sum) = match item.sum().filter(|_| checks) {
        Some((algorithm, sum)) => (program(algorithm), sum.to_ascii_lowercase()),
        None => ("", String::new()),
    };
    let known = item.overwrite && !program.is_empty();
    if known && shell.run(HAS_IT, &[&file, program, &sum], None).await.is_ok() {
        return Ok(());
    }
    let content = fetch(item).await?;
    let overwrite = if item.overwrite { "y" } else { "n" };
    shell.run(PUT, &[&file, program, &sum, overwrite], Some(content)).await
}

/// What is at the URL, in a file without a name. Any status but 200 is an error.
async fn fetch(item: &WebDownload) -> Result<File, String> {
    use std::io::Seek;
    let mut body = tempfile::tempfile().map_err(|error| error.to_string())?;
    let mut curl = tokio::process::Command::new("curl");
    curl.args(["--fail", "--silent", "--show-error", "--location"])
        .args(["--retry", &(ATTEMPTS - 1).to_string(), "--proto", "=http,https"])
        .args(["--connect-timeout", "20", "--write-out", "%{stderr}%{http_code}"])
        .args(item.ignore_certificate_errors.then_some("--insecure"))
        .args(["--", &item.source])
        .stdin(Stdio::null())
        .stdout(body.try_clone().map_err(|error| error.to_string())?)
        .stderr(Stdio::piped())
        .kill_on_drop(true);
    // Not `output`, which would take its stdout from it.
    let ended = match curl.spawn() {
        Ok(child) => child.wait_with_output().await,
        Err(error) => Err(error),
    };
    let output = ended.map_err(|error| format!("curl: {error}"))?;
    let said = String::from_utf8_lossy(&output.stderr);
    if !output.status.success() || said.trim() != "200" {
        return Err(said.trim().to_owned());
    }
    body.rewind().map_err(|error| error.to_string())?;
    Ok(body)
}

/// What sums a file up (GNU coreutils).
fn program(algorithm: Algorithm) -> &'static str {
    match algorithm {
        Algorithm::Md5 => "md5sum",
        Algorithm::Sha1 => "sha1sum",
        Algorithm::Sha256 => "sha256sum",
        Algorithm::Sha512 => "sha512sum",
    }
}
