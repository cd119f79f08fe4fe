//! A session with its socket: opened, carried on over lost connections, ended.

use super::SessionError;
use super::channel::{self, CHUNK_BYTES, Channel, Event, RESEND_LOOK, Taken};
use super::frame::payload;
use super::handshake::Told;
use super::socket::{self, Socket};
use nixl_aws::ssm::{ManagedNodes, Session, StartSession};
use serde_json::json;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::Instant;
use tungstenite::Message;
use uuid::Uuid;

/// Connections tried before a session is given up.
const ATTEMPTS: u32 = 6;
const FIRST_DELAY: Duration = Duration::from_millis(200);
/// How often a quiet connection is used (`PingTimeInterval` is 5 minutes;
/// many proxies close after one).
const PING_EVERY: Duration = Duration::from_secs(45);
/// How long the end of a session may take.
const END_WITHIN: Duration = Duration::from_secs(5);
/// Messages between a session and who uses it.
const QUEUE: usize = 64;

/// What goes to the node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ToNode {
    /// Bytes of the stream.
    Data(Vec<u8>),
    /// Size of the terminal.
    Size {
        /// Columns.
        cols: u16,
        /// Rows.
        rows: u16,
    },
    /// A flag of port sessions.
    Flag(u32),
}

/// What comes from the node; after `Closed` or `Failed` nothing does.
#[derive(Debug)]
pub enum FromNode {
    /// The stream may begin; version of the agent, if it told.
    Ready {
        /// Version of the agent, if it told.
        agent_version: String,
    },
    /// Bytes of the stream.
    Data(Vec<u8>),
    /// A flag of port sessions.
    Flag(u32),
    /// A text the account shows to its users.
    Message(String),
    /// The session has ended; why, if that was told.
    Closed(String),
    /// The session is lost.
    Failed(SessionError),
}

/// A running session. It is to be ended by [`Self::end`].
pub struct Link {
    /// Id of the session.
    pub session_id: String,
    to: mpsc::Sender<ToNode>,
    from: mpsc::Receiver<FromNode>,
    carrier: JoinHandle<()>,
}

impl Link {
    /// Starts a session and carries it.
    ///
    /// # Errors
    /// If it is not granted or its channel cannot be opened.
    pub async fn start(
        ssm: &Arc<dyn ManagedNodes>,
        request: &StartSession,
    ) -> Result<Self, SessionError> {
        let session = ssm.start_session(request).await?;
        let session_id = session.id.clone();
        let client_id = Uuid::new_v4();
        let socket = match connect(&session, client_id).await {
            Ok(socket) => socket,
            Err(why) => {
                let _ = ssm.terminate_session(&session_id).await;
                return Err(SessionError::Channel { host: socket::host(&session.stream_url), why });
            }
        };
        let (to, input) = mpsc::channel(QUEUE);
        let (output, from) = mpsc::channel(QUEUE);
        let carrier = Carrier {
            ssm: ssm.clone(),
            session,
            client_id,
            channel: Channel::default(),
            socket,
            input,
            output,
        };
        Ok(Self { session_id, to, from, carrier: tokio::spawn(carrier.run()) })
    }

    /// What comes next; `None` after the end.
    pub async fn next(&mut self) -> Option<FromNode> {
        self.from.recv().await
    }

    /// A way to the node; waits where the node or the network is slow.
    #[must_use]
    pub fn sender(&self) -> mpsc::Sender<ToNode> {
        self.to.clone()
    }

    /// Ends the session on both sides, as far as that is to be had soon.
    pub async fn end(self) {
        let Self { to, mut from, carrier, .. } = self;
        // The carrier ends the session when nobody uses it any more.
        drop(to);
        from.close();
        let abort = carrier.abort_handle();
        if tokio::time::timeout(END_WITHIN, carrier).await.is_err() {
            abort.abort();
        }
    }
}

async fn connect(session: &Session, client_id: Uuid) -> Result<Socket, String> {
    let mut socket = Socket::connect(&session.stream_url).await?;
    let opening = channel::opening(&session.token, client_id);
    socket.send(Message::Text(opening.into())).await?;
    Ok(socket)
}

struct Carrier {
    ssm: Arc<dyn ManagedNodes>,
    session: Session,
    client_id: Uuid,
    channel: Channel,
    socket: Socket,
    input: mpsc::Receiver<ToNode>,
    output: mpsc::Sender<FromNode>,
}

impl Carrier {
    async fn run(mut self) {
        // What is told last must not wait for who has stopped listening.
        match self.carry().await {
            Ok(Some(why)) => {
                let _ = self.output.send(FromNode::Closed(why)).await;
                self.socket.close().await;
            }
            Ok(None) => self.terminate().await,
            Err(error) => {
                let _ = self.output.send(FromNode::Failed(error)).await;
                self.terminate().await;
            }
        }
    }

