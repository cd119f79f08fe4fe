//! Listening without Nagle's wait: an answer in two pieces, as one that is
//! passed on is, would wait for an acknowledgement that the other end holds
//! back for 40 ms (tcp(7), TCP_NODELAY).

use axum::serve::{Listener, ListenerExt as _};
use tokio::net::{TcpListener, TcpStream};

/// The listener, sending at once on what it accepts.
pub(crate) fn prompt(
    listener: TcpListener,
) -> impl Listener<Io = TcpStream, Addr = std::net::SocketAddr> {
    listener.tap_io(|stream| {
        // One that is gone already says so when it is read.
        let _ = stream.set_nodelay(true);
    })
}
