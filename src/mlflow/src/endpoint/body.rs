//! A request's body, whole and with its hash before the first byte is sent:
//! SigV4 signs the hash, and another attempt needs the bytes again.

use super::refusal::Refusal;
use super::room::{Held, Room};
use bytes::{Bytes, BytesMut};
use futures_util::stream;
use http_body::Frame;
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt as _, Full, StreamBody};
use sha2::{Digest as _, Sha256};
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::io::AsyncWriteExt as _;

/// Bodies up to this size stay in memory. MLflow takes no JSON above it.
pub(super) const IN_MEMORY: usize = 1 << 20;
/// Read from disk at once.
const CHUNK_BYTES: usize = 256 << 10;

/// What is sent.
pub(super) type Sent = UnsyncBoxBody<Bytes, io::Error>;

/// A body.
#[derive(Debug)]
pub(super) struct Payload {
    /// SHA-256, in hex.
    pub hash: String,
    pub bytes: u64,
    place: Place,
}

#[derive(Debug)]
enum Place {
    Memory(Bytes),
    /// A place in [`Room`] as long as the file is there.
    Disk {
        file: Arc<File>,
        _held: Held,
    },
}

impl Payload {
    /// Of bytes in memory.
    pub fn of(bytes: Bytes) -> Self {
        let hash = hex::encode(Sha256::digest(&bytes));
        Self { hash, bytes: bytes.len() as u64, place: Place::Memory(bytes) }
    }

    /// All of a body, as long as something of it comes within `stall`.
    pub async fn read<B>(body: B, room: &Room, stall: Duration) -> Result<Self, Refusal>
    where
        B: http_body::Body<Data = Bytes> + Send + 'static,
        B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        let mut frames = Frames { body: Box::pin(body), stall };
        let mut memory = BytesMut::new();
        while let Some(data) = frames.next().await? {
            memory.extend_from_slice(&data);
            if memory.len() > IN_MEMORY {
                return Self::spool(&memory, frames, room).await;
            }
        }
        Ok(Self::of(memory.freeze()))
    }

    async fn spool<B>(begun: &[u8], mut frames: Frames<B>, room: &Room) -> Result<Self, Refusal>
    where
        B: http_body::Body<Data = Bytes> + Send + 'static,
        B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        let failed = |error: io::Error| {
            Refusal::no_room(format!("a large body cannot be kept on disk: {error}"))
        };
        let file = room.file().map_err(failed)?;
        let (mut file, mut hash) = (tokio::fs::File::from_std(file), Sha256::new());
        let (mut held, mut bytes) = (room.hold(), 0);
        let mut data = Bytes::copy_from_slice(begun);
        loop {
            let length = data.len() as u64;
            if !held.grow(length) {
                let most = room.most_bytes();
                let why = format!(
                    "large bodies would take more than {most} bytes of disk, body_disk_bytes below [mlflow] in /etc/nixl/node.toml"
                );
                return Err(Refusal::no_room(why));
            }
            bytes += length;
            hash.update(&data);
            file.write_all(&data).await.map_err(failed)?;
            match frames.next().await? {
                Some(next) => data = next,
                None => break,
            }
        }
        file.flush().await.map_err(failed)?;
        let place = Place::Disk { file: Arc::new(file.into_std().await), _held: held };
        Ok(Self { hash: hex::encode(hash.finalize()), bytes, place })
    }

    /// Whether sending it may take long by itself.
    pub fn is_large(&self) -> bool {
        matches!(self.place, Place::Disk { .. })
    }

    /// The bytes once more; `sent` counts those that were taken.
    pub fn body(&self, sent: Arc<AtomicU64>) -> Sent {
        match &self.place {
            Place::Memory(bytes) => {
                Full::new(bytes.clone()).map_err(|never| match never {}).boxed_unsync()
            }
            Place::Disk { file, .. } => {
                let from = (file.clone(), 0_u64, sent);
                StreamBody::new(stream::try_unfold(from, |(file, at, sent)| async move {
                    let chunk = chunk(file.clone(), at).await?;
                    let length = chunk.len() as u64;
                    sent.fetch_add(length, Ordering::Relaxed);
                    Ok((length > 0).then(|| (Frame::data(chunk), (file, at + length, sent))))
                }))
                .boxed_unsync()
            }
        }
    }
}

async fn chunk(file: Arc<File>, at: u64) -> io::Result<Bytes> {
    let read = tokio::task::spawn_blocking(move || {
        let mut chunk = vec![0; CHUNK_BYTES];
        let length = file.read_at(&mut chunk, at)?;
        chunk.truncate(length);
        Ok(Bytes::from(chunk))
    });
    read.await.map_err(io::Error::other)?
}

struct Frames<B> {
    body: std::pin::Pin<Box<B>>,
    stall: Duration,
}

impl<B> Frames<B>
where
    B: http_body::Body<Data = Bytes>,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    /// The next data; trailers are passed over.
    async fn next(&mut self) -> Result<Option<Bytes>, Refusal> {
        loop {
            let frame = tokio::time::timeout(self.stall, self.body.as_mut().frame()).await;
            match frame.map_err(|_| Refusal::slow_body(self.stall))? {
                None => return Ok(None),
                Some(Err(error)) => return Err(Refusal::bad_body(&error.into().to_string())),
                Some(Ok(frame)) => {
                    if let Ok(data) = frame.into_data() {
                        return Ok(Some(data));
                    }
                }
            }
        }
    }
}
