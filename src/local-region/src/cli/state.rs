//! What the running region leaves for the other commands.

use anyhow::{Context, bail};
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

use super::MachineKind;
use crate::layout::Layout;
use crate::process::{ProcessRef, read_record, write_atomic};

/// `credentials.json`: where the region is and the account's keys.
#[derive(Serialize, Deserialize)]
pub(super) struct Credentials {
    pub(super) endpoint_url: String,
    pub(super) port: u16,
    pub(super) region: String,
    pub(super) account_id: String,
    pub(super) access_key_id: String,
    pub(super) secret_access_key: String,
    /// Opens the control routes.
    pub(super) control_token: String,
    #[serde(default)]
    pub(super) fixed: Fixed,
}

/// What a region was brought up with and keeps for its life.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Fixed {
    pub(super) record: Option<PathBuf>,
    pub(super) machine_disks: Option<u64>,
    pub(super) machine_clocks: bool,
    #[serde(default)]
    pub(super) machines: MachineKind,
}

impl Fixed {
    /// The option of `up` that is wished and not so; one that is not given is no wish.
    pub(super) fn lacks(&self, wished: &Self) -> Option<&'static str> {
        let other = |differs: bool, option| differs.then_some(option);
        other(wished.record.is_some() && wished.record != self.record, "--record")
            .or(other(
                wished.machine_disks.is_some() && wished.machine_disks != self.machine_disks,
                "--machine-disks",
            ))
            .or(other(wished.machine_clocks && !self.machine_clocks, "--machine-clocks"))
            .or(other(wished.machines != self.machines, "--machines"))
    }
}

impl Credentials {
    /// New keys in the form AWS gives them.
    pub(super) fn generate(port: u16, region: &str) -> Self {
        Self {
            endpoint_url: format!("http://127.0.0.1:{port}"),
            port,
            region: region.to_owned(),
            account_id: "123456789012".into(),
            access_key_id: format!("AKIA{}", random_text(16, b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567")),
            secret_access_key: hex::encode(rand::random::<[u8; 20]>()),
            control_token: hex::encode(rand::random::<[u8; 32]>()),
            fixed: Fixed::default(),
        }
    }

    pub(super) fn write(&self, layout: &Layout) -> anyhow::Result<()> {
        let path = layout.credentials_file();
        write_atomic(&path, &serde_json::to_vec_pretty(self)?, 0o600)
            .with_context(|| format!("write {}", path.display()))
    }
}

fn random_text(length: usize, alphabet: &[u8; 32]) -> String {
    // 256 is a multiple of 32: no letter is likelier.
    (0..length).map(|_| char::from(alphabet[usize::from(rand::random::<u8>() % 32)])).collect()
}

/// The region's process, if it runs.
pub(super) fn process(layout: &Layout) -> Option<ProcessRef> {
    read_record(&layout.pid_file()).filter(ProcessRef::alive)
}

/// The running region's keys; says what to do when there is none.
pub(super) fn credentials(layout: &Layout) -> anyhow::Result<Credentials> {
    if let Err(error) = std::fs::read_dir(layout.state_dir())
        && error.kind() == std::io::ErrorKind::PermissionDenied
    {
        bail!("{} is not readable: run it as root", layout.state_dir().display());
    }
    if process(layout).is_none() {
        bail!("the region is not up: start it with `nixl-region up`");
    }
    let path = layout.credentials_file();
    let bytes = std::fs::read(&path).with_context(|| format!("read {}", path.display()))?;
    serde_json::from_slice(&bytes).with_context(|| format!("read {}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_wished_and_otherwise_is_lacking() {
        let up = Fixed { record: Some("/a".into()), machine_clocks: true, ..Fixed::default() };
        assert_eq!(up.lacks(&Fixed::default()), None);
        assert_eq!(up.lacks(&up), None);
        let wished = Fixed { record: Some("/b".into()), ..Fixed::default() };
        assert_eq!(up.lacks(&wished), Some("--record"));
        let wished = Fixed { machine_disks: Some(1 << 30), ..Fixed::default() };
        assert_eq!(up.lacks(&wished), Some("--machine-disks"));
        let wished = Fixed { machines: MachineKind::Pretend, ..Fixed::default() };
        assert_eq!(up.lacks(&wished), Some("--machines"));
        let wished = Fixed { machine_clocks: true, ..Fixed::default() };
        assert_eq!(Fixed::default().lacks(&wished), Some("--machine-clocks"));
    }
}
