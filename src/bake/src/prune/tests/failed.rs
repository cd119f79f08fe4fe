//! Images whose test failed.

use super::*;
use nixl_aws::imagebuilder::{BUILD_ARN_TAG, Build, Failure};

/// A build of a content that is over, and its image without our tags.
fn untested(fake: &Fake, id: &str, created: &str, arn: &str, digest: &str) {
    image(fake, id, created, "available");
    let mut world = fake.world();
    world.images.last_mut().unwrap().tags = vec![Tag::new(BUILD_ARN_TAG, arn)];
    world.builds.push(Build {
        arn: arn.into(),
        name: "nixl".into(),
        status: "FAILED".into(),
        failure: Some(Failure { image_status: Some("TESTING".into()), ..Failure::default() }),
        tags: vec![Tag::new(tag::DIGEST, digest), Tag::new(tag::VERSION, "0")],
        ..Build::default()
    });
}

fn build<'a>(world: &'a mut crate::testing::World, arn: &str) -> &'a mut Build {
    world.builds.iter_mut().find(|build| build.arn == arn).unwrap()
}

async fn with_failed(fake: &Fake, yes: bool) -> Pruned {
    let wanted = Prune { keep: 1, recipe: None, failed: true, yes };
    prune(&fake.place("eu-west-1"), &wanted, &Told::default(), PACE).await.unwrap()
}

fn kept(pruned: &Pruned) -> Vec<String> {
    pruned.kept.iter().map(|one| format!("{}: {}: {}", one.ami_id, one.state, one.why)).collect()
}

#[tokio::test]
async fn it_goes_once_something_was_baked_since_and_is_none_of_those_to_keep() {
    let fake = account(&["a", "b"]);
    untested(&fake, "failed", "2026-01-29T12", "arn:image/nixl/1/1", "f");
    let told = run(&fake, 2, false).await.unwrap();
    assert_eq!((gone(&told), told.removed[0].state.as_str()), (vec!["failed"], "test_failed"));
    assert_eq!(kept(&told).len(), 2, "b is among the two newest");
    assert_eq!(fake.world().images.len(), 3);

    assert_eq!(run(&fake, 2, true).await.unwrap().removed, told.removed);
    assert_eq!(fake.world().snapshots.keys().collect::<Vec<_>>(), ["snap-a", "snap-b"]);
    assert_eq!(fake.world().builds.len(), 1, "a build costs nothing");
}

#[tokio::test]
async fn the_newest_stays_while_it_can_be_tested_again_unless_it_is_asked_for() {
    let fake = account(&["a"]);
    untested(&fake, "old", "2026-02-01", "arn:image/nixl/1/1", "e");
    untested(&fake, "new", "2026-02-02", "arn:image/nixl/2/1", "f");
    let told = run(&fake, 1, false).await.unwrap();
    assert_eq!(gone(&told), ["old"]);
    let retry = "new: test_failed: `build` can test it again; goes with --failed";
    assert_eq!(kept(&told), [retry, "a: available: among the newest"]);
    assert_eq!(gone(&with_failed(&fake, false).await), ["new", "old"]);

    // Of another architecture: both are the newest.
    fake.world().images.iter_mut().find(|image| image.id == "old").unwrap().architecture =
        "arm64".into();
    assert_eq!(gone(&run(&fake, 1, false).await.unwrap()), Vec::<&str>::new());
}

#[tokio::test]
async fn what_cannot_be_tested_again_goes_though_it_is_the_newest() {
    let now = "2026-02-01";
    // The same content is there.
    let fake = account(&["a"]);
    untested(&fake, "failed", now, "arn:image/nixl/1/1", "d");
    assert_eq!(gone(&run(&fake, 1, false).await.unwrap()), ["failed"]);

    // It was built anew since, and that failed before there was an image.
    let fake = account(&[]);
    untested(&fake, "failed", now, "arn:image/nixl/1/9", "d");
    untested(&fake, "none", now, "arn:image/nixl/1/10", "d");
    fake.world().images.retain(|image| image.id != "none");
    assert_eq!(gone(&run(&fake, 1, false).await.unwrap()), ["failed"]);

    // It was cancelled, which `build` does not go on with.
    let fake = account(&[]);
    untested(&fake, "cancelled", now, "arn:image/nixl/1/1", "d");
    {
        let mut world = fake.world();
        let build = build(&mut world, "arn:image/nixl/1/1");
        (build.status, build.failure) = ("CANCELLED".into(), None);
    }
    let told = run(&fake, 1, false).await.unwrap();
    assert_eq!((gone(&told), told.removed[0].state.as_str()), (vec!["cancelled"], "cancelled"));
}

