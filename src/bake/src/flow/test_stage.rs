//! Images that are tested while they are made.

use super::tests::{Bench, PACE};
use crate::blueprint::Blueprint;
use crate::builder_profile::Standing;
use crate::error::BakeError;
use crate::plan::{Action, plan};
use crate::test_stage::TestStage;
use crate::testing::{Checkout, pins};
use nixl_aws::Tag;
use nixl_aws::imagebuilder::Resource;

const KIND: &str = "g6.12xlarge";

fn bench() -> Bench {
    let mut bench = Bench::new();
    bench.blueprint = bench.blueprint.tested(TestStage::new(KIND, &bench.cloud));
    bench
}

#[tokio::test]
async fn a_tested_image_is_the_same_image_with_a_mark() {
    let plain = Bench::new().blueprint;
    let bench = bench();
    let tested = &bench.blueprint;
    assert_eq!((tested.digest, &tested.recipe.version), (plain.digest, &plain.recipe.version));
    assert_eq!(tested.infrastructure, plain.infrastructure, "it is built where it always is");
    assert_ne!(tested.distribution.name, plain.distribution.name);
    let mark = |tags: &[Tag]| super::tested_on(tags).map(str::to_owned);
    assert_eq!(mark(&tested.distribution.ami_tags).as_deref(), Some(KIND));
    assert_eq!(mark(&plain.distribution.ami_tags), None);

    let baked = bench.bake().await.unwrap();
    assert_eq!(baked.tested_on.as_deref(), Some(KIND));
    baked.check_test(Some(KIND)).unwrap();
    let again = bench.bake().await.unwrap();
    assert!(again.reused && again.check_test(Some(KIND)).is_ok() && again.check_test(None).is_ok());
    let other = again.check_test(Some("p5.48xlarge")).unwrap_err().to_string();
    assert!(other.contains("tested on g6.12xlarge only"), "{other}");
}

#[tokio::test]
async fn an_image_that_is_there_untested_is_told_of_with_what_to_do() {
    let plain = Bench::new();
    plain.bake().await.unwrap();
    let blueprint = plain.blueprint.clone().tested(TestStage::new(KIND, &plain.cloud));
    let found = super::bake(&plain.cloud, &blueprint, &plain.told, crate::flow::tests::OPTIONS);
    let error = found.await.unwrap().check_test(Some(KIND)).unwrap_err();
    assert!(matches!(error, BakeError::Untested { .. }), "{error}");
    let told = error.to_string();
    for part in ["tested nowhere", "nixl-launch up --image ami-", "--instance-type g6.12xlarge"] {
        assert!(told.contains(part), "{told}");
    }
    assert_eq!(plain.fake.count("create_image"), 1);
}

#[tokio::test]
async fn a_build_of_another_run_that_does_not_test_is_waited_for_and_does_not_count() {
    let bench = bench();
    bench.running("arn:running/1", "BUILDING", &["AVAILABLE"]);
    let baked = bench.bake().await.unwrap();
    assert!(bench.told.all().contains("that build does not test it so"));
    assert!(baked.check_test(Some(KIND)).is_err());
}

#[tokio::test]
async fn a_failed_test_is_told_and_tried_again_without_a_build() {
    let bench = bench();
    bench.fake.world().scripts.push_back(vec!["BUILDING", "TESTING", "FAILED"]);
    let told = bench.bake().await.unwrap_err().to_string();
    for part in ["failed its test", "phase      test", "nixl-noded 1.2.3", "is not published"] {
        assert!(told.contains(part), "{told}");
    }
    let planned = plan(&bench.cloud, &bench.blueprint, PACE).await.unwrap();
    assert_eq!(planned.lines.iter().map(|line| line.action).collect::<Vec<_>>(), [Action::Retry]);

    bench.fake.world().scripts.push_back(vec!["TESTING", "FAILED"]);
    bench.bake().await.unwrap_err();
    let baked = bench.bake().await.unwrap();
    assert_eq!(baked.tested_on.as_deref(), Some(KIND));
    assert_eq!((bench.fake.count("create_image"), bench.fake.count("retry_image")), (1, 2));
    assert!(bench.told.all().contains("failed its test: testing it again"));
}

#[tokio::test]
async fn what_failed_its_test_and_was_removed_is_built_again() {
    let bench = bench();
    bench.fake.world().scripts.push_back(vec!["TESTING", "FAILED"]);
    bench.bake().await.unwrap_err();
    let made = bench.fake.world().images.last().unwrap().id.clone();
    let untagged = crate::show::show(&bench.cloud, &bench.fake, &made).await.unwrap_err();
    assert!(untagged.to_string().contains("test_failed"), "{untagged}");
    bench.fake.world().images.retain(|image| image.id == crate::testing::BASE);
    let planned = plan(&bench.cloud, &bench.blueprint, PACE).await.unwrap();
    assert!(planned.lines.iter().any(|line| line.what == "build"), "{:?}", planned.lines);
    let baked = bench.bake().await.unwrap();
    assert_eq!(baked.tested_on.as_deref(), Some(KIND));
    assert_eq!((bench.fake.count("create_image"), bench.fake.count("retry_image")), (2, 0));
}

