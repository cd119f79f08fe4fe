//! All connections in one session, with agents that multiplex.

use super::{LINGER, NOT_CONNECTED, READ_BYTES};
use crate::session::link::{FromNode, Link, ToNode};
use crate::session::smux::{Frame, MAX_DATA_BYTES, Reader};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::net::tcp::OwnedReadHalf;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;

/// `DefaultConfig`, `KeepAliveInterval`.
const KEEP_ALIVE: Duration = Duration::from_secs(10);
/// Frames between the session and one connection.
const QUEUE: usize = 64;
/// What is read at once fits into one frame.
const _: () = assert!(READ_BYTES <= MAX_DATA_BYTES);

/// Streams that are open: where their data goes.
type Streams = Arc<Mutex<BTreeMap<u32, mpsc::Sender<Vec<u8>>>>>;

/// A session that carries many connections.
pub struct Mux {
    to: mpsc::Sender<ToNode>,
    streams: Streams,
    last_stream: u32,
    stop: watch::Sender<()>,
    carrier: JoinHandle<()>,
}

impl Mux {
    /// Carries connections over this session.
    pub fn start(link: Link, keep_alive: bool) -> Self {
        let (to, streams, stop) = (link.sender(), Streams::default(), watch::Sender::new(()));
        let carrier = tokio::spawn(carry(link, streams.clone(), keep_alive, stop.subscribe()));
        // Streams of a client are odd, the first one is 3.
        Self { to, streams, last_stream: 1, stop, carrier }
    }

    /// Whether the session is there.
    pub fn alive(&self) -> bool {
        !self.carrier.is_finished()
    }

    /// Ends the session.
    pub async fn end(self) {
        drop((self.stop, self.to));
        let _ = self.carrier.await;
    }

    /// Carries a connection to its end.
    pub fn carry(
        &mut self,
        connection: TcpStream,
        mut stop: watch::Receiver<()>,
    ) -> impl Future<Output = Result<(), String>> + Send + 'static {
        self.last_stream += 2;
        let (stream, to, streams) = (self.last_stream, self.to.clone(), self.streams.clone());
        let (given, mut taken) = mpsc::channel::<Vec<u8>>(QUEUE);
        locked(&streams).insert(stream, given);
        async move {
            let (read, mut write) = connection.into_split();
            let (said_last, mut half) = mpsc::channel::<()>(1);
            let up = async {
                let _ = to.send(ToNode::Data(Frame::Open(stream).encode())).await;
                give(read, &to, stream).await;
                drop(said_last);
                std::future::pending::<()>().await;
            };
            let down = async {
                let mut half_closed = false;
                loop {
                    let quiet = tokio::time::sleep(LINGER);
                    tokio::select! {
                        data = taken.recv() => match data {
                            Some(data) if write.write_all(&data).await.is_ok() => {}
                            _ => return,
                        },
                        _ = half.recv(), if !half_closed => half_closed = true,
                        () = quiet, if half_closed => return,
                    }
                }
            };
            tokio::select! {
                () = down => {}
                () = up => {}
                _ = stop.changed() => {}
            }
            locked(&streams).remove(&stream);
            let _ = write.shutdown().await;
            let _ = to.send(ToNode::Data(Frame::Close(stream).encode())).await;
            Ok(())
        }
    }
}

fn locked(streams: &Streams) -> std::sync::MutexGuard<'_, BTreeMap<u32, mpsc::Sender<Vec<u8>>>> {
    streams.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn give(mut from: OwnedReadHalf, to: &mpsc::Sender<ToNode>, stream: u32) {
    let mut bytes = vec![0; READ_BYTES];
    while let Ok(length @ 1..) = from.read(&mut bytes).await {
        let frame = Frame::Data(stream, bytes[..length].to_vec());
        if to.send(ToNode::Data(frame.encode())).await.is_err() {
            return;
        }
    }
}

/// Hands out what comes, until the session ends.
async fn carry(mut link: Link, streams: Streams, keep_alive: bool, mut stop: watch::Receiver<()>) {
    let mut reader = Reader::default();
    let mut alive = tokio::time::interval(KEEP_ALIVE);
    loop {
        let said = tokio::select! {
            said = link.next() => said,
            _ = alive.tick(), if keep_alive => {
                // A full queue is life enough.
                let _ = link.sender().try_send(ToNode::Data(Frame::Nothing.encode()));
                continue;
            }
            _ = stop.changed() => break,
        };
        match said {
            Some(FromNode::Data(bytes)) => {
                reader.add(&bytes);
                if let Err(why) = hand_out(&mut reader, &streams).await {
                    tracing::debug!(why, "the agent does not multiplex as expected");
                    break;
                }
            }
            Some(FromNode::Flag(NOT_CONNECTED)) => {
                tracing::debug!("nothing answers at the node's port");
            }
            Some(FromNode::Flag(_) | FromNode::Ready { .. } | FromNode::Message(_)) => {}
            Some(FromNode::Closed(_) | FromNode::Failed(_)) | None => break,
        }
    }
    // Their connections end with them.
    locked(&streams).clear();
    link.end().await;
}

async fn hand_out(reader: &mut Reader, streams: &Streams) -> Result<(), String> {
    while let Some(frame) = reader.next()? {
        match frame {
            Frame::Data(stream, data) => {
                let to = locked(streams).get(&stream).cloned();
                if let Some(to) = to {
                    // Its connection may have ended.
                    let _ = to.send(data).await;
                }
            }
            Frame::Close(stream) => drop(locked(streams).remove(&stream)),
            // Agents open no streams.
            Frame::Open(_) | Frame::Nothing => {}
        }
    }
    Ok(())
}
