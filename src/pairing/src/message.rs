//! Messages as they are on the fabric: `version, kind, sender rank u16 LE, body`.

use crate::Question;
use crate::introduction::Introduction;
use serde::{Deserialize, Serialize};

/// The protocol's version, first byte of every message and part of the prologue.
pub const PROTOCOL_VERSION: u8 = 1;
/// Longest message, as the fabric worker takes it.
pub const MAX_MESSAGE_BYTES: usize = 4096;

pub(crate) const HEADER_BYTES: usize = 4;

/// What a message is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Hello = 0,
    Noise1 = 1,
    Noise2 = 2,
    Sealed = 3,
}

/// Body of a hello: who speaks. Not authenticated, so only a hint.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Hello {
    pub(crate) instance_id: String,
    pub(crate) epoch: u64,
}

/// What travels under seal.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Payload {
    Heartbeat {
        /// Grows by one with every heartbeat of a session, from 1.
        beat: u64,
        /// Highest beat heard of the other side, 0 if none.
        echo: u64,
        /// The probe token is known here.
        armed: bool,
        /// The introduction of the other side is known here.
        introduced: bool,
    },
    /// Orderly stop of the daemon: its keys are gone for good.
    Bye,
    /// Token for probes, chosen by the lower rank.
    ProbeToken([u8; 16]),
    /// Said by both until it is known.
    Introduction(Introduction),
    /// Answered in parts, if at all.
    Ask {
        /// Grows with every question of a node.
        id: u64,
        what: Question,
    },
    Answer {
        /// Of the question.
        id: u64,
        /// From 0.
        part: u8,
        /// How many there are.
        parts: u8,
        bytes: Vec<u8>,
    },
}

/// A message taken apart as far as it can be without keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Parsed<'a> {
    Message {
        kind: Kind,
        rank: u32,
        body: &'a [u8],
    },
    /// Another version of the protocol; the header is the same in all.
    OtherVersion {
        rank: u32,
        version: u8,
    },
    Malformed,
}

pub(crate) fn parse(bytes: &[u8]) -> Parsed<'_> {
    let Some((&[version, kind, low, high], body)) = bytes.split_first_chunk::<HEADER_BYTES>()
    else {
        return Parsed::Malformed;
    };
    if bytes.len() > MAX_MESSAGE_BYTES {
        return Parsed::Malformed;
    }
    let rank = u32::from(u16::from_le_bytes([low, high]));
    if version != PROTOCOL_VERSION {
        return Parsed::OtherVersion { rank, version };
    }
    let kind = match kind {
        0 => Kind::Hello,
        1 => Kind::Noise1,
        2 => Kind::Noise2,
        3 => Kind::Sealed,
        _ => return Parsed::Malformed,
    };
    Parsed::Message { kind, rank, body }
}

pub(crate) fn encode(kind: Kind, rank: u16, body: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(HEADER_BYTES + body.len());
    bytes.extend([PROTOCOL_VERSION, kind as u8]);
    bytes.extend(rank.to_le_bytes());
    bytes.extend(body);
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_header_is_what_the_architecture_says() {
        assert_eq!(encode(Kind::Sealed, 0x0102, &[9]), [1, 3, 2, 1, 9]);
    }

    #[test]
    fn short_long_and_unknown_are_malformed() {
        for bytes in [&[][..], &[1, 0, 0], &[1, 8, 0, 0], &[1, 9, 0, 0], &[1, 4, 0, 0]] {
            assert_eq!(parse(bytes), Parsed::Malformed, "{bytes:?}");
        }
        assert_eq!(parse(&vec![1; MAX_MESSAGE_BYTES + 1]), Parsed::Malformed);
        assert_eq!(parse(&[2, 77, 5, 0]), Parsed::OtherVersion { rank: 5, version: 2 });
    }

    proptest! {
        #[test]
        fn messages_round_trip(rank: u16, body in prop::collection::vec(any::<u8>(), 0..200)) {
            for kind in [Kind::Hello, Kind::Noise1, Kind::Noise2, Kind::Sealed] {
                let bytes = encode(kind, rank, &body);
                let expected = Parsed::Message { kind, rank: u32::from(rank), body: &body };
                prop_assert_eq!(parse(&bytes), expected);
            }
        }

        #[test]
        fn no_bytes_panic(bytes in prop::collection::vec(any::<u8>(), 0..100)) {
            let _ = parse(&bytes);
        }
    }
}
