//! The GPUs of this node, as its monitor knows them.

mod state;

pub use state::{Seen, State};
