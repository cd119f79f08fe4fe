//! A disk that is full, or that dies with the process at a certain step.

use crate::spool::{Disk, Folder};
use std::io;
use std::path::Path;

/// Steps of a write: an empty file, half of it, all of it, under its name.
const STEPS_OF_PUT: usize = 4;

#[derive(Debug)]
pub struct Mortal {
    folder: Folder,
    pub full: bool,
    /// Steps left until the process is killed; none after that.
    pub left: usize,
    /// Steps taken.
    pub taken: usize,
}

impl Mortal {
    pub fn new(folder: &Path) -> Self {
        Self { folder: Folder::new(folder), full: false, left: usize::MAX, taken: 0 }
    }

    fn step(&mut self) -> io::Result<()> {
        self.left = self.left.checked_sub(1).ok_or_else(killed)?;
        self.taken += 1;
        Ok(())
    }
}

fn killed() -> io::Error {
    io::Error::other("killed")
}

impl Disk for Mortal {
    fn list(&mut self) -> io::Result<Vec<String>> {
        self.step()?;
        self.folder.list()
    }

    fn read(&mut self, name: &str) -> io::Result<Vec<u8>> {
        self.folder.read(name)
    }

    fn size(&mut self, name: &str) -> io::Result<u64> {
        self.folder.size(name)
    }

    fn put(&mut self, name: &str, bytes: &[u8]) -> io::Result<()> {
        if self.full {
            return Err(io::ErrorKind::StorageFull.into());
        }
        let begun = self.folder.path().join(".new-begun");
        for done in 0..STEPS_OF_PUT - 1 {
            self.step()?;
            std::fs::write(&begun, &bytes[..bytes.len() * done / (STEPS_OF_PUT - 2)])?;
        }
        self.step()?;
        std::fs::rename(begun, self.folder.path().join(name))
    }

    fn remove(&mut self, name: &str) -> io::Result<()> {
        self.step()?;
        self.folder.remove(name)
    }
}
