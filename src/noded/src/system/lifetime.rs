//! When the node ends: the tag `nixl:expires-at`.

use super::time::left;
use crate::board::Reading;
use jiff::Timestamp;
use nixl_cluster::{reason, tag};

/// Why the node ends.
pub const WHY: &str = "the time to live of the cluster is over";
/// Enough to save work or to prolong it.
const WARN_SECS: i64 = 30 * 60;

/// What a value of the tag means; an instance without it lives on.
pub fn judge(value: Option<&str>, now: Timestamp) -> (Reading, Option<Timestamp>) {
    let Some(value) = value else { return (Reading::good("without end"), None) };
    let Some(at) = super::time::rfc3339(value) else {
        let evidence = format!("{} is {value:?}", tag::EXPIRES_AT);
        return (Reading::bad(&reason::EXPIRY_UNREADABLE, evidence), None);
    };
    let left_secs = at.duration_since(now).as_secs();
    let bad = |reason, evidence| {
        Reading::bad(reason, evidence)
            .field("expires_at", at.to_string())
            .field("left_secs", left_secs)
    };
    let reading = match left_secs {
        ..=0 => bad(&reason::EXPIRED, format!("it ended {} ago ({at:.0})", left(-left_secs))),
        1..=WARN_SECS => bad(&reason::EXPIRES_SOON, format!("{} left ({at:.0})", left(left_secs))),
        _ => Reading::default(),
    };
    (reading.value(left_secs).unit("s"), Some(at))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn half_an_hour_before_the_end_it_is_told() {
        let end = "2026-11-28T20:00:00Z";
        let code = |now: &str| judge(Some(end), now.parse().unwrap()).0.code();
        assert_eq!(code("2026-11-28T19:29:59Z"), None);
        assert_eq!(code("2026-11-28T19:30:00Z"), Some("system.expires_soon"));
        assert_eq!(code("2026-11-28T20:00:00Z"), Some("system.expired"));
        let (reading, at) = judge(Some(end), "2026-11-28T19:45:00Z".parse().unwrap());
        assert_eq!(reading.reason.unwrap().1, "15 min left (2026-11-28T20:00:00Z)");
        assert_eq!(at.unwrap().to_string(), end);
    }

    #[test]
    fn no_tag_is_fine_and_no_time_is_not() {
        assert_eq!(judge(None, Timestamp::now()).0.code(), None);
        let (reading, at) = judge(Some("tomorrow"), Timestamp::now());
        assert_eq!((reading.code(), at), (Some("system.expiry_unreadable"), None));
    }
}
