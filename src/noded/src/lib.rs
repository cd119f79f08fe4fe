//! The node daemon: boots, registers its instance by tags, supervises the
//! process that owns the fabric, keeps the pairing alive and tells the truth
//! about all of it on 127.0.0.1:9100. See ARCHITECTURE.md.

#![cfg_attr(test, allow(clippy::unwrap_used))]

pub mod ack;
pub mod administrators;
pub mod backoff;
pub mod beat;
pub mod board;
pub mod boot;
pub mod check;
pub mod cli;
pub mod client;
pub mod efa;
pub mod engine;
pub mod environment;
pub mod events;
pub mod explain;
pub mod gpu;
pub mod health;
pub mod history;
pub mod http;
pub mod identity;
pub mod idle;
pub mod journal;
pub mod link;
pub mod log;
pub mod mlflow;
mod mlflow_test;
pub mod notify;
pub mod parts;
pub mod peers;
pub mod port;
pub mod processes;
pub mod publisher;
pub mod registry;
pub mod run;
pub mod runs;
pub mod settings;
pub mod system;
pub mod terminal;
pub mod versions;
pub mod wiring;
pub mod worker;
