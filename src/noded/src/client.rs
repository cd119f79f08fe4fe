//! HTTP to the daemon on this node, for the command line.
//!
//! HTTP/1.0 with one request a connection needs no client library.

use anyhow::{Context as _, bail};
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

/// The daemon answers from memory.
const TIMEOUT: Duration = Duration::from_secs(5);
/// Far above any document.
const MAX_ANSWER_BYTES: u64 = 16 << 20;

/// GET: status and body.
///
/// # Errors
/// If nobody answers with HTTP.
pub fn get(address: SocketAddr, path: &str) -> anyhow::Result<(u16, String)> {
    ask(address, "GET", path)
}

/// POST without a body: status and body of the answer.
///
/// # Errors
/// If nobody answers with HTTP.
pub fn post(address: SocketAddr, path: &str) -> anyhow::Result<(u16, String)> {
    ask(address, "POST", path)
}

fn ask(address: SocketAddr, method: &str, path: &str) -> anyhow::Result<(u16, String)> {
    let mut stream = TcpStream::connect_timeout(&address, TIMEOUT).with_context(|| {
        format!("nothing answers on {address}; is it running? `systemctl status nixl-noded`")
    })?;
    stream.set_read_timeout(Some(TIMEOUT))?;
    stream.set_write_timeout(Some(TIMEOUT))?;
    let port = address.port();
    write!(
        stream,
        "{method} {path} HTTP/1.0\r\nHost: localhost:{port}\r\nContent-Length: 0\r\n\r\n"
    )?;
    let mut answer = String::new();
    stream
        .take(MAX_ANSWER_BYTES)
        .read_to_string(&mut answer)
        .with_context(|| format!("no answer on {address} within {} s", TIMEOUT.as_secs()))?;
    let (head, body) = answer.split_once("\r\n\r\n").unwrap_or((&answer, ""));
    let mut words = head.split_ascii_whitespace();
    match (words.next(), words.next().and_then(|status| status.parse().ok())) {
        (Some(protocol), Some(status)) if protocol.starts_with("HTTP/") => {
            Ok((status, body.to_owned()))
        }
        _ => bail!("what answers on {address} does not speak HTTP"),
    }
}
