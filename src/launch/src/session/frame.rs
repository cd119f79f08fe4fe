//! A message of the data channel: a header of at least 120 bytes, big-endian,
//! then the payload. Source: session-manager-plugin, `src/message/messageparser.go`.

use sha2::{Digest, Sha256};
use std::time::{SystemTime, UNIX_EPOCH};
use uuid::Uuid;

/// The header's length as it says it itself: without that first field.
const HEADER_LENGTH: u32 = 116;
const HEADER_BYTES: usize = 120;
const TYPE_BYTES: usize = 32;
/// Largest payload that is taken; agents send 1024 bytes.
const MAX_PAYLOAD_BYTES: usize = 1 << 20;

/// To the node.
pub const INPUT: &str = "input_stream_data";
/// From the node.
pub const OUTPUT: &str = "output_stream_data";
/// Either way, for each of the two above.
pub const ACKNOWLEDGE: &str = "acknowledge";
/// The session has ended.
pub const CHANNEL_CLOSED: &str = "channel_closed";
/// Nothing may be sent for now.
pub const PAUSE: &str = "pause_publication";
/// Sending may go on.
pub const START: &str = "start_publication";

/// What a payload means (`PayloadType`).
pub mod payload {
    /// Bytes of the stream.
    pub const OUTPUT: u32 = 1;
    /// `{"cols":…,"rows":…}`.
    pub const SIZE: u32 = 3;
    /// Handshake, from the agent.
    pub const HANDSHAKE_REQUEST: u32 = 5;
    /// Its answer.
    pub const HANDSHAKE_RESPONSE: u32 = 6;
    /// Its end.
    pub const HANDSHAKE_COMPLETE: u32 = 7;
    /// Challenge of an encrypted session.
    pub const CHALLENGE: u32 = 8;
    /// A flag of port sessions, u32.
    pub const FLAG: u32 = 10;
    /// Standard error, where the document separates it.
    pub const STDERR: u32 = 11;
}

/// One message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frame {
    /// E.g. [`INPUT`].
    pub message_type: String,
    /// Place in its direction, from 0.
    pub sequence: i64,
    /// 1 first, 2 last, 3 both.
    pub flags: u64,
    /// Named by its acknowledgement.
    pub id: Uuid,
    /// See [`payload`].
    pub payload_type: u32,
    /// Payload.
    pub payload: Vec<u8>,
}

/// Why bytes are no message.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FrameError {
    /// Shorter than header and payload.
    #[error("{have} of {need} bytes")]
    Short {
        /// Bytes there.
        have: usize,
        /// Bytes needed.
        need: usize,
    },
    /// A header of a length that cannot be.
    #[error("header length {0}")]
    Header(u32),
    /// Too large.
    #[error("payload of {0} bytes")]
    TooLarge(usize),
    /// The payload is not what its sender hashed.
    #[error("the payload's digest does not fit")]
    Digest,
}

