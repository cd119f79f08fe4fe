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
    ask(address, "GET", path, "")
}

/// POST without a body: status and body of the answer.
///
/// # Errors
/// If nobody answers with HTTP.
pub fn post(address: SocketAddr, path: &str) -> anyhow::Result<(u16, String)> {
    ask(address, "POST", path, "")
}

/// Any method, with a body unless it is empty: status and body of the answer.
///
/// # Errors
/// If nobody answers with HTTP.
pub fn ask(
    address: SocketAddr,
    method: &str,
    path: &str,
    body: &str,
) -> anyhow::Result<(u16, String)> {
    exchange(address, method, path, body, TIMEOUT).map(|answer| (answer.status, answer.body))
}

/// An answer.
#[derive(Debug)]
pub struct Answer {
    /// Status.
    pub status: u16,
    /// Body.
    pub body: String,
    head: String,
}

impl Answer {
    /// The first header of this name.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut lines = self.head.lines().skip(1).filter_map(|line| line.split_once(':'));
        lines.find(|(it, _)| it.eq_ignore_ascii_case(name)).map(|(_, value)| value.trim())
    }
}

/// As [`ask`], with headers, for what may take longer.
///
/// # Errors
/// If nobody answers with HTTP.
pub fn exchange(
    address: SocketAddr,
    method: &str,
    path: &str,
    body: &str,
    timeout: Duration,
) -> anyhow::Result<Answer> {
    let mut stream = TcpStream::connect_timeout(&address, TIMEOUT).with_context(|| {
        format!("nothing answers on {address}; is it running? `systemctl status nixl-noded`")
    })?;
    stream.set_read_timeout(Some(timeout))?;
    stream.set_write_timeout(Some(timeout))?;
    let (port, length) = (address.port(), body.len());
    write!(
        stream,
        "{method} {path} HTTP/1.0\r\nHost: localhost:{port}\r\nContent-Length: {length}\r\n\r\n{body}"
    )?;
    let mut answer = Vec::new();
    stream
        .take(MAX_ANSWER_BYTES + 1)
        .read_to_end(&mut answer)
        .with_context(|| format!("no answer on {address} within {} s", timeout.as_secs()))?;
    if answer.len() as u64 > MAX_ANSWER_BYTES {
        bail!("the answer on {address} is longer than {} MiB", MAX_ANSWER_BYTES >> 20);
    }
    let answer = String::from_utf8_lossy(&answer);
    let (head, body) = answer.split_once("\r\n\r\n").unwrap_or((&answer, ""));
    let mut words = head.split_ascii_whitespace();
    match (words.next(), words.next().and_then(|status| status.parse().ok())) {
        (Some(protocol), Some(status)) if protocol.starts_with("HTTP/") => {
            Ok(Answer { status, body: body.to_owned(), head: head.to_owned() })
        }
        _ => bail!("what answers on {address} does not speak HTTP"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::TcpListener;

    #[test]
    fn an_answer_that_is_too_long_is_called_so() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let server = std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let _ = stream.write_all(b"HTTP/1.0 200 OK\r\n\r\n");
            let part = vec![b'a'; 1 << 20];
            // It ends when nobody reads any more.
            while stream.write_all(&part).is_ok() {}
        });
        let told = get(address, "/link").unwrap_err().to_string();
        assert_eq!(told, format!("the answer on {address} is longer than 16 MiB"));
        server.join().unwrap();
    }
}
