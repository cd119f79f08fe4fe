//! Both ends of a connection, for handlers that ask who is there.

use super::Listening;
use crate::port;
use axum::extract::connect_info::Connected;
use axum::serve::IncomingStream;
use std::net::SocketAddr;

/// Where it was accepted and where it comes from.
#[derive(Debug, Clone, Copy)]
pub struct Ends {
    here: Option<SocketAddr>,
    from: SocketAddr,
}

impl Ends {
    /// The user at the other end, as long as it is there.
    ///
    /// Reads a table of all sockets: no place for a handler that is asked often.
    pub async fn uid(self) -> Option<u32> {
        let here = self.here?;
        tokio::task::spawn_blocking(move || port::uid_of_peer(here, self.from)).await.ok()?
    }
}

impl Connected<IncomingStream<'_, Listening>> for Ends {
    fn connect_info(stream: IncomingStream<'_, Listening>) -> Self {
        Self { here: stream.io().local_addr().ok(), from: *stream.remote_addr() }
    }
}
