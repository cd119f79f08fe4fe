//! A machine half without machines, for what is about the API alone: no root, no
//! nspawn, no base image, no document run, no MLflow process.
//!
//! An instance is a record that goes from pending to running and ends as it is
//! told; its node says in its tags what a script says, by calls of its own with
//! its role's credentials, so that rules, faults and the log see them.

mod builder;
mod image;
mod machines;
mod node;
mod script;
mod tracking;

pub use builder::PretendBuilder;
pub use image::register;
pub use machines::PretendMachines;
pub use script::{EXAMPLE, Script, ScriptError};
pub use tracking::PretendServers;

/// What everybody is told who asks for what only a machine could do.
pub const NO_MACHINES: &str =
    "this region has no machines (it was started with --machines pretend)";
