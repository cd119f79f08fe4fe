//! How long a cluster lives and what that costs: pure, no I/O.

mod bill;
mod change;
mod cost;
mod end;
mod policy;
mod verdict;

/// A month's hours, as AWS counts them.
pub const HOURS_PER_MONTH: f64 = 730.0;

pub use bill::{Prices, Sort, bill};
pub use change::{Change, ChangeError};
pub use cost::{Cost, EndCost, Price, Run, cost, until};
pub use end::{End, NoTime};
pub use policy::{
    IDLE_STOP_POLICY, SCHEDULER_POLICY, idle_stop_policy, scheduler_policy, scheduler_trust,
};
pub use verdict::{Found, Verdict, judge, judge_rest};
