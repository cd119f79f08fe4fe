//! The token of the MLflow endpoint: made anew at each boot, as `/run` is.

use super::file;
use anyhow::Context as _;
use nixl_cluster::mlflow::{GROUP, TOKEN_ENVIRONMENT_FILE, TOKEN_FILE, TOKEN_VARIABLE};
use rand::RngExt as _;
use std::path::{Path, PathBuf};

const BYTES: usize = 32;

/// Writes the token and the file for units, or removes both; whether each changed.
pub(super) fn write(root: &Path, wanted: bool) -> anyhow::Result<Vec<(PathBuf, bool)>> {
    let [token_file, environment] =
        [TOKEN_FILE, TOKEN_ENVIRONMENT_FILE].map(|path| root.join(path.trim_start_matches('/')));
    if !wanted {
        let removed = [file::remove(&token_file)?, file::remove(&environment)?];
        return Ok([token_file, environment].into_iter().zip(removed).collect());
    }
    let group = group(root)?;
    let kept = file::read(&token_file)?.and_then(|bytes| String::from_utf8(bytes).ok());
    let token = kept.filter(|kept| is_token(kept)).unwrap_or_else(|| format!("{}\n", new()));
    let written = file::replace_secret(&token_file, token.as_bytes(), group)?;
    let line = format!("{TOKEN_VARIABLE}={token}");
    let told = file::replace_secret(&environment, line.as_bytes(), group)?;
    Ok(vec![(token_file, written), (environment, told)])
}

fn new() -> String {
    let bytes: [u8; BYTES] = rand::rng().random();
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn is_token(text: &str) -> bool {
    text.strip_suffix('\n').is_some_and(|text| {
        text.len() == 2 * BYTES && text.bytes().all(|byte| byte.is_ascii_hexdigit())
    })
}

/// Its id, or none where the group was not made: then only root may read.
fn group(root: &Path) -> anyhow::Result<Option<u32>> {
    let groups = file::read(&root.join("etc/group"))?.unwrap_or_default();
    let groups = String::from_utf8_lossy(&groups);
    let found = groups.lines().find_map(|line| {
        let mut fields = line.split(':');
        (fields.next()? == GROUP).then(|| fields.nth(1))?
    });
    let id = found.map(str::parse).transpose();
    id.with_context(|| format!("the id of group {GROUP} in /etc/group is no number"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::os::unix::fs::MetadataExt as _;

    #[test]
    fn a_token_is_made_once_a_boot_and_is_the_groups() {
        let root = tempfile::tempdir().unwrap();
        fs::create_dir_all(root.path().join("etc")).unwrap();
        let own = rustix::process::getegid().as_raw();
        fs::write(root.path().join("etc/group"), format!("root:x:0:\n{GROUP}:x:{own}:\n")).unwrap();
        let paths: Vec<PathBuf> =
            write(root.path(), true).unwrap().into_iter().map(|(path, _)| path).collect();
        let token = fs::read_to_string(&paths[0]).unwrap();
        assert!(is_token(&token), "{token}");
        let line = fs::read_to_string(&paths[1]).unwrap();
        assert_eq!(line, format!("{TOKEN_VARIABLE}={token}"));
        for path in &paths {
            let is = fs::metadata(path).unwrap();
            assert_eq!((is.mode() & 0o777, is.gid()), (0o640, own));
        }
        assert!(write(root.path(), true).unwrap().iter().all(|(_, changed)| !changed));
        fs::write(&paths[0], "short\n").unwrap();
        assert!(write(root.path(), true).unwrap().iter().all(|(_, changed)| *changed));
        assert_ne!(fs::read_to_string(&paths[0]).unwrap(), token);
        fs::write(root.path().join("etc/group"), format!("{GROUP}:x:many:\n")).unwrap();
        assert!(write(root.path(), true).is_err());
    }
}