#[tokio::test]
async fn who_wants_no_test_builds_anew_after_one_that_failed() {
    let bench = bench();
    bench.fake.world().scripts.push_back(vec!["TESTING", "FAILED"]);
    bench.bake().await.unwrap_err();
    let plain = Bench::new().blueprint;
    let baked = super::bake(&bench.cloud, &plain, &bench.told, crate::flow::tests::OPTIONS);
    assert_eq!(baked.await.unwrap().tested_on, None);
    assert_eq!((bench.fake.count("create_image"), bench.fake.count("retry_image")), (2, 0));
}

#[tokio::test]
async fn a_failure_of_the_build_is_built_again_and_not_only_tested() {
    let bench = bench();
    bench.fake.world().scripts.push_back(vec!["BUILDING", "FAILED"]);
    bench.bake().await.unwrap_err();
    bench.bake().await.unwrap();
    assert_eq!((bench.fake.count("create_image"), bench.fake.count("retry_image")), (2, 0));
}

#[tokio::test]
async fn plan_tells_of_the_test() {
    let bench = bench();
    let planned = plan(&bench.cloud, &bench.blueprint, PACE).await.unwrap();
    let last = planned.lines.last().unwrap();
    assert_eq!((last.what, last.name.as_str()), ("test", "on g6.12xlarge (built on m7i.large)"));
    let wanted = |what: &str| planned.lines.iter().find(|line| line.what == what).cloned();
    for what in ["role", "test workflow"] {
        assert_eq!(wanted(what).map(|line| line.action), Some(Action::Create), "{what}");
    }
    let plain = plan(&bench.cloud, &Bench::new().blueprint, PACE).await.unwrap();
    assert!(plain.lines.iter().all(|line| !["role", "test workflow"].contains(&line.what)));

    bench.bake().await.unwrap();
    bench.fake.world().images.retain(|image| image.id == crate::testing::BASE);
    let planned = plan(&bench.cloud, &bench.blueprint, PACE).await.unwrap();
    let again = planned.lines.iter().filter(|line| ["role", "test workflow"].contains(&line.what));
    assert!(again.map(|line| line.action).eq([Action::Exists; 2]));
}

#[tokio::test]
async fn only_the_test_runs_on_its_type() {
    let bench = bench();
    bench.bake().await.unwrap();
    let world = bench.fake.world();
    let [workflows] = &world.workflows[..] else { panic!("{:?}", world.workflows) };
    let test = bench.blueprint.test.as_ref().unwrap();
    let key = format!("workflow/{}/{}", test.workflow.name, test.workflow.version);
    assert_eq!(workflows.arns[1], world.resources[&key].arn);
    assert!(workflows.arns[0].ends_with(":aws:workflow/build/build-image/x.x.x"));
}

#[tokio::test]
async fn a_workflow_serves_all_recipes_and_is_made_once() {
    let bench = bench();
    bench.bake().await.unwrap();
    let other = Checkout::new();
    let script = other.path("image/nixl-noded/test.sh");
    std::fs::write(&script, "#!/bin/bash\nset -Eeuo pipefail\ntrue\n").unwrap();
    let content = other.load().unwrap();
    let blueprint = Blueprint::new(&content, &pins(), &bench.cloud).unwrap();
    assert_ne!(blueprint.digest, bench.blueprint.digest);
    let blueprint = blueprint.tested(TestStage::new(KIND, &bench.cloud));
    bench.fake.world().builds.clear();
    bench.fake.world().resources.remove("recipe/nixl");
    let baked = super::bake(&bench.cloud, &blueprint, &bench.told, crate::flow::tests::OPTIONS);
    baked.await.unwrap();
    let made = ["create_test_workflow", "create_infrastructure", "create_image"];
    assert_eq!(made.map(|call| bench.fake.count(call)), [1, 1, 2]);
}

#[tokio::test]
async fn without_a_test_there_is_neither_role_nor_workflow() {
    let plain = Bench::new();
    plain.bake().await.unwrap();
    for call in ["ensure_role", "find_test_workflow", "create_test_workflow"] {
        assert_eq!(plain.fake.count(call), 0, "{call}");
    }
}

#[tokio::test]
async fn a_role_or_workflow_of_others_is_not_used() {
    let bench = bench();
    let theirs = Standing::Foreign { what: "role", arn: "arn:theirs".into() };
    bench.fake.world().role = theirs.clone();
    let error = bench.bake().await.unwrap_err();
    assert!(matches!(&error, BakeError::Foreign { what: "role", .. }), "{error}");
    let planned = plan(&bench.cloud, &bench.blueprint, PACE).await.unwrap();
    let role = planned.lines.iter().find(|line| line.what == "role").unwrap();
    assert_eq!((role.name.as_str(), role.action), ("nixl-bake-workflows", Action::Conflict));

    bench.fake.world().role = Standing::Complete;
    let workflow = &bench.blueprint.test.as_ref().unwrap().workflow;
    let key = format!("workflow/{}/{}", workflow.name, workflow.version);
    let theirs = Resource { arn: "arn:theirs".into(), tags: vec![] };
    bench.fake.world().resources.insert(key, theirs);
    let error = bench.bake().await.unwrap_err();
    assert!(matches!(&error, BakeError::Foreign { what: "workflow", .. }), "{error}");
    assert_eq!(bench.fake.count("create_image"), 0);
}

#[tokio::test]
async fn a_role_that_is_not_seen_yet_is_waited_for() {
    let bench = bench();
    let message = "The value supplied for parameter 'executionRole' is not valid.";
    bench.fake.fails("create_image", "InvalidParameterValueException", message, 2);
    bench.bake().await.unwrap();
    assert_eq!(bench.fake.count("create_image"), 3);
}
