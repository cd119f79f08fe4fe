//! Sockets in another network namespace: a thread of its own enters it,
//! makes the socket and ends; the socket stays where it was made
//! (network_namespaces(7)).

use std::net::{SocketAddr, TcpListener, TcpStream, ToSocketAddrs};
use std::path::Path;
use std::time::Duration;

use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};

/// A listening socket inside a named network namespace.
pub fn listen_in(netns: &str, address: SocketAddr) -> std::io::Result<TcpListener> {
    let listener = inside(netns, move || TcpListener::bind(address))?;
    listener.set_nonblocking(true)?;
    Ok(listener)
}

/// A connection made from inside a named network namespace; names are those of this computer.
pub fn connect_in(
    netns: &str,
    host: &str,
    port: u16,
    patience: Duration,
) -> std::io::Result<TcpStream> {
    let address = (host, port)
        .to_socket_addrs()?
        .next()
        .ok_or_else(|| std::io::Error::other(format!("{host} has no address")))?;
    let stream = inside(netns, move || TcpStream::connect_timeout(&address, patience))?;
    stream.set_nonblocking(true)?;
    Ok(stream)
}

/// What was made inside a named network namespace.
pub(crate) fn inside<T: Send + 'static>(
    netns: &str,
    act: impl FnOnce() -> std::io::Result<T> + Send + 'static,
) -> std::io::Result<T> {
    use std::os::fd::AsFd;
    let namespace = std::fs::File::open(Path::new("/run/netns").join(netns))?;
    std::thread::spawn(move || {
        // The namespace is the thread's: a pooled thread would carry it on.
        move_into_link_name_space(namespace.as_fd(), Some(LinkNameSpaceType::Network))?;
        act()
    })
    .join()
    .map_err(|_| std::io::Error::other("the thread in the namespace panicked"))?
}
