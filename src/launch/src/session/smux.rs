//! Several connections in one session: smux version 1, as agents speak it after
//! 3.0.196.0. Source: github.com/xtaci/smux, `frame.go`, `session.go`, `stream.go`.

/// Bytes of a frame's header: version, command, length, stream (little-endian).
const HEADER_BYTES: usize = 8;
const VERSION: u8 = 1;
const SYN: u8 = 0;
const FIN: u8 = 1;
const PSH: u8 = 2;
const NOP: u8 = 3;
/// Most data in one frame (`DefaultConfig`, `MaxFrameSize`).
pub const MAX_DATA_BYTES: usize = 32_768;

/// One frame.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Frame {
    /// A stream begins.
    Open(u32),
    /// A stream's end, both ways.
    Close(u32),
    /// Data of a stream.
    Data(u32, Vec<u8>),
    /// Nothing, to be alive.
    Nothing,
}

impl Frame {
    /// To bytes. Data must fit into one frame.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let (command, stream, data): (u8, u32, &[u8]) = match self {
            Self::Open(stream) => (SYN, *stream, &[]),
            Self::Close(stream) => (FIN, *stream, &[]),
            Self::Data(stream, data) => (PSH, *stream, data),
            Self::Nothing => (NOP, 0, &[]),
        };
        let length = u16::try_from(data.len()).unwrap_or(u16::MAX);
        let mut bytes = vec![VERSION, command];
        bytes.extend(length.to_le_bytes());
        bytes.extend(stream.to_le_bytes());
        bytes.extend(data);
        bytes
    }
}

/// Reads frames out of a stream of bytes.
#[derive(Debug, Default)]
pub struct Reader {
    bytes: Vec<u8>,
}

impl Reader {
    /// Takes more bytes.
    pub fn add(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }

    /// The next whole frame.
    ///
    /// # Errors
    /// If the other side speaks something else.
    pub fn next(&mut self) -> Result<Option<Frame>, String> {
        let Some(header) = self.bytes.first_chunk::<HEADER_BYTES>() else { return Ok(None) };
        let [version, command, l0, l1, s0, s1, s2, s3] = *header;
        if version != VERSION {
            return Err(format!("smux version {version}"));
        }
        let end = HEADER_BYTES + usize::from(u16::from_le_bytes([l0, l1]));
        let stream = u32::from_le_bytes([s0, s1, s2, s3]);
        let Some(data) = self.bytes.get(HEADER_BYTES..end) else { return Ok(None) };
        let frame = match command {
            SYN => Frame::Open(stream),
            FIN => Frame::Close(stream),
            PSH => Frame::Data(stream, data.to_vec()),
            NOP => Frame::Nothing,
            other => return Err(format!("smux command {other}")),
        };
        self.bytes.drain(..end);
        Ok(Some(frame))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_is_what_smux_writes() {
        // version, command, length and stream as in smux's frame.go
        assert_eq!(Frame::Open(3).encode(), [1, 0, 0, 0, 3, 0, 0, 0]);
        assert_eq!(Frame::Data(3, vec![9]).encode(), [1, 2, 1, 0, 3, 0, 0, 0, 9]);
    }

    #[test]
    fn another_language_is_refused() {
        let mut reader = Reader::default();
        reader.add(b"HTTP/1.1 400");
        assert!(reader.next().is_err());
    }

    proptest::proptest! {
        #[test]
        fn frames_come_back_however_they_are_cut(
            data in proptest::collection::vec((0_u32.., proptest::collection::vec(0_u8.., 0..80)), 0..9),
            cut in 1_usize..40,
        ) {
            let mut frames = vec![Frame::Open(1), Frame::Nothing];
            frames.extend(data.into_iter().map(|(stream, data)| Frame::Data(stream, data)));
            frames.push(Frame::Close(1));
            let bytes: Vec<u8> = frames.iter().flat_map(Frame::encode).collect();
            let (mut reader, mut read) = (Reader::default(), Vec::new());
            for part in bytes.chunks(cut) {
                reader.add(part);
                while let Some(frame) = reader.next().unwrap() {
                    read.push(frame);
                }
            }
            proptest::prop_assert_eq!(read, frames);
        }
    }
}
