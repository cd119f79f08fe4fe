//! The server's limit of requests a second, shared fairly: whoever waits is served
//! in turn by user, so that one who logs in a loop does not hold up the others.

use super::refusal::Refusal;
use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::oneshot;
use tokio::time::Instant;

/// Requests that may wait, of all users.
const MOST_WAITING: usize = 1024;

type User = Option<u32>;

/// The pace.
#[derive(Debug)]
pub(super) struct Pace {
    per_sec: Option<u32>,
    longest: Duration,
    line: Arc<Mutex<Line>>,
}

#[derive(Debug, Default)]
struct Line {
    /// When the next may go; in the past by up to a second, which is the burst.
    next: Option<Instant>,
    waiting: BTreeMap<User, VecDeque<oneshot::Sender<()>>>,
    turns: VecDeque<User>,
    many: usize,
}

impl Pace {
    pub fn new(per_sec: Option<u32>, longest: Duration) -> Self {
        Self { per_sec: per_sec.filter(|rate| *rate > 0), longest, line: Arc::default() }
    }

    /// Returns when a request of this user may go.
    ///
    /// # Errors
    /// If too many wait, or it would take too long.
    pub async fn wait(&self, user: User) -> Result<(), Refusal> {
        let Some(rate) = self.per_sec else { return Ok(()) };
        let step = Duration::from_secs(1) / rate;
        let turn = {
            let mut line = lock(&self.line);
            if line.many == 0 && line.step(Instant::now(), step) {
                return Ok(());
            }
            let wait = step.saturating_mul(u32::try_from(line.many).unwrap_or(u32::MAX));
            if line.many >= MOST_WAITING || wait > self.longest {
                return Err(Refusal::too_many(wait.max(Duration::from_secs(1))));
            }
            if line.many == 0 {
                tokio::spawn(serve(self.line.clone(), step));
            }
            line.join(user)
        };
        // The one who serves goes on until nobody waits.
        turn.await.map_err(|_| Refusal::stopping())
    }
}

impl Line {
    /// Whether one may go now; if so, it has.
    fn step(&mut self, now: Instant, step: Duration) -> bool {
        let burst = now.checked_sub(Duration::from_secs(1)).unwrap_or(now);
        let next = self.next.unwrap_or(burst).max(burst);
        let goes = next <= now;
        self.next = Some(if goes { next + step } else { next });
        goes
    }

    fn join(&mut self, user: User) -> oneshot::Receiver<()> {
        let (go, turn) = oneshot::channel();
        let mine = self.waiting.entry(user).or_default();
        if mine.is_empty() {
            self.turns.push_back(user);
        }
        mine.push_back(go);
        self.many += 1;
        turn
    }

    /// The next in turn.
    fn leave(&mut self) -> Option<oneshot::Sender<()>> {
        let user = self.turns.pop_front()?;
        let mine = self.waiting.get_mut(&user)?;
        let first = mine.pop_front();
        if mine.is_empty() {
            self.waiting.remove(&user);
        } else {
            self.turns.push_back(user);
        }
        self.many -= 1;
        first
    }
}

async fn serve(line: Arc<Mutex<Line>>, step: Duration) {
    loop {
        let next = {
            let mut line = lock(&line);
            while line.many > 0 && line.step(Instant::now(), step) {
                // One who has gone away does not use up the turn.
                while line.leave().is_some_and(|go| go.send(()).is_err()) {}
            }
            if line.many == 0 {
                return;
            }
            line.next
        };
        match next {
            Some(next) => tokio::time::sleep_until(next).await,
            None => return,
        }
    }
}

fn lock(line: &Mutex<Line>) -> std::sync::MutexGuard<'_, Line> {
    // Nothing under this lock panics half way through a change.
    line.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_may_go_at_once_and_then_one_a_step() {
        let (mut line, step) = (Line::default(), Duration::from_millis(100));
        let now = Instant::now() + Duration::from_secs(10);
        let went = (0..20).filter(|_| line.step(now, step)).count();
        assert_eq!(went, 11);
        assert!(!line.step(now + Duration::from_millis(99), step));
        assert!(line.step(now + Duration::from_millis(100), step));
    }

    #[test]
    fn users_take_turns() {
        let mut line = Line::default();
        let order = [1, 1, 1, 1, 2, 3, 2];
        let mut turns: Vec<_> = order.iter().map(|user| (*user, line.join(Some(*user)))).collect();
        let mut went = Vec::new();
        while let Some(go) = line.leave() {
            go.send(()).unwrap();
            let at = turns.iter_mut().position(|(_, turn)| turn.try_recv().is_ok()).unwrap();
            went.push(turns.remove(at).0);
        }
        assert_eq!(went, [1, 2, 3, 1, 2, 1, 1]);
        assert!(line.waiting.is_empty() && line.many == 0);
    }

    #[tokio::test]
    async fn without_a_limit_nobody_waits_and_with_one_everybody_goes() {
        assert!(Pace::new(Some(0), Duration::ZERO).wait(None).await.is_ok());
        let pace = Arc::new(Pace::new(Some(1000), Duration::from_secs(10)));
        let all: Vec<_> = (0..1200_u32)
            .map(|number| {
                tokio::spawn({
                    let pace = pace.clone();
                    async move { pace.wait(Some(number % 3)).await }
                })
            })
            .collect();
        for one in all {
            assert!(one.await.unwrap().is_ok());
        }
    }
}
