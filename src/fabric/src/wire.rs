//! The header that every message over the fabric starts with, and the two
//! kinds the worker answers by itself; see ARCHITECTURE.md, "Pairing".

/// First byte of every message.
pub const PROTOCOL_VERSION: u8 = 1;
/// Shortest ping: header, token and sequence, rounded up.
pub const MIN_PROBE_BYTES: usize = 32;

const KIND_PING: u8 = 8;
const KIND_PONG: u8 = 9;
const TOKEN: std::ops::Range<usize> = 4..20;
const SEQUENCE: std::ops::Range<usize> = 20..28;

/// What links a probe's messages: chosen by the pairing, secret to the pair.
pub(crate) type Token = [u8; 16];

/// A ping or a pong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Probe {
    pub pong: bool,
    /// Sender's rank.
    pub rank: u16,
    pub token: Token,
    pub sequence: u64,
}

/// What a message is to the worker.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Incoming {
    /// For the worker itself.
    Probe(Probe),
    /// A ping or pong that is cut short; nobody's.
    Malformed,
    /// For the daemon.
    Other,
}

impl Probe {
    /// Writes header, token and sequence; what follows is padding.
    pub(crate) fn write(&self, message: &mut [u8]) {
        message[0] = PROTOCOL_VERSION;
        message[1] = if self.pong { KIND_PONG } else { KIND_PING };
        message[2..4].copy_from_slice(&self.rank.to_le_bytes());
        message[TOKEN].copy_from_slice(&self.token);
        message[SEQUENCE].copy_from_slice(&self.sequence.to_le_bytes());
    }
}

/// Sorts a message.
pub(crate) fn parse(message: &[u8]) -> Incoming {
    let pong = match message {
        [PROTOCOL_VERSION, KIND_PING, ..] => false,
        [PROTOCOL_VERSION, KIND_PONG, ..] => true,
        _ => return Incoming::Other,
    };
    if message.len() < MIN_PROBE_BYTES {
        return Incoming::Malformed;
    }
    let mut token = Token::default();
    token.copy_from_slice(&message[TOKEN]);
    let mut sequence = [0; 8];
    sequence.copy_from_slice(&message[SEQUENCE]);
    Incoming::Probe(Probe {
        pong,
        rank: u16::from_le_bytes([message[2], message[3]]),
        token,
        sequence: u64::from_le_bytes(sequence),
    })
}

/// Whether two tokens are one, in a time that does not depend on where they
/// differ.
pub(crate) fn same_token(a: &Token, b: &Token) -> bool {
    a.iter().zip(b).fold(0, |difference, (a, b)| difference | (a ^ b)) == 0
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn bytes_are_where_the_contract_says() {
        let mut message = [0xee; MIN_PROBE_BYTES];
        let probe = Probe { pong: true, rank: 0x0201, token: [5; 16], sequence: 0x0807_0605 };
        probe.write(&mut message);
        assert_eq!(message[..4], [1, 9, 1, 2]);
        assert_eq!(message[4..20], [5; 16]);
        assert_eq!(message[20..28], [5, 6, 7, 8, 0, 0, 0, 0]);
        assert_eq!(message[28..], [0xee; 4]);
        assert_eq!(parse(&message), Incoming::Probe(probe));
    }

    #[test]
    fn other_versions_and_kinds_are_the_daemons() {
        assert_eq!(parse(&[2, KIND_PING, 0, 0]), Incoming::Other);
        assert_eq!(parse(&[1, 3, 0, 0]), Incoming::Other);
        assert_eq!(parse(&[]), Incoming::Other);
        assert_eq!(parse(&[1, KIND_PING, 0, 0]), Incoming::Malformed);
    }

    proptest! {
        #[test]
        fn any_bytes_are_sorted(bytes in prop::collection::vec(any::<u8>(), 0..64)) {
            if let Incoming::Probe(probe) = parse(&bytes) {
                let mut again = bytes.clone();
                probe.write(&mut again);
                prop_assert_eq!(again, bytes);
            }
        }

        #[test]
        fn tokens_compare(a in any::<Token>(), b in any::<Token>()) {
            prop_assert_eq!(same_token(&a, &b), a == b);
            prop_assert!(same_token(&a, &a));
        }
    }
}
