//! Postcard frames behind a little-endian `u32` length, see
//! [`nixl_fabric::protocol`].

use nixl_fabric::protocol::MAX_FRAME_BYTES;
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::io;
use tokio::io::{AsyncRead, AsyncReadExt as _};

/// `message` as a frame.
///
/// # Errors
/// If it is longer than a frame may be.
pub fn encode<T: Serialize>(message: &T) -> io::Result<Vec<u8>> {
    let mut frame = postcard::to_extend(message, vec![0; 4]).map_err(io::Error::other)?;
    let len = frame.len() - 4;
    if len > MAX_FRAME_BYTES {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "the frame is too long"));
    }
    let len = u32::try_from(len).map_err(io::Error::other)?;
    frame[..4].copy_from_slice(&len.to_le_bytes());
    Ok(frame)
}

/// The next message, `None` at the end of the stream.
///
/// # Errors
/// If the stream breaks off inside a frame or the frame is no message.
pub async fn read<T: DeserializeOwned>(
    stream: &mut (impl AsyncRead + Unpin),
) -> io::Result<Option<T>> {
    let mut len = [0; 4];
    match stream.read_exact(&mut len[..1]).await {
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
        other => other?,
    };
    stream.read_exact(&mut len[1..]).await?;
    let len = u32::from_le_bytes(len) as usize;
    if len > MAX_FRAME_BYTES {
        let message = format!("a frame of {len} bytes is longer than {MAX_FRAME_BYTES}");
        return Err(io::Error::new(io::ErrorKind::InvalidData, message));
    }
    let mut body = vec![0; len];
    stream.read_exact(&mut body).await?;
    postcard::from_bytes(&body)
        .map(Some)
        .map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))
}

#[cfg(test)]
mod tests {
    use super::*;
    use nixl_fabric::protocol::{Command, Event};
    use proptest::prelude::*;

    fn block<T>(future: impl Future<Output = T>) -> T {
        tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(future)
    }

    proptest! {
        #[test]
        fn frames_come_back_in_order(bodies in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..300), 0..5)) {
            let sent: Vec<Command> = bodies.into_iter().map(|bytes| Command::Send { peer: 1, bytes }).collect();
            let stream: Vec<u8> = sent.iter().flat_map(|command| encode(command).unwrap()).collect();
            let mut stream = &stream[..];
            for command in &sent {
                let read: Option<Command> = block(read(&mut stream)).unwrap();
                prop_assert_eq!(read.as_ref(), Some(command));
            }
            prop_assert_eq!(block(read::<Command>(&mut stream)).unwrap(), None);
        }

        #[test]
        fn no_bytes_panic(bytes in prop::collection::vec(any::<u8>(), 0..64)) {
            let _ = block(read::<Event>(&mut &bytes[..]));
        }
    }

    #[test]
    fn a_length_out_of_bounds_is_refused() {
        let bytes = u32::MAX.to_le_bytes();
        let error = block(read::<Event>(&mut &bytes[..])).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::InvalidData);
    }

    #[test]
    fn a_frame_that_breaks_off_is_an_error() {
        let frame = encode(&Event::Alive).unwrap();
        let error = block(read::<Event>(&mut &frame[..4])).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::UnexpectedEof);
    }
}
