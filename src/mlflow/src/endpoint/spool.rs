//! A large body. It comes into a file without a name, and whoever sends it follows,
//! from its start each time: it can be sent while it still comes, and once more.

use super::body::{Frames, Sent};
use super::refusal::Refusal;
use super::room::{Held, Room};
use bytes::Bytes;
use futures_util::stream;
use http_body::Frame;
use http_body_util::{BodyExt as _, StreamBody};
use sha2::{Digest as _, Sha256};
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use tokio::sync::watch;
use tokio::task::{JoinSet, spawn_blocking};
use tokio::time::Instant;

/// So far ahead of the server a client may be, so that it hears the answer soon
/// after its last byte, whatever the server's pace is.
const LEAD_BYTES: u64 = 32 << 20;
/// Read from disk at once.
const CHUNK_BYTES: u64 = 256 << 10;

/// A body on disk.
#[derive(Debug)]
pub(super) struct Spool {
    file: Arc<File>,
    /// Length, where the client has said it.
    length: Option<u64>,
    progress: watch::Receiver<Progress>,
    /// Up to here the client may send.
    allowed: Arc<watch::Sender<u64>>,
    _coming: JoinSet<()>,
}

#[derive(Debug, Default)]
struct Progress {
    bytes: u64,
    end: Option<Result<Whole, Refusal>>,
}

/// What is known of a body that is here.
#[derive(Debug, Clone)]
pub(super) struct Whole {
    /// SHA-256, in hex.
    pub hash: String,
    pub bytes: u64,
    /// Since when.
    pub at: Instant,
}

impl Spool {
    /// A body that has begun so.
    pub fn new<B>(begun: Bytes, frames: Frames<B>, room: &Room) -> Result<Self, Refusal>
    where
        B: http_body::Body<Data = Bytes> + Send + 'static,
        B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        let (file, held) = (Arc::new(room.file().map_err(|error| not_kept(&error))?), room.hold());
        let length = frames.left().map(|left| left + begun.len() as u64);
        let (told, progress) = watch::channel(Progress::default());
        let (allowed, may) = watch::channel(LEAD_BYTES);
        let incoming = Incoming {
            file: file.clone(),
            held,
            most_bytes: room.most_bytes(),
            hash: Sha256::new(),
            bytes: 0,
            told,
            may,
        };
        let mut coming = JoinSet::new();
        coming.spawn(incoming.run(begun, frames));
        Ok(Self { file, length, progress, allowed: Arc::new(allowed), _coming: coming })
    }

    /// Length, if it was told or all is here.
    pub fn length(&self) -> Option<u64> {
        let whole = self.end().and_then(Result::ok);
        self.length.or_else(|| whole.map(|whole| whole.bytes))
    }

    /// Bytes that are here.
    pub fn here(&self) -> u64 {
        self.progress.borrow().bytes
    }

    /// How it ended, once it has.
    pub fn end(&self) -> Option<Result<Whole, Refusal>> {
        self.progress.borrow().end.clone()
    }

    /// All of it, which no longer waits for the server.
    pub async fn whole(&self) -> Result<Whole, Refusal> {
        self.allowed.send_replace(u64::MAX);
        let mut progress = self.progress.clone();
        let ended = progress.wait_for(|progress| progress.end.is_some()).await;
        let end = ended.ok().and_then(|progress| progress.end.clone());
        end.unwrap_or_else(|| Err(Refusal::stopping()))
    }

    /// The bytes once more; `sent` counts those that were taken.
    pub fn body(&self, sent: Arc<AtomicU64>) -> Sent {
        let follower = Follower {
            file: self.file.clone(),
            at: 0,
            sent,
            progress: self.progress.clone(),
            allowed: self.allowed.clone(),
        };
        StreamBody::new(stream::try_unfold(follower, Follower::next)).boxed_unsync()
    }
}

/// The client's side.
struct Incoming {
    file: Arc<File>,
    held: Held,
    most_bytes: u64,
    hash: Sha256,
    bytes: u64,
    told: watch::Sender<Progress>,
    may: watch::Receiver<u64>,
}

