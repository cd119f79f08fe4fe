//! What a node says of itself.

use crate::Region;
use anyhow::{Context, Result, ensure};
use serde_json::Value;

/// Status and body of a page of a node's own server.
///
/// # Errors
/// If it does not answer.
pub fn curl(region: &Region, node: &str, path: &str) -> Result<(u16, String)> {
    let url = format!("http://localhost:9100{path}");
    let text = region.exec_ok(node, &["curl", "-s", "-m", "5", "-w", "\n%{http_code}", &url])?;
    let (body, code) = text.rsplit_once('\n').context("no status")?;
    Ok((code.trim().parse()?, body.to_owned()))
}

/// Status and document of `/health`.
///
/// # Errors
/// If it does not answer with a document.
pub fn health(region: &Region, node: &str) -> Result<(u16, Value)> {
    let (code, body) = curl(region, node, "/health")?;
    Ok((code, serde_json::from_str(&body).with_context(|| body.clone())?))
}

/// The node says that it is paired and well.
///
/// # Errors
/// If it does not.
pub fn paired(region: &Region, node: &str) -> Result<Value> {
    let (code, document) = health(region, node)?;
    ensure!(code == 200 && document["node"]["phase"] == "paired", "{node}: {code} {document:#}");
    Ok(document)
}
