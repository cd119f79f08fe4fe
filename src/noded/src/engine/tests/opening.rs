//! How long opening may take, and what comes of one that fails.

use super::*;
use crate::beat::INTERVAL;

/// A `/sys` with so many EFA devices.
fn node_with_efa(devices: usize) -> tempfile::TempDir {
    let root = tempfile::tempdir().unwrap();
    for device in 0..devices {
        let folder = root.path().join(format!("sys/bus/pci/devices/0000:00:{device:02x}.0"));
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(folder.join("vendor"), "0x1d0f\n").unwrap();
        std::fs::write(folder.join("device"), "0xefa2\n").unwrap();
    }
    root
}

#[tokio::test]
async fn each_efa_device_has_its_time_to_open_in_silence() {
    let root = node_with_efa(2);
    let timings = Timings {
        open: Duration::ZERO,
        open_each_efa: Duration::from_secs(10),
        silence: INTERVAL / 2,
        ..quick()
    };
    for provider in [Provider::Efa.into(), ProviderChoice::Auto] {
        let mut stage = stage_on(timings.clone(), provider, root.path());
        let mut worker = soon(stage.workers.recv()).await.unwrap();
        let killed = tokio::time::timeout(INTERVAL * 11 / 10, worker.killed.cancelled()).await;
        assert!(killed.is_err(), "it was still opening");
        worker.open().await;
        stage.phase(Phase::Registered).await;
    }
}

#[tokio::test]
async fn a_worker_that_never_opens_is_hung() {
    let root = node_with_efa(32);
    let timings = Timings { open: Duration::ZERO, ..quick() };
    // What it does not open does not count.
    let mut stage = stage_on(timings, Provider::Tcp.into(), root.path());
    let _worker = soon(stage.workers.recv()).await.unwrap();
    stage.until(|board| board.worst().is_some_and(|r| r.code == "fabric.worker_hung")).await;
    assert!(stage.board.document().output.contains("no endpoint within 0 s"));
}

#[tokio::test]
async fn an_endpoint_that_cannot_open_fails_the_node_and_is_tried_again() {
    let mut stage = stage(quick());
    let worker = soon(stage.workers.recv()).await.unwrap();
    let code = "fabric.library_missing".to_owned();
    let told = |board: &Board, times: &str| {
        let reason = board.document().checks[name::ENDPOINT][0].reason.clone();
        reason.is_some_and(|reason| reason.evidence.contains(times))
    };
    let failed = Event::OpenFailed { code, message: "libfabric.so.1: not found".to_owned() };
    worker.say(failed.clone()).await;
    stage.until(|board| told(board, "opening has failed once")).await;
    let tags = stage.phase(Phase::Failed).await;
    assert!(tags[tag::STATE].contains("fabric.library_missing"), "{tags:?}");
    assert_eq!(stage.board.document().status.http(), 503);
    let second = soon(stage.workers.recv()).await.unwrap();
    second.say(failed).await;
    stage.until(|board| told(board, "opening has failed 2 times")).await;
    let _worker = stage.opened().await;
    stage.until(|board| !board.has_error(&[name::ENDPOINT])).await;
}
