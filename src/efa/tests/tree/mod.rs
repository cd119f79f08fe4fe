//! Files of a node, from a text that a person can read and change.
//!
//! ```text
//! # a comment
//! in FOLDER          the paths that follow are below it; `in .` is the root
//! PATH = TEXT        a file with this line; \n begins another one
//! PATH -> TARGET     a symbolic link
//! PATH/              a folder
//! let NAME = TEXT    $NAME stands for TEXT from here on
//! each NAME ...      for every row of values: what is between `do` and `end`,
//!   VALUE ...        with $NAME for its value
//! do
//! ...
//! end
//! ```
//! A path with `{a,b}` is two paths.
#![allow(dead_code)]

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

/// Where the texts are.
pub fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../efa/tests/trees")
}

/// The files of the text of this name, in a folder of their own.
pub fn unfold(name: &str) -> TempDir {
    let text = fs::read_to_string(folder().join(format!("{name}.tree"))).unwrap();
    // Some thousand files, which are made at once in memory.
    let memory = Path::new("/dev/shm");
    let place = if memory.is_dir() { memory.to_owned() } else { std::env::temp_dir() };
    let root = tempfile::tempdir_in(place).unwrap();
    unfold_text(root.path(), &text);
    root
}

/// The files of a text, below `root`.
pub fn unfold_text(root: &Path, text: &str) {
    let lines: Vec<&str> =
        text.lines().map(str::trim).filter(|l| !l.is_empty() && !l.starts_with('#')).collect();
    let mut folder = root.to_owned();
    make(root, &mut folder, &lines, &mut Vec::new());
}

/// Removes what is there, a link, file or folder.
pub fn remove(root: &Path, path: &str) {
    let path = root.join(path);
    if path.symlink_metadata().unwrap().is_dir() {
        fs::remove_dir_all(path).unwrap();
    } else {
        fs::remove_file(path).unwrap();
    }
}

/// Puts a folder in a file's place: nobody can read that, not even root.
pub fn spoil(root: &Path, path: &str) {
    remove(root, path);
    fs::create_dir(root.join(path)).unwrap();
}

/// Writes a file that is there.
pub fn write(root: &Path, path: &str, text: impl ToString) {
    let path = root.join(path);
    assert!(path.is_file(), "{}", path.display());
    fs::write(path, format!("{}\n", text.to_string())).unwrap();
}

type Names = Vec<(String, String)>;

fn make(root: &Path, folder: &mut PathBuf, lines: &[&str], names: &mut Names) {
    let mut lines = lines.iter();
    while let Some(line) = lines.next() {
        if let Some(columns) = line.strip_prefix("each ") {
            let rows: Vec<&str> =
                lines.by_ref().copied().take_while(|line| *line != "do").collect();
            let body: Vec<&str> =
                lines.by_ref().copied().take_while(|line| *line != "end").collect();
            for row in rows {
                let pairs = columns.split_whitespace().zip(row.split_whitespace());
                assert_eq!(
                    columns.split_whitespace().count(),
                    row.split_whitespace().count(),
                    "{row}"
                );
                let mut names: Names =
                    pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
                make(root, folder, &body, &mut names);
            }
            continue;
        }
        let line = filled(line, names);
        if let Some(said) = line.strip_prefix("let ") {
            let (name, value) = said.split_once(" = ").unwrap();
            names.push((name.to_owned(), value.to_owned()));
        } else if let Some(below) = line.strip_prefix("in ") {
            *folder = root.join(below);
        } else {
            entry(folder, &line);
        }
    }
}

fn filled(line: &str, names: &Names) -> String {
    let mut line = line.to_owned();
    // The longer names first, lest one be the beginning of another.
    let mut names: Vec<_> = names.iter().collect();
    names.sort_by_key(|(name, _)| std::cmp::Reverse(name.len()));
    for (name, value) in names {
        line = line.replace(&format!("${name}"), value);
    }
    assert!(!line.contains('$'), "{line}");
    line
}

fn entry(folder: &Path, line: &str) {
    if let Some((path, target)) = line.split_once(" -> ") {
        symlink(target, parented(folder, path)).unwrap();
    } else if let Some((paths, text)) = line.split_once(" =") {
        for path in alternatives(paths) {
            let text = text.trim().replace("\\n", "\n");
            fs::write(parented(folder, &path), format!("{text}\n")).unwrap();
        }
    } else {
        assert!(line.ends_with('/'), "{line}");
        fs::create_dir_all(folder.join(line)).unwrap();
    }
}

fn parented(folder: &Path, path: &str) -> PathBuf {
    let path = folder.join(path);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    path
}

fn alternatives(path: &str) -> Vec<String> {
    let Some((before, rest)) = path.split_once('{') else { return vec![path.to_owned()] };
    let (inside, after) = rest.split_once('}').unwrap();
    let each = inside.split(',').map(|one| format!("{before}{one}{after}"));
    each.flat_map(|path| alternatives(&path)).collect()
}
