//! The spool, by itself and killed at each of its writes.

mod killed;
mod mortal;

use super::*;
use mortal::Mortal;

fn record(key: &str, text_bytes: usize) -> Record {
    let mut record = Record::new(key, "e", "n", (1, 2));
    record.param("text", "x".repeat(text_bytes));
    record
}

fn open(folder: &std::path::Path, limit_bytes: u64) -> Spool {
    Spool::open(Folder::new(folder), limit_bytes, 1).unwrap()
}

fn deliver(spool: &mut Spool<impl Disk>) -> Option<String> {
    let (number, record) = spool.head(1).unwrap()?;
    spool.finish(number, &record.key, Done::Delivered, 1).unwrap();
    Some(record.key)
}

#[test]
fn records_come_back_in_order_also_from_disk() {
    let folder = tempfile::tempdir().unwrap();
    let mut spool = open(folder.path(), 1 << 20);
    for key in ["a", "b", "c"] {
        assert_eq!(spool.append(&record(key, 10), 1).unwrap(), 0);
    }
    assert_eq!(deliver(&mut spool).as_deref(), Some("a"));
    let mut spool = open(folder.path(), 1 << 20);
    assert_eq!(spool.waiting(), 2);
    assert_eq!(spool.append(&record("d", 10), 1).unwrap(), 0);
    let rest: Vec<String> = std::iter::from_fn(|| deliver(&mut spool)).collect();
    assert_eq!(rest, ["b", "c", "d"]);
    assert_eq!(spool.counts().delivered, 4);
    assert_eq!((spool.waiting(), spool.bytes()), (0, 0));
}

#[test]
fn a_key_is_taken_once_whether_it_waits_or_is_done() {
    let folder = tempfile::tempdir().unwrap();
    let mut spool = open(folder.path(), 1 << 20);
    for _ in 0..3 {
        spool.append(&record("a", 10), 1).unwrap();
        assert_eq!(spool.waiting(), 1);
    }
    deliver(&mut spool);
    let mut spool = open(folder.path(), 1 << 20);
    spool.append(&record("a", 10), 1).unwrap();
    assert_eq!(spool.waiting(), 0);
}

#[test]
fn the_oldest_gives_way_and_is_counted() {
    let folder = tempfile::tempdir().unwrap();
    let mut spool = open(folder.path(), 5000);
    for number in 0..20 {
        spool.append(&record(&number.to_string(), 1000), 7).unwrap();
        assert!(spool.bytes() <= 5000);
    }
    let (waiting, dropped) = (spool.waiting() as u64, spool.counts().dropped);
    assert_eq!(waiting + dropped, 20);
    assert_eq!(spool.counts().lost_at_millis, Some(7));
    // One that gives way while it is on its way was not lost.
    let (number, head) = spool.head(1).unwrap().unwrap();
    spool.append(&record("new", 1000), 8).unwrap();
    assert_eq!(spool.counts().dropped, dropped + 1);
    spool.finish(number, &head.key, Done::Delivered, 1).unwrap();
    assert_eq!((spool.counts().dropped, spool.counts().delivered), (dropped, 1));
    let rest: Vec<String> = std::iter::from_fn(|| deliver(&mut spool)).collect();
    assert_eq!(rest.len() as u64, waiting);
    assert_eq!(rest.last().map(String::as_str), Some("new"));
    let error = spool.append(&record("huge", 9000), 1).unwrap_err();
    assert!(matches!(error, AppendError::TooLarge { limit_bytes: 5000, .. }), "{error}");
}

#[test]
fn a_lower_limit_holds_from_the_start() {
    let folder = tempfile::tempdir().unwrap();
    let mut spool = open(folder.path(), 1 << 20);
    for number in 0..10 {
        spool.append(&record(&number.to_string(), 1000), 1).unwrap();
    }
    let mut spool = open(folder.path(), 3000);
    assert!(spool.bytes() <= 3000 && spool.waiting() == 2, "{spool:?}");
    assert_eq!(spool.counts().dropped, 8);
    assert_eq!(deliver(&mut spool).as_deref(), Some("8"));
}

