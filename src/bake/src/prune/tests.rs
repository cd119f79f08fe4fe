use super::*;
use crate::cloud::Regions as _;
use crate::error::BakeError;
use crate::testing::{Fake, Told};
use nixl_aws::ec2::{Sharing, Use};
use std::time::Duration;

mod failed;

const PACE: Pace = Pace { first: Duration::ZERO, longest: Duration::ZERO, tries: 1 };

/// Images of these ids, newest first, each with a snapshot.
fn account(ids: &[&str]) -> Fake {
    let fake = Fake::default();
    for (age, id) in ids.iter().enumerate() {
        image(&fake, id, &format!("2026-01-{:02}", 30 - age), "available");
    }
    fake
}

fn image(fake: &Fake, id: &str, created: &str, state: &str) {
    let mut world = fake.world();
    world.snapshots.insert(format!("snap-{id}"), (id.to_owned(), Vec::new()));
    world.images.push(Image {
        id: id.to_owned(),
        snapshot_ids: vec![format!("snap-{id}")],
        state: state.to_owned(),
        creation_date: created.to_owned(),
        architecture: "x86_64".into(),
        tags: vec![
            Tag::new(tag::DIGEST, "d"),
            Tag::new(tag::RECIPE, "nixl"),
            Tag::new(tag::VERSION, "0"),
        ],
        ..Image::default()
    });
}

async fn run(fake: &Fake, keep: usize, yes: bool) -> Result<Pruned> {
    let wanted = Prune { keep, recipe: None, failed: false, yes };
    prune(&fake.place("eu-west-1"), &wanted, &Told::default(), PACE).await
}

fn gone(pruned: &Pruned) -> Vec<&str> {
    pruned.removed.iter().map(|one| one.ami_id.as_str()).collect()
}

#[tokio::test]
async fn a_look_changes_nothing_and_yes_does_what_it_told() {
    let fake = account(&["a", "b", "c", "d"]);
    let told = run(&fake, 2, false).await.unwrap();
    assert_eq!(gone(&told), ["c", "d"]);
    assert_eq!(fake.count("deregister"), 0);
    assert_eq!(fake.world().images.len(), 4);
    let done = run(&fake, 2, true).await.unwrap();
    assert_eq!(done.removed, told.removed);
    let world = fake.world();
    let left: Vec<_> = world.images.iter().map(|one| one.id.as_str()).collect();
    assert_eq!(left, ["a", "b"]);
    assert_eq!(world.snapshots.keys().collect::<Vec<_>>(), ["snap-a", "snap-b"]);
}

#[tokio::test]
async fn what_somebody_uses_or_is_not_ours_stays() {
    let fake = account(&["a", "used", "shared", "latest", "free"]);
    image(&fake, "pending", "2026-01-01", "pending");
    image(&fake, "failed", "2026-01-01", "failed");
    image(&fake, "foreign", "2026-01-01", "available");
    {
        let mut world = fake.world();
        let foreign = world.images.iter_mut().find(|image| image.id == "foreign").unwrap();
        foreign.tags.retain(|tag| tag.key != tag::RECIPE);
        world.uses.push(Use { image_id: "used".into(), by: "instance i-1 (stopped)".into() });
        let with = Sharing { accounts: ["222233334444".into()].into(), ..Sharing::default() };
        world.shared.insert("shared".into(), with);
        let name = "/nixl/ami/nixl/x86_64/latest".to_owned();
        world.parameters.insert(name, ("latest".into(), Vec::new()));
    }
    let pruned = run(&fake, 1, true).await.unwrap();
    assert_eq!(gone(&pruned), ["free", "failed"]);
    let kept: Vec<_> =
        pruned.kept.iter().map(|one| format!("{}: {}", one.ami_id, one.why)).collect();
    let expected = [
        "a: among the newest",
        "used: used by instance i-1 (stopped)",
        "shared: shared with 222233334444, whose instances are not seen here",
        "latest: used by parameter /nixl/ami/nixl/x86_64/latest",
        "pending: pending",
    ];
    assert_eq!(kept, expected);
    assert!(fake.world().images.iter().any(|image| image.id == "foreign"));
}

#[tokio::test]
async fn what_a_run_that_was_cut_off_left_is_found_by_the_next() {
    let fake = account(&["a", "b"]);
    fake.fails("delete_snapshot", "UnauthorizedOperation", "no", 1);
    let cut_off = run(&fake, 1, true).await.unwrap_err();
    assert!(matches!(cut_off, BakeError::Aws(_)), "{cut_off}");
    assert_eq!(fake.world().images.len(), 1);
    assert_eq!(fake.world().snapshots.len(), 2);
    let told = run(&fake, 1, false).await.unwrap();
    assert_eq!((told.left_over.as_slice(), told.removed.len()), (&["snap-b".to_owned()][..], 0));
    run(&fake, 1, true).await.unwrap();
    assert_eq!(fake.world().snapshots.keys().collect::<Vec<_>>(), ["snap-a"]);
}
