//! A request as version 1 makes it, without a session token, to see whether it
//! is refused. No client of AWS makes such requests any more.

use std::io;
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::TcpStream;

/// Environment of the SDKs (AWS SDKs and Tools Reference Guide, "IMDS client").
const ENDPOINT: &str = "AWS_EC2_METADATA_SERVICE_ENDPOINT";
const MODE: &str = "AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE";
const IPV4: &str = "http://169.254.169.254";
const IPV6: &str = "http://[fd00:ec2::254]";

/// Base URL by the environment.
pub(super) fn endpoint() -> String {
    let set = |name| std::env::var(name).ok().filter(|value| !value.is_empty());
    set(ENDPOINT).unwrap_or_else(|| match set(MODE) {
        Some(mode) if mode.eq_ignore_ascii_case("ipv6") => IPV6.to_owned(),
        _ => IPV4.to_owned(),
    })
}

/// HTTP status of a request for `path` without a token.
pub(super) async fn status(endpoint: &str, path: &str) -> io::Result<u16> {
    let unusable = |what: &str| io::Error::new(io::ErrorKind::InvalidData, what.to_owned());
    let uri: http::Uri = endpoint.parse().map_err(|_| unusable("the endpoint is no URI"))?;
    let host = uri.host().ok_or_else(|| unusable("the endpoint has no host"))?;
    let port = uri.port_u16().unwrap_or(80);
    let address = host.trim_start_matches('[').trim_end_matches(']');
    let mut stream = TcpStream::connect((address, port)).await?;
    let request =
        format!("GET {path} HTTP/1.1\r\nHost: {host}:{port}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await?;
    let mut first = String::new();
    BufReader::new(stream).read_line(&mut first).await?;
    first
        .strip_prefix("HTTP/1.")
        .and_then(|rest| rest.split(' ').nth(1)?.trim().parse().ok())
        .ok_or_else(|| unusable("the answer is not HTTP"))
}
