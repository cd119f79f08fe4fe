//! `nixl-launch`: one cluster up, looked at, and down again.
//!
//! ```text
//! cli ─▶ engine ─ reads ─▶ plan (pure: spec + facts ─▶ plan with its checks)
//!            └─ ensures what the plan says, waits, reports
//! ```
//! There is no state file: what was made is found again by its tags and by the
//! names [`nixl_cluster::ClusterName`] derives, from any machine.

pub mod access;
pub mod audit;
pub mod check;
pub mod cli;
pub mod command;
pub mod doctor;
pub mod emit;
pub mod engine;
pub mod errors;
pub mod failure;
pub mod input;
pub mod keys;
pub mod lifetime;
pub mod list;
pub mod mlflow;
pub mod node_says;
pub mod plan;
pub mod plan_table;
pub mod progress;
pub mod render;
pub mod report;
pub mod services;
pub mod session;
pub mod terminal;
pub mod timeline;
pub mod wiring;

#[cfg(test)]
mod fake;
