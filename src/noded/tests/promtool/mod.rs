//! Prometheus' own judge: promtool, of Debian's package `prometheus`.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Where it is: `NIXL_TEST_PROMTOOL`, or in the path. `None` where there is
/// none, which is a failure if nothing may be left out.
pub fn promtool() -> Option<PathBuf> {
    let named = std::env::var_os("NIXL_TEST_PROMTOOL").map(PathBuf::from);
    let tool = named.unwrap_or_else(|| "promtool".into());
    if Command::new(&tool).arg("--version").output().is_ok_and(|told| told.status.success()) {
        return Some(tool);
    }
    let missing = "promtool is not there: `apt-get download prometheus`, unpack it, NIXL_TEST_PROMTOOL=…/usr/bin/promtool";
    assert!(std::env::var_os("NIXL_TEST_ALL").is_none(), "{missing}");
    eprintln!("skipped: {missing}");
    None
}

/// Fails on any complaint about either format.
pub fn judge(tool: &Path, text: &str, open_metrics: &str) {
    let mut check = Command::new(tool)
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    check.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
    let told = check.wait_with_output().unwrap();
    let words = format!(
        "{}{}",
        String::from_utf8_lossy(&told.stdout),
        String::from_utf8_lossy(&told.stderr)
    );
    assert!(told.status.success() && words.is_empty(), "{words}");
    // It has a parser of OpenMetrics where it takes samples with their times.
    let timed = |line: &str| match line.starts_with('#') {
        true => format!("{line}\n"),
        false => format!("{line} 1700000000\n"),
    };
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("open");
    std::fs::write(&file, open_metrics.lines().map(timed).collect::<String>()).unwrap();
    let told = Command::new(tool)
        .args(["tsdb", "create-blocks-from", "openmetrics"])
        .args([&file, &folder.path().join("blocks")])
        .output()
        .unwrap();
    assert!(told.status.success(), "{}", String::from_utf8_lossy(&told.stderr));
}