    async fn terminate(&mut self) {
        if let Err(error) = self.ssm.terminate_session(&self.session.id).await {
            tracing::debug!(%error, "the session ends by itself, after its idle time");
        }
        self.socket.close().await;
    }

    /// Carries until the node's side ends the session (why), or this one (`None`).
    async fn carry(&mut self) -> Result<Option<String>, SessionError> {
        let mut look = tokio::time::interval(RESEND_LOOK);
        let mut ping = tokio::time::interval(PING_EVERY);
        loop {
            let lost = tokio::select! {
                message = self.socket.receive() => match message {
                    Ok(bytes) => match self.take(&bytes).await? {
                        ControlFlow::Continue(sent) => sent,
                        ControlFlow::Break(end) => return Ok(end),
                    },
                    Err(why) => Err(why),
                },
                given = self.input.recv(), if self.channel.open() => match given {
                    Some(given) => self.give(given).await,
                    None => return Ok(None),
                },
                () = self.output.closed() => return Ok(None),
                _ = look.tick() => match self.channel.again(Instant::now()) {
                    Ok(Some(bytes)) => self.socket.send(Message::Binary(bytes.into())).await,
                    Ok(None) => Ok(()),
                    Err(waited) => return Err(self.lost(format!("nothing was acknowledged for {} s", waited.as_secs()))),
                },
                _ = ping.tick() => self.socket.ping().await,
            };
            if let Err(why) = lost
                && let Some(end) = self.reconnect(why).await?
            {
                return Ok(Some(end));
            }
        }
    }

    async fn take(
        &mut self,
        bytes: &[u8],
    ) -> Result<ControlFlow<Option<String>, Result<(), String>>, SessionError> {
        let Taken { answers, events } = self.channel.receive(bytes, Instant::now());
        let sent = self.send_all(answers).await;
        for event in events {
            let told = match event {
                Event::Ready(Told { agent_version, .. }) => FromNode::Ready { agent_version },
                Event::Data(bytes) => FromNode::Data(bytes),
                Event::Flag(flag) => FromNode::Flag(flag),
                Event::Message(text) => FromNode::Message(text),
                Event::Closed(why) => return Ok(ControlFlow::Break(Some(why))),
                Event::Failed(error) => return Err(error),
            };
            if self.output.send(told).await.is_err() {
                return Ok(ControlFlow::Break(None));
            }
        }
        Ok(ControlFlow::Continue(sent))
    }

    async fn give(&mut self, given: ToNode) -> Result<(), String> {
        let now = Instant::now();
        let messages = match given {
            ToNode::Data(bytes) => bytes
                .chunks(CHUNK_BYTES)
                .map(|chunk| self.channel.send(payload::OUTPUT, chunk.to_vec(), now))
                .collect(),
            ToNode::Size { cols, rows } => {
                let size = json!({"cols": cols, "rows": rows}).to_string();
                vec![self.channel.send(payload::SIZE, size.into_bytes(), now)]
            }
            ToNode::Flag(flag) => {
                vec![self.channel.send(payload::FLAG, flag.to_be_bytes().to_vec(), now)]
            }
        };
        self.send_all(messages).await
    }

    async fn send_all(&mut self, messages: Vec<Vec<u8>>) -> Result<(), String> {
        for message in messages {
            self.socket.send(Message::Binary(message.into())).await?;
        }
        Ok(())
    }

    /// Another connection for the same session: what was not acknowledged goes
    /// out again. AWS closes connections after an hour at the latest.
    /// Why the session has ended, if it has.
    async fn reconnect(&mut self, mut why: String) -> Result<Option<String>, SessionError> {
        tracing::debug!(session_id = self.session.id, why, "the connection is lost");
        for attempt in 0..ATTEMPTS {
            if attempt > 0 {
                tokio::time::sleep(FIRST_DELAY * 2_u32.pow(attempt)).await;
            }
            match self.ssm.resume_session(&self.session.id).await {
                Ok(None) => return Ok(Some(format!("the session has ended ({why})"))),
                Ok(Some(session)) => match connect(&session, self.client_id).await {
                    Ok(socket) => {
                        (self.session, self.socket) = (session, socket);
                        let again = self.channel.all_again(Instant::now());
                        match self.send_all(again).await {
                            Ok(()) => return Ok(None),
                            Err(error) => why = error,
                        }
                    }
                    Err(error) => why = error,
                },
                Err(error) if crate::errors::passes(&error) => why = error.to_string(),
                Err(error) => return Err(error.into()),
            }
        }
        Err(self.lost(why))
    }

    fn lost(&self, why: String) -> SessionError {
        SessionError::Channel { host: socket::host(&self.session.stream_url), why }
    }
}

#[cfg(test)]
#[path = "link_tests.rs"]
mod tests;
