//! A worker's life: it opens, is published, pairs, measures, and ends in many ways.

use super::*;

#[tokio::test]
async fn a_node_registers_pairs_measures_and_degrades() {
    let mut stage = stage(quick());
    let mut worker = stage.opened().await;
    let first = stage.phase(Phase::Registered).await;
    assert_eq!(first.len(), 3, "identity, endpoint and state in one call");
    assert_eq!(first[tag::ENDPOINT], "1:tcp:AQID");
    assert_eq!(first[tag::IDENTITY].parse::<IdentityRecord>().unwrap().prefill, Some(1));
    assert_eq!(stage.board.document().node.role.as_deref(), Some("prefill"));
    worker.commanded(|c| *c == Command::AddPeer { peer: 1, address: vec![9] }).await;
    assert!(!stage.board.ready());

    worker.hear(b"p").await;
    worker.commanded(|c| *c == Command::ArmProbe { peer: 1, token: [3; 16] }).await;
    let rails = Command::AddRails { peer: 1, addresses: vec![vec![4, 5]] };
    worker.commanded(|c| *c == rails).await;
    let measure = worker.commanded(|c| matches!(c, Command::Measure { .. })).await;
    let Command::Measure { id, peer: 1, what } = measure else { panic!("{measure:?}") };
    let Measurement::Latency { rail: 0, mode, size_bytes: 64, count: 200 } = what else {
        panic!("{what:?}")
    };
    let summary = Latency {
        rail: 0,
        mode,
        size_bytes: 64,
        answered: 200,
        lost: 0,
        min_nanos: 1,
        p50_nanos: 12_000,
        p99_nanos: 30_000,
        max_nanos: 1,
    };
    let outcome = Outcome::Latency { summary, samples_nanos: Vec::new() };
    worker.say(Event::Measured { id, peer: 1, outcome }).await;
    stage.until(|board| board.document().checks.contains_key(name::LINK_P99)).await;
    let document = stage.board.document();
    assert_eq!(document.node.peers, ["i-2"]);
    assert_eq!(document.checks[name::LINK_P50][0].observed_value, Some(12.0.into()));
    assert!(stage.board.ready());
    stage.phase(Phase::Paired).await;

    worker.hear(b"l").await;
    let degraded = stage.phase(Phase::Degraded).await;
    assert!(degraded[tag::STATE].contains("pair.peer_lost"), "{degraded:?}");
    assert!(!degraded.contains_key(tag::IDENTITY), "only what changed is written");
    assert!(!stage.board.document().checks.contains_key(name::LINK_P50));
    assert_eq!(stage.board.document().status.http(), 200);
}

#[tokio::test]
async fn efa_that_is_not_used_is_a_failure_and_the_pairing_goes_on() {
    let mut stage = stage_on(quick(), ProviderChoice::Auto, Path::new("/nonexistent"));
    let mut worker = stage.opened().await;
    let tags = stage.phase(Phase::Registered).await;
    assert_eq!(tags[tag::ENDPOINT], "1:tcp:AQID", "what is in use is published");
    worker.commanded(|c| matches!(c, Command::AddPeer { .. })).await;
    worker.hear(b"p").await;
    stage.until(|board| board.ready()).await;
    let document = stage.board.document();
    let reason = document.checks[name::EFA][0].reason.as_ref().unwrap();
    assert_eq!((reason.code.as_str(), document.status.http()), ("fabric.efa_unused", 503));
    assert!(reason.evidence.contains("g6.12xlarge can have 1; tcp is used"), "{reason:?}");
}

#[tokio::test]
async fn an_error_that_a_setting_mends_says_more_than_the_peers_silence() {
    let mut stage = stage(quick());
    let mut worker = stage.opened().await;
    worker.commanded(|c| matches!(c, Command::AddPeer { .. })).await;
    let failed = |code: &str, prov_errno| Event::SendFailed {
        peer: 1,
        code: code.to_owned(),
        errno: 5,
        prov_errno,
        message: "told by the provider".to_owned(),
    };
    let told = |board: &Board| {
        let document = board.document();
        document.checks.get(name::PEER).and_then(|checks| checks[0].reason.clone())
    };
    worker.say(failed("fabric.peer_gone", 9)).await;
    stage.until(|board| told(board).is_some_and(|r| r.evidence.contains("provider 9"))).await;
    assert_eq!(told(&stage.board).unwrap().code, "node.initializing", "a peer that is away");
    worker.say(failed("fabric.security_group", 4126)).await;
    stage.until(|board| told(board).is_some_and(|r| r.code == "fabric.security_group")).await;
    assert!(told(&stage.board).unwrap().evidence.contains("provider 4126"));
    worker
        .say(Event::Fault {
            code: "fabric.memlock".to_owned(),
            errno: 12,
            prov_errno: 4112,
            message: "told by the provider".to_owned(),
        })
        .await;
    let fault = |board: &Board| {
        let checks = board.document().checks;
        checks.get(name::FAULTS).and_then(|checks| checks[0].reason.clone()).map(|r| r.code)
    };
    stage.until(|board| fault(board).as_deref() == Some("fabric.memlock")).await;
}

