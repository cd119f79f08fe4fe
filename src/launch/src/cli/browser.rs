//! This computer's browser.

use std::process::{Command, Stdio};

/// The program that opens a URL, as far as there is a screen and one for it.
pub(super) fn opener() -> Option<&'static str> {
    if cfg!(target_os = "macos") {
        return Some("open");
    }
    let set = |name: &str| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    (set("DISPLAY") || set("WAYLAND_DISPLAY")).then_some("xdg-open")
}

/// Starts it. Anybody on this computer can read the URL, as they can every command line.
pub(super) fn open(program: &str, url: &str) -> std::io::Result<()> {
    let null = Stdio::null;
    Command::new(program).arg(url).stdin(null()).stdout(null()).stderr(null()).spawn().map(drop)
}
