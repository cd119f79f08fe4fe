//! Accepting connections, with a beat: a daemon whose HTTP loop is stuck is
//! not alive, however well its pairing is.

use super::connection::Connection;
use crate::beat::{Beat, INTERVAL};
use axum::serve::Listener;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Out of descriptors: wait for some to be closed instead of spinning.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
/// Connections at once; more wait in the kernel's queue. Far above what people,
/// Prometheus and Kubernetes keep open, far below the descriptors of a process.
const MOST_CONNECTIONS: usize = 128;
/// A connection on which nothing moves for so long is closed; longer than any
/// answer waits.
const IDLE: Duration = Duration::from_secs(60);

/// A listener that beats.
pub struct Listening {
    inner: TcpListener,
    beat: Beat,
    free: Arc<Semaphore>,
    idle: Duration,
}

impl Listening {
    /// Over an open listener.
    ///
    /// # Errors
    /// If the runtime does not take it.
    pub fn new(listener: std::net::TcpListener, beat: Beat) -> io::Result<Self> {
        Self::with_places(listener, beat, MOST_CONNECTIONS, IDLE)
    }

    /// For so many connections at once; one on which nothing moves for `idle` is closed.
    ///
    /// # Errors
    /// If the runtime does not take it.
    pub fn with_places(
        listener: std::net::TcpListener,
        beat: Beat,
        places: usize,
        idle: Duration,
    ) -> io::Result<Self> {
        listener.set_nonblocking(true)?;
        let inner = TcpListener::from_std(listener)?;
        Ok(Self { inner, beat, free: Arc::new(Semaphore::new(places)), idle })
    }

    /// Room for one more connection.
    async fn room(&self) -> OwnedSemaphorePermit {
        loop {
            self.beat.now();
            tokio::select! {
                // Nobody closes it.
                Ok(permit) = Arc::clone(&self.free).acquire_owned() => return permit,
                () = tokio::time::sleep(INTERVAL) => {}
            }
        }
    }
}

impl Listener for Listening {
    type Io = Connection;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Connection, SocketAddr) {
        let permit = self.room().await;
        loop {
            self.beat.now();
            tokio::select! {
                accepted = self.inner.accept() => match accepted {
                    Ok((stream, from)) => {
                        // An answer in two pieces must not wait for an acknowledgement
                        // that comes 40 ms late (tcp(7), TCP_NODELAY).
                        let _ = stream.set_nodelay(true);
                        return (Connection::new(stream, permit, self.idle), from);
                    }
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::beat::Beats;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::TcpStream;

    fn listening(most: usize, idle: Duration) -> Listening {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let listening = Listening::new(listener, Beats::default().task("http")).unwrap();
        Listening { free: Arc::new(Semaphore::new(most)), idle, ..listening }
    }

    #[tokio::test]
    async fn one_more_than_there_is_room_for_waits_until_another_is_closed() {
        let mut listening = listening(2, IDLE);
        let address = listening.local_addr().unwrap();
        let mut clients = Vec::new();
        for _ in 0..3 {
            clients.push(TcpStream::connect(address).await.unwrap());
        }
        let (first, _second) = (listening.accept().await.0, listening.accept().await.0);
        assert_eq!(listening.free.available_permits(), 0);
        let mut third = std::pin::pin!(listening.accept());
        // Enough for a connection that is there already.
        let soon = tokio::time::timeout(Duration::from_millis(50), &mut third);
        assert!(soon.await.is_err());
        drop(first);
        let (mut third, _) = third.await;
        clients[2].write_all(b"x").await.unwrap();
        assert_eq!(third.read_u8().await.unwrap(), b'x');
    }

    #[tokio::test]
    async fn a_connection_on_which_nothing_moves_is_ended() {
        let mut listening = listening(1, Duration::from_millis(20));
        let mut client = TcpStream::connect(listening.local_addr().unwrap()).await.unwrap();
        let (mut served, _) = listening.accept().await;
        client.write_all(b"x").await.unwrap();
        assert_eq!(served.read_u8().await.unwrap(), b'x');
        served.write_all(b"y").await.unwrap();
        assert_eq!(client.read_u8().await.unwrap(), b'y');
        assert_eq!(served.read_u8().await.unwrap_err().kind(), io::ErrorKind::TimedOut);
    }
}
