//! Both ends of a connection, for handlers that ask who is there.

use super::Listening;
use crate::port;
use axum::extract::connect_info::Connected;
use axum::serve::IncomingStream;
use std::net::SocketAddr;
use std::sync::Arc;
use tokio::sync::OnceCell;

/// Where it was accepted and where it comes from.
#[derive(Debug, Clone)]
pub struct Ends {
    here: Option<SocketAddr>,
    from: SocketAddr,
    uid: Arc<OnceCell<Option<u32>>>,
}

impl Ends {
    /// The user at the other end; of a connection always the same.
    pub async fn uid(&self) -> Option<u32> {
        let (here, from) = (self.here?, self.from);
        let look = || async move {
            tokio::task::spawn_blocking(move || port::uid_of_peer(here, from)).await.ok()?
        };
        *self.uid.get_or_init(look).await
    }
}

impl Connected<IncomingStream<'_, Listening>> for Ends {
    fn connect_info(stream: IncomingStream<'_, Listening>) -> Self {
        let (here, from) = (stream.io().local_addr().ok(), *stream.remote_addr());
        Self { here, from, uid: Arc::default() }
    }
}
