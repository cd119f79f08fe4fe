//! The folder of the spool: whole files only, so that a kill leaves either what
//! was before or what was to be.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

/// Name of a file that is being written begins so.
const TEMPORARY: &str = ".new-";

/// What the spool does with files; tests make it fail at any of them.
pub trait Disk: Send {
    /// Names of all files.
    ///
    /// # Errors
    /// If the folder cannot be read or made.
    fn list(&mut self) -> io::Result<Vec<String>>;
    /// A whole file.
    ///
    /// # Errors
    /// If it cannot be read.
    fn read(&mut self, name: &str) -> io::Result<Vec<u8>>;
    /// Bytes of a file.
    ///
    /// # Errors
    /// If it cannot be asked for.
    fn size(&mut self, name: &str) -> io::Result<u64>;
    /// Puts a file there as a whole, past a loss of power.
    ///
    /// # Errors
    /// If it is not there then; what was there before stays.
    fn put(&mut self, name: &str, bytes: &[u8]) -> io::Result<()>;
    /// Removes a file; one that is not there is no error.
    ///
    /// # Errors
    /// If it is still there.
    fn remove(&mut self, name: &str) -> io::Result<()>;
}

/// A folder.
#[derive(Debug)]
pub struct Folder(PathBuf);

impl Folder {
    /// Made when it is first used.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self(path.into())
    }

    /// Its path.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.0
    }

    fn sync(&self) -> io::Result<()> {
        File::open(&self.0)?.sync_all()
    }
}

impl Disk for Folder {
    fn list(&mut self) -> io::Result<Vec<String>> {
        fs::create_dir_all(&self.0)?;
        let mut names = Vec::new();
        for file in fs::read_dir(&self.0)? {
            let Ok(name) = file?.file_name().into_string() else { continue };
            if name.starts_with(TEMPORARY) {
                // A write that a kill has cut off.
                self.remove(&name)?;
            } else {
                names.push(name);
            }
        }
        Ok(names)
    }

    fn read(&mut self, name: &str) -> io::Result<Vec<u8>> {
        fs::read(self.0.join(name))
    }

    fn size(&mut self, name: &str) -> io::Result<u64> {
        Ok(fs::metadata(self.0.join(name))?.len())
    }

    fn put(&mut self, name: &str, bytes: &[u8]) -> io::Result<()> {
        let mut file = tempfile::Builder::new().prefix(TEMPORARY).tempfile_in(&self.0)?;
        file.write_all(bytes)?;
        file.as_file().sync_all()?;
        file.persist(self.0.join(name)).map_err(|error| error.error)?;
        self.sync()
    }

    fn remove(&mut self, name: &str) -> io::Result<()> {
        match fs::remove_file(self.0.join(name)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }
}
