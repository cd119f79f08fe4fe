//! A request's body: small ones in memory, large ones on disk. Another attempt
//! needs the bytes again, and a signature their hash where it is not left open.

use super::refusal::Refusal;
use super::room::Room;
use super::spool::Spool;
use bytes::{Bytes, BytesMut};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt as _, Full};
use sha2::{Digest as _, Sha256};
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;
use tokio::time::Instant;

/// Bodies up to this size stay in memory. MLflow takes no JSON above it.
const IN_MEMORY: usize = 1 << 20;

/// What is sent.
pub(super) type Sent = UnsyncBoxBody<Bytes, io::Error>;

/// A body.
#[derive(Debug)]
pub(super) enum Payload {
    /// All of it.
    Small(Small),
    /// It may still come.
    Large(Spool),
}

/// A body in memory.
#[derive(Debug)]
pub(super) struct Small {
    bytes: Bytes,
    hash: String,
    at: Instant,
}

impl Payload {
    /// Of bytes in memory.
    pub fn of(bytes: Bytes) -> Self {
        let hash = hex::encode(Sha256::digest(&bytes));
        Self::Small(Small { bytes, hash, at: Instant::now() })
    }

    /// A body, as long as something of it comes within `stall`.
    pub async fn read<B>(body: B, room: &Room, stall: Duration) -> Result<Self, Refusal>
    where
        B: http_body::Body<Data = Bytes> + Send + 'static,
        B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        let mut frames = Frames::new(body, stall);
        let mut memory = BytesMut::new();
        while let Some(data) = frames.next().await? {
            memory.extend_from_slice(&data);
            if memory.len() > IN_MEMORY {
                return Spool::new(memory.freeze(), frames, room).map(Self::Large);
            }
        }
        Ok(Self::of(memory.freeze()))
    }

    /// Length; of a body that comes without one, not before its end.
    pub fn length(&self) -> Option<u64> {
        match self {
            Self::Small(small) => Some(small.bytes.len() as u64),
            Self::Large(spool) => spool.length(),
        }
    }

    /// SHA-256 in hex, once all is here.
    pub async fn hash(&self) -> Result<String, Refusal> {
        match self {
            Self::Small(small) => Ok(small.hash.clone()),
            Self::Large(spool) => Ok(spool.whole().await?.hash),
        }
    }

    /// Since when all is here, if it is; what went wrong on its way.
    pub fn whole_since(&self) -> Result<Option<Instant>, Refusal> {
        match self {
            Self::Small(small) => Ok(Some(small.at)),
            Self::Large(spool) => spool.end().transpose().map(|whole| whole.map(|it| it.at)),
        }
    }

    /// The bytes once more; `sent` counts those of a large one that were taken.
    pub fn body(&self, sent: Arc<AtomicU64>) -> Sent {
        match self {
            Self::Small(small) => {
                Full::new(small.bytes.clone()).map_err(|never| match never {}).boxed_unsync()
            }
            Self::Large(spool) => spool.body(sent),
        }
    }
}

/// What a client sends.
pub(super) struct Frames<B> {
    body: Pin<Box<B>>,
    stall: Duration,
}

impl<B> Frames<B>
where
    B: http_body::Body<Data = Bytes>,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    /// They stop where nothing comes for `stall`.
    pub fn new(body: B, stall: Duration) -> Self {
        Self { body: Box::pin(body), stall }
    }

    /// Bytes that are still to come, if the client has said so.
    pub fn left(&self) -> Option<u64> {
        self.body.size_hint().exact()
    }

    /// The next data; trailers are passed over.
    pub async fn next(&mut self) -> Result<Option<Bytes>, Refusal> {
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
