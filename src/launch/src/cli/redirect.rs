//! A secret URL on its way to the browser: not in the command line, which anybody
//! may read, nor in a file, but as the answer to one request of a program of this
//! user to an address that nobody can guess.

use std::net::{Ipv4Addr, SocketAddr};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{Duration, timeout};

/// A request that is longer is none of a browser that follows a link.
const MAX_REQUEST_BYTES: usize = 16 * 1024;
/// For a request to come in.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(5);

/// An address on this computer that answers once.
pub(super) struct Redirect {
    listener: TcpListener,
    path: String,
}

impl Redirect {
    /// At a free port.
    pub async fn bind() -> std::io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let path = format!("/{}{}", uuid::Uuid::new_v4().simple(), uuid::Uuid::new_v4().simple());
        Ok(Self { listener, path })
    }

    /// What the browser is told.
    pub fn address(&self) -> std::io::Result<String> {
        Ok(format!("http://{}{}", self.listener.local_addr()?, self.path))
    }

    /// Sends the first who asks rightly to `url`; all others get nothing.
    pub async fn send_to(self, url: &str) -> std::io::Result<()> {
        loop {
            let (mut stream, peer) = self.listener.accept().await?;
            let asked = timeout(REQUEST_TIMEOUT, self.is_asked(&mut stream, peer)).await;
            if !matches!(asked, Ok(true)) {
                continue;
            }
            let answer = format!(
                "HTTP/1.1 302 Found\r\nLocation: {url}\r\nCache-Control: no-store\r\nReferrer-Policy: no-referrer\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
            );
            stream.write_all(answer.as_bytes()).await?;
            return stream.shutdown().await;
        }
    }

    async fn is_asked(&self, stream: &mut TcpStream, peer: SocketAddr) -> bool {
        let mut request = Vec::new();
        while !request.windows(4).any(|end| end == b"\r\n\r\n") {
            if request.len() > MAX_REQUEST_BYTES
                || !matches!(stream.read_buf(&mut request).await, Ok(1..))
            {
                return false;
            }
        }
        let line = format!("GET {} HTTP/1.1\r\n", self.path);
        request.starts_with(line.as_bytes()) && is_this_users(peer)
    }
}

/// Whether the socket of this address is of this user, where the system tells it:
/// the command line of the browser shows the path to others.
fn is_this_users(peer: SocketAddr) -> bool {
    let Ok(table) = std::fs::read_to_string("/proc/net/tcp") else { return true };
    owner(&table, peer) == Some(rustix::process::getuid().as_raw())
}

/// Owner of a socket in the form of proc_net_tcp(5): the address in hex, in the
/// order of bytes of this machine; the user id is the eighth field.
fn owner(table: &str, local: SocketAddr) -> Option<u32> {
    let SocketAddr::V4(v4) = local else { return None };
    let address = u32::from_ne_bytes(v4.ip().octets());
    let wanted = format!("{address:08X}:{:04X}", v4.port());
    table.lines().skip(1).find_map(|line| {
        let mut fields = line.split_whitespace();
        (fields.nth(1)? == wanted).then(|| fields.nth(5))??.parse().ok()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn ask(address: &str, path: Option<&str>) -> String {
        let rest = address.strip_prefix("http://").unwrap();
        let (host, own) = rest.split_once('/').unwrap();
        let mut stream = TcpStream::connect(host).await.unwrap();
        let path = path.map_or_else(|| format!("/{own}"), str::to_owned);
        let request = format!("GET {path} HTTP/1.1\r\nHost: {host}\r\n\r\n");
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        let _ = stream.read_to_string(&mut answer).await;
        answer
    }

    #[tokio::test]
    async fn only_the_first_who_knows_the_path_is_sent_on() {
        let redirect = Redirect::bind().await.unwrap();
        let address = redirect.address().unwrap();
        let sending = tokio::spawn(async move { redirect.send_to("https://secret").await });
        assert_eq!(ask(&address, Some("/")).await, "");
        assert_eq!(ask(&address, Some("/favicon.ico")).await, "");
        let answer = ask(&address, None).await;
        assert!(
            answer.starts_with("HTTP/1.1 302 Found\r\nLocation: https://secret\r\n"),
            "{answer}"
        );
        sending.await.unwrap().unwrap();
        let host = address.strip_prefix("http://").unwrap().split('/').next().unwrap();
        assert!(TcpStream::connect(host).await.is_err(), "it answers once");
    }

    #[test]
    fn the_owner_of_a_socket_is_read() {
        let table = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n   0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1000        0 1 1\n";
        let of = |address: &str| owner(table, address.parse().unwrap());
        if cfg!(target_endian = "little") {
            assert_eq!(of("127.0.0.1:8080"), Some(1000));
        }
        assert_eq!(of("127.0.0.1:8081"), None);
    }
}
