//! The shipped components' real documents, step by step as Image Builder runs
//! them, in a copy of this computer's file system that is thrown away, with
//! stand-ins for the programs that would reach out or need other hardware.

#![allow(clippy::unwrap_used, missing_docs)]

mod drivers;
mod efa;
mod gdrcopy;
mod inference;
mod installer;
mod kernel;
mod manifest;
mod recipe;
mod stage;
mod test_phase;
mod web;
