//! A machine's GPUs, as many as its instance type has: there is none in this
//! computer, so a library in NVIDIA's place tells of them, from a file that
//! `nixl-region gpu` changes. Nothing computes on them.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use crate::backend::Gpus;
use crate::process::write_atomic;

/// `nvml.rs`, built.
const LIBRARY: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/libnvidia-ml.so.1"));
/// Where the machine's loader looks for it.
const PATH: &str = concat!("usr/lib/", env!("LIBRARIES"), "/libnvidia-ml.so.1");
/// Where the library looks for the file; `nvml.rs` knows it too.
const STATES: &str = "usr/lib/nixl-region/gpus";

/// How a GPU is; the letter is what the file says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum GpuState {
    /// As it should be.
    Well,
    /// Fallen off the bus: NVML counts it and answers `GPU_IS_LOST`.
    Lost,
    /// Not there at all.
    Absent,
    /// At its slowdown temperature, slowed down by its hardware.
    Hot,
    /// An uncorrectable error in its memory; a row waits to be remapped.
    Ecc,
    /// The driver does not answer: calls about it do not come back.
    Wedged,
}

impl GpuState {
    fn letter(self) -> u8 {
        match self {
            Self::Well => b'w',
            Self::Lost => b'l',
            Self::Absent => b'a',
            Self::Hot => b'h',
            Self::Ecc => b'e',
            Self::Wedged => b'g',
        }
    }
}

impl FromStr for GpuState {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let quoted = serde_json::Value::String(text.to_owned());
        serde_json::from_value(quoted)
            .map_err(|_| format!("{text:?} is none of well, lost, absent, hot, ecc, wedged"))
    }
}

/// The file with the states of a machine's GPUs, beside its disk: model, MiB
/// of memory, and a letter for each, a line each.
pub(super) struct MachineGpus(PathBuf);

impl MachineGpus {
    pub(super) fn of(machine_dir: &Path) -> Self {
        Self(machine_dir.join("gpus"))
    }

    /// Puts the library into what the machine is given; GPUs stay as they were
    /// when the machine was stopped.
    pub(super) fn install(&self, given: &Path, gpus: &Gpus) -> io::Result<()> {
        for (path, bytes, mode) in [(PATH, LIBRARY, 0o644), (STATES, &b""[..], 0o444)] {
            let path = given.join(path);
            std::fs::create_dir_all(path.parent().unwrap_or(given))?;
            write_atomic(&path, bytes, mode)?;
        }
        if self.0.exists() {
            return Ok(());
        }
        let count = usize::try_from(gpus.count).unwrap_or(0);
        let states = "w".repeat(count);
        let text = format!("{}\n{}\n{states}\n", gpus.model, gpus.memory_mib);
        write_atomic(&self.0, text.as_bytes(), 0o444)
    }

    /// nspawn's argument that shows the machine its GPUs.
    pub(super) fn bind(&self) -> String {
        format!("--bind-ro={}:/{STATES}", self.0.display())
    }

    /// Changes one. In place, for the file itself is seen in the machine.
    pub(super) fn set(&self, index: u32, state: GpuState) -> io::Result<()> {
        let text = std::fs::read_to_string(&self.0)?;
        let states = text.lines().nth(2).unwrap_or_default();
        let count = states.len();
        let start = text.len() - count - 1;
        let index = usize::try_from(index).unwrap_or(usize::MAX);
        if index >= count {
            return Err(io::Error::new(
                io::ErrorKind::InvalidInput,
                format!("it has {count} GPUs, numbered from 0"),
            ));
        }
        let file = File::options().write(true).open(&self.0)?;
        file.write_all_at(&[state.letter()], u64::try_from(start + index).unwrap_or(0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_gpu_is_changed_and_the_others_stay() {
        let folder = tempfile::tempdir().unwrap();
        let machine = MachineGpus::of(folder.path());
        let gpus = Gpus { model: "NVIDIA L4".into(), count: 4, memory_mib: 22_888 };
        let given = folder.path().join("given");
        machine.install(&given, &gpus).unwrap();
        machine.set(2, GpuState::Lost).unwrap();
        // As when the machine starts again.
        machine.install(&given, &gpus).unwrap();
        let text = std::fs::read_to_string(folder.path().join("gpus")).unwrap();
        assert_eq!(text, "NVIDIA L4\n22888\nwwlw\n");
        let error = machine.set(4, GpuState::Well).unwrap_err();
        assert_eq!(error.to_string(), "it has 4 GPUs, numbered from 0");
        assert!(given.join(PATH).is_file() && given.join(STATES).is_file());
    }

    #[test]
    fn states_are_named_as_they_are_written() {
        assert_eq!("ecc".parse(), Ok(GpuState::Ecc));
        let error = "melted".parse::<GpuState>().unwrap_err();
        assert_eq!(error, "\"melted\" is none of well, lost, absent, hot, ecc, wedged");
    }
}
