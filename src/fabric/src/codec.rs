//! Frames between daemon and worker: a little-endian `u32` length, then that
//! many bytes of postcard.

use crate::protocol::MAX_FRAME_BYTES;
use serde::{Serialize, de::DeserializeOwned};
use std::io::{self, Read, Write};

const LENGTH_BYTES: usize = 4;

/// Why a frame could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum CodecError {
    /// The stream failed, or ended inside a frame.
    #[error("frame stream: {0}")]
    Io(#[from] io::Error),
    /// A frame is longer than [`MAX_FRAME_BYTES`].
    #[error("frame of {bytes} bytes, at most {MAX_FRAME_BYTES} are allowed")]
    TooLong {
        /// Its length.
        bytes: usize,
    },
    /// The bytes are not a message; daemon and worker are of one build, so
    /// this is a fault.
    #[error("frame is not a message: {0}")]
    Malformed(#[from] postcard::Error),
}

/// One whole frame.
///
/// # Errors
/// [`CodecError::TooLong`].
pub fn encode<T: Serialize>(message: &T) -> Result<Vec<u8>, CodecError> {
    let mut frame = postcard::to_extend(message, vec![0; LENGTH_BYTES])?;
    let bytes = frame.len() - LENGTH_BYTES;
    match u32::try_from(bytes) {
        Ok(length) if bytes <= MAX_FRAME_BYTES => {
            frame[..LENGTH_BYTES].copy_from_slice(&length.to_le_bytes());
            Ok(frame)
        }
        _ => Err(CodecError::TooLong { bytes }),
    }
}

/// The message in a frame's body, without its length.
///
/// # Errors
/// [`CodecError::Malformed`], also when bytes are left over.
pub fn decode<T: DeserializeOwned>(body: &[u8]) -> Result<T, CodecError> {
    let (message, rest) = postcard::take_from_bytes(body)?;
    if rest.is_empty() {
        Ok(message)
    } else {
        Err(CodecError::Malformed(postcard::Error::DeserializeBadEncoding))
    }
}

/// Writes one frame.
///
/// # Errors
/// Any [`CodecError`].
pub fn write<T: Serialize>(stream: &mut impl Write, message: &T) -> Result<(), CodecError> {
    stream.write_all(&encode(message)?)?;
    Ok(())
}

/// Reads one frame; `None` when the stream ends between frames.
///
/// # Errors
/// Any [`CodecError`].
pub fn read<T: DeserializeOwned>(stream: &mut impl Read) -> Result<Option<T>, CodecError> {
    let mut length = [0; LENGTH_BYTES];
    let first = loop {
        match stream.read(&mut length) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            other => break other?,
        }
    };
    if first == 0 {
        return Ok(None);
    }
    stream.read_exact(&mut length[first..])?;
    let mut body = vec![0; checked(length)?];
    stream.read_exact(&mut body)?;
    decode(&body).map(Some)
}

fn checked(length: [u8; LENGTH_BYTES]) -> Result<usize, CodecError> {
    let bytes = u32::from_le_bytes(length) as usize;
    if bytes > MAX_FRAME_BYTES { Err(CodecError::TooLong { bytes }) } else { Ok(bytes) }
}

/// Finds frames in bytes that come in pieces, for a non-blocking reader.
#[derive(Debug, Default)]
pub struct Decoder {
    buffer: Vec<u8>,
}

impl Decoder {
    /// Takes bytes in.
    pub fn extend(&mut self, bytes: &[u8]) {
        self.buffer.extend_from_slice(bytes);
    }

    /// The next whole message, if there is one.
    ///
    /// # Errors
    /// [`CodecError::TooLong`] or [`CodecError::Malformed`]; the stream is of
    /// no use after either.
    pub fn next_message<T: DeserializeOwned>(&mut self) -> Result<Option<T>, CodecError> {
        let Some(length) = self.buffer.first_chunk::<LENGTH_BYTES>() else {
            return Ok(None);
        };
        let end = LENGTH_BYTES + checked(*length)?;
        let Some(body) = self.buffer.get(LENGTH_BYTES..end) else {
            return Ok(None);
        };
        let message = decode(body)?;
        self.buffer.drain(..end);
        Ok(Some(message))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::{Command, Event};
    use proptest::prelude::*;

    #[test]
    fn what_is_written_is_read() {
        let messages = [Event::Alive, Event::Received { bytes: vec![7; 4096] }, Event::Alive];
        let mut stream = Vec::new();
        for message in &messages {
            write(&mut stream, message).expect("writes");
        }
        let mut stream = stream.as_slice();
        for message in &messages {
            assert_eq!(read(&mut stream).expect("reads").as_ref(), Some(message));
        }
        assert_eq!(read::<Event>(&mut stream).expect("a clean end"), None);
    }

    #[test]
    fn an_end_inside_a_frame_is_an_error() {
        let frame = encode(&Command::RemovePeer { peer: 1 }).expect("encodes");
        for cut in 1..frame.len() {
            assert!(read::<Command>(&mut &frame[..cut]).is_err(), "cut at {cut}");
        }
    }

    #[test]
    fn a_frame_too_long_is_refused_before_it_is_read() {
        let length = u32::try_from(MAX_FRAME_BYTES + 1).expect("fits").to_le_bytes();
        let error = read::<Event>(&mut length.as_slice()).expect_err("too long");
        assert!(matches!(error, CodecError::TooLong { .. }), "{error}");
        let huge = Event::Received { bytes: vec![0; MAX_FRAME_BYTES] };
        assert!(matches!(encode(&huge), Err(CodecError::TooLong { .. })));
    }

    proptest! {
        #[test]
        fn pieces_decode_like_the_whole(
            messages in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..300), 0..8),
            piece in 1usize..50,
        ) {
            let messages: Vec<_> =
                messages.into_iter().map(|bytes| Command::Send { peer: 3, bytes }).collect();
            let mut stream = Vec::new();
            for message in &messages {
                write(&mut stream, message).expect("writes");
            }
            let mut decoder = Decoder::default();
            let mut seen = Vec::new();
            for bytes in stream.chunks(piece) {
                decoder.extend(bytes);
                while let Some(message) = decoder.next_message::<Command>().expect("decodes") {
                    seen.push(message);
                }
            }
            prop_assert_eq!(seen, messages);
        }

        #[test]
        fn garbage_never_panics(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let mut decoder = Decoder::default();
            decoder.extend(&bytes);
            while let Ok(Some(_)) = decoder.next_message::<Command>() {}
        }
    }
}
