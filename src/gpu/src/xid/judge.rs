//! What the counters mean for the node.

use super::{Count, Counters, Fault, catalogue};
use jiff::{SignedDuration, Timestamp};
use nixl_cluster::Reading;
use nixl_cluster::reason::{self, Reason, Severity};
use std::borrow::Cow;

/// A warning that does not come again for so long is over; the counter stays.
/// What calls for an action stays until it is acknowledged or the node boots.
const WARNINGS_LAST: SignedDuration = SignedDuration::from_hours(1);
/// The Xid that comes with falling off the bus.
const OFF_BUS: u32 = 79;
/// The Xid whose text says what the driver asks for.
const RECOVERY_ACTION: u32 = 154;

/// A reading without an id with the number of all faults of this boot, and one
/// for each fault of each device that a person should know of.
#[must_use]
pub fn readings(counters: &Counters, now: Timestamp) -> Vec<Reading> {
    let total: u64 = counters.iter().map(|count| count.count).sum();
    let told = counters.iter().filter(|count| !told_twice(counters, count));
    let bad = told.filter_map(|count| reading(count, now));
    std::iter::once(Reading::good(total)).chain(bad).collect()
}

/// The driver writes of a GPU that falls off the bus both with and without the number.
fn told_twice(counters: &Counters, count: &Count) -> bool {
    count.fault == Fault::OffBus && counters.of(&count.device, Fault::Xid(OFF_BUS)) > 0
}

fn reading(count: &Count, now: Timestamp) -> Option<Reading> {
    let (reason, what) = meaning(count);
    let age = now.duration_since(count.last);
    if reason.severity != Severity::Error && age > WARNINGS_LAST {
        return None;
    }
    let Count { device, fault, count: number, last, text } = count;
    let device = if device.is_empty() { "unknown" } else { device };
    let times = if *number == 1 { "once".to_owned() } else { format!("{number} times") };
    let of = if matches!(fault, Fault::SXid(_)) { "NVSwitch" } else { "GPU" };
    let mut evidence = format!("{fault} ({what}) of {of} {device}, {times}, last at {last:.0}");
    if !text.is_empty() {
        evidence = format!("{evidence}: {text}");
    }
    let mut reading = Reading::bad(reason, evidence)
        .about(format!("{device} {fault}"))
        .value(*number)
        .happened(*last)
        .field("gpu", device)
        .field("count", *number)
        .field("last", last.to_string());
    if let Fault::Xid(number) | Fault::SXid(number) = fault {
        reading = reading.field("xid", *number);
    }
    Some(reading)
}

/// Its reason, and a few words for it.
#[must_use]
pub fn meaning(count: &Count) -> (&'static Reason, Cow<'static, str>) {
    match count.fault {
        Fault::Xid(RECOVERY_ACTION) => (asked(&count.text), "the driver asks for an action".into()),
        Fault::Xid(xid) => match catalogue::find(xid) {
            Some(row) => (row.reason, row.meaning.into()),
            None => (&reason::GPU_XID_UNKNOWN, "unknown to the catalogue".into()),
        },
        Fault::SXid(_) if count.text.starts_with("Fatal") => {
            (&reason::GPU_SXID_FATAL, "fatal".into())
        }
        Fault::SXid(_) => (&reason::GPU_SXID, "not fatal".into()),
        Fault::OffBus => (&reason::GPU_XID_REBOOT, "GPU has fallen off the bus".into()),
    }
}

/// `GPU recovery action changed from 0x0 (None) to 0x1 (GPU Reset Required)`.
fn asked(text: &str) -> &'static Reason {
    let to = text.rsplit(" to ").next().unwrap_or(text);
    if to.contains("Reboot") {
        &reason::GPU_XID_REBOOT
    } else if to.contains("Reset") {
        &reason::GPU_XID_RESET
    } else {
        &reason::GPU_XID_WATCH
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GPU: &str = "0000:53:00.0";

    fn at(secs: i64) -> Timestamp {
        Timestamp::from_second(secs).unwrap()
    }

    fn codes(counters: &Counters, now: Timestamp) -> Vec<&'static str> {
        readings(counters, now).iter().filter_map(Reading::code).collect()
    }

    #[test]
    fn a_fault_is_told_with_its_numbers_until_it_is_acknowledged() {
        let mut counters = Counters::default();
        counters.add(GPU, Fault::Xid(79), at(50), "pid=1, GPU has fallen off the bus.");
        counters.add(GPU, Fault::Xid(79), at(60), "pid=1, GPU has fallen off the bus.");
        counters.add(GPU, Fault::OffBus, at(60), "GPU has fallen off the bus.");
        let readings = readings(&counters, at(1_000_000));
        assert_eq!(readings[0], Reading::good(3));
        let [_, told] = &readings[..] else { panic!("{readings:?}") };
        assert_eq!((told.code(), told.happened), (Some("gpu.xid_reboot"), Some(at(60))));
        assert_eq!(told.id.as_deref(), Some("0000:53:00.0 Xid 79"));
        assert_eq!((&told.fields["xid"], &told.fields["count"]), (&79.into(), &2.into()));
        let evidence = &told.reason.as_ref().unwrap().1;
        assert!(evidence.starts_with("Xid 79 (GPU has fallen off the bus) of GPU 0000:53:00.0, 2 times, last at 1970-01-01T00:01:00Z: pid=1"), "{evidence}");
    }

    #[test]
    fn a_warning_is_over_after_an_hour() {
        let mut counters = Counters::default();
        counters.add(GPU, Fault::Xid(13), at(0), "");
        counters.add(GPU, Fault::Xid(4242), at(0), "");
        assert_eq!(codes(&counters, at(3599)), ["gpu.xid_application", "gpu.xid_unknown"]);
        assert_eq!(codes(&counters, at(3601)), [""; 0]);
        assert_eq!(readings(&counters, at(3601)), [Reading::good(2)]);
    }

    #[test]
    fn texts_decide_where_the_number_does_not() {
        let code = |fault, text: &str| {
            let mut counters = Counters::default();
            counters.add(GPU, fault, at(0), text);
            codes(&counters, at(1))[0]
        };
        let asks = |what| {
            format!("pid='<unknown>', GPU recovery action changed from 0x0 (None) to {what}")
        };
        assert_eq!(code(Fault::Xid(154), &asks("0x1 (GPU Reset Required)")), "gpu.xid_reset");
        assert_eq!(code(Fault::Xid(154), &asks("0x2 (Node Reboot Required)")), "gpu.xid_reboot");
        assert_eq!(code(Fault::Xid(154), &asks("0x4 (Drain and Reset)")), "gpu.xid_reset");
        assert_eq!(
            code(
                Fault::Xid(154),
                "GPU recovery action changed from 0x1 (GPU Reset Required) to 0x0 (None)"
            ),
            "gpu.xid_watch"
        );
        assert_eq!(code(Fault::SXid(20034), "Fatal, Link 30"), "gpu.sxid_fatal");
        assert_eq!(code(Fault::SXid(28006), "Non-fatal, Link 46"), "gpu.sxid");
        assert_eq!(code(Fault::OffBus, ""), "gpu.xid_reboot");
    }
}
