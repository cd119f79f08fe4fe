//! A port of a node on this computer.
//!
//! Agents after 3.0.196.0 carry all connections in one session. Older ones carry
//! one at a time, so each connection has a session of its own; the next one is
//! started beforehand.

mod basic;
mod mux;

use super::SessionError;
use super::handshake;
use super::link::{FromNode, Link};
use mux::Mux;
use nixl_aws::ssm::{ManagedNodes, StartSession};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};

/// How long the agent may take to shake hands.
const READY_WITHIN: Duration = Duration::from_secs(30);
/// A client that has said its last may still be waiting for the answer: so long
/// after the last byte its connection is taken for closed.
const LINGER: Duration = Duration::from_secs(5);
/// The far connection is closed (`DisconnectToPort`).
const DISCONNECT: u32 = 1;
/// It could not be made (`ConnectToPortError`).
const NOT_CONNECTED: u32 = 3;
const READ_BYTES: usize = 16 * 1024;
/// How long the end of all sessions may take.
const END_WITHIN: Duration = Duration::from_secs(8);

/// The session of a port, as AWS's plugin is to be given it.
#[must_use]
pub fn request(instance_id: &str, remote: u16, local: Option<u16>) -> StartSession {
    let mut parameters = BTreeMap::from([("portNumber".to_owned(), vec![remote.to_string()])]);
    if let Some(local) = local {
        parameters.insert("localPortNumber".to_owned(), vec![local.to_string()]);
    }
    StartSession {
        target: instance_id.to_owned(),
        document_name: Some("AWS-StartPortForwardingSession".to_owned()),
        parameters,
        reason: Some("nixl-launch forward".to_owned()),
    }
}

/// A session that is ready for connections.
struct Ready {
    link: Link,
    agent_version: String,
}

async fn ready(ssm: &Arc<dyn ManagedNodes>, request: &StartSession) -> Result<Ready, SessionError> {
    let mut link = Link::start(ssm, request).await?;
    let why = match tokio::time::timeout(READY_WITHIN, link.next()).await {
        Ok(Some(FromNode::Ready { agent_version })) => return Ok(Ready { link, agent_version }),
        Ok(Some(FromNode::Failed(error))) => {
            link.end().await;
            return Err(error);
        }
        Ok(Some(FromNode::Closed(why))) => why,
        Ok(_) => "the agent did not begin as agents do".to_owned(),
        Err(_) => format!("the agent did not begin within {} s", READY_WITHIN.as_secs()),
    };
    link.end().await;
    Err(SessionError::Cut { why })
}

/// A forwarded port.
pub struct Forward {
    ssm: Arc<dyn ManagedNodes>,
    request: StartSession,
    listener: TcpListener,
    /// The next session; with an agent that multiplexes only the first one.
    spare: Option<JoinHandle<Result<Ready, SessionError>>>,
    mux: Option<Mux>,
    connections: JoinSet<Result<(), String>>,
    /// Dropped to end every connection.
    stop: watch::Sender<()>,
}

impl Forward {
    /// Opens the node's port here, on 127.0.0.1; a local port of 0 is a free one.
    ///
    /// # Errors
    /// If the local port is taken or there is no session to be had.
    pub async fn open(
        ssm: &Arc<dyn ManagedNodes>,
        instance_id: &str,
        remote: u16,
        local: u16,
    ) -> Result<Self, SessionError> {
        let listener = TcpListener::bind(("127.0.0.1", local)).await.map_err(|error| {
            SessionError::Local { what: format!("port {local} of this computer"), error }
        })?;
        let request = request(instance_id, remote, None);
        // What is wrong with it is told now, not to the first connection.
        let first = ready(ssm, &request).await?;
        let spare = Some(tokio::spawn(async { Ok(first) }));
        Ok(Self {
            ssm: ssm.clone(),
            request,
            listener,
            spare,
            mux: None,
            connections: JoinSet::new(),
            stop: watch::Sender::new(()),
        })
    }

    /// The local port.
    ///
    /// # Errors
    /// If it is not there any more.
    pub fn port(&self) -> Result<u16, SessionError> {
        let address = self.listener.local_addr();
        address
            .map(|address| address.port())
            .map_err(|error| SessionError::Local { what: "the local port".to_owned(), error })
    }

    /// Carries connections until it is given up or the node cannot be reached any
    /// more; what goes wrong with one connection is told.
    ///
    /// # Errors
    /// If no session is to be had.
    pub async fn run(&mut self, told: &dyn Fn(&str)) -> Result<(), SessionError> {
        loop {
            tokio::select! {
                accepted = self.listener.accept() => if let Ok((connection, _)) = accepted {
                    // Each little packet counts, as on the node's own loopback.
                    let _ = connection.set_nodelay(true);
                    self.carry(connection).await?;
                },
                Some(ended) = self.connections.join_next() => if let Ok(Err(why)) = ended {
                    told(&why);
                },
            }
        }
    }

    async fn carry(&mut self, connection: TcpStream) -> Result<(), SessionError> {
        let stop = self.stop.subscribe();
        if let Some(open) = self.mux.as_mut().filter(|mux| mux.alive()) {
            self.connections.spawn(open.carry(connection, stop));
            return Ok(());
        }
        let spare = self.spare.take().unwrap_or_else(|| self.start());
        // A session that waited for long may be gone; another one is worth a try.
        let session = match spare.await {
            Ok(Ok(session)) => session,
            _ => ready(&self.ssm, &self.request).await?,
        };
        if handshake::multiplexes(&session.agent_version) {
            let keep_alive = !handshake::quiet(&session.agent_version);
            let open = self.mux.insert(Mux::start(session.link, keep_alive));
            self.connections.spawn(open.carry(connection, stop));
        } else {
            self.connections.spawn(basic::carry(connection, session.link, stop));
            self.spare = Some(self.start());
        }
        Ok(())
    }

    fn start(&self) -> JoinHandle<Result<Ready, SessionError>> {
        let (ssm, request) = (self.ssm.clone(), self.request.clone());
        tokio::spawn(async move { ready(&ssm, &request).await })
    }

    /// Ends every session.
    pub async fn end(mut self) {
        drop(self.stop);
        let waits = async {
            if let Some(spare) = self.spare
                && let Ok(Ok(spare)) = spare.await
            {
                spare.link.end().await;
            }
            if let Some(mux) = self.mux {
                mux.end().await;
            }
            while self.connections.join_next().await.is_some() {}
        };
        // What does not end now ends by itself.
        let _ = tokio::time::timeout(END_WITHIN, waits).await;
    }
}
