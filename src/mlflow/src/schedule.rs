//! When the next URL is minted.

use rand::{Rng, RngExt as _};
use std::time::Duration;

/// Life asked for, the longest the API allows.
pub(crate) const EXPIRES_SECS: u32 = 300;
/// The same as a duration.
pub(crate) const LIFE: Duration = Duration::from_secs(EXPIRES_SECS as u64);
/// Least life of a URL that is handed out: a person must get it into a browser.
pub(crate) const LEAST_LIFE: Duration = Duration::from_secs(60);
/// Wait after the first failure; it doubles with each further one.
pub(crate) const RETRY_FIRST: Duration = Duration::from_secs(1);
/// Longest wait between retries: SageMaker's control plane is shared by the account.
pub(crate) const RETRY_LONGEST: Duration = Duration::from_secs(15);
/// Wait after a denial: a person has to change a policy first.
pub(crate) const RETRY_DENIED: Duration = Duration::from_secs(300);
/// A mint that takes longer has failed.
pub(crate) const MINT_TIMEOUT: Duration = Duration::from_secs(30);

/// How long after its mint a URL is replaced: 60 to 80 % of its life. The
/// latest leaves as much as [`LEAST_LIFE`], so that a spare is always good.
pub(crate) fn renew_after(rng: &mut impl Rng) -> Duration {
    LIFE.mul_f64(rng.random_range(0.6..0.8))
}

/// Wait after the `failures`-th failure in a row, ±20 %.
pub(crate) fn retry_after(denied: bool, failures: u32, rng: &mut impl Rng) -> Duration {
    let doublings = failures.saturating_sub(1).min(16);
    let wait =
        if denied { RETRY_DENIED } else { (RETRY_FIRST * (1 << doublings)).min(RETRY_LONGEST) };
    wait.mul_f64(rng.random_range(0.8..=1.2))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_spare_is_replaced_before_it_is_too_old() {
        for _ in 0..1000 {
            let after = renew_after(&mut rand::rng());
            assert!(after >= LIFE.mul_f64(0.6) && after + LEAST_LIFE <= LIFE, "{after:?}");
        }
    }

    proptest! {
        #[test]
        fn retries_double_to_a_minute(failures: u32) {
            let wait = retry_after(false, failures, &mut rand::rng());
            prop_assert!(wait >= RETRY_FIRST.mul_f64(0.79) && wait <= RETRY_LONGEST.mul_f64(1.21));
            let doubled = RETRY_FIRST.mul_f64(2_f64.powi(failures.clamp(1, 7) as i32 - 1));
            let expected = doubled.min(RETRY_LONGEST).as_secs_f64();
            prop_assert!((wait.as_secs_f64() / expected - 1.0).abs() < 0.21);
            prop_assert!(retry_after(true, failures, &mut rand::rng()) >= RETRY_DENIED.mul_f64(0.79));
        }
    }
}
