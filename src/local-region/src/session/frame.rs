//! Messages of the data channel: a header of 120 bytes, big-endian, then the
//! payload. Source: aws/session-manager-plugin, `src/message/messageparser.go`.

use sha2::{Digest, Sha256};
use uuid::Uuid;

/// The header's length as it says it itself: without that first field.
const HEADER_LENGTH: u32 = 116;
const HEADER_BYTES: usize = 120;
const TYPE_BYTES: usize = 32;
/// Largest payload that is taken.
const MAX_PAYLOAD_BYTES: usize = 1 << 20;

/// Client to agent.
pub const INPUT: &str = "input_stream_data";
/// Agent to client.
pub const OUTPUT: &str = "output_stream_data";
/// Either way, for each of the two above.
pub const ACKNOWLEDGE: &str = "acknowledge";
/// The session has ended.
pub const CHANNEL_CLOSED: &str = "channel_closed";

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
    /// A flag of port sessions, u32.
    pub const FLAG: u32 = 10;
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
    #[error("the message is cut off: {have} of {need} bytes")]
    Short {
        /// Bytes there.
        have: usize,
        /// Bytes needed.
        need: usize,
    },
    /// A header of another length.
    #[error("header length {0} instead of 116")]
    Header(u32),
    /// Too large.
    #[error("payload of {0} bytes")]
    TooLarge(usize),
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
        out.extend(1u32.to_be_bytes());
        out.extend(jiff::Timestamp::now().as_millisecond().to_be_bytes());
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

    /// From bytes. The digest is not looked at, as the agent does not; there
    /// are clients (npm ssm-session) that write half of its hexadecimal form.
    ///
    /// # Errors
    /// If they are no whole message.
    pub fn decode(bytes: &[u8]) -> Result<Self, FrameError> {
        let short = |need| FrameError::Short { have: bytes.len(), need };
        let header: &[u8; HEADER_BYTES] = bytes.first_chunk().ok_or_else(|| short(HEADER_BYTES))?;
        let four = |at: usize| u32::from_be_bytes(std::array::from_fn(|i| header[at + i]));
        let eight = |at: usize| u64::from_be_bytes(std::array::from_fn(|i| header[at + i]));
        if four(0) != HEADER_LENGTH {
            return Err(FrameError::Header(four(0)));
        }
        let length = four(116) as usize;
        if length > MAX_PAYLOAD_BYTES {
            return Err(FrameError::TooLarge(length));
        }
        let payload = bytes
            .get(HEADER_BYTES..HEADER_BYTES + length)
            .ok_or_else(|| short(HEADER_BYTES + length))?;
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
    }

    #[test]
    fn a_type_with_its_padding_in_front_is_read() {
        let frame = Frame {
            message_type: INPUT.to_owned(),
            sequence: 1,
            flags: 0,
            id: Uuid::nil(),
            payload_type: payload::OUTPUT,
            payload: b"ls".to_vec(),
        };
        let mut bytes = frame.encode();
        bytes[4..4 + TYPE_BYTES].rotate_right(TYPE_BYTES - INPUT.len());
        assert_eq!(Frame::decode(&bytes), Ok(frame));
    }

    #[test]
    fn another_digest_is_let_through_and_a_cut_is_seen() {
        let frame = Frame {
            message_type: INPUT.to_owned(),
            sequence: 1,
            flags: 0,
            id: Uuid::nil(),
            payload_type: payload::OUTPUT,
            payload: b"ls".to_vec(),
        };
        let mut bytes = frame.encode();
        bytes[80] ^= 1;
        assert_eq!(Frame::decode(&bytes), Ok(frame));
        assert_eq!(Frame::decode(&bytes[..121]), Err(FrameError::Short { have: 121, need: 122 }));
    }
}