impl Incoming {
    async fn run<B>(mut self, begun: Bytes, frames: Frames<B>)
    where
        B: http_body::Body<Data = Bytes>,
        B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        let end = self.all(begun, frames).await;
        self.told.send_modify(|progress| progress.end = Some(end));
        // The file's room is held as long as anybody may send it.
        self.told.closed().await;
    }

    async fn all<B>(&mut self, begun: Bytes, mut frames: Frames<B>) -> Result<Whole, Refusal>
    where
        B: http_body::Body<Data = Bytes>,
        B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        let mut next = Some(begun);
        while let Some(data) = next {
            let bytes = self.bytes + data.len() as u64;
            if !self.held.grow(data.len() as u64) {
                return Err(Refusal::no_room(format!(
                    "large bodies would take more than {} bytes of disk, body_disk_bytes below [mlflow] in /etc/nixl/node.toml",
                    self.most_bytes
                )));
            }
            self.keep(data).await.map_err(|error| not_kept(&error))?;
            self.bytes = bytes;
            self.told.send_modify(|progress| progress.bytes = bytes);
            let allowed = self.may.wait_for(|allowed| *allowed > bytes).await;
            drop(allowed.map_err(|_| Refusal::stopping())?);
            next = frames.next().await?;
        }
        let hash = hex::encode(std::mem::take(&mut self.hash).finalize());
        Ok(Whole { hash, bytes: self.bytes, at: Instant::now() })
    }

    async fn keep(&mut self, data: Bytes) -> io::Result<()> {
        let (file, at, mut hash) = (self.file.clone(), self.bytes, std::mem::take(&mut self.hash));
        let kept = spawn_blocking(move || {
            file.write_all_at(&data, at)?;
            hash.update(&data);
            io::Result::Ok(hash)
        });
        self.hash = kept.await.map_err(io::Error::other)??;
        Ok(())
    }
}

fn not_kept(error: &io::Error) -> Refusal {
    Refusal::no_room(format!("a large body cannot be kept on disk: {error}"))
}

/// The server's side of one attempt.
struct Follower {
    file: Arc<File>,
    at: u64,
    sent: Arc<AtomicU64>,
    progress: watch::Receiver<Progress>,
    allowed: Arc<watch::Sender<u64>>,
}

impl Follower {
    async fn next(mut self) -> io::Result<Option<(Frame<Bytes>, Self)>> {
        let at = self.at;
        let here = {
            let more = |progress: &Progress| progress.bytes > at || progress.end.is_some();
            let progress = self.progress.wait_for(more).await.map_err(io::Error::other)?;
            if let Some(Err(refusal)) = &progress.end {
                return Err(io::Error::other(refusal.message.clone()));
            }
            progress.bytes
        };
        if here == at {
            return Ok(None);
        }
        let chunk = chunk(self.file.clone(), at, CHUNK_BYTES.min(here - at)).await?;
        let bytes = chunk.len() as u64;
        self.at += bytes;
        self.sent.fetch_add(bytes, Ordering::Relaxed);
        let until = self.at.saturating_add(LEAD_BYTES);
        self.allowed.send_modify(|allowed| *allowed = until.max(*allowed));
        Ok(Some((Frame::data(chunk), self)))
    }
}

async fn chunk(file: Arc<File>, at: u64, bytes: u64) -> io::Result<Bytes> {
    let read = spawn_blocking(move || {
        let mut chunk = vec![0; usize::try_from(bytes).map_err(io::Error::other)?];
        file.read_exact_at(&mut chunk, at)?;
        Ok(Bytes::from(chunk))
    });
    read.await.map_err(io::Error::other)?
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::convert::Infallible;
    use std::time::Duration;

    const PART: usize = 1 << 20;

    #[tokio::test]
    async fn a_client_is_not_far_ahead_of_the_server() {
        let parts = 3 * usize::try_from(LEAD_BYTES).unwrap() / PART;
        let part = |_| Ok::<_, Infallible>(Frame::data(Bytes::from(vec![1; PART])));
        let body = StreamBody::new(stream::iter((0..parts).map(part)));
        let frames = Frames::new(body, Duration::from_secs(60));
        let room = Room::new(std::env::temp_dir(), u64::MAX);
        let spool = Spool::new(Bytes::new(), frames, &room).unwrap();
        // Nothing tells that more does not come, but some time.
        let stops_at = async |bytes| {
            let mut progress = spool.progress.clone();
            progress.wait_for(|it| it.bytes >= bytes).await.unwrap();
            let more = progress.wait_for(|it| it.bytes > bytes);
            tokio::time::timeout(Duration::from_millis(50), more).await.is_err()
        };
        assert!(stops_at(LEAD_BYTES).await, "nobody takes anything");
        let mut taken = spool.body(Arc::default());
        let first = taken.frame().await.unwrap().unwrap().into_data().unwrap();
        assert!(stops_at(LEAD_BYTES + PART as u64).await, "so much more as was taken, and a part");
        assert_eq!(spool.whole().await.unwrap().bytes, (parts * PART) as u64);
        let mut bytes = first.len();
        while let Some(frame) = taken.frame().await {
            bytes += frame.unwrap().into_data().unwrap().len();
        }
        assert_eq!(bytes, parts * PART);
    }
}
