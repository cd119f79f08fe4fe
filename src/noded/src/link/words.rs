//! Numbers as people read them, and text of others made fit to be shown.

use nixl_fabric::protocol::Outcome;

/// No message needs more.
const MAX_CHARS: usize = 200;

/// Without what a worker, or its peer, could do to a terminal or a document.
pub(super) fn harmless(outcome: Outcome) -> Outcome {
    match outcome {
        Outcome::Failed { code, message } => {
            Outcome::Failed { code: plain(&code), message: plain(&message) }
        }
        outcome => outcome,
    }
}

fn plain(text: &str) -> String {
    let shown = |c: char| if c.is_control() { '?' } else { c };
    text.chars().take(MAX_CHARS).map(shown).collect()
}

/// `64 B`, `4 KiB`, `16 MiB`.
pub(super) fn size(bytes: u32) -> String {
    match bytes {
        b if b >= 1 << 20 && b % (1 << 20) == 0 => format!("{} MiB", b >> 20),
        b if b >= 1 << 10 && b % (1 << 10) == 0 => format!("{} KiB", b >> 10),
        b => format!("{b} B"),
    }
}

/// `12.34` of 10^9 bits a second, `0.019` below one.
pub(super) fn gbps(gbps: f64) -> String {
    if gbps < 1.0 { format!("{gbps:.3}") } else { format!("{gbps:.2}") }
}

/// `12.3 MB/s`.
pub(super) fn rate(bytes_per_sec: u64) -> String {
    format!("{:.1} MB/s", bytes_per_sec as f64 / 1e6)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_in_powers_of_two_and_rates_in_powers_of_ten() {
        let sizes = [64, 1 << 10, 64 << 10, 16 << 20, 1000].map(size);
        assert_eq!(sizes, ["64 B", "1 KiB", "64 KiB", "16 MiB", "1000 B"]);
        assert_eq!([gbps(12.344), gbps(0.0194)], ["12.34", "0.019"]);
        assert_eq!(rate(12_345_678), "12.3 MB/s");
    }

    #[test]
    fn text_of_others_is_short_and_has_no_control_characters() {
        assert_eq!(plain("\u{1b}[2J all well\r\n\u{9b}"), "?[2J all well???");
        assert_eq!(plain(&"é".repeat(5000)).chars().count(), 200);
    }
}
