//! Numbers and times as people read them.

use jiff::Timestamp;

/// `12 s`, `5 min`, `3 h 10 min`, `2 d 4 h`.
pub(super) fn duration(secs: u64) -> String {
    let (minutes, hours, days) = (secs / 60, secs / 3600, secs / 86_400);
    match secs {
        0..60 => format!("{secs} s"),
        60..3600 => format!("{minutes} min"),
        3600..86_400 => format!("{hours} h {} min", minutes % 60),
        _ => format!("{days} d {} h", hours % 24),
    }
}

/// How long ago an RFC 3339 time was; the text itself where it is none.
pub(super) fn ago(time: &str, now: Timestamp) -> String {
    match time.parse::<Timestamp>() {
        Ok(then) => duration(u64::try_from(now.duration_since(then).as_secs()).unwrap_or(0)),
        Err(_) => time.to_owned(),
    }
}

/// `17:03:12` of an RFC 3339 time in UTC.
pub(super) fn clock(time: &str) -> &str {
    time.split_once('T').and_then(|(_, clock)| clock.get(..8)).unwrap_or(time)
}

/// Three digits that matter.
pub(super) fn short(value: f64) -> String {
    match value.abs() {
        0.0 => "0".to_owned(),
        below if below < 1.0 => format!("{value:.3}"),
        below if below < 10.0 => format!("{value:.2}"),
        below if below < 100.0 => format!("{value:.1}"),
        _ => format!("{value:.0}"),
    }
}

/// `12.3 µs`, `4.56 ms`.
pub(super) fn micros(micros: f64) -> String {
    match micros {
        micros if micros < 1e3 => format!("{} µs", short(micros)),
        micros if micros < 1e6 => format!("{} ms", short(micros / 1e3)),
        micros => format!("{} s", short(micros / 1e6)),
    }
}

/// `12.3 Gb/s`, `45.6 Mb/s`.
pub(super) fn gbps(gbps: f64) -> String {
    if gbps < 1.0 { format!("{} Mb/s", short(gbps * 1e3)) } else { format!("{} Gb/s", short(gbps)) }
}

/// `12.3 GiB`.
pub(super) fn bytes(bytes: u64) -> String {
    let units = ["B", "KiB", "MiB", "GiB", "TiB"];
    let power = (bytes.max(1).ilog2() / 10).min(4);
    let value = bytes as f64 / 1024_f64.powi(power.cast_signed());
    format!("{} {}", short(value), units[power as usize])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_have_the_unit_that_fits() {
        let told = [59, 60, 3599, 3600 + 600, 86_400 * 2 + 4 * 3600].map(duration);
        assert_eq!(told, ["59 s", "1 min", "59 min", "1 h 10 min", "2 d 4 h"]);
        let now: Timestamp = "2026-01-01T00:01:30Z".parse().unwrap();
        assert_eq!(ago("2026-01-01T00:00:30.5Z", now), "59 s");
        assert_eq!(ago("2026-01-01T00:02:30Z", now), "0 s", "a clock that was set back");
        assert_eq!(ago("never", now), "never");
        assert_eq!(clock("2026-01-01T17:03:12.123Z"), "17:03:12");
    }

    #[test]
    fn numbers_have_three_digits() {
        assert_eq!(
            [0.0, 0.1234, 1.234, 12.34, 123.4].map(short),
            ["0", "0.123", "1.23", "12.3", "123"]
        );
        assert_eq!(
            [0, 1023, 1 << 30, 3 << 40].map(bytes),
            ["0 B", "1023 B", "1.00 GiB", "3.00 TiB"]
        );
        assert_eq!([12.0, 1234.0, 2e6].map(micros), ["12.0 µs", "1.23 ms", "2.00 s"]);
        assert_eq!([0.0194, 12.3].map(gbps), ["19.4 Mb/s", "12.3 Gb/s"]);
    }
}
