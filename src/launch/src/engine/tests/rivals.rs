//! Exactly once where reads are stale, answers unclear, or two runs go at once.

use super::{ALL, CAPACITY, DENIED, down, patience, spec, up_with};
use crate::engine::Removal;
use crate::failure::{Failure, Left, Problem};
use crate::fake::{Fake, Fault};
use crate::keys;
use crate::plan::{Spec, Wanted, live};
use nixl_aws::Tag;
use nixl_aws::ec2::Instance;
use std::collections::BTreeSet;

const KEEP_FREE: Removal = Removal::KEEP_FREE;

fn plain() -> Spec {
    Spec { mlflow: Wanted::None, ..spec() }
}

fn alive(fake: &Fake) -> usize {
    live(&fake.state().instances).len()
}

fn launches(fake: &Fake) -> usize {
    let live = live(&fake.state().instances);
    live.iter().map(|it| it.reservation_id.clone()).collect::<BTreeSet<_>>().len()
}

/// A run is refused in one zone, goes on to the next and ends anywhere; whoever
/// comes next reads the record as it was made and sees no instances.
#[tokio::test]
async fn a_stale_record_launches_nothing_twice() {
    let probe = Fake::new();
    probe.script("RunInstances", &[CAPACITY]);
    up_with(&probe, &plain()).await.unwrap();
    let changes = probe.state().changes;
    for n in 0..changes {
        for removes in [false, true] {
            let fake = Fake::new();
            fake.script("RunInstances", &[CAPACITY]);
            fake.state().dies_at = Some((n, true));
            let services = fake.services();
            let engine = fake.engine(&services);
            let asked = plain();
            assert!(fake.dead(engine.up(&asked, patience(500))).await, "{n}");
            // Its first read of groups and its first look at instances.
            fake.state().stale_looks = if removes { 2 } else { 1 };
            fake.state().hidden_looks = 1;
            if removes {
                let kept = fake.engine(&services).down(KEEP_FREE).await;
                kept.unwrap_or_else(|failure| panic!("{n}: {failure}"));
                assert_eq!(live(&fake.state().instances).len(), 0, "{n}");
            } else {
                let again = up_with(&fake, &plain()).await;
                again.unwrap_or_else(|failure| panic!("{n}: {failure}"));
                assert_eq!((alive(&fake), launches(&fake)), (2, 1), "{n}");
            }
            down(&fake).await.unwrap_or_else(|failure| panic!("{n}: {failure}"));
            assert_eq!(fake.residue(), Vec::<String>::new(), "{n}");
        }
    }
}

/// Nodes of another run that no look has shown before the launch.
fn rival(fake: &Fake, launch_time: &str) -> Vec<String> {
    let node = |launch_index| Instance {
        id: format!("i-other{launch_index}"),
        state: "running".to_owned(),
        reservation_id: "r-other".to_owned(),
        launch_index,
        launch_time: Some(launch_time.to_owned()),
        tags: vec![Tag::new("nixl:cluster", "nixl"), Tag::new("nixl:size", "2")],
        ..Default::default()
    };
    let nodes: Vec<Instance> = (0..2).map(node).collect();
    let ids = nodes.iter().map(|it| it.id.clone()).collect();
    fake.state().instances.extend(nodes);
    fake.state().hidden_looks = 1;
    ids
}

#[tokio::test]
async fn of_two_launches_the_younger_ends_itself() {
    let fake = Fake::new();
    let theirs = rival(&fake, "2026-01-01T00:00:00Z");
    let Failure { problem, left } = up_with(&fake, &plain()).await.unwrap_err();
    let Problem::TwoLaunches { others, is_ours_ended: true } = &problem else {
        panic!("{problem}")
    };
    assert_eq!(others, &theirs);
    let alive: Vec<_> = live(&fake.state().instances).into_iter().map(|it| it.id).collect();
    assert_eq!(alive, theirs);
    assert!(matches!(left, Left::Remaining(list) if list[0].id == theirs[0]));
}

#[tokio::test]
async fn of_two_launches_the_older_is_no_success_while_both_are_there() {
    let fake = Fake::new();
    let theirs = rival(&fake, "2200-01-01T00:00:00Z");
    let Failure { problem, left } = up_with(&fake, &plain()).await.unwrap_err();
    let Problem::TwoLaunches { others, is_ours_ended: false } = &problem else {
        panic!("{problem}")
    };
    assert_eq!(others, &theirs);
    assert!(matches!(left, Left::Remaining(_)));
    assert_eq!(launches(&fake), 2, "nobody ends what another run made");
    down(&fake).await.unwrap();
    assert_eq!(fake.residue(), Vec::<String>::new());
}

#[tokio::test]
async fn a_refusal_after_an_unclear_answer_settles_nothing() {
    let fake = Fake::new();
    fake.script("RunInstances", &[Fault::Lose, DENIED]);
    fake.state().hidden_looks = u32::MAX;
    let failure = up_with(&fake, &plain()).await.unwrap_err();
    assert!(matches!(failure.problem, Problem::Unsettled { .. }), "{failure}");
    let recorded = Tag::find(&fake.state().groups[0].tags, keys::ATTEMPT).unwrap().to_owned();
    assert_ne!(recorded, keys::NO_ATTEMPT);
    // Nor does one that another run gets for it.
    fake.script("RunInstances", &[DENIED]);
    let failure = up_with(&fake, &plain()).await.unwrap_err();
    assert!(matches!(failure.problem, Problem::Unsettled { .. }), "{failure}");
    fake.state().hidden_looks = 1;
    let services = fake.services();
    fake.engine(&services).down(ALL).await.unwrap();
    assert_eq!(fake.residue(), Vec::<String>::new());
}
