//! Client, spool and test of eight steps against a real MLflow server, alone and
//! through a front that fails.
#![allow(clippy::unwrap_used)] // a test ends at the first surprise

mod front;
mod selftest;
mod server;
mod spool;
