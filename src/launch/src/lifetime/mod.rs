//! How long a cluster lives and what that costs: pure, no I/O.

mod cost;
mod end;

pub use cost::{Cost, Price, Run, cost, until};
pub use end::{End, NoTime};
