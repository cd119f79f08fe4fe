//! What a machine can reach: its metadata service, and the region's endpoint
//! on its own loopback, so that one URL is good everywhere.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};

use axum::Router;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::net::{IMDS, listen_in, prompt};

/// The sockets inside one machine's network namespace.
#[derive(Default)]
pub(super) struct Doors {
    cancel: CancellationToken,
    tasks: TaskTracker,
}

impl Doors {
    pub(super) fn open(
        &self,
        netns: &str,
        port: u16,
        endpoint: Router,
        imds: Router,
    ) -> io::Result<()> {
        let endpoint_at = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        self.serve(listen_in(netns, endpoint_at)?, endpoint)?;
        self.serve(listen_in(netns, SocketAddr::from((IMDS, 80)))?, imds)
    }

    fn serve(&self, listener: std::net::TcpListener, router: Router) -> io::Result<()> {
        let listener = TcpListener::from_std(listener)?;
        let cancel = self.cancel.clone();
        self.tasks.spawn(async move {
            // Dropped, not drained: a connection must not hold the namespace.
            tokio::select! {
                () = cancel.cancelled() => {}
                result = axum::serve(prompt(listener), router).into_future() => {
                    if let Err(error) = result {
                        tracing::error!(%error, "a machine's listener ended");
                    }
                }
            }
        });
        Ok(())
    }

    /// Closes the listening sockets.
    pub(super) async fn close(&self) {
        self.cancel.cancel();
        self.tasks.close();
        self.tasks.wait().await;
    }
}
