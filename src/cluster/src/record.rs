//! The three records a node writes on its own instance, as tag values.
//!
//! Every record is one line of ASCII, under the 256-character limit of an EC2
//! tag value, and begins with its version so that a newer daemon can refuse an
//! older one by name.

use crate::Provider;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD as B64;
use std::fmt;
use std::str::FromStr;

/// Longest value EC2 accepts for a tag (API reference, `Tag`).
pub const MAX_TAG_VALUE_CHARS: usize = 256;

/// A tag value that is no record of ours.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("tag value {value:?} is no {record} record: {why}")]
pub struct RecordError {
    /// Which record was expected.
    pub record: &'static str,
    /// The value as found.
    pub value: String,
    /// What is wrong with it.
    pub why: &'static str,
}

/// Who a node is since its daemon started: `1:<key>:<boot>:<start>`, with
/// `:<prefill>` where roles differ.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IdentityRecord {
    /// X25519 public key, made anew at every start of the daemon.
    pub public_key: [u8; 32],
    /// First 8 hex characters of the kernel's boot id.
    pub boot: String,
    /// Unix time in milliseconds at which this daemon started: grows with
    /// every start, also over reboots, so that the newer identity is known.
    pub epoch: u64,
    /// How many nodes prefill by this node's settings, see [`crate::Layout`].
    pub prefill: Option<u32>,
}

/// Where a node listens on the fabric: `1:<provider>:<address>`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EndpointRecord {
    /// Provider in use.
    pub provider: Provider,
    /// `fi_getname` of rail 0, 1 to 56 bytes.
    pub address: Vec<u8>,
}

/// How far a node has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Phase {
    /// The daemon started, nothing is known yet.
    Booting,
    /// Identity and endpoint are in the tags; no peer yet.
    Registered,
    /// Paired with every peer over the fabric.
    Paired,
    /// Was paired; a peer is lost or the link is worse than it was.
    Degraded,
    /// Cannot go on without a person.
    Failed,
}

/// State of a node: `1:<phase>:<reason code or ->:<since, unix seconds>`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StateRecord {
    /// How far the node has come.
    pub phase: Phase,
    /// Stable code of the worst reason, see [`crate::reason`].
    pub reason: Option<String>,
    /// Unix time in seconds since when the phase holds.
    pub since_secs: u64,
}

pub(crate) fn fields<'a, const N: usize>(
    record: &'static str,
    value: &'a str,
) -> Result<[&'a str; N], RecordError> {
    let bad = |why| RecordError { record, value: value.to_owned(), why };
    let rest = value.strip_prefix("1:").ok_or_else(|| bad("not version 1"))?;
    let parts: Vec<&str> = rest.split(':').collect();
    parts.try_into().map_err(|_| bad("wrong number of fields"))
}

impl fmt::Display for IdentityRecord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "1:{}:{}:{}", B64.encode(self.public_key), self.boot, self.epoch)?;
        self.prefill.map_or(Ok(()), |prefill| write!(f, ":{prefill}"))
    }
}

impl FromStr for IdentityRecord {
    type Err = RecordError;
    fn from_str(value: &str) -> Result<Self, RecordError> {
        let bad = |why| RecordError { record: "identity", value: value.to_owned(), why };
        let (key, boot, epoch, prefill) = match fields("identity", value) {
            Ok([key, boot, epoch]) => (key, boot, epoch, None),
            Err(_) => {
                let [key, boot, epoch, prefill] = fields("identity", value)?;
                (key, boot, epoch, Some(prefill))
            }
        };
        let prefill = prefill.map(str::parse).transpose();
        let key = B64.decode(key).map_err(|_| bad("key is not base64"))?;
        if boot.len() != 8 || !boot.chars().all(|c| c.is_ascii_hexdigit()) {
            return Err(bad("boot id prefix is not 8 hex characters"));
        }
        Ok(Self {
            public_key: key.try_into().map_err(|_| bad("key is not 32 bytes"))?,
            boot: boot.to_owned(),
            epoch: epoch.parse().map_err(|_| bad("epoch is not a number"))?,
            prefill: prefill.map_err(|_| bad("prefill is not a number"))?,
        })
    }
}

