//! Builds the fake `libnvidia-ml.so.1` beside this file and tells it how to
//! fail; `nvml.c` has the words.
#![allow(dead_code, missing_docs)]

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;
use tempfile::TempDir;

/// The scripts are read as those of the fake libfabric.
const SCRIPTS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../fabric/tests/fake");
const HERE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../gpu/tests/fake");
const FLAGS: [&str; 9] = [
    "-std=gnu11",
    "-Wall",
    "-Wextra",
    "-Werror",
    "-O1",
    "-fPIC",
    "-shared",
    "-Wl,-z,defs",
    "-DFAKE=\"nvml\"",
];

/// A copy of the library in a folder of its own, with its script.
pub struct Fake(TempDir);

impl Fake {
    pub fn new() -> Self {
        let folder = TempDir::new_in(env!("CARGO_TARGET_TMPDIR")).expect("a folder");
        std::fs::copy(built(), folder.path().join("libnvidia-ml.so.1")).expect("copies");
        Self(folder)
    }

    pub fn folder(&self) -> &Path {
        self.0.path()
    }

    pub fn library(&self) -> PathBuf {
        self.folder().join("libnvidia-ml.so.1")
    }

    /// What is otherwise from now on, a line each; all is well with "".
    pub fn script(&self, lines: &str) {
        let new = self.folder().join("script.new");
        std::fs::write(&new, format!("{lines}\n")).expect("writes");
        std::fs::rename(new, self.folder().join("script")).expect("renames");
    }
}

/// Built once in each test program; the last one in place is as good as the first.
fn built() -> &'static Path {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    BUILT.get_or_init(|| {
        let library = Path::new(env!("CARGO_TARGET_TMPDIR")).join("fake-nvml.so.1");
        let new = library.with_extension(std::process::id().to_string());
        let compiler = Command::new("cc")
            .current_dir(HERE)
            .args(FLAGS)
            .args(["-I", SCRIPTS, "-o"])
            .arg(&new)
            .args(["nvml.c", &format!("{SCRIPTS}/script.c"), &format!("{SCRIPTS}/attempts.c")])
            .arg("-ldl")
            .output()
            .expect("cc runs");
        let told = String::from_utf8_lossy(&compiler.stderr);
        assert!(compiler.status.success(), "{told}");
        std::fs::rename(new, &library).expect("renames");
        library
    })
}
