//! Keeps one unspent presigned URL in memory. A URL lives 300 s and works
//! once (SageMaker developer guide, `mlflow-launch-ui`), so it is replaced
//! ahead of time, handed out once, and the next is minted at once.

use crate::clock::{Clock, RuntimeClock};
use crate::mint::{MintError, Minter, PresignedUrl};
use crate::schedule::{
    EXPIRES_SECS, LEAST_LIFE, LIFE, MINT_TIMEOUT, RETRY_FIRST, renew_after, retry_after,
};
use nixl_cluster::reason;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::Notify;

/// What can be shown of the keeper.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct KeeperStatus {
    /// An unspent URL with at least 60 s to live is at hand.
    pub ready: bool,
    /// Age of the URL at hand, if there is one.
    pub age: Option<Duration>,
    /// URLs minted.
    pub minted: u64,
    /// URLs handed out.
    pub handed_out: u64,
    /// Last failure since the last success: denied or not, and its text.
    pub last_error: Option<(bool, String)>,
}

impl KeeperStatus {
    /// Code in `nixl_cluster::reason` of the last failure, if it was not followed by a success.
    #[must_use]
    pub fn reason(&self) -> Option<&'static str> {
        self.last_error.as_ref().map(|(denied, _)| match denied {
            true => reason::MLFLOW_DENIED.code,
            false => reason::MLFLOW_UNREACHABLE.code,
        })
    }
}

/// The unspent URL.
struct Spare {
    url: PresignedUrl,
    /// Before the call that made it, so the true end of its life is not earlier.
    minted_at: Duration,
    renew_at: Duration,
}

impl Spare {
    fn is_good(&self, now: Duration) -> bool {
        now + LEAST_LIFE <= self.minted_at + LIFE
    }
}

struct Failure {
    error: MintError,
    at: Duration,
    retry_at: Duration,
    in_a_row: u32,
}

#[derive(Default)]
struct State {
    spare: Option<Spare>,
    failure: Option<Failure>,
    minted: u64,
    handed_out: u64,
}

impl State {
    /// The URL, if it is good; one that is too old is dropped.
    fn take_spare(&mut self, now: Duration) -> Option<PresignedUrl> {
        let spare = self.spare.take().filter(|spare| spare.is_good(now))?;
        self.handed_out += 1;
        Some(spare.url)
    }

    /// When the runner mints; in the past means now.
    fn mint_at(&self, now: Duration) -> Duration {
        let wanted = self.spare.as_ref().map_or(now, |spare| spare.renew_at);
        self.failure.as_ref().map_or(wanted, |failure| wanted.max(failure.retry_at))
    }
}

/// Keeps one unspent URL at hand.
pub struct UrlKeeper {
    minter: Arc<dyn Minter>,
    clock: Arc<dyn Clock>,
    session_secs: u32,
    state: Mutex<State>,
    /// Held while minting: one call at a time.
    minting: tokio::sync::Mutex<()>,
    taken: Notify,
}

impl UrlKeeper {
    /// A keeper; nothing is minted before `run`.
    #[must_use]
    pub fn new(minter: Arc<dyn Minter>, session_secs: u32) -> Arc<Self> {
        Self::with_clock(minter, session_secs, Arc::new(RuntimeClock::new()))
    }

    /// As [`new`](Self::new), on another clock.
    #[must_use]
    pub fn with_clock(
        minter: Arc<dyn Minter>,
        session_secs: u32,
        clock: Arc<dyn Clock>,
    ) -> Arc<Self> {
        Arc::new(Self {
            minter,
            clock,
            session_secs,
            state: Mutex::default(),
            minting: tokio::sync::Mutex::new(()),
            taken: Notify::new(),
        })
    }

