//! The keeper over hours, on a clock that is moved by hand.

#![allow(clippy::unwrap_used)]

use nixl_mlflow::{Clock, MintError, Minter, UrlKeeper};
use std::collections::HashSet;
use std::sync::atomic::{AtomicU32, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::sync::watch;
use tokio::task::yield_now;

/// Stands still until it is moved.
struct HandClock(watch::Sender<Duration>);

#[async_trait::async_trait]
impl Clock for HandClock {
    fn now(&self) -> Duration {
        *self.0.borrow()
    }

    async fn sleep_until(&self, at: Duration) {
        self.0.subscribe().wait_for(|now| *now >= at).await.unwrap();
    }
}

#[derive(Clone, Copy, PartialEq)]
enum Mood {
    Good,
    Failing,
    Denying,
    Hanging,
}

/// Mints `…authToken=secret-N` and notes when.
struct Mint {
    clock: Arc<HandClock>,
    mood: Mutex<Mood>,
    calls: Mutex<Vec<f64>>,
    at_once: AtomicU32,
    most_at_once: AtomicU32,
}

impl Mint {
    fn new(mood: Mood) -> Arc<Self> {
        Arc::new(Self {
            clock: Arc::new(HandClock(watch::Sender::new(Duration::from_secs(1000)))),
            mood: Mutex::new(mood),
            calls: Mutex::default(),
            at_once: AtomicU32::new(0),
            most_at_once: AtomicU32::new(0),
        })
    }

    fn be(&self, mood: Mood) {
        *self.mood.lock().unwrap() = mood;
    }

    fn calls(&self) -> Vec<f64> {
        self.calls.lock().unwrap().clone()
    }

    async fn pass(&self, seconds: u64) {
        // In steps, so that every timer on the way fires at its own time.
        for _ in 0..seconds * 4 {
            self.clock.0.send_modify(|now| *now += Duration::from_millis(250));
            for _ in 0..8 {
                yield_now().await;
            }
        }
    }

    /// Seconds between the calls.
    fn gaps(&self) -> Vec<f64> {
        self.calls().windows(2).map(|pair| pair[1] - pair[0]).collect()
    }
}

#[async_trait::async_trait]
impl Minter for Mint {
    async fn mint(&self, expires_secs: u32, session_secs: u32) -> Result<String, MintError> {
        assert_eq!((expires_secs, session_secs), (300, 43_200));
        let number = {
            let mut calls = self.calls.lock().unwrap();
            calls.push(self.clock.now().as_secs_f64());
            calls.len()
        };
        self.most_at_once.fetch_max(self.at_once.fetch_add(1, SeqCst) + 1, SeqCst);
        yield_now().await;
        let mood = *self.mood.lock().unwrap();
        if mood == Mood::Hanging {
            std::future::pending::<()>().await;
        }
        self.at_once.fetch_sub(1, SeqCst);
        match mood {
            Mood::Good => Ok(format!("https://t-x.test/auth?authToken=secret-{number}")),
            _ => Err(MintError {
                denied: mood == Mood::Denying,
                message: if mood == Mood::Denying { "denied" } else { "throttled" }.to_owned(),
            }),
        }
    }
}

fn idle(mint: &Arc<Mint>) -> Arc<UrlKeeper> {
    let minter = Arc::clone(mint) as Arc<dyn Minter>;
    UrlKeeper::with_clock(minter, 43_200, Arc::clone(&mint.clock) as Arc<dyn Clock>)
}

fn running(mint: &Arc<Mint>) -> Arc<UrlKeeper> {
    let keeper = idle(mint);
    tokio::spawn(Arc::clone(&keeper).run());
    keeper
}

#[tokio::test]
async fn nothing_is_minted_before_run() {
    let mint = Mint::new(Mood::Good);
    let keeper = idle(&mint);
    mint.pass(600).await;
    assert!(mint.calls().is_empty());
    assert!(!keeper.status().ready);
}

#[tokio::test]
async fn a_good_url_is_at_hand_for_hours_and_renewed_in_time() {
    let mint = Mint::new(Mood::Good);
    let keeper = running(&mint);
    mint.pass(1).await;
    for _ in 0..720 {
        mint.pass(10).await;
        assert!(keeper.status().ready);
    }
    let gaps = mint.gaps();
    assert!(gaps.iter().all(|gap| (179.0..242.0).contains(gap)), "{gaps:?}");
    assert!((30..=41).contains(&gaps.len()), "{}", gaps.len());
    assert!(gaps.windows(2).any(|pair| (pair[0] - pair[1]).abs() > 1.0), "no jitter: {gaps:?}");
    assert_eq!(keeper.status().handed_out, 0);
}

#[tokio::test]
async fn each_url_is_handed_out_once_and_the_next_minted_at_once() {
    let mint = Mint::new(Mood::Good);
    let keeper = running(&mint);
    mint.pass(100).await;
    let first = keeper.take().await.unwrap().reveal();
    assert!(!keeper.status().ready, "it is spent");
    mint.pass(1).await;
    assert!(keeper.status().ready);
    assert_eq!(mint.calls().len(), 2);
    let second = keeper.take().await.unwrap().reveal();
    assert_ne!(first, second);
    let status = keeper.status();
    assert_eq!((status.minted, status.handed_out, status.last_error), (2, 2, None));
}

#[tokio::test]
async fn concurrent_takes_get_different_urls_one_call_at_a_time() {
    let mint = Mint::new(Mood::Good);
    let keeper = running(&mint);
    let takes: Vec<_> = (0..20)
        .map(|_| {
            let keeper = Arc::clone(&keeper);
            tokio::spawn(async move { keeper.take().await.unwrap().reveal() })
        })
        .collect();
    let mut urls = HashSet::new();
    for take in takes {
        urls.insert(take.await.unwrap());
    }
    assert_eq!(urls.len(), 20);
    assert_eq!(mint.most_at_once.load(SeqCst), 1);
    assert_eq!(keeper.status().handed_out, 20);
}

#[tokio::test]
async fn failures_back_off_to_a_quarter_minute_and_end_with_a_success() {
    let mint = Mint::new(Mood::Failing);
    let keeper = running(&mint);
    mint.pass(600).await;
    let gaps = mint.gaps();
    for (gap, expected) in gaps.iter().zip([1.0, 2.0, 4.0, 8.0, 15.0, 15.0, 15.0]) {
        assert!((gap / expected - 1.0).abs() < 0.7 && *gap > expected * 0.79, "{gaps:?}");
    }
    assert!((35..=55).contains(&gaps.len()), "{gaps:?}");
    assert_eq!(keeper.status().last_error, Some((false, "throttled".to_owned())));
    assert_eq!(keeper.status().reason(), Some("mlflow.unreachable"));
    mint.be(Mood::Good);
    mint.pass(75).await;
    let status = keeper.status();
    assert_eq!((status.ready, status.reason()), (true, None));
}

#[tokio::test]
async fn a_denial_is_retried_slowly() {
    let mint = Mint::new(Mood::Denying);
    let keeper = running(&mint);
    mint.pass(3600).await;
    let gaps = mint.gaps();
    assert!(gaps.iter().all(|gap| (240.0..362.0).contains(gap)), "{gaps:?}");
    assert!((9..=15).contains(&gaps.len()));
    assert_eq!(keeper.status().reason(), Some("mlflow.denied"));
}

#[tokio::test]
async fn a_spare_survives_failed_renewals_while_it_is_good() {
    let mint = Mint::new(Mood::Good);
    let keeper = running(&mint);
    mint.pass(1).await;
    mint.be(Mood::Failing);
    mint.pass(235).await;
    assert!(keeper.status().ready, "236 of 300 s are over");
    mint.pass(10).await;
    assert!(!keeper.status().ready, "less than 60 s are left");
    assert!(keeper.take().await.is_err(), "and so it is not handed out");
    assert_eq!(keeper.status().handed_out, 0);
}

#[tokio::test]
async fn asking_does_not_wait_for_the_backoff_nor_beat_on_a_failing_api() {
    let mint = Mint::new(Mood::Denying);
    let keeper = running(&mint);
    mint.pass(60).await;
    assert_eq!(mint.calls().len(), 1);
    assert!(keeper.take().await.unwrap_err().denied);
    assert_eq!(mint.calls().len(), 2, "a person who asks is worth a call");
    for _ in 0..50 {
        assert!(keeper.take().await.is_err());
    }
    assert_eq!(mint.calls().len(), 2, "but not fifty in a second");
    mint.be(Mood::Good);
    mint.pass(2).await;
    assert!(keeper.take().await.is_ok());
    mint.pass(1).await;
    assert!(keeper.status().ready, "and the next is minted at once");
}

#[tokio::test]
async fn a_call_that_hangs_is_given_up() {
    let mint = Mint::new(Mood::Hanging);
    let keeper = running(&mint);
    mint.pass(32).await;
    let (denied, message) = keeper.status().last_error.unwrap();
    assert!(!denied && message.contains("30 s"), "{message}");
    mint.be(Mood::Good);
    mint.pass(33).await;
    assert!(keeper.status().ready);
}

#[tokio::test]
async fn debug_shows_no_secret() {
    let mint = Mint::new(Mood::Good);
    let keeper = running(&mint);
    mint.pass(1).await;
    let shown = format!("{keeper:?} {:?}", keeper.status());
    assert!(shown.contains("ready: true") && !shown.contains("secret"), "{shown}");
    let url = keeper.take().await.unwrap();
    assert!(!format!("{url:?}").contains("secret"));
    assert!(url.reveal().contains("secret"));
}
