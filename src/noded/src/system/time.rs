//! Times as AWS writes them, and spans as people say them.

use jiff::{SignedDuration, Timestamp};

/// `2017-09-18T08:22:00Z`
pub fn rfc3339(text: &str) -> Option<Timestamp> {
    text.trim().parse().ok()
}

/// `21 Jan 2019 09:00:43 GMT`
pub fn rfc2822(text: &str) -> Option<Timestamp> {
    jiff::fmt::rfc2822::parse(text.trim()).ok().map(|zoned| zoned.timestamp())
}

/// `2 min 3 s`, at most two units.
pub fn left(secs: i64) -> String {
    const UNITS: [(i64, &str); 4] = [(86_400, "d"), (3_600, "h"), (60, "min"), (1, "s")];
    let secs = secs.max(0);
    let first = UNITS.iter().position(|(unit, _)| secs >= *unit).unwrap_or(3);
    let (unit, name) = UNITS[first];
    let rest = UNITS.get(first + 1).map(|(unit_below, name)| (secs % unit / unit_below, name));
    match rest {
        Some((rest @ 1.., below)) => format!("{} {name} {rest} {below}", secs / unit),
        _ => format!("{} {name}", secs / unit),
    }
}

/// Seconds on the monotonic clock, by which systemd tells when a unit started.
pub fn monotonic() -> SignedDuration {
    let now = rustix::time::clock_gettime(rustix::time::ClockId::Monotonic);
    SignedDuration::new(now.tv_sec, i32::try_from(now.tv_nsec).unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_as_aws_writes_them() {
        let at = Timestamp::from_second(1_548_061_243).unwrap();
        assert_eq!(rfc2822("21 Jan 2019 09:00:43 GMT"), Some(at));
        assert_eq!(rfc3339("2019-01-21T09:00:43Z\n"), Some(at));
        assert_eq!((rfc2822("soon"), rfc3339("none")), (None, None));
    }

    #[test]
    fn spans_are_said_in_two_units() {
        let said = [0, 59, 60, 123, 3_600, 7_322, 90_000].map(left);
        assert_eq!(said, ["0 s", "59 s", "1 min", "2 min 3 s", "1 h", "2 h 2 min", "1 d 1 h"]);
        assert_eq!(left(-5), "0 s");
        assert!(monotonic().is_positive());
    }
}