    /// Mints and renews until dropped.
    pub async fn run(self: Arc<Self>) {
        loop {
            let due = self.state().mint_at(self.clock.now());
            if due > self.clock.now() {
                tokio::select! {
                    () = self.clock.sleep_until(due) => {}
                    () = self.taken.notified() => {}
                }
                continue;
            }
            let _single = self.minting.lock().await;
            // Somebody who took a URL may have failed or waited for the lock meanwhile.
            if self.state().mint_at(self.clock.now()) > self.clock.now() {
                continue;
            }
            let minted_at = self.clock.now();
            if let Ok(url) = self.mint().await {
                let renew_at = minted_at + renew_after(&mut rand::rng());
                self.state().spare = Some(Spare { url, minted_at, renew_at });
            }
        }
    }

    /// Takes the URL at hand, or mints one; the next is minted at once.
    ///
    /// # Errors
    /// If none is at hand and minting fails, or has failed within the last second.
    pub async fn take(&self) -> Result<PresignedUrl, MintError> {
        let mut taken = self.state().take_spare(self.clock.now());
        if taken.is_none() {
            let _single = self.minting.lock().await;
            // The one who held the lock may have left a URL, or have failed just now.
            taken = self.state().take_spare(self.clock.now());
            if taken.is_none() {
                if let Some(error) = self.fresh_failure() {
                    return Err(error);
                }
                taken = Some(self.mint().await?);
                self.state().handed_out += 1;
            }
        }
        self.taken.notify_one();
        taken.ok_or_else(|| MintError { denied: false, message: "no URL is at hand".to_owned() })
    }

    /// What can be shown.
    #[must_use]
    pub fn status(&self) -> KeeperStatus {
        let state = self.state();
        let now = self.clock.now();
        KeeperStatus {
            ready: state.spare.as_ref().is_some_and(|spare| spare.is_good(now)),
            age: state.spare.as_ref().map(|spare| now.saturating_sub(spare.minted_at)),
            minted: state.minted,
            handed_out: state.handed_out,
            last_error: (state.failure.as_ref())
                .map(|failure| (failure.error.denied, failure.error.message.clone())),
        }
    }

    /// Calls the API once and notes how it went.
    async fn mint(&self) -> Result<PresignedUrl, MintError> {
        let give_up_at = self.clock.now() + MINT_TIMEOUT;
        let minted = tokio::select! {
            minted = self.minter.mint(EXPIRES_SECS, self.session_secs) => minted,
            () = self.clock.sleep_until(give_up_at) => {
                let message =
                    format!("SageMaker has not answered for {} s", MINT_TIMEOUT.as_secs());
                Err(MintError { denied: false, message })
            }
        };
        let mut state = self.state();
        match minted.and_then(PresignedUrl::new) {
            Ok(url) => {
                state.minted += 1;
                if let Some(failure) = state.failure.take() {
                    tracing::info!(tries = failure.in_a_row, "presigned MLflow URLs again");
                }
                Ok(url)
            }
            Err(error) => {
                let in_a_row = state.failure.as_ref().map_or(1, |f| f.in_a_row.saturating_add(1));
                let wait = retry_after(error.denied, in_a_row, &mut rand::rng());
                // A server takes up to 25 minutes to be created: told once, then in /health.
                if state.failure.as_ref().is_none_or(|f| f.error.message != error.message) {
                    tracing::warn!(
                        denied = error.denied,
                        retry_secs = wait.as_secs(),
                        "no presigned MLflow URL: {error}"
                    );
                }
                let at = self.clock.now();
                state.failure =
                    Some(Failure { error: error.clone(), at, retry_at: at + wait, in_a_row });
                Err(error)
            }
        }
    }

    /// A failure so young that trying again would only repeat it.
    fn fresh_failure(&self) -> Option<MintError> {
        let state = self.state();
        let failure = state.failure.as_ref()?;
        (self.clock.now() < failure.at + RETRY_FIRST).then(|| failure.error.clone())
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Nothing under this lock panics half way through a change.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for UrlKeeper {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UrlKeeper").field("status", &self.status()).finish_non_exhaustive()
    }
}