impl Frame {
    /// To bytes.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(HEADER_BYTES + self.payload.len());
        out.extend(HEADER_LENGTH.to_be_bytes());
        let mut kind = [b' '; TYPE_BYTES];
        for (to, from) in kind.iter_mut().zip(self.message_type.bytes()) {
            *to = from;
        }
        out.extend(kind);
        out.extend(1_u32.to_be_bytes());
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        out.extend(u64::try_from(now.as_millis()).unwrap_or_default().to_be_bytes());
        out.extend(self.sequence.to_be_bytes());
        out.extend(self.flags.to_be_bytes());
        // Java's two longs, the least significant first.
        let (most, least) = self.id.as_u64_pair();
        out.extend(least.to_be_bytes());
        out.extend(most.to_be_bytes());
        out.extend(Sha256::digest(&self.payload));
        out.extend(self.payload_type.to_be_bytes());
        out.extend(u32::try_from(self.payload.len()).unwrap_or(u32::MAX).to_be_bytes());
        out.extend(&self.payload);
        out
    }

    /// From bytes. The header may be longer than it is today: its own length
    /// says where the payload begins.
    ///
    /// # Errors
    /// If they are no whole message.
    pub fn decode(bytes: &[u8]) -> Result<Self, FrameError> {
        let short = |need| FrameError::Short { have: bytes.len(), need };
        let header: &[u8; HEADER_BYTES] = bytes.first_chunk().ok_or_else(|| short(HEADER_BYTES))?;
        let four = |at: usize| u32::from_be_bytes(std::array::from_fn(|i| header[at + i]));
        let eight = |at: usize| u64::from_be_bytes(std::array::from_fn(|i| header[at + i]));
        let told = four(0);
        if !(HEADER_LENGTH..=4096).contains(&told) {
            return Err(FrameError::Header(told));
        }
        // The payload's length is the header's last field.
        let begin = told as usize + 4;
        let length_bytes = bytes.get(begin - 4..begin).ok_or_else(|| short(begin))?;
        let length = u32::from_be_bytes(std::array::from_fn(|i| length_bytes[i])) as usize;
        if length > MAX_PAYLOAD_BYTES {
            return Err(FrameError::TooLarge(length));
        }
        let payload = bytes.get(begin..begin + length).ok_or_else(|| short(begin + length))?;
        // Acknowledgements and the service's own messages may carry no digest.
        let digest = &header[80..112];
        if digest.iter().any(|byte| *byte != 0) && digest != Sha256::digest(payload).as_slice() {
            return Err(FrameError::Digest);
        }
        let kind = String::from_utf8_lossy(&header[4..4 + TYPE_BYTES]);
        Ok(Self {
            message_type: kind.trim_matches([' ', '\0']).to_owned(),
            sequence: eight(48).cast_signed(),
            flags: eight(56),
            id: Uuid::from_u64_pair(eight(72), eight(64)),
            payload_type: four(112),
            payload: payload.to_vec(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(payload: Vec<u8>) -> Frame {
        Frame {
            message_type: OUTPUT.to_owned(),
            sequence: 7,
            flags: 0,
            id: Uuid::from_u128(9),
            payload_type: payload::OUTPUT,
            payload,
        }
    }

    proptest::proptest! {
        #[test]
        fn a_message_comes_back(payload: Vec<u8>, sequence: i64, flags: u64, id: u128, payload_type: u32) {
            let frame = Frame {
                message_type: INPUT.to_owned(), sequence, flags, id: Uuid::from_u128(id), payload_type, payload,
            };
            proptest::prop_assert_eq!(Frame::decode(&frame.encode()), Ok(frame));
        }

        #[test]
        fn no_bytes_break_the_reader(bytes: Vec<u8>) {
            let _ = Frame::decode(&bytes);
        }

        #[test]
        fn a_spoiled_message_is_never_read_as_another(payload in proptest::collection::vec(0_u8.., 1..99), at: usize, bit in 0_u8..8) {
            let frame = frame(payload);
            let mut bytes = frame.encode();
            let at = HEADER_BYTES + at % frame.payload.len();
            bytes[at] ^= 1 << bit;
            proptest::prop_assert_eq!(Frame::decode(&bytes), Err(FrameError::Digest));
        }
    }

    #[test]
    fn a_cut_message_is_seen() {
        let bytes = frame(b"ls".to_vec()).encode();
        assert_eq!(Frame::decode(&bytes[..121]), Err(FrameError::Short { have: 121, need: 122 }));
        assert_eq!(Frame::decode(&bytes[..9]), Err(FrameError::Short { have: 9, need: 120 }));
    }

    #[test]
    fn a_longer_header_is_stepped_over() {
        let mut bytes = frame(b"ls".to_vec()).encode();
        bytes[..4].copy_from_slice(&(HEADER_LENGTH + 8).to_be_bytes());
        bytes.splice(116..116, [0; 8]);
        assert_eq!(Frame::decode(&bytes), Ok(frame(b"ls".to_vec())));
    }
}