#[tokio::test]
async fn what_is_tested_used_or_not_ours_stays() {
    let fake = account(&["a"]);
    let old = "2026-01-01";
    for (number, id) in ["testing", "used", "shared", "named"].iter().enumerate() {
        untested(&fake, id, old, &format!("arn:image/nixl/{number}/1"), id);
    }
    untested(&fake, "foreign", old, "arn:image/theirs/1/1", "f");
    untested(&fake, "unknown", old, "arn:image/nixl/9/1", "g");
    // Its tags are late, or somebody has taken them off.
    untested(&fake, "tested", old, "arn:image/nixl/10/1", "h");
    {
        let mut world = fake.world();
        build(&mut world, "arn:image/nixl/0/1").status = "TESTING".into();
        build(&mut world, "arn:image/theirs/1/1").tags.clear();
        build(&mut world, "arn:image/nixl/10/1").status = "AVAILABLE".into();
        world.builds.retain(|build| build.arn != "arn:image/nixl/9/1");
        world.uses.push(Use { image_id: "used".into(), by: "instance i-1 (running)".into() });
        let with = Sharing { accounts: ["222233334444".into()].into(), ..Sharing::default() };
        world.shared.insert("shared".into(), with);
        let name = "/nixl/ami/nixl/x86_64/latest".to_owned();
        world.parameters.insert(name, ("named".into(), Vec::new()));
    }
    let pruned = with_failed(&fake, true).await;
    assert_eq!(gone(&pruned), Vec::<&str>::new());
    let expected = [
        "a: available: among the newest",
        "testing: testing: testing",
        "used: test_failed: used by instance i-1 (running)",
        "shared: test_failed: shared with 222233334444, whose instances are not seen here",
        "named: test_failed: used by parameter /nixl/ami/nixl/x86_64/latest",
    ];
    assert_eq!(kept(&pruned), expected);
    assert_eq!(fake.world().images.len(), 8);
}

#[tokio::test]
async fn a_test_that_began_again_since_the_first_look_is_left_alone() {
    let fake = account(&["a"]);
    untested(&fake, "failed", "2026-01-01", "arn:image/nixl/1/1", "f");
    // Once it is looked at for its failure, and once before it goes.
    let statuses = ["FAILED", "TESTING"];
    fake.world().running.insert("arn:image/nixl/1/1".into(), statuses.into());
    build(&mut fake.world(), "arn:image/nixl/1/1").status = "FAILED".into();
    let pruned = run(&fake, 1, true).await.unwrap();
    assert_eq!(gone(&pruned), Vec::<&str>::new());
    assert_eq!(kept(&pruned)[1], "failed: failed: testing");
    assert_eq!(fake.count("deregister"), 0);
}

#[tokio::test]
async fn a_recipe_is_asked_of_its_build() {
    let fake = account(&["a"]);
    untested(&fake, "failed", "2026-01-01", "arn:image/nixl/1/1", "f");
    build(&mut fake.world(), "arn:image/nixl/1/1").name = "gpu".into();
    let of =
        |recipe: &str| Prune { keep: 1, recipe: Some(recipe.to_owned()), failed: true, yes: false };
    let place = fake.place("eu-west-1");
    let none = prune(&place, &of("nixl"), &Told::default(), PACE).await.unwrap();
    assert_eq!(gone(&none), Vec::<&str>::new());
    let one = prune(&place, &of("gpu"), &Told::default(), PACE).await.unwrap();
    assert_eq!((gone(&one), one.kept.len()), (vec!["failed"], 0));
}

#[tokio::test]
async fn its_snapshot_is_found_again_and_who_may_not_ask_image_builder_is_told() {
    let fake = account(&["a", "b"]);
    untested(&fake, "failed", "2026-01-01", "arn:image/nixl/1/1", "f");
    fake.fails("list_all_builds", "AccessDeniedException", "no", 1);
    let told = Told::default();
    let wanted = Prune { keep: 1, recipe: None, failed: false, yes: false };
    let found = prune(&fake.place("eu-west-1"), &wanted, &told, PACE).await.unwrap();
    assert_eq!(gone(&found), ["b"]);
    assert!(told.all().contains("images whose test failed are not looked at"), "{}", told.all());

    run(&fake, 2, false).await.unwrap();
    fake.fails("delete_snapshot", "UnauthorizedOperation", "no", 1);
    run(&fake, 2, true).await.unwrap_err();
    assert_eq!(run(&fake, 2, false).await.unwrap().left_over, ["snap-failed"]);
    run(&fake, 2, true).await.unwrap();
    assert_eq!(fake.world().snapshots.keys().collect::<Vec<_>>(), ["snap-a", "snap-b"]);
}
