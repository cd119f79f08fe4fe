//! The web socket under a data channel: RFC 6455 by tungstenite, which knows no
//! socket: bytes go in and out through a buffer, so every wait can be given up.

use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use std::io::{self, Read, Write};
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tungstenite::client::IntoClientRequest;
use tungstenite::handshake::HandshakeError;
use tungstenite::handshake::client::ClientHandshake;
use tungstenite::{Message, WebSocket};

/// For name, connection, TLS and upgrade together.
const CONNECT_WITHIN: Duration = Duration::from_secs(15);
const READ_BYTES: usize = 16 * 1024;

trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}
impl<T: AsyncRead + AsyncWrite + Unpin + Send> Stream for T {}

/// Bytes on their way between tungstenite and the connection.
#[derive(Debug, Default)]
struct Buffer {
    incoming: Vec<u8>,
    outgoing: Vec<u8>,
    ended: bool,
}

impl Read for Buffer {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        if self.incoming.is_empty() && !self.ended {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        let length = into.len().min(self.incoming.len());
        into[..length].copy_from_slice(&self.incoming[..length]);
        self.incoming.drain(..length);
        Ok(length)
    }
}

impl Write for Buffer {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.outgoing.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// An open web socket.
pub struct Socket {
    stream: Box<dyn Stream>,
    protocol: WebSocket<Buffer>,
}

/// Host of a stream's URL, for messages: the rest of it is nobody's business.
#[must_use]
pub fn host(url: &str) -> String {
    url.parse::<tungstenite::http::Uri>()
        .ok()
        .and_then(|uri| uri.host().map(str::to_owned))
        .unwrap_or_else(|| "a URL that is none".to_owned())
}

impl Socket {
    /// Opens `ws://…` or `wss://…`.
    ///
    /// # Errors
    /// With what failed, in words.
    pub async fn connect(url: &str) -> Result<Self, String> {
        tokio::time::timeout(CONNECT_WITHIN, Self::open(url))
            .await
            .map_err(|_| format!("no answer within {} s", CONNECT_WITHIN.as_secs()))?
    }

    async fn open(url: &str) -> Result<Self, String> {
        let request = url.into_client_request().map_err(|error| error.to_string())?;
        let uri = request.uri();
        let name = uri.host().unwrap_or_default().trim_matches(['[', ']']).to_owned();
        let tls = uri.scheme_str() == Some("wss");
        let port = uri.port_u16().unwrap_or(if tls { 443 } else { 80 });
        let tcp = TcpStream::connect((name.as_str(), port)).await.map_err(|e| e.to_string())?;
        // Keys are typed one by one.
        tcp.set_nodelay(true).map_err(|error| error.to_string())?;
        let mut stream: Box<dyn Stream> = if tls {
            let name = ServerName::try_from(name).map_err(|error| error.to_string())?;
            let connector = TlsConnector::from(Arc::new(tls_config()?));
            Box::new(connector.connect(name, tcp).await.map_err(|error| error.to_string())?)
        } else {
            Box::new(tcp)
        };
        let start = ClientHandshake::start(Buffer::default(), request, None);
        let mut handshake = start.map_err(|error| error.to_string())?;
        loop {
            match handshake.handshake() {
                Ok((protocol, _)) => return Ok(Self { stream, protocol }),
                Err(HandshakeError::Failure(error)) => return Err(error.to_string()),
                Err(HandshakeError::Interrupted(mut waits)) => {
                    exchange(&mut stream, waits.get_mut().get_mut()).await?;
                    handshake = waits;
                }
            }
        }
    }

    /// Sends a message; to be repeated with [`Self::flush`] if given up.
    ///
    /// # Errors
    /// If the connection is gone.
    pub async fn send(&mut self, message: Message) -> Result<(), String> {
        self.protocol.write(message).map_err(|error| error.to_string())?;
        self.flush().await
    }

    /// Sends what was written.
    ///
    /// # Errors
    /// If the connection is gone.
    pub async fn flush(&mut self) -> Result<(), String> {
        self.protocol.flush().map_err(|error| error.to_string())?;
        flush(&mut self.stream, self.protocol.get_mut()).await
    }

    /// The next message with content; may be given up at any time.
    ///
    /// # Errors
    /// If the connection has ended.
    pub async fn receive(&mut self) -> Result<Vec<u8>, String> {
        loop {
            match self.protocol.read() {
                Ok(Message::Binary(bytes)) => return Ok(bytes.to_vec()),
                Ok(Message::Text(text)) => return Ok(text.as_bytes().to_vec()),
                // Pings are answered by the next flush.
                Ok(_) => {}
                Err(tungstenite::Error::Io(error)) if error.kind() == io::ErrorKind::WouldBlock => {
                    exchange(&mut self.stream, self.protocol.get_mut()).await?;
                }
                Err(error) => return Err(error.to_string()),
            }
        }
    }

    /// Keeps proxies and load balancers from closing a quiet connection.
    ///
    /// # Errors
    /// If the connection is gone.
    pub async fn ping(&mut self) -> Result<(), String> {
        self.send(Message::Ping(Vec::new().into())).await
    }

    /// Says goodbye; nobody waits for the answer.
    pub async fn close(&mut self) {
        let _ = self.protocol.close(None);
        let _ = tokio::time::timeout(Duration::from_secs(1), self.flush()).await;
    }
}

/// Sends what waits, then takes in what comes.
async fn exchange(stream: &mut Box<dyn Stream>, buffer: &mut Buffer) -> Result<(), String> {
    flush(stream, buffer).await?;
    let mut bytes = [0; READ_BYTES];
    let length = stream.read(&mut bytes).await.map_err(|error| error.to_string())?;
    buffer.ended = length == 0;
    buffer.incoming.extend_from_slice(&bytes[..length]);
    Ok(())
}

async fn flush(stream: &mut Box<dyn Stream>, buffer: &mut Buffer) -> Result<(), String> {
    while !buffer.outgoing.is_empty() {
        let length = stream.write(&buffer.outgoing).await.map_err(|error| error.to_string())?;
        if length == 0 {
            return Err("the connection takes nothing more".to_owned());
        }
        buffer.outgoing.drain(..length);
    }
    stream.flush().await.map_err(|error| error.to_string())
}

fn tls_config() -> Result<ClientConfig, String> {
    let mut roots = rustls::RootCertStore::empty();
    let found = rustls_native_certs::load_native_certs();
    roots.add_parsable_certificates(found.certs);
    if roots.is_empty() {
        let why = found.errors.first().map(|error| format!(" ({error})")).unwrap_or_default();
        return Err(format!("this computer has no certificates of authorities{why}"));
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| error.to_string())?;
    Ok(config.with_root_certificates(roots).with_no_client_auth())
}
