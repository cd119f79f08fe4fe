//! A node whose rank its launch does not say.

use super::*;
use nixl_cluster::{ClaimRecord, reason};

const NOWHERE: &str = "/nonexistent";

fn set(registry: &FakeRegistry, standing: Standing) {
    registry.roster.lock().unwrap().standing = standing;
}

fn reason_of(board: &Board) -> Option<String> {
    let checks = board.document().checks;
    Some(checks.get(name::RANK)?.first()?.reason.as_ref()?.code.clone())
}

#[tokio::test]
async fn it_registers_waits_opens_with_its_rank_and_closes_when_it_loses_it() {
    let claim = ClaimRecord { rank: Some(0), launched_secs: 7, since_millis: 9 };
    let tcp = Provider::Tcp.into();
    let (mut stage, registry) =
        staged(quick(), tcp, Path::new(NOWHERE), "registration", Standing::Claims(claim));
    let written = soon(stage.tags.recv()).await.unwrap();
    assert_eq!(written.get(tag::CLAIM), Some(&claim.to_string()));
    let why = "1 of 2 nodes are registered".to_owned();
    set(&registry, Standing::Waits(&reason::MEMBERS_MISSING, why));
    stage.until(|board| reason_of(board).as_deref() == Some("node.members_missing")).await;
    assert!(stage.workers.try_recv().is_err(), "no endpoint without a rank");
    assert_eq!(stage.board.document().node.rank, None);

    set(&registry, Standing::Ranked(0));
    let mut hands = soon(stage.workers.recv()).await.unwrap();
    let why = "rank 0 is held by i-9".to_owned();
    set(&registry, Standing::Waits(&reason::SURPLUS, why));
    let node = stage.board.document().node;
    assert_eq!((node.rank, node.role.as_deref()), (Some(0), Some("prefill")));
    // The first look-up of the pairing says that the rank is gone.
    hands.open().await;
    soon(hands.killed.cancelled()).await;
    drop(hands);
    stage.until(|board| reason_of(board).as_deref() == Some("node.surplus")).await;
    assert_eq!(stage.board.document().node.rank, None);
    stage.stop.cancel();
    soon(stage.task).await.unwrap();
}