#[test]
fn a_record_cut_off_at_any_byte_costs_only_itself() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(entry::name(2));
    let whole = {
        let mut spool = open(folder.path(), 1 << 20);
        for key in ["a", "b", "c"] {
            spool.append(&record(key, 10), 1).unwrap();
        }
        std::fs::read(&path).unwrap()
    };
    let state = folder.path().join(FILE);
    for end in 0..whole.len() {
        let copy = tempfile::tempdir().unwrap();
        for number in [1, 3] {
            let name = entry::name(number);
            std::fs::copy(folder.path().join(&name), copy.path().join(&name)).unwrap();
        }
        assert!(!state.exists(), "nothing is done yet");
        std::fs::write(copy.path().join(entry::name(2)), &whole[..end]).unwrap();
        let mut spool = open(copy.path(), 1 << 20);
        let rest: Vec<String> = std::iter::from_fn(|| deliver(&mut spool)).collect();
        assert_eq!(rest, ["a", "c"], "cut off at {end}");
        assert_eq!(spool.counts().damaged, 1);
    }
}

#[test]
fn without_its_state_everything_is_delivered_again() {
    let folder = tempfile::tempdir().unwrap();
    let mut spool = open(folder.path(), 1 << 20);
    for key in ["a", "b", "c"] {
        spool.append(&record(key, 10), 1).unwrap();
    }
    deliver(&mut spool);
    let state = std::fs::read(folder.path().join(FILE)).unwrap();
    for end in 0..state.len() {
        std::fs::write(folder.path().join(FILE), &state[..end]).unwrap();
        let mut spool = open(folder.path(), 1 << 20);
        assert!(spool.take_state_lost().is_some(), "cut off at {end}");
        assert_eq!((spool.waiting(), spool.counts()), (2, &Counts::default()));
    }
}

#[test]
fn an_attempt_outlives_the_process_and_its_record_does_not_outlive_it() {
    let folder = tempfile::tempdir().unwrap();
    let mut spool = open(folder.path(), 1 << 20);
    spool.append(&record("a", 10), 1).unwrap();
    spool.append(&record("b", 10), 1).unwrap();
    assert_eq!(spool.attempt_age_millis(1, 100), None);
    spool.begin_attempt(1, 100).unwrap();
    let mut spool = open(folder.path(), 1 << 20);
    assert_eq!(spool.attempt_age_millis(1, 350), Some(250));
    assert_eq!(spool.attempt_age_millis(2, 350), None);
    // The clock was set back: from then on it counts.
    assert_eq!(spool.attempt_age_millis(1, 50), Some(0));
    assert_eq!(spool.attempt_age_millis(1, 80), Some(30));
    deliver(&mut spool);
    assert_eq!(spool.attempt_age_millis(1, 90), None);
    spool.begin_attempt(2, 100).unwrap();
    spool.attempt_refused();
    assert_eq!(spool.attempt_age_millis(2, 100), None);
}

#[test]
fn a_full_disk_loses_nothing_that_was_taken() {
    let folder = tempfile::tempdir().unwrap();
    let mut spool = Spool::open(Mortal::new(folder.path()), 1 << 20, 1).unwrap();
    spool.append(&record("a", 10), 1).unwrap();
    spool.append(&record("b", 10), 1).unwrap();
    spool.disk.full = true;
    assert!(matches!(spool.append(&record("c", 10), 1), Err(AppendError::Disk(_))));
    assert!(spool.begin_attempt(1, 1).is_err(), "what cannot be written down is not begun");
    // What is delivered all the same makes room, and does not come again.
    let (number, head) = spool.head(1).unwrap().unwrap();
    assert!(spool.finish(number, &head.key, Done::Delivered, 1).is_err());
    assert_eq!((spool.waiting(), spool.counts().delivered), (1, 1));
    spool.disk.full = false;
    spool.append(&record("c", 10), 1).unwrap();
    let rest: Vec<String> = std::iter::from_fn(|| deliver(&mut spool)).collect();
    assert_eq!(rest, ["b", "c"]);
}
