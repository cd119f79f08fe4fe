//! The C library that a program asks for.
//!
//! A program built against a newer one than the base has ends there with one
//! line of the dynamic linker's, after the build was paid for.
//!
//! Source: Linux Standard Base, symbol versioning (`.gnu.version_r`), which
//! glibc's linker checks before `main`.

use object::LittleEndian;
use object::elf::FileHeader64;
use object::read::elf::ElfFile;
use std::fmt;

/// A version of glibc.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Glibc(pub u16, pub u16);

impl fmt::Display for Glibc {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.0, self.1)
    }
}

impl Glibc {
    /// Of a symbol version, e.g. `GLIBC_2.34` or `GLIBC_2.2.5`.
    fn of(version: &[u8]) -> Option<Self> {
        let version = std::str::from_utf8(version).ok()?.strip_prefix("GLIBC_")?;
        // No version but a mark: packed relative relocations, which came with 2.36.
        if version == "ABI_DT_RELR" {
            return Some(Self(2, 36));
        }
        let mut parts = version.split('.').map(str::parse);
        Some(Self(parts.next()?.ok()?, parts.next()?.ok()?))
    }
}

/// The newest version that a 64-bit program asks for; `None` if it is linked
/// statically.
///
/// # Errors
/// If the file is damaged.
pub fn needed(bytes: &[u8]) -> object::Result<Option<Glibc>> {
    let elf = ElfFile::<FileHeader64<LittleEndian>>::parse(bytes)?;
    let sections = elf.elf_section_table();
    let mut newest = None;
    if let Some((mut files, link)) = sections.gnu_verneed(LittleEndian, bytes)? {
        let strings = sections.strings(LittleEndian, bytes, link)?;
        while let Some((_, mut versions)) = files.next()? {
            while let Some(version) = versions.next()? {
                newest = newest.max(Glibc::of(version.name(LittleEndian, strings)?));
            }
        }
    }
    Ok(newest)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// A small program that every computer has.
    fn program() -> Vec<u8> {
        std::fs::read("/usr/bin/env").unwrap()
    }

    #[test]
    fn a_real_program_tells_its_c_library() {
        let needed = needed(&program()).unwrap().unwrap();
        assert!(needed >= Glibc(2, 2) && needed < Glibc(2, 99), "{needed}");
    }

    #[test]
    fn versions_are_numbers() {
        assert_eq!(Glibc::of(b"GLIBC_2.2.5"), Some(Glibc(2, 2)));
        assert_eq!(Glibc::of(b"GLIBC_ABI_DT_RELR"), Some(Glibc(2, 36)));
        assert!(Glibc::of(b"GLIBC_2.34") > Glibc::of(b"GLIBC_2.9"));
        assert_eq!(Glibc::of(b"GCC_3.0"), None);
        assert_eq!(Glibc::of(b"GLIBC_PRIVATE"), None);
    }

    proptest! {
        #[test]
        fn a_damaged_program_never_panics(cut: prop::sample::Index, at: prop::sample::Index, byte: u8) {
            let mut bytes = program();
            bytes.truncate(cut.index(bytes.len()) + 1);
            let at = at.index(bytes.len());
            bytes[at] = byte;
            let _ = needed(&bytes);
        }
    }
}
