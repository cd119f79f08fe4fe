//! What one file says.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

/// A file that is there and says nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}: {why}", path.display())]
pub struct Unreadable {
    /// The file.
    pub path: PathBuf,
    /// The kernel's words, or what it holds instead.
    pub why: String,
}

/// What a file says; `None` if it is not there.
pub type Fact<T> = Result<Option<T>, Unreadable>;

/// The text of a file, without the space around it.
pub(crate) fn text(path: &Path) -> Fact<String> {
    match fs::read_to_string(path) {
        Ok(text) => Ok(Some(text.trim().to_owned())),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(Unreadable { path: path.to_owned(), why: error.to_string() }),
    }
}

/// What `parse` makes of a file's text.
pub(crate) fn parsed<T>(path: &Path, parse: impl Fn(&str) -> Option<T>) -> Fact<T> {
    let Some(text) = text(path)? else { return Ok(None) };
    let why = || format!("holds {:?}", text.chars().take(80).collect::<String>());
    parse(&text).map(Some).ok_or_else(|| Unreadable { path: path.to_owned(), why: why() })
}

/// A whole number.
pub(crate) fn number(path: &Path) -> Fact<u64> {
    parsed(path, |text| text.parse().ok())
}

/// Names of a folder's entries, sorted; none where it is not there.
pub(crate) fn names(folder: &Path) -> Result<Vec<String>, Unreadable> {
    let unreadable =
        |error: std::io::Error| Unreadable { path: folder.to_owned(), why: error.to_string() };
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(unreadable(error)),
    };
    let mut names = Vec::new();
    for entry in entries {
        names.extend(entry.map_err(unreadable)?.file_name().into_string().ok());
    }
    names.sort();
    Ok(names)
}

/// The last part of where a link leads.
pub(crate) fn link(path: &Path) -> Fact<String> {
    match fs::read_link(path) {
        Ok(target) => Ok(target.file_name().map(|name| name.to_string_lossy().into_owned())),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(Unreadable { path: path.to_owned(), why: error.to_string() }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn absent_and_unreadable_are_two_things() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("rate");
        assert_eq!(text(&path), Ok(None));
        fs::create_dir(&path).unwrap();
        let error = text(&path).unwrap_err();
        assert!(error.to_string().contains("rate: Is a directory"), "{error}");
        fs::remove_dir(&path).unwrap();
        fs::write(&path, "many\n").unwrap();
        let error = number(&path).unwrap_err();
        assert!(error.to_string().ends_with("rate: holds \"many\""), "{error}");
        fs::write(&path, " 7\n").unwrap();
        assert_eq!(number(&path), Ok(Some(7)));
    }
}
