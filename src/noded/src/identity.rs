//! A new identity for every incarnation: key pair, boot id, growing epoch.

use anyhow::{Context as _, anyhow};
use nixl_cluster::IdentityRecord;
use std::path::Path;

/// `random(4)`: a UUID that the kernel makes once a boot.
const BOOT_ID: &str = "/proc/sys/kernel/random/boot_id";
const BOOT_PREFIX_CHARS: usize = 8;
/// Only the key type matters here: static keys are X25519 in every pattern.
const NOISE: &str = "Noise_KK_25519_ChaChaPoly_BLAKE2b";

/// An identity with the secret half of its key.
#[derive(Clone)]
pub struct Identity {
    /// What the tags say.
    pub record: IdentityRecord,
    /// Secret half.
    pub secret_key: [u8; 32],
}

/// Makes an identity newer than `previous_epoch`, also if the clock went back;
/// `prefill` is the setting.
///
/// # Errors
/// If the kernel's boot id or randomness cannot be read.
pub fn generate(previous_epoch: u64, prefill: Option<u32>) -> anyhow::Result<Identity> {
    let boot = boot_prefix(Path::new(BOOT_ID))?;
    let pair = snow::Builder::new(NOISE.parse().context("noise pattern")?)
        .generate_keypair()
        .context("cannot make an X25519 key pair")?;
    let key = |half: Vec<u8>| half.try_into().map_err(|_| anyhow!("an X25519 key has 32 bytes"));
    let now = u64::try_from(jiff::Timestamp::now().as_millisecond()).unwrap_or(0);
    Ok(Identity {
        record: IdentityRecord {
            public_key: key(pair.public)?,
            boot,
            epoch: now.max(previous_epoch + 1),
            prefill,
        },
        secret_key: key(pair.private)?,
    })
}

fn boot_prefix(path: &Path) -> anyhow::Result<String> {
    let text =
        std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    let prefix: String =
        text.chars().filter(char::is_ascii_hexdigit).take(BOOT_PREFIX_CHARS).collect();
    if prefix.len() < BOOT_PREFIX_CHARS {
        return Err(anyhow!("{} holds no boot id", path.display()));
    }
    Ok(prefix)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_identity_is_new_and_newer() {
        let first = generate(0, None).unwrap();
        let second = generate(first.record.epoch, Some(1)).unwrap();
        assert!(second.record.epoch > first.record.epoch);
        assert_ne!(second.record.public_key, first.record.public_key);
        assert_eq!(second.record.boot, first.record.boot);
        let ahead = generate(u64::MAX - 1, None).unwrap();
        assert_eq!(ahead.record.epoch, u64::MAX);
        let text = first.record.to_string();
        assert_eq!(text.parse::<IdentityRecord>().unwrap(), first.record);
    }
}
