//! Length and SHA-256 of what is at a URL, by curl: it knows proxies, private
//! certificates and redirects as the rest of the computer does.

use crate::error::{BakeError, Result};
use crate::hash::{Hasher, Sum};
use std::process::Stdio;
use tokio::io::AsyncReadExt as _;
use tokio::process::Command;

/// Looks at what is at a URL.
#[async_trait::async_trait]
pub trait Measure: Send + Sync {
    /// Length in bytes and sum of all of it; nothing is kept.
    async fn measure(&self, url: &str) -> Result<(u64, Sum)>;
}

/// By the curl that is installed.
pub struct Curl;

#[async_trait::async_trait]
impl Measure for Curl {
    async fn measure(&self, url: &str) -> Result<(u64, Sum)> {
        let failed = |why: String| BakeError::Download { url: url.to_owned(), why };
        let io = |error: std::io::Error| failed(error.to_string());
        let mut child = Command::new("curl")
            .args(["--fail", "--silent", "--show-error", "--location", "--retry", "3"])
            // Where a redirect leads is as safe as where it came from.
            .args(["--proto", "=http,https", "--proto-redir", "=https"])
            .args(["--connect-timeout", "20", "--speed-limit", "1000", "--speed-time", "60"])
            .args(["--", url])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .map_err(|error| match error.kind() {
                std::io::ErrorKind::NotFound => failed("curl is not installed".to_owned()),
                _ => io(error),
            })?;
        let (mut size_bytes, mut hasher) = (0, Hasher::default());
        if let Some(mut body) = child.stdout.take() {
            let mut buffer = vec![0; 1 << 16];
            loop {
                match body.read(&mut buffer).await.map_err(io)? {
                    0 => break,
                    size => {
                        hasher.update(&buffer[..size]);
                        size_bytes += size as u64;
                    }
                }
            }
        }
        let output = child.wait_with_output().await.map_err(io)?;
        if !output.status.success() {
            return Err(failed(String::from_utf8_lossy(&output.stderr).trim().to_owned()));
        }
        Ok((size_bytes, hasher.sum()))
    }
}
