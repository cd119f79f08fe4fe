//! The action modules. Paths are resolved inside the image, by programs that
//! run in it, so a link in the image cannot lead to this computer's files.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::inputs::{Action, Download, Upload, object, octal};
use super::place::{Output, Place};
use super::runner::Runner;
use super::web;

/// What is to follow an action.
pub(super) enum After {
    /// The next step.
    Next,
    /// A reboot, then the next step.
    RebootAndNext,
    /// A reboot, then the same step.
    RebootAndAgain,
}

/// Runs one action.
pub(super) async fn run(
    runner: &Runner<'_>,
    action: &Action,
    timeout_secs: Option<u64>,
) -> Result<After, String> {
    let Runner { place, s3_root, console, .. } = runner;
    let shell = Shell { runner, timeout_secs };
    match action {
        Action::ExecuteBash(bash) => {
            let script = bash.commands.join("\n");
            let argv = ["/bin/bash", "-c", &script];
            let output = place.run(&argv, None, timeout_secs, Some(console)).await;
            if output.as_ref().is_ok_and(Output::wants_reboot) {
                return Ok(After::RebootAndAgain);
            }
            done(output)?;
        }
        Action::Reboot(delay) => {
            tokio::time::sleep(Duration::from_secs(delay.delay_seconds.into())).await;
            return Ok(After::RebootAndNext);
        }
        Action::WebDownload(list) => {
            for item in list {
                let downloaded = web::download(&shell, item).await;
                downloaded.map_err(|why| format!("{} to {}: {why}", item.source, item.file()))?;
            }
        }
        Action::S3Download(list) => {
            for item in list {
                let (script, stdin) = source(s3_root, item)?;
                shell
                    .run(
                        script,
                        &[&item.destination, if item.overwrite { "y" } else { "n" }],
                        Some(stdin),
                    )
                    .await
                    .map_err(|why| format!("{} to {}: {why}", item.source, item.destination))?;
            }
        }
        Action::S3Upload(list) => {
            for item in list {
                upload(*place, s3_root, item, timeout_secs)
                    .await
                    .map_err(|why| format!("{} to {}: {why}", item.source, item.destination))?;
            }
        }
        Action::CreateFile(list) => {
            for item in list {
                if !item.overwrite {
                    shell
                        .run(
                            r#"[ ! -e "$1" ] || { echo "$1 exists"; exit 1; }"#,
                            &[&item.path],
                            None,
                        )
                        .await?;
                }
                let stdin = content(&item.content).map_err(|e| e.to_string())?;
                shell.run(r#"cat > "$1""#, &[&item.path], Some(stdin)).await?;
                let mode = item.permissions.as_ref().map_or(Ok("0644".to_owned()), octal)?;
                shell.run(r#"chmod -- "$2" "$1""#, &[&item.path, &mode], None).await?;
            }
        }
        Action::CreateFolder(list) => {
            for item in list {
                if item.overwrite {
                    shell.run(r#"rm -rf -- "$1""#, &[&item.path], None).await?;
                }
                shell.run(r#"mkdir -p -- "$1""#, &[&item.path], None).await?;
            }
        }
        Action::DeleteFile(list) => {
            for item in list {
                // A pattern may match several files; a name that matches none is a failure.
                shell.run(r#"for f in $1; do rm -- "$f"; done"#, &[&item.path], None).await?;
            }
        }
        Action::SetFilePermissions(list) => {
            for item in list {
                let mode = octal(&item.permissions)?;
                shell.run(r#"chmod -- "$2" "$1""#, &[&item.path, &mode], None).await?;
            }
        }
    }
    Ok(After::Next)
}

/// A shell on the instance, for one step.
pub(super) struct Shell<'a> {
    pub(super) runner: &'a Runner<'a>,
    timeout_secs: Option<u64>,
}

impl Shell<'_> {
    /// Runs a script with arguments, that has to end well.
    pub(super) async fn run(
        &self,
        script: &str,
        args: &[&str],
        stdin: Option<File>,
    ) -> Result<(), String> {
        let start = ["/bin/sh", "-euc", script, "sh"];
        let argv: Vec<&str> = start.iter().chain(args).copied().collect();
        let console = Some(&self.runner.console);
        done(self.runner.place.run(&argv, stdin, self.timeout_secs, console).await)
    }
}

/// A file of the image becomes an object; a reader sees the old one or the new.
async fn upload(
    place: &dyn Place,
    s3_root: &Path,
    item: &Upload,
    timeout_secs: Option<u64>,
) -> Result<(), String> {
    let (bucket, key) = object(&item.destination)?;
    if !s3_root.join(bucket).is_dir() {
        return Err("NoSuchBucket".to_owned());
    }
    let path = s3_root.join(bucket).join(key);
    let folder = path.parent().unwrap_or(s3_root);
    std::fs::create_dir_all(folder).map_err(|error| error.to_string())?;
    let part = tempfile::NamedTempFile::new_in(s3_root).map_err(|error| error.to_string())?;
    let stdout = part.as_file().try_clone().map_err(|error| error.to_string())?;
    done(place.read(&item.source, stdout, timeout_secs).await)?;
    part.persist(&path).map(drop).map_err(|error| error.to_string())
}

/// The object, or a stream of all objects below a prefix, and the script that
/// puts it in place. The destination's folder must exist, as in AWSTOE.
fn source(s3_root: &Path, item: &Download) -> Result<(&'static str, File), String> {
    let (bucket, key) = object(&item.source)?;
    let bucket_dir = s3_root.join(bucket);
    if let Some(prefix) = key.strip_suffix('*') {
        let folder = bucket_dir.join(prefix.trim_end_matches('/'));
        if !folder.is_dir() {
            return Err(format!("{}: no object with this prefix", item.source));
        }
        let stream = archive(&folder).map_err(|error| format!("{}: {error}", item.source))?;
        return Ok((
            r#"test "$2" = y && t= || t=--skip-old-files; tar -x $t --no-same-owner -C "$1""#,
            stream,
        ));
    }
    let path: PathBuf = bucket_dir.join(key);
    let file = File::open(&path).map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => format!("{}: NoSuchKey or NoSuchBucket", item.source),
        _ => format!("{}: {error}", item.source),
    })?;
    let script = r#"if [ -e "$1" ] && [ ! -d "$1" ] && [ "$2" = n ]; then exit 0; fi; cat > "$1""#;
    Ok((script, file))
}

/// A tar of a folder, in a file without a name.
fn archive(folder: &Path) -> io::Result<File> {
    use std::io::Seek;
    let mut file = tempfile::tempfile()?;
    let status = std::process::Command::new("tar")
        .args(["-c", "--exclude=.s3s*", "-C"])
        .arg(folder)
        .arg(".")
        .stdout(file.try_clone()?)
        .status()?;
    if !status.success() {
        return Err(io::Error::other(format!("tar ended with {status}")));
    }
    file.rewind()?;
    Ok(file)
}

fn content(text: &str) -> io::Result<File> {
    use std::io::{Seek, Write};
    let mut file = tempfile::tempfile()?;
    file.write_all(text.as_bytes())?;
    file.rewind()?;
    Ok(file)
}

fn done(output: io::Result<Output>) -> Result<(), String> {
    match output {
        Ok(output) if output.ok() => Ok(()),
        Ok(output) => Err(output.tail()),
        Err(error) => Err(error.to_string()),
    }
}
