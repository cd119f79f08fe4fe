//! The routes over a real socket, asked by the client of `nixl-noded health`.

mod ack;
mod dashboard;
mod events;
mod filled;
mod guard;
mod health;
mod link;
mod metrics;
mod mlflow;
mod page;
mod peer;
mod probes;

use super::*;
use crate::board::{Reading, name};
use crate::client::get;
use nixl_cluster::reason;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};

struct Served {
    shared: Shared,
    address: SocketAddr,
    _runtime: tokio::runtime::Runtime,
}

fn serve() -> Served {
    serve_with(Monitor::default())
}

fn serve_with(link: Monitor) -> Served {
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let beats = Beats::default();
    let board = Board::default();
    let (mlflow, history) = (Slot::default(), History::default());
    let (gpu, efa, system) =
        (gpu::State::default(), efa::State::default(), system::State::default());
    let peers = Peers::default();
    let administrators = Administrators::below(std::path::Path::new("/nonexistent"));
    let shared =
        Shared { board, beats, link, peers, mlflow, administrators, history, gpu, efa, system };
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let _inside = runtime.enter();
    let listening = Listening::new(listener, shared.beats.task("http")).unwrap();
    let router = router(shared.clone());
    runtime.spawn(async move { axum::serve(listening, router).await });
    drop(_inside);
    Served { shared, address, _runtime: runtime }
}

/// The answer to this request, byte by byte.
fn raw(address: SocketAddr, request: &str) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

/// Head and body of the answer to a GET with this `Accept`.
fn accepting(address: SocketAddr, path: &str, accept: &str) -> (String, String) {
    let request = format!("GET {path} HTTP/1.0\r\nHost: localhost\r\nAccept: {accept}\r\n\r\n");
    let answer = raw(address, &request);
    let (head, body) = answer.split_once("\r\n\r\n").expect("an answer of HTTP");
    (head.to_owned(), body.to_owned())
}
