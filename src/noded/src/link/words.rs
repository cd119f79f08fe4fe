//! Numbers as people read them.

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
}
