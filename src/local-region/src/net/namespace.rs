//! Sockets in another network namespace: a thread of its own enters it,
//! makes the socket and ends; the socket stays where it was made
//! (network_namespaces(7)).

use std::net::{SocketAddr, TcpListener};
use std::path::Path;

use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};

/// A listening socket inside a named network namespace.
pub fn listen_in(netns: &str, address: SocketAddr) -> std::io::Result<TcpListener> {
    use std::os::fd::AsFd;
    let namespace = std::fs::File::open(Path::new("/run/netns").join(netns))?;
    let listener = std::thread::spawn(move || {
        // The namespace is the thread's: a pooled thread would carry it on.
        move_into_link_name_space(namespace.as_fd(), Some(LinkNameSpaceType::Network))?;
        TcpListener::bind(address)
    })
    .join()
    .map_err(|_| std::io::Error::other("the thread in the namespace panicked"))??;
    listener.set_nonblocking(true)?;
    Ok(listener)
}
