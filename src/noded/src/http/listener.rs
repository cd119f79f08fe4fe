//! Accepting connections, with a beat: a daemon whose HTTP loop is stuck is
//! not alive, however well its pairing is.

use crate::beat::{Beat, INTERVAL};
use axum::serve::Listener;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};

/// Out of descriptors: wait for some to be closed instead of spinning.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// A listener that beats.
pub struct Listening {
    inner: TcpListener,
    beat: Beat,
}

impl Listening {
    /// Over an open listener.
    ///
    /// # Errors
    /// If the runtime does not take it.
    pub fn new(listener: std::net::TcpListener, beat: Beat) -> io::Result<Self> {
        listener.set_nonblocking(true)?;
        Ok(Self { inner: TcpListener::from_std(listener)?, beat })
    }
}

impl Listener for Listening {
    type Io = TcpStream;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (TcpStream, SocketAddr) {
        loop {
            self.beat.now();
            tokio::select! {
                accepted = self.inner.accept() => match accepted {
                    Ok(accepted) => return accepted,
                    Err(error) => {
                        tracing::warn!(%error, "a connection could not be accepted");
                        tokio::time::sleep(ACCEPT_PAUSE).await;
                    }
                },
                () = tokio::time::sleep(INTERVAL) => {}
            }
        }
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.inner.local_addr()
    }
}
