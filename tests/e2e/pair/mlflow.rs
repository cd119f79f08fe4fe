//! Presigned URLs: opened once, in time, and never told to anyone else.

use super::launch::Pair;
use anyhow::{Context, Result, ensure};
use nixl_tests::{Program, Region, wait_for};
use std::time::Duration;

fn mint(region: &Region, expires_secs: &str) -> Result<String> {
    let told = region.venv_program("aws").json(&[
        "sagemaker",
        "create-presigned-mlflow-tracking-server-url",
        "--tracking-server-name",
        "nixl-efa-mlflow",
        "--expires-in-seconds",
        expires_secs,
        "--session-expiration-duration-in-seconds",
        "1800",
    ])?;
    Ok(told["AuthorizedUrl"].as_str().context("no AuthorizedUrl")?.to_owned())
}

/// Follows redirects with a cookie jar; the last status and the page.
fn open(region: &Region, url: &str) -> Result<(String, String)> {
    let jar = region.state_dir().with_extension("cookies");
    let jar = jar.to_string_lossy();
    let text = Program::new("/usr/bin/curl").ok(&[
        "-s",
        "-L",
        "-m",
        "20",
        "-c",
        &jar,
        "-b",
        &jar,
        "-w",
        "\n%{http_code}",
        url,
    ])?;
    let (page, code) = text.rsplit_once('\n').context("no status")?;
    Ok((code.to_owned(), page.to_owned()))
}

/// Once, it leads to the UI with a session; a second time it is refused.
pub fn presigned(region: &Region, pair: &Pair) -> Result<()> {
    ensure!(
        pair.tracking_arn.ends_with(":mlflow-tracking-server/nixl-efa-mlflow"),
        "{}",
        pair.tracking_arn
    );
    let url = mint(region, "300")?;
    let (code, page) = open(region, &url)?;
    ensure!(
        code == "200" && page.contains("<title>MLflow</title>"),
        "first opening: {code}\n{page}"
    );
    // The UI's own calls go through the session, too.
    let (base, _) = url.split_once("/auth?").context("shape of the URL")?;
    let (code, body) =
        open(region, &format!("{base}/ajax-api/2.0/mlflow/experiments/search?max_results=5"))?;
    ensure!(code == "200" && body.contains("experiments"), "API of the UI: {code}\n{body}");

    std::fs::remove_file(region.state_dir().with_extension("cookies"))?;
    let (code, _) = open(region, &url)?;
    ensure!(code == "403", "second opening: {code}");
    let (code, _) = open(region, base)?;
    ensure!(code == "403", "without a session: {code}");
    Ok(())
}

/// After `ExpiresInSeconds` it is refused, though never opened.
pub fn expires(region: &Region) -> Result<()> {
    let url = mint(region, "5")?;
    // The condition awaited is the time itself.
    std::thread::sleep(Duration::from_millis(5500));
    let (code, _) = open(region, &url)?;
    ensure!(code == "403", "an expired URL gives {code}");
    region.venv_program("aws").refused(
        &[
            "sagemaker",
            "create-presigned-mlflow-tracking-server-url",
            "--tracking-server-name",
            "nixl-efa-mlflow",
            "--expires-in-seconds",
            "301",
        ],
        255,
        &["ValidationException"],
    )
}

fn location(region: &Region) -> Result<String> {
    let url = region.exec_ok(
        "nixl-node1",
        &[
            "curl",
            "-s",
            "-m",
            "10",
            "-o",
            "/dev/null",
            "-w",
            "%{http_code} %{redirect_url}",
            "http://localhost:9100/mlflow",
        ],
    )?;
    let (code, url) = url.split_once(' ').context("no redirect")?;
    ensure!(code == "302" && url.contains("authToken="), "/mlflow gave {code}");
    Ok(url.to_owned())
}

/// `/mlflow` leads to an unspent URL, each time another one, good from anywhere.
pub fn from_the_node(region: &Region) -> Result<()> {
    let (first, ()) = (location(region)?, ());
    let (second, _) = wait_for("the next URL", Duration::from_secs(5), || location(region))?;
    ensure!(first != second, "one URL was handed out twice");
    for url in [first, second] {
        let (code, page) = open(region, &url)?;
        ensure!(code == "200" && page.contains("<title>MLflow</title>"), "{code}");
    }
    Ok(())
}

/// Greps what people and tools read for what they must not see.
pub fn secrets(region: &Region) -> Result<()> {
    let secret = region.variable("AWS_SECRET_ACCESS_KEY")?.to_owned();
    for node in ["nixl-node1", "nixl-node2"] {
        let seen = region.exec_ok(
            node,
            &["sh", "-c", "journalctl --no-pager -o export; curl -s localhost:9100/health; curl -s 'localhost:9100/readyz?verbose'; \
               cat /proc/[0-9]*/cmdline | tr '\\0' ' '; cat /run/nixl/environment /etc/environment"],
        )?;
        ensure!(seen.contains("nixl-noded"), "nothing was read");
        for word in ["authToken=", &secret] {
            ensure!(!seen.contains(word), "{node} tells a secret");
        }
    }
    let log = region.control().ok(&["logs"])?;
    ensure!(
        !log.contains("authToken=") && !log.contains(&secret),
        "the region's log tells a secret"
    );
    Ok(())
}
