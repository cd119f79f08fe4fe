//! Stands before a server and fails as it is told: one request a connection.

use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

/// What happens to a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// 403, each time.
    Deny,
    /// It is carried out once, and the connection ends without an answer.
    LoseAnswer,
    /// Once 503, without being carried out.
    Unavailable,
}

#[derive(Clone, Default)]
struct Faults(Arc<Mutex<Vec<(&'static str, Fault)>>>);

pub struct Front {
    pub port: u16,
    faults: Faults,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Front {
    /// Before the server on this port.
    pub fn before(server: u16) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let (faults, asked) = (Faults::default(), Arc::<Mutex<Vec<String>>>::default());
        let shared = (faults.clone(), asked.clone());
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (faults, asked) = shared.clone();
                std::thread::spawn(move || pass(stream, server, &faults, &asked));
            }
        });
        Self { port, faults, asked }
    }

    /// Paths that end so fail so from now on.
    pub fn fail(&self, path: &'static str, fault: Fault) {
        self.faults.0.lock().unwrap().push((path, fault));
    }

    pub fn heal(&self) {
        self.faults.0.lock().unwrap().clear();
    }

    /// Whether a fault waits for its call.
    pub fn is_armed(&self) -> bool {
        !self.faults.0.lock().unwrap().is_empty()
    }

    /// Paths asked for since the last time.
    pub fn take_asked(&self) -> Vec<String> {
        std::mem::take(&mut *self.asked.lock().unwrap())
    }
}

impl Faults {
    fn of(&self, path: &str) -> Option<Fault> {
        let mut faults = self.0.lock().unwrap();
        let at = faults.iter().position(|(end, _)| path.ends_with(end))?;
        let fault = faults[at].1;
        if fault != Fault::Deny {
            faults.remove(at);
        }
        Some(fault)
    }
}

fn pass(mut client: TcpStream, server: u16, faults: &Faults, asked: &Mutex<Vec<String>>) {
    let Some((head, body)) = request(&mut client) else { return };
    let path = head.split(' ').nth(1).unwrap_or_default();
    let path = path.split('?').next().unwrap_or_default().to_owned();
    asked.lock().unwrap().push(path.clone());
    let refuse = |client: &mut TcpStream, status: &str, body: &str| {
        let length = body.len();
        let head = "Content-Type: application/json\r\nConnection: close";
        let _ =
            write!(client, "HTTP/1.1 {status}\r\n{head}\r\nContent-Length: {length}\r\n\r\n{body}");
    };
    let fault = faults.of(&path);
    match fault {
        Some(Fault::Deny) => {
            let told = r#"{"Message": "User: arn:aws:sts::1:assumed-role/nixl is not authorized"}"#;
            return refuse(&mut client, "403 Forbidden", told);
        }
        Some(Fault::Unavailable) => {
            return refuse(&mut client, "503 Service Unavailable", r#"{"message": "starting"}"#);
        }
        _ => {}
    }
    let Ok(mut upstream) = TcpStream::connect((Ipv4Addr::LOCALHOST, server)) else { return };
    let lines = head.lines().filter(|line| {
        let name = line.split(':').next().unwrap_or_default().to_ascii_lowercase();
        !line.is_empty() && name != "host" && name != "connection"
    });
    let head: String = lines.map(|line| format!("{line}\r\n")).collect();
    let more = format!("Host: 127.0.0.1:{server}\r\nConnection: close\r\n\r\n");
    let _ = upstream.write_all(&[head.as_bytes(), more.as_bytes(), &body].concat());
    let mut answer = Vec::new();
    let _ = upstream.read_to_end(&mut answer);
    if fault != Some(Fault::LoseAnswer) {
        let _ = client.write_all(&answer);
    }
}

fn request(client: &mut TcpStream) -> Option<(String, Vec<u8>)> {
    let (mut read, mut part) = (Vec::new(), [0; 8192]);
    loop {
        if let Some(end) = read.windows(4).position(|four| four == b"\r\n\r\n") {
            let head = String::from_utf8_lossy(&read[..end]).into_owned();
            let length = head.lines().find_map(|line| {
                let (name, value) = line.split_once(':')?;
                name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse().ok())?
            });
            let whole = end + 4 + length.unwrap_or(0);
            if read.len() >= whole {
                return Some((head, read[end + 4..whole].to_vec()));
            }
        }
        match client.read(&mut part) {
            Ok(0) | Err(_) => return None,
            Ok(count) => read.extend_from_slice(&part[..count]),
        }
    }
}
