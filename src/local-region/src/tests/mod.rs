//! The API half as its clients see it, over recording stand-ins.

mod control;
mod ec2;
mod imagebuilder;
mod network;
mod other;
mod page;
pub(crate) mod rules;