impl fmt::Display for EndpointRecord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "1:{}:{}", self.provider, B64.encode(&self.address))
    }
}

impl FromStr for EndpointRecord {
    type Err = RecordError;
    fn from_str(value: &str) -> Result<Self, RecordError> {
        let bad = |why| RecordError { record: "endpoint", value: value.to_owned(), why };
        let [provider, address] = fields("endpoint", value)?;
        let address = B64.decode(address).map_err(|_| bad("address is not base64"))?;
        if address.is_empty() || address.len() > 56 {
            return Err(bad("address is not 1 to 56 bytes"));
        }
        Ok(Self { provider: provider.parse().map_err(|_| bad("provider is unknown"))?, address })
    }
}

impl Phase {
    /// Every phase with its name in the tag.
    pub const ALL: [(Self, &'static str); 5] = [
        (Self::Booting, "booting"),
        (Self::Registered, "registered"),
        (Self::Paired, "paired"),
        (Self::Degraded, "degraded"),
        (Self::Failed, "failed"),
    ];
}

impl fmt::Display for Phase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = Self::ALL.iter().find(|(phase, _)| phase == self).map_or("?", |(_, name)| name);
        f.pad(name)
    }
}

impl fmt::Display for StateRecord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let reason = self.reason.as_deref().unwrap_or("-");
        write!(f, "1:{}:{}:{}", self.phase, reason, self.since_secs)
    }
}

impl FromStr for StateRecord {
    type Err = RecordError;
    fn from_str(value: &str) -> Result<Self, RecordError> {
        let bad = |why| RecordError { record: "state", value: value.to_owned(), why };
        let [phase, reason, since] = fields("state", value)?;
        let (phase, _) = Phase::ALL
            .into_iter()
            .find(|(_, name)| *name == phase)
            .ok_or_else(|| bad("phase is unknown"))?;
        Ok(Self {
            phase,
            reason: (reason != "-").then(|| reason.to_owned()),
            since_secs: since.parse().map_err(|_| bad("since is not a number"))?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn identity_round_trips(key: [u8; 32], boot in "[0-9a-f]{8}", epoch: u64, prefill: Option<u32>) {
            let record = IdentityRecord { public_key: key, boot, epoch, prefill };
            let text = record.to_string();
            prop_assert!(text.len() <= MAX_TAG_VALUE_CHARS);
            prop_assert_eq!(text.parse::<IdentityRecord>().unwrap(), record);
        }

        #[test]
        fn endpoint_round_trips(address in prop::collection::vec(any::<u8>(), 1..=56)) {
            let record = EndpointRecord { provider: Provider::Efa, address };
            let text = record.to_string();
            prop_assert!(text.len() <= MAX_TAG_VALUE_CHARS);
            prop_assert_eq!(text.parse::<EndpointRecord>().unwrap(), record);
        }

        #[test]
        fn no_text_panics(text in "\\PC*") {
            let _ = text.parse::<IdentityRecord>();
            let _ = text.parse::<EndpointRecord>();
            let _ = text.parse::<StateRecord>();
        }
    }

    #[test]
    fn state_round_trips() {
        for (phase, _) in Phase::ALL {
            for reason in [None, Some("pair.peer_lost".to_owned())] {
                let record = StateRecord { phase, reason, since_secs: 7 };
                assert_eq!(record.to_string().parse::<StateRecord>().unwrap(), record);
            }
        }
    }

    #[test]
    fn a_newer_version_is_named() {
        let error = "2:paired:-:0".parse::<StateRecord>().unwrap_err();
        assert_eq!(error.why, "not version 1");
    }
}
