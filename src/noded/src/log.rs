//! Where log lines go: to the journal with fields under systemd, else stderr.

use crate::history::{History, WithMessageId};
use std::io::IsTerminal as _;
use tracing::Level;
use tracing_subscriber::filter::{FilterExt as _, filter_fn};
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{EnvFilter, Layer as _};

/// Name in the journal.
pub const IDENTIFIER: &str = "nixl-noded";
/// Variable that holds the filter.
pub const VARIABLE: &str = "NIXL_LOG";
/// Filter used when none is given.
pub const DEFAULT: &str = "info";
/// Crates of this project. Others may log bodies and headers, where credentials
/// are; they never get below warnings, whatever the filter says.
const OURS: &str = "nixl_";

/// Parses a filter.
///
/// # Errors
/// If it is no filter.
pub fn filter(text: &str) -> Result<EnvFilter, String> {
    EnvFilter::try_new(text)
        .map_err(|error| format!("{error}; try `debug` or `info,nixl_noded=debug`"))
}

fn may_be_logged(target: &str, level: Level) -> bool {
    target.starts_with(OURS) || level <= Level::WARN
}

/// Installs the subscriber, once; what an operator should know goes into the
/// history, too, whatever the filter says.
pub fn install(filter: EnvFilter, history: Option<&History>) {
    let kept = history.map(|history| history.layer().with_filter(WithMessageId));
    let registry = tracing_subscriber::registry().with(kept);
    let filter = filter.and(filter_fn(|of| may_be_logged(of.target(), *of.level())));
    // Set by systemd exactly when stderr is the journal, systemd.exec(5).
    if std::env::var_os("JOURNAL_STREAM").is_some()
        && let Ok(journal) = tracing_journald::layer()
    {
        // A second call finds the first one's subscriber, which is as good.
        let journal = journal.with_field_prefix(None).with_syslog_identifier(IDENTIFIER.to_owned());
        let _ = registry.with(journal.with_filter(filter)).try_init();
        return;
    }
    let stderr = tracing_subscriber::fmt::layer()
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal());
    let _ = registry.with(stderr.with_filter(filter)).try_init();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_filter_is_checked() {
        assert!(filter("nixl_noded=loud").is_err());
        assert!(filter("trace").is_ok());
    }

    #[test]
    fn only_our_own_crates_say_everything() {
        assert!(may_be_logged("nixl_noded::run", Level::TRACE));
        assert!(may_be_logged("aws_smithy_runtime", Level::WARN));
        assert!(!may_be_logged("aws_smithy_runtime", Level::INFO));
        assert!(!may_be_logged("hyper::proto", Level::TRACE));
    }
}
