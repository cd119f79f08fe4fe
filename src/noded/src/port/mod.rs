//! The port of the HTTP interface, inherited from the socket unit or bound, and
//! who is at the other end of a connection.

mod owner;
mod table;

pub(crate) use table::uid_of_peer;

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::os::fd::FromRawFd as _;

/// Why there is no listener.
#[derive(Debug, thiserror::Error)]
pub enum PortError {
    /// Somebody else has it.
    #[error(
        "{address} is taken by {owner}; stop it or choose another address with --listen (or ListenStream= of nixl-noded.socket)"
    )]
    Taken {
        /// Wanted address.
        address: SocketAddr,
        /// Who has it.
        owner: String,
    },
    /// It cannot be bound for another reason.
    #[error("{address} cannot be bound: {source}")]
    NotBound {
        /// Wanted address.
        address: SocketAddr,
        /// Why.
        source: io::Error,
    },
    /// The service manager passed something else.
    #[error("the socket passed by the service manager is of no use: {why}; see nixl-noded.socket")]
    Passed {
        /// What is wrong with it.
        why: String,
    },
}

/// A listener: the one the service manager passed, else a new one.
///
/// # Errors
/// If there is none to be had.
pub fn listener(address: SocketAddr) -> Result<TcpListener, PortError> {
    match passed()? {
        Some(listener) => Ok(listener),
        None => bind(address),
    }
}

fn passed() -> Result<Option<TcpListener>, PortError> {
    let bad = |why: String| PortError::Passed { why };
    let mut fds = sd_notify::listen_fds().map_err(|error| bad(error.to_string()))?;
    let Some(fd) = fds.next() else { return Ok(None) };
    if fds.next().is_some() {
        return Err(bad("more than one was passed".to_owned()));
    }
    // SAFETY: the service manager passed this descriptor to this process, and
    // this is the only place that takes it.
    let listener = unsafe { TcpListener::from_raw_fd(fd) };
    let address = listener.local_addr().map_err(|error| bad(error.to_string()))?;
    if !address.ip().is_loopback() {
        return Err(bad(format!("it listens on {address}, only loopback is served")));
    }
    Ok(Some(listener))
}

fn bind(address: SocketAddr) -> Result<TcpListener, PortError> {
    TcpListener::bind(address).map_err(|source| match source.kind() {
        io::ErrorKind::AddrInUse => PortError::Taken { address, owner: owner::of(address) },
        _ => PortError::NotBound { address, source },
    })
}

/// Parses a `--listen` address: loopback only.
///
/// # Errors
/// If it is no address or not a loopback one.
pub fn parse(text: &str) -> Result<SocketAddr, String> {
    let address: SocketAddr =
        text.parse().map_err(|_| "expected ADDRESS:PORT, e.g. 127.0.0.1:9100".to_owned())?;
    if !address.ip().is_loopback() {
        return Err("only loopback addresses are allowed: /mlflow hands out credentials".to_owned());
    }
    Ok(address)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_loopback_is_parsed() {
        assert!(parse("127.0.0.1:9100").is_ok() && parse("[::1]:9100").is_ok());
        for bad in ["0.0.0.0:9100", "10.0.0.1:9100", "[::]:9100", "localhost", "9100"] {
            assert!(parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_taken_port_is_named_with_its_owner() {
        let holder = TcpListener::bind("127.0.0.1:0").unwrap();
        let error = bind(holder.local_addr().unwrap()).unwrap_err().to_string();
        assert!(error.contains(&format!("pid {}", std::process::id())), "{error}");
    }
}
