//! The action modules. Paths are resolved inside the image, by programs that
//! run in it, so a link in the image cannot lead to this computer's files.

use std::io;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use super::inputs::{Action, Download, Upload, object, octal};
use super::runner::Runner;
use super::sandbox::{Output, Sandbox};

/// Runs one action.
pub(super) async fn run(
    runner: &Runner<'_>,
    action: &Action,
    timeout_secs: Option<u64>,
) -> Result<(), String> {
    let Runner { sandbox, s3_root, console } = runner;
    let sh = async |script: &str, args: &[&str], stdin: Option<Stdio>| {
        let argv: Vec<&str> =
            ["/bin/sh", "-euc", script, "sh"].iter().chain(args).copied().collect();
        done(sandbox.run(&argv, stdin, timeout_secs, Some(console)).await)
    };
    match action {
        Action::ExecuteBash(bash) => {
            done(sandbox.bash(&bash.commands.join("\n"), timeout_secs, Some(console)).await)
        }
        Action::S3Download(list) => {
            for item in list {
                let (script, stdin) = source(s3_root, item)?;
                sh(
                    script,
                    &[&item.destination, if item.overwrite { "y" } else { "n" }],
                    Some(stdin),
                )
                .await
                .map_err(|why| format!("{} to {}: {why}", item.source, item.destination))?;
            }
            Ok(())
        }
        Action::S3Upload(list) => {
            for item in list {
                upload(sandbox, s3_root, item, timeout_secs)
                    .await
                    .map_err(|why| format!("{} to {}: {why}", item.source, item.destination))?;
            }
            Ok(())
        }
        Action::CreateFile(list) => {
            for item in list {
                if !item.overwrite {
                    sh(r#"[ ! -e "$1" ] || { echo "$1 exists"; exit 1; }"#, &[&item.path], None)
                        .await?;
                }
                let stdin = content(&item.content).map_err(|e| e.to_string())?;
                sh(r#"cat > "$1""#, &[&item.path], Some(stdin)).await?;
                let mode = item.permissions.as_ref().map_or(Ok("0644".to_owned()), octal)?;
                sh(r#"chmod -- "$2" "$1""#, &[&item.path, &mode], None).await?;
            }
            Ok(())
        }
        Action::CreateFolder(list) => {
            for item in list {
                if item.overwrite {
                    sh(r#"rm -rf -- "$1""#, &[&item.path], None).await?;
                }
                sh(r#"mkdir -p -- "$1""#, &[&item.path], None).await?;
            }
            Ok(())
        }
        Action::DeleteFile(list) => {
            for item in list {
                // A pattern may match several files; a name that matches none is a failure.
                sh(r#"for f in $1; do rm -- "$f"; done"#, &[&item.path], None).await?;
            }
            Ok(())
        }
        Action::SetFilePermissions(list) => {
            for item in list {
                let mode = octal(&item.permissions)?;
                sh(r#"chmod -- "$2" "$1""#, &[&item.path, &mode], None).await?;
            }
            Ok(())
        }
    }
}

/// A file of the image becomes an object; a reader sees the old one or the new.
async fn upload(
    sandbox: &Sandbox,
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
    done(sandbox.read(&item.source, stdout, timeout_secs).await)?;
    part.persist(&path).map(drop).map_err(|error| error.to_string())
}

/// The object, or a stream of all objects below a prefix, and the script that
/// puts it in place. The destination's folder must exist, as in AWSTOE.
fn source(s3_root: &Path, item: &Download) -> Result<(&'static str, Stdio), String> {
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
    let file = std::fs::File::open(&path).map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => format!("{}: NoSuchKey or NoSuchBucket", item.source),
        _ => format!("{}: {error}", item.source),
    })?;
    let script = r#"if [ -e "$1" ] && [ ! -d "$1" ] && [ "$2" = n ]; then exit 0; fi; cat > "$1""#;
    Ok((script, Stdio::from(file)))
}

/// A tar of a folder, in a file without a name.
fn archive(folder: &Path) -> io::Result<Stdio> {
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
    Ok(file.into())
}

fn content(text: &str) -> io::Result<Stdio> {
    use std::io::{Seek, Write};
    let mut file = tempfile::tempfile()?;
    file.write_all(text.as_bytes())?;
    file.rewind()?;
    Ok(file.into())
}

fn done(output: io::Result<Output>) -> Result<(), String> {
    match output {
        Ok(output) if output.ok() => Ok(()),
        Ok(output) => Err(output.tail()),
        Err(error) => Err(error.to_string()),
    }
}
