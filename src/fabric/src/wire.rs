//! Messages between workers. The two first bytes, version and kind, are those
//! of every message on the fabric: kinds below 8 are the daemons' own.

use crate::endpoint::RemoteRegion;
use nixl_cluster::link::Mode;
use serde::{Deserialize, Serialize};

/// Version of everything on the fabric, first byte of a message.
pub const PROTOCOL_VERSION: u8 = 1;
const KIND_MEASURE: u8 = 8;
const HEADER_BYTES: usize = 4;

/// Shared secret of a pair, agreed under seal.
pub(crate) type Token = [u8; 16];

/// A message of a worker: who sends it, the proof that it may, and what.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Signed {
    /// Sender's rank.
    pub rank: u16,
    pub token: Token,
    pub talk: Talk,
}

/// What a measurement needs of both ends.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Terms {
    /// Rails of the asking node; the other one's have the same numbers.
    pub rails: Vec<u16>,
    pub mode: Mode,
    /// Transfer; round trips otherwise.
    pub transfer: bool,
    pub size_bytes: u32,
    /// Operations under way on each rail.
    pub window: u16,
}

/// What two workers say to each other about the measurement `id` of the one
/// that asked for it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Talk {
    /// Asks for it; `regions` are the asker's, for writes back.
    Prepare { id: u32, terms: Terms, regions: Vec<RemoteRegion> },
    /// The asked one's buffers are posted.
    Ready { id: u32, regions: Vec<RemoteRegion> },
    /// It will not be.
    Refused { id: u32, why: Refusal },
    /// So many operations were started on each rail, and no more will be.
    End { id: u32, operations: Vec<u64> },
    /// All of them arrived.
    Arrived { id: u32 },
    /// The asker has given up.
    Cancel { id: u32 },
}

/// Why the peer does not take part.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Refusal {
    Busy,
    /// It cannot, in words.
    Cannot(String),
}

/// What a message is to the worker.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Incoming {
    /// For the worker itself.
    Measure(Signed),
    /// Meant for it, but nothing it can read.
    Malformed,
    /// For the daemon.
    Other,
}

impl Signed {
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut bytes = vec![PROTOCOL_VERSION, KIND_MEASURE];
        bytes.extend(self.rank.to_le_bytes());
        bytes.extend(self.token);
        // A vector takes everything.
        postcard::to_extend(&self.talk, bytes).unwrap_or_default()
    }
}

/// Sorts a message.
pub(crate) fn parse(message: &[u8]) -> Incoming {
    let rest = match message {
        [PROTOCOL_VERSION, KIND_MEASURE, rest @ ..] => rest,
        _ => return Incoming::Other,
    };
    let Some((rank, rest)) = rest.split_first_chunk::<{ HEADER_BYTES - 2 }>() else {
        return Incoming::Malformed;
    };
    let Some((token, rest)) = rest.split_first_chunk() else { return Incoming::Malformed };
    match postcard::from_bytes(rest) {
        Ok(talk) => {
            let rank = u16::from_le_bytes(*rank);
            Incoming::Measure(Signed { rank, token: *token, talk })
        }
        Err(_) => Incoming::Malformed,
    }
}

/// Whether two tokens are one, in a time that does not depend on where they
/// differ.
pub(crate) fn same_token(a: &Token, b: &Token) -> bool {
    a.iter().zip(b).fold(0, |difference, (a, b)| difference | (a ^ b)) == 0
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::MAX_MESSAGE_BYTES;
    use proptest::prelude::*;

    fn signed(talk: Talk) -> Signed {
        Signed { rank: 0x0201, token: [5; 16], talk }
    }

    #[test]
    fn bytes_are_where_the_contract_says() {
        let message = signed(Talk::Cancel { id: 7 }).encode();
        assert_eq!(message[..4], [1, 8, 1, 2]);
        assert_eq!(message[4..20], [5; 16]);
        assert_eq!(parse(&message), Incoming::Measure(signed(Talk::Cancel { id: 7 })));
    }

    #[test]
    fn other_versions_and_kinds_are_the_daemons() {
        assert_eq!(parse(&[2, KIND_MEASURE, 0, 0]), Incoming::Other);
        assert_eq!(parse(&[1, 3, 0, 0]), Incoming::Other);
        assert_eq!(parse(&[]), Incoming::Other);
        assert_eq!(parse(&[1, KIND_MEASURE, 0, 0]), Incoming::Malformed);
    }

    #[test]
    fn the_longest_fits_into_a_message() {
        let terms = Terms {
            rails: (0..64).collect(),
            mode: Mode::OneSided,
            transfer: true,
            size_bytes: u32::MAX,
            window: u16::MAX,
        };
        let regions = vec![RemoteRegion { address: u64::MAX, key: u64::MAX }; 64];
        let talk = Talk::Prepare { id: u32::MAX, terms, regions };
        assert!(signed(talk).encode().len() <= MAX_MESSAGE_BYTES);
    }

    proptest! {
        #[test]
        fn any_bytes_are_sorted(bytes in prop::collection::vec(any::<u8>(), 0..64)) {
            let _ = parse(&bytes);
            let _ = parse(&[&[PROTOCOL_VERSION, KIND_MEASURE][..], &bytes].concat());
        }

        #[test]
        fn tokens_compare(a in any::<Token>(), b in any::<Token>()) {
            prop_assert_eq!(same_token(&a, &b), a == b);
            prop_assert!(same_token(&a, &a));
        }
    }
}
