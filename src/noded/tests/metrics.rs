//! `/metrics` of real daemons that are paired, judged by Prometheus' promtool.
#![allow(clippy::unwrap_used)]

mod node;
mod promtool;

use node::{pair, wait_for};
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};

fn metrics(address: SocketAddr, accept: &str) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    write!(stream, "GET /metrics HTTP/1.0\r\nHost: localhost\r\nAccept: {accept}\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer.split_once("\r\n\r\n").expect("an answer of HTTP").1.to_owned()
}

#[test]
fn promtool_has_no_complaint_about_a_pair() {
    let Some(tool) = promtool::promtool() else { return };
    let nodes = pair("tcp", "");
    let address = nodes[0].address;
    wait_for("round trips", || {
        let text = metrics(address, "text/plain");
        let measured = text.contains("\nnixl_link_latest_round_trip_seconds{peer_id=\"i-1\"");
        if measured { Ok(()) } else { Err(text) }
    });
    let text = metrics(address, "text/plain");
    for told in [
        "\nnixl_gpus_expected 4.0\n",
        "\nnixl_peers_paired 1.0\n",
        "\nnixl_peers_expected 1.0\n",
        "\nnixl_process_resident_memory_bytes{process=\"daemon\"} ",
        "\nnixl_process_resident_memory_bytes{process=\"fabric\"} ",
        "\nnixl_process_open_fds{process=\"fabric\"} ",
        "\nnixl_link_round_trip_seconds_bucket{peer_id=\"i-1\",rail=\"0\",le=\"+Inf\"} ",
    ] {
        assert!(text.contains(told), "{told} in\n{text}");
    }
    promtool::judge(&tool, &text, &metrics(address, "application/openmetrics-text"));
}
