//! `forward` and `dashboard`, asked by curl.

use crate::started::Started;
use crate::{NODES, Pair, sessions};
use anyhow::{Context as _, Result, ensure};
use nixl_tests::Program;
use serde_json::Value;
use std::net::{TcpListener, TcpStream};

const CONNECTIONS: usize = 6;

fn curl(args: &[&str]) -> Result<String> {
    Program::new("/usr/bin/curl").ok(&[&["-sS", "-m", "30", "--fail"][..], args].concat())
}

/// Several at a time, one after the other, and the port afterwards.
pub fn forward(pair: &Pair) -> Result<()> {
    let launch = pair.region.program("nixl-launch");
    let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
    let ports = format!("{port}:9100");
    let args = ["forward", NODES[1], &ports, "--no-plugin", "--output=json"];
    let started = Started::new(&launch, &args)?;
    let told: Value = serde_json::from_str(&started.said(1)?[0])?;
    ensure!(told["local_port"] == port && told["node"] == NODES[1], "{told}");
    let text = curl(&[&format!("http://localhost:{port}/health")])?;
    let document: Value = serde_json::from_str(&text)?;
    ensure!(document["serviceId"] == pair.ids[1].as_str(), "not the node: {document:#}");
    // One says nothing and holds its connection while others are served.
    let silent = TcpStream::connect(("127.0.0.1", port))?;
    std::thread::scope(|scope| {
        let url = format!("http://localhost:{port}/metrics");
        let asked: Vec<_> = (0..CONNECTIONS)
            .map(|_| {
                let url = url.clone();
                scope.spawn(move || curl(&[&url]))
            })
            .collect();
        asked.into_iter().try_for_each(|it| {
            let metrics = it.join().ok().context("a thread ended")??;
            ensure!(metrics.trim_end().ends_with("# EOF"), "{metrics}");
            Ok(())
        })
    })?;
    drop(silent);
    let again = format!("http://localhost:{port}/livez");
    curl(&[&again, &again, &again])?;
    let taken = ["forward", "1", &ports, "--no-plugin"];
    launch.refused(&taken, 1, &[&format!("port {port} of this computer")])?;
    let code = started.interrupt()?;
    ensure!(code == 0, "exit code {code} after Ctrl-C");
    ensure!(TcpStream::connect(("127.0.0.1", port)).is_err(), "the port is still open");
    let none = sessions(&pair.region)?;
    ensure!(none.is_empty(), "sessions left: {none:?}");
    launch.refused(&["forward", "1", "70000"], 1, &["is no port"])
}

/// As a browser asks for it.
pub fn dashboard(pair: &Pair) -> Result<()> {
    let launch = pair.region.program("nixl-launch");
    for (rank, id) in ["0", "1"].into_iter().zip(&pair.ids) {
        let started = Started::new(&launch, &["dashboard", rank, "--output=json"])?;
        let told: Value = serde_json::from_str(&started.said(1)?[0])?;
        let url = told["url"].as_str().context("no url")?;
        let page = curl(&["-H", "Accept: text/html", url])?;
        ensure!(page.contains("<html") && page.contains(id), "not the page of {id}: {page}");
        let code = started.interrupt()?;
        ensure!(code == 0, "exit code {code} after Ctrl-C");
    }
    Ok(())
}
