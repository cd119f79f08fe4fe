use super::layer::WithMessageId;
use super::*;
use tracing_subscriber::Layer as _;
use tracing_subscriber::layer::SubscriberExt as _;

fn entry(message: &str, reason: &str) -> Entry {
    Entry {
        seq: 0,
        time: "2026-01-01T00:00:00.000Z".to_owned(),
        priority: 4,
        level: "warning",
        message_id: "0".repeat(32),
        message: message.to_owned(),
        fields: BTreeMap::from([("stage", "paired".into()), ("reason", Value::from(reason))]),
    }
}

fn seqs(page: &Page) -> Vec<u64> {
    page.events.iter().map(|entry| entry.seq).collect()
}

#[test]
fn what_has_a_message_id_is_kept_with_its_fields() {
    let history = History::beginning_at(0);
    let layer = history.layer().with_filter(WithMessageId);
    let quiet = tracing_subscriber::filter::LevelFilter::OFF;
    let journal = tracing_subscriber::fmt::layer().with_filter(quiet);
    let subscriber = tracing_subscriber::registry().with(layer).with(journal);
    tracing::subscriber::with_default(subscriber, || {
        tracing::info!("not for operators");
        crate::events::reason(
            crate::events::Stage::Paired,
            &nixl_cluster::reason::PEER_LOST,
            "i-2 is silent",
        );
        crate::events::stopping("SIGTERM");
    });
    let page = history.after(Some(0), 10);
    assert_eq!((seqs(&page), page.next, page.lost), (vec![1, 2], 2, false));
    let first = &page.events[0];
    assert_eq!((first.priority, first.level), (4, "warning"));
    assert_eq!(first.message, "pair.peer_lost: i-2 is silent");
    assert_eq!(first.message_id, crate::events::reason_id("pair.peer_lost"));
    assert_eq!(
        first.fields,
        BTreeMap::from([("stage", "paired".into()), ("reason", "pair.peer_lost".into())])
    );
    assert_eq!(page.events[1].message, "stopping on SIGTERM");
}

#[test]
fn what_is_not_kept_any_more_is_said_to_be_lost() {
    let history = History::beginning_at(100);
    let fill = |count: usize| (0..count).for_each(|_| history.add(entry("x", "a.b")));
    fill(3);
    assert!(!history.after(Some(100), 10).lost);
    fill(KEPT);
    let page = history.after(Some(100), 2);
    assert_eq!((seqs(&page), page.next, page.lost), (vec![104, 105], 105, true));
    let page = history.after(Some(103), 1);
    assert!(!page.lost, "104 is the next one and is there");
    let end = 100 + 3 + KEPT as u64;
    let page = history.after(Some(end), 10);
    assert_eq!((seqs(&page), page.next, page.lost), (vec![], end, false));
}

#[test]
fn a_number_of_another_run_gets_everything_of_this_one() {
    let history = History::beginning_at(100);
    history.add(entry("x", "a.b"));
    for other in [50, 5000, u64::MAX] {
        let page = history.after(Some(other), 10);
        assert_eq!((seqs(&page), page.next, page.lost), (vec![101], 101, true), "{other}");
    }
}

#[test]
fn without_a_number_the_last_ones_are_told() {
    let history = History::beginning_at(0);
    for _ in 0..5 {
        history.add(entry("x", "a.b"));
    }
    assert_eq!(seqs(&history.after(None, 2)), [4, 5]);
    assert_eq!(history.after(None, 2).next, 5);
}

#[test]
fn reasons_are_counted_and_bounded() {
    let history = History::beginning_at(0);
    history.add(entry("x", "a.b"));
    history.add(entry("x", "a.b"));
    assert_eq!(history.counts()[0].1, 2);
    for index in 0..2 * REASONS {
        history.add(entry("x", &format!("a.{index}")));
    }
    assert_eq!(history.counts().len(), REASONS);
}

#[tokio::test]
async fn whoever_waits_is_woken() {
    let history = History::beginning_at(0);
    let waiting = tokio::spawn({
        let history = history.clone();
        async move { history.changed(0).await }
    });
    history.add(entry("x", "a.b"));
    waiting.await.unwrap();
    history.changed(7).await;
}
