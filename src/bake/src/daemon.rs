//! The node daemon that goes into an image, known by what its linker wrote
//! into it.

use crate::error::{BakeError, Result};
use crate::glibc::{self, Glibc};
use crate::hash::Sum;
use crate::recipe::Architecture;
use object::Object as _;
use std::path::Path;
use std::sync::Arc;

/// The daemon.
#[derive(Debug, Clone)]
pub struct Daemon {
    /// Content.
    pub bytes: Arc<Vec<u8>>,
    /// Its SHA-256.
    pub sum: Sum,
    /// GNU build id, hexadecimal; a linker may be told to leave it out.
    pub build_id: Option<String>,
    /// Kind of machine it runs on.
    pub architecture: Architecture,
    /// Oldest C library that it starts with.
    pub glibc: Glibc,
}

impl Daemon {
    /// Reads a program built for Linux.
    ///
    /// # Errors
    /// If it cannot be read, or is none.
    pub fn read(path: &Path) -> Result<Self> {
        let bytes = std::fs::read(path)
            .map_err(|source| BakeError::Unreadable { path: path.to_owned(), source })?;
        let none = |why: String| BakeError::NoProgram { path: path.to_owned(), why };
        let (build_id, architecture) = {
            let elf = object::File::parse(bytes.as_slice()).map_err(|why| none(why.to_string()))?;
            let architecture = match (elf.format(), elf.architecture()) {
                (object::BinaryFormat::Elf, object::Architecture::X86_64) => Architecture::X86_64,
                (object::BinaryFormat::Elf, object::Architecture::Aarch64) => Architecture::Arm64,
                (format, other) => return Err(none(format!("it is {format:?} for {other:?}"))),
            };
            (elf.build_id().ok().flatten().map(hex::encode), architecture)
        };
        let glibc = glibc::needed(&bytes).map_err(|why| none(why.to_string()))?.ok_or_else(|| {
            none("it is linked statically, so it could not load libfabric; scripts/build-daemon makes the right one".to_owned())
        })?;
        let sum = Sum::of(&bytes);
        Ok(Self { bytes: Arc::new(bytes), sum, build_id, architecture, glibc })
    }

    /// Build id, else the beginning of the sum.
    #[must_use]
    pub fn shown(&self) -> String {
        self.build_id.clone().unwrap_or_else(|| self.sum.short())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_is_known_by_its_build_id() {
        let told = Daemon::read(&std::env::current_exe().unwrap()).unwrap();
        assert_eq!(told.architecture.as_str(), std::env::consts::ARCH.replace("aarch64", "arm64"));
        let id = told.build_id.unwrap();
        assert!(id.len() >= 16 && id.chars().all(|c| c.is_ascii_hexdigit()), "{id}");
    }

    #[test]
    fn what_is_no_program_is_told() {
        let told = Daemon::read(Path::new("/etc/passwd")).unwrap_err().to_string();
        assert!(told.contains("/etc/passwd") && told.contains("no program"), "{told}");
    }
}