#[tokio::test]
async fn a_dead_worker_is_a_reason_and_a_new_incarnation() {
    let mut stage = stage(quick());
    let worker = stage.opened().await;
    let first = stage.phase(Phase::Registered).await;
    let how = "signal: 6; last words: abort".to_owned();
    let death = Death { kind: Kind::Aborted, how };
    worker.events.send(FromWorker::Died(death)).await.unwrap();
    stage.until(|board| board.worst().is_some_and(|r| r.code == "fabric.worker_aborted")).await;
    let told = stage.board.document().checks[name::WORKER][0].reason.clone().unwrap();
    assert!(told.evidence.contains("aborted once") && told.evidence.contains("last words: abort"));
    let _second_worker = stage.opened().await;
    let second = loop {
        let tags = soon(stage.tags.recv()).await.unwrap();
        if tags.contains_key(tag::IDENTITY) {
            break tags;
        }
    };
    let identity = |tags: &Tags| tags[tag::IDENTITY].parse::<IdentityRecord>().unwrap();
    assert!(identity(&second).epoch > identity(&first).epoch);
    assert_ne!(identity(&second).public_key, identity(&first).public_key);
}

#[tokio::test]
async fn a_silent_worker_is_killed() {
    let mut stage = stage(Timings { silence: Duration::from_millis(1), ..quick() });
    let worker = stage.opened().await;
    soon(worker.killed.cancelled()).await;
    stage.until(|board| board.worst().is_some_and(|r| r.code == "fabric.worker_hung")).await;
    assert!(stage.board.document().output.contains("no sign of life"));
}

#[tokio::test]
async fn what_a_sandbox_lacks_is_told() {
    let mut stage = stage(quick());
    for (missing, told) in [(vec![], "complete"), (vec!["Landlock".to_owned()], "without Landlock")]
    {
        let worker = soon(stage.workers.recv()).await.unwrap();
        worker.say(Event::Confined { missing }).await;
        stage
            .until(|board| {
                let checks = board.document().checks;
                checks.get(name::SANDBOX).is_some_and(|c| c[0].observed_value == Some(told.into()))
            })
            .await;
        worker.events.send(FromWorker::Died(Death::other("exit status: 0"))).await.unwrap();
    }
}

#[tokio::test]
async fn the_next_worker_waits_until_the_last_one_is_gone() {
    let timings = Timings { silence: Duration::from_millis(1), ..quick() };
    let mut stage = stage(Timings { gone: Duration::from_secs(20), ..timings });
    let worker = stage.opened().await;
    soon(worker.killed.cancelled()).await;
    let early = tokio::time::timeout(Duration::from_millis(100), stage.workers.recv()).await;
    assert!(early.is_err(), "a second worker beside the first");
    let how = "signal: 9; last words: waiting for the device".to_owned();
    worker.events.send(FromWorker::Died(Death { kind: Kind::Killed, how })).await.unwrap();
    let _next = stage.opened().await;
    let told = stage.board.document().checks[name::WORKER][0].reason.clone().unwrap();
    assert_eq!(told.code, "fabric.worker_hung");
    assert!(told.evidence.ends_with("waiting for the device"), "{}", told.evidence);
}

#[tokio::test]
async fn a_worker_that_cannot_be_killed_holds_up_nothing_for_ever() {
    let mut stage = stage(Timings { silence: Duration::from_millis(1), ..quick() });
    let _worker = stage.opened().await;
    let _next = stage.opened().await;
    let told = stage.board.document().checks[name::WORKER][0].reason.clone().unwrap();
    assert!(told.evidence.contains("cannot be killed"), "{}", told.evidence);
}

#[tokio::test]
async fn a_stop_says_bye_and_ends_the_worker() {
    let mut stage = stage(quick());
    let mut worker = stage.opened().await;
    stage.phase(Phase::Registered).await;
    stage.stop.cancel();
    worker.commanded(|c| *c == Command::Send { peer: 1, bytes: b"bye".to_vec() }).await;
    worker.commanded(|c| *c == Command::Shutdown).await;
    worker.events.send(FromWorker::Died(Death::other("exit status: 0"))).await.unwrap();
    stage.phase(Phase::Booting).await;
    soon(stage.task).await.unwrap();
}
