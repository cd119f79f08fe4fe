//! What people do on the nodes: commands on all of them, their journals as one.

pub mod exec;
pub mod follow;
pub mod journal;
pub mod lines;
pub mod merge;
pub mod nodes;
