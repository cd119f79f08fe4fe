//! Client, spool and test of eight steps against a real MLflow server, alone and
//! through a front that fails.
#![allow(clippy::unwrap_used)] // a test ends at the first surprise

mod front;
mod python;
mod selftest;
mod server;
mod spool;

use server::{Server, venv};
use tokio::task::block_in_place;

/// One server for all, since it starts for longer than any of them takes. Each has
/// experiments of its own; the one that kills the server comes last.
#[tokio::test(flavor = "multi_thread")]
async fn a_real_server() {
    let Some(venv) = venv() else { return };
    let mut server = block_in_place(|| Server::start(venv));
    selftest::all(&server).await;
    spool::an_answer_that_is_lost_at_any_call_makes_nothing_twice(&server).await;
    spool::what_the_server_never_takes_is_not_in_the_way(&server).await;
    block_in_place(|| spool::client_and_server_are_killed(&mut server));
}
