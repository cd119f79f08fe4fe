//! A server that does as it is told, request by request, and keeps what it was asked.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};

/// What is done with one request.
#[derive(Debug, Clone)]
pub enum Act {
    /// Status, headers with their ends of line, body.
    Say(u16, String, String),
    /// Half of an answer's body, then nothing more.
    Half,
    /// The connection is closed in place of an answer.
    Close,
    /// Nothing at all.
    Silence,
    /// 200, after so long.
    Late(Duration),
    /// A body of so many MiB.
    Flood(usize),
}

/// What was asked.
#[derive(Debug, Clone)]
pub struct Asked {
    pub line: String,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
    /// Which connection, from 0.
    pub connection: usize,
}

impl Asked {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(it, _)| it == name).map(|(_, value)| value.as_str())
    }
}

/// Acts in order; the last one stays.
#[derive(Clone)]
pub struct Scripted {
    pub address: SocketAddr,
    asked: Arc<Mutex<Vec<Asked>>>,
    got_bytes: Arc<AtomicUsize>,
}

pub fn ok() -> Act {
    say(200, "{}")
}

pub fn say(status: u16, body: &str) -> Act {
    Act::Say(status, String::new(), body.to_owned())
}

impl Scripted {
    pub async fn start(acts: Vec<Act>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let it = Self { address, asked: Arc::default(), got_bytes: Arc::default() };
        let (serving, acts) = (it.clone(), Arc::new(Mutex::new(acts)));
        tokio::spawn(async move {
            for connection in 0.. {
                let Ok((stream, _)) = listener.accept().await else { return };
                tokio::spawn(serve(stream, connection, serving.clone(), acts.clone()));
            }
        });
        it
    }

    pub fn asked(&self) -> Vec<Asked> {
        self.asked.lock().unwrap().clone()
    }

    /// Bytes of bodies that are here, also of one that still comes.
    pub fn got_bytes(&self) -> usize {
        self.got_bytes.load(Ordering::Relaxed)
    }
}

async fn serve(stream: TcpStream, connection: usize, of: Scripted, acts: Arc<Mutex<Vec<Act>>>) {
    let mut stream = BufReader::new(stream);
    while let Some(asked) = read(&mut stream, connection, &of.got_bytes).await {
        of.asked.lock().unwrap().push(asked);
        let act = {
            let mut acts = acts.lock().unwrap();
            if acts.len() > 1 { acts.remove(0) } else { acts[0].clone() }
        };
        match act {
            Act::Say(status, headers, body) => {
                let length = body.len();
                let text = format!(
                    "HTTP/1.1 {status} X\r\nContent-Length: {length}\r\n{headers}\r\n{body}"
                );
                stream.write_all(text.as_bytes()).await.unwrap();
            }
            Act::Half => {
                let text = "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf!";
                stream.write_all(text.as_bytes()).await.unwrap();
                std::future::pending::<()>().await;
            }
            Act::Close => return,
            Act::Silence => std::future::pending().await,
            Act::Late(by) => {
                tokio::time::sleep(by).await;
                let text = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}";
                // Whoever has waited long enough goes away.
                if stream.write_all(text.as_bytes()).await.is_err() {
                    return;
                }
            }
            Act::Flood(mib) => {
                let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", mib << 20);
                stream.write_all(head.as_bytes()).await.unwrap();
                let part = vec![b'x'; 1 << 20];
                for _ in 0..mib {
                    // Whoever has heard enough goes away.
                    if stream.write_all(&part).await.is_err() {
                        return;
                    }
                }
            }
        }
    }
}

async fn read(
    stream: &mut BufReader<TcpStream>,
    connection: usize,
    got_bytes: &AtomicUsize,
) -> Option<Asked> {
    let mut line = String::new();
    stream.read_line(&mut line).await.ok().filter(|read| *read > 0)?;
    let mut headers = Vec::new();
    loop {
        let mut header = String::new();
        stream.read_line(&mut header).await.ok()?;
        let Some((name, value)) = header.trim_end().split_once(':') else { break };
        headers.push((name.to_lowercase(), value.trim().to_owned()));
    }
    let length = headers.iter().find(|(name, _)| name == "content-length");
    let length = length.map_or(0, |(_, length)| length.parse().unwrap());
    let mut body = vec![0; length];
    let mut at = 0;
    while at < length {
        let got = stream.read(&mut body[at..]).await.ok().filter(|got| *got > 0)?;
        got_bytes.fetch_add(got, Ordering::Relaxed);
        at += got;
    }
    Some(Asked { line: line.trim_end().to_owned(), headers, body, connection })
}
