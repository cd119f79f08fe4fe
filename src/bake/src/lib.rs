//! `nixl-bake`: from a recipe to an AMI, through EC2 Image Builder.
//!
//! An image is named by what goes into it. Everything is read first
//! ([`content`]), hashed ([`content::Content::digest`]) and laid out
//! ([`blueprint`]); only then does [`flow`] talk to AWS, and every step of it
//! finds what an earlier run has made before it makes anything.

#![cfg_attr(test, allow(clippy::unwrap_used))]

pub mod base;
pub mod blueprint;
pub mod builder_profile;
pub mod cli;
pub mod cloud;
pub mod compare;
pub mod content;
pub mod daemon;
pub mod document;
pub mod elsewhere;
pub mod error;
pub mod execution_role;
pub mod flow;
pub mod glibc;
pub mod hash;
pub mod list;
pub mod lock;
pub mod manifest;
pub mod output;
pub mod plan;
pub mod prepare;
pub mod progress;
pub mod prune;
pub mod publish;
pub mod recipe;
pub mod show;
pub mod tar;
pub mod test_stage;
pub mod undistributed;
pub mod validate;

#[cfg(test)]
mod testing;
