use super::*;
use crate::builder_profile::Standing;
use crate::error::BakeError;
use crate::plan::{Action, plan};
use crate::testing::{BASE, Checkout, Fake, Told, base_image, pins};
use nixl_aws::imagebuilder::{Build, Resource};
use nixl_aws::{ErrorKind, Tag};

pub(super) const PACE: Pace = Pace { first: Duration::ZERO, longest: Duration::ZERO, tries: 4 };
pub(super) const OPTIONS: Options = Options { deadline: Duration::from_secs(30), pace: PACE };

pub(super) struct Bench {
    pub(super) fake: Fake,
    pub(super) cloud: Cloud,
    pub(super) blueprint: Blueprint,
    pub(super) told: Told,
}

impl Bench {
    pub(super) fn new() -> Self {
        let fake = Fake::default();
        let cloud = fake.cloud();
        let content = Checkout::new().load().unwrap();
        let blueprint = Blueprint::new(&content, &pins(), &cloud).unwrap();
        fake.world().images.push(base_image());
        Self { fake, cloud, blueprint, told: Told::default() }
    }

    pub(super) async fn bake(&self) -> Result<Baked> {
        bake(&self.cloud, &self.blueprint, &self.told, OPTIONS).await
    }

    pub(super) fn running(&self, arn: &str, status: &str, script: &[&'static str]) {
        let mut world = self.fake.world();
        world.builds.push(Build {
            arn: arn.into(),
            status: status.into(),
            tags: self.blueprint.recipe.tags.clone(),
            ..Build::default()
        });
        world.running.insert(arn.into(), script.to_vec().into());
    }
}

#[tokio::test]
async fn builds_once_and_then_finds_it() {
    let bench = Bench::new();
    let first = bench.bake().await.unwrap();
    assert!(!first.reused && first.build_arn.is_some());
    assert!(bench.told.all().contains("step 3/6 ApplyBuildComponents"), "{}", bench.told.all());
    assert_eq!(bench.fake.count("put_object"), 2);

    let calls = bench.fake.world().calls.len();
    let second = bench.bake().await.unwrap();
    assert!(second.reused && second.ami_id == first.ami_id);
    assert_eq!(bench.fake.world().calls[calls..], ["by_digest"], "one look, nothing made");
}

#[tokio::test]
async fn a_running_build_is_waited_for_and_no_other_started() {
    let bench = Bench::new();
    bench.running("arn:running/1", "BUILDING", &["DISTRIBUTING", "AVAILABLE"]);
    let baked = bench.bake().await.unwrap();
    assert_eq!(baked.build_arn.as_deref(), Some("arn:running/1"));
    for made in ["create_image", "create_component", "put_object", "ensure_profile"] {
        assert_eq!(bench.fake.count(made), 0, "{made}");
    }
}

#[tokio::test]
async fn a_failed_build_tells_where_and_the_next_run_tries_anew() {
    let bench = Bench::new();
    bench.fake.world().scripts.push_back(vec!["BUILDING", "FAILED"]);
    let told = bench.bake().await.unwrap_err().to_string();
    for part in ["nixl-noded 1.2.3", "phase      build", "step       install", "no such file"] {
        assert!(told.contains(part), "{told}");
    }
    assert_eq!(bench.fake.count("create_image"), 1, "one run, one attempt");

    let baked = bench.bake().await.unwrap();
    assert_eq!(bench.fake.world().builds.len(), 2);
    assert!(!baked.reused);
    assert!(bench.told.all().contains("the last attempt failed (component nixl-noded 1.2.3"));
    assert_eq!(bench.fake.count("create_component"), 1, "what exists is adopted");
    assert_eq!(bench.fake.count("put_object"), 2, "what is there is not uploaded again");
}

#[tokio::test]
async fn a_failed_step_shows_its_exit_code_and_output() {
    let bench = Bench::new();
    bench.fake.world().scripts.push_back(vec!["CREATING", "BUILDING", "FAILED"]);
    let document = "Document arn:aws:imagebuilder:r:1:component/nixl-noded/1.2.3/1";
    bench.fake.world().log.push_back(vec![document, "Phase build", "Step install"]);
    bench.fake.world().log.push_back(vec![]);
    bench.fake.world().log.push_back(vec![
        "CmdExecution: Stdout: unpacking",
        "CmdExecution: Stderr: tar: no space left",
        "CmdExecution: ExitCode 2",
        "TOE has completed execution with failure - Execution failed!",
    ]);
    let told = bench.bake().await.unwrap_err().to_string();
    for part in ["exit code  2", "unpacking\n             tar: no space left", "aws logs get-log-"]
    {
        assert!(told.contains(part), "{told}");
    }
    assert!(!told.contains("line 14"), "the output says it: {told}");
    let shown = bench.told.all();
    assert!(shown.contains("step 1/1 nixl-noded / build / install"), "{shown}");
}

#[tokio::test]
async fn a_log_that_may_not_be_read_is_told_once_and_no_reason_to_stop() {
    let bench = Bench::new();
    bench.fake.fails("log_events", "AccessDeniedException", "no", 9);
    bench.running("arn:running/1", "BUILDING", &["BUILDING", "BUILDING", "AVAILABLE"]);
    bench.bake().await.unwrap();
    assert_eq!(bench.told.all().matches("log cannot be read").count(), 1);
}

#[tokio::test]
async fn how_long_builds_take_is_known_from_the_last() {
    let bench = Bench::new();
    bench.bake().await.unwrap();
    {
        let mut world = bench.fake.world();
        // The recipe's tags are on the AMI by its distribution, Image Builder's by itself.
        let mut tags = bench.blueprint.distribution.ami_tags.clone();
        tags.push(Tag::new("Ec2ImageBuilderArn", "arn:aws:imagebuilder:r:1:image/nixl/1/1"));
        tags.retain(|tag| tag.key != "nixl:digest");
        world.images.last_mut().unwrap().tags = tags;
        world.builds.clear();
        let times = ["2026-11-01T10:00:00.000Z", "2026-11-01T10:06:10.000Z"].map(str::to_owned);
        let [started, ended] = times;
        world.times = Some((started, Some(ended)));
    }
    bench.bake().await.unwrap();
    let told = bench.told.all();
    assert!(told.contains("an earlier build took 6 min, this one runs for"), "{told}");
    assert!(told.contains(" of about 6 min)"), "{told}");
}

#[tokio::test]
async fn an_old_token_is_passed_over() {
    let bench = Bench::new();
    bench.fake.world().scripts.push_back(vec!["FAILED"]);
    bench.bake().await.unwrap_err();
    // Somebody deletes the failed build: its token is still answered.
    bench.fake.world().builds.clear();
    let baked = bench.bake().await.unwrap();
    assert_eq!(baked.build_arn.as_deref(), Some("arn:image/nixl/2"));
}

#[tokio::test]
async fn an_image_whose_tags_are_not_seen_yet_is_not_built_twice() {
    let bench = Bench::new();
    let first = bench.bake().await.unwrap();
    bench.fake.world().images.iter_mut().for_each(|image| image.tags.clear());
    let again = bench.bake().await.unwrap();
    assert!(again.reused && again.ami_id == first.ami_id);
    assert_eq!(bench.fake.count("create_image"), 1);
}

#[tokio::test]
async fn a_bucket_without_files_is_finished_first() {
    let bench = Bench::new();
    bench.fake.world().bucket = true;
    bench.bake().await.unwrap();
    let calls = bench.fake.world().calls.clone();
    let at = |name: &str| calls.iter().position(|call| call == name).unwrap();
    assert!(at("put_bucket_tagging") < at("put_object"));
    assert_eq!(bench.fake.count("create_bucket"), 0);

    bench.fake.world().images.retain(|image| image.id == BASE);
    bench.bake().await.unwrap();
    assert_eq!(bench.fake.count("put_bucket_tagging"), 1, "with files in it, it is finished");
}

#[tokio::test]
async fn a_deregistered_image_is_built_again() {
    let bench = Bench::new();
    bench.bake().await.unwrap();
    bench.fake.world().images.retain(|image| image.id == BASE);
    let again = bench.bake().await.unwrap();
    assert!(!again.reused);
    assert_eq!(bench.fake.world().builds.len(), 2);
}

#[tokio::test]
async fn throttling_is_sat_out_everywhere() {
    let bench = Bench::new();
    for operation in ["list_builds", "create_component", "create_image", "get_image"] {
        bench.fake.fails(operation, "CallRateLimitExceededException", "slow down", 2);
    }
    bench.fake.fails(
        "create_infrastructure",
        "InvalidParameterValueException",
        "The value supplied for parameter 'instanceProfileName' is not valid: instance profile nixl-bake does not exist",
        2,
    );
    bench.bake().await.unwrap();
    assert_eq!(bench.fake.count("create_infrastructure"), 3);
}

#[tokio::test]
async fn what_cannot_pass_is_told_at_once() {
    let bench = Bench::new();
    bench.fake.fails("create_recipe", "ForbiddenException", "not allowed", 9);
    let told = bench.bake().await.unwrap_err().to_string();
    assert!(told.contains("ForbiddenException: not allowed"), "{told}");
    assert_eq!(bench.fake.count("create_recipe"), 1);
    assert_eq!(bench.fake.count("create_image"), 0);
}

#[tokio::test]
async fn losing_sight_of_a_build_is_no_failure() {
    let bench = Bench::new();
    bench.running("arn:running/1", "BUILDING", &["BUILDING", "AVAILABLE"]);
    bench.fake.fails("get_image", "ServiceUnavailableException", "later", 5);
    bench.bake().await.unwrap();
    assert!(bench.told.all().contains("cannot see the build just now"));
}

#[tokio::test]
async fn a_deadline_leaves_the_build_alone() {
    let bench = Bench::new();
    bench.running("arn:running/1", "BUILDING", &[]);
    let options = Options { deadline: Duration::ZERO, ..OPTIONS };
    let error = bake(&bench.cloud, &bench.blueprint, &bench.told, options).await.unwrap_err();
    assert!(matches!(error, BakeError::Deadline { .. }), "{error}");
}

#[tokio::test]
async fn a_name_taken_by_others_is_not_built_upon() {
    let bench = Bench::new();
    let component = &bench.blueprint.components[0];
    let key = format!("component/{}/{}", component.name, component.version);
    let foreign = Resource { arn: "arn:foreign".into(), tags: vec![Tag::new("owner", "x")] };
    bench.fake.world().resources.insert(key, foreign);
    let planned = plan(&bench.cloud, &bench.blueprint, PACE).await.unwrap();
    assert!(planned.lines.iter().any(|line| line.action == Action::Conflict));
    let error = bench.bake().await.unwrap_err();
    assert!(matches!(error, BakeError::Foreign { .. }), "{error}");
}

#[tokio::test]
async fn a_profile_of_others_ends_it_before_anything_is_built() {
    let bench = Bench::new();
    let arn = "arn:aws:iam::123456789012:role/nixl-bake".to_owned();
    bench.fake.world().profile = Standing::Foreign { what: "role", arn };
    let planned = plan(&bench.cloud, &bench.blueprint, PACE).await.unwrap();
    let line = planned.lines.iter().find(|line| line.what == "instance profile").unwrap();
    assert_eq!(line.action, Action::Conflict);
    let told = bench.bake().await.unwrap_err().to_string();
    assert!(told.contains("role nixl-bake exists"), "{told}");
    assert_eq!(bench.fake.count("create_component"), 0);
}

#[tokio::test]
async fn one_made_in_between_by_another_run_is_adopted() {
    let bench = Bench::new();
    // The look says nothing, the creation says it exists, the second look finds it.
    let fake = bench.fake.clone();
    let component = bench.blueprint.components[0].clone();
    bench.fake.fails(
        "create_component",
        "InvalidRequestException",
        "The component already exists",
        1,
    );
    let key = format!("component/{}/{}", component.name, component.version);
    let made = Resource { arn: "arn:theirs".into(), tags: component.tags.clone() };
    fake.world().appear_after("create_component", key, made);
    bench.bake().await.unwrap();
    assert_eq!(bench.fake.count("create_component"), 1);
}

#[tokio::test]
async fn plan_changes_nothing() {
    let bench = Bench::new();
    let planned = plan(&bench.cloud, &bench.blueprint, PACE).await.unwrap();
    assert!(planned.ami_id.is_none());
    assert_eq!(planned.lines.last().unwrap().action, Action::Create);
    let changed: Vec<String> = bench
        .fake
        .world()
        .calls
        .iter()
        .filter(|call| {
            ["create", "put", "ensure", "delete"].iter().any(|verb| call.starts_with(verb))
        })
        .cloned()
        .collect();
    assert!(changed.is_empty(), "{changed:?}");

    bench.bake().await.unwrap();
    let planned = plan(&bench.cloud, &bench.blueprint, PACE).await.unwrap();
    assert!(planned.ami_id.is_some() && planned.lines.is_empty());
}

#[tokio::test]
async fn a_base_that_was_withdrawn_is_told_before_anything_is_made() {
    let bench = Bench::new();
    bench.fake.world().images.clear();
    let error = bench.bake().await.unwrap_err();
    assert!(matches!(error, BakeError::BaseGone { .. }), "{error}");
    assert_eq!(bench.fake.count("create_component") + bench.fake.count("create_bucket"), 0);
}

#[tokio::test]
async fn plan_tells_what_changed_since_the_last_image() {
    let bench = Bench::new();
    bench.bake().await.unwrap();
    {
        // The recipe's tags are on the AMI by its distribution.
        let mut world = bench.fake.world();
        let tags = bench.blueprint.distribution.ami_tags.clone();
        world
            .images
            .iter_mut()
            .filter(|image| image.id != BASE)
            .for_each(|image| image.tags = tags.clone());
    }
    let checkout = Checkout::new();
    checkout.write("image/nixl-noded/validate.sh", "set -Eeuo pipefail\ntrue\n");
    std::fs::write(checkout.path("nixl-noded"), "another").unwrap();
    let content = checkout.load().unwrap();
    let blueprint = Blueprint::new(&content, &pins(), &bench.cloud).unwrap();
    let since = plan(&bench.cloud, &blueprint, PACE).await.unwrap().since.unwrap();
    let parts: Vec<&str> = since.changed.iter().map(|one| one.what.as_str()).collect();
    assert_eq!(parts, ["daemon", "component:nixl-noded"]);
    assert!(since.changed.iter().all(|one| one.was.is_some() && one.was != one.is));
}

#[tokio::test]
async fn an_image_tells_what_is_in_it() {
    let bench = Bench::new();
    let error = crate::show::show(&bench.cloud, &bench.fake, "ami-none").await.unwrap_err();
    assert!(matches!(error, BakeError::NoImage { .. }), "{error}");
    let error = crate::show::show(&bench.cloud, &bench.fake, BASE).await.unwrap_err();
    assert!(matches!(error, BakeError::NotBaked { .. }), "{error}");

    let mut image = crate::testing::base_image();
    image.tags = bench.blueprint.distribution.ami_tags.clone();
    for (id, daemon) in [("ami-one", "1"), ("ami-two", "2")] {
        image.id = id.to_owned();
        image.tags.retain(|tag| tag.key != "nixl:input:daemon");
        image.tags.push(Tag::new("nixl:input:daemon", daemon));
        bench.fake.world().images.push(image.clone());
    }
    let shown = crate::show::show(&bench.cloud, &bench.fake, "ami-one").await.unwrap();
    assert_eq!(shown.recipe.as_deref(), Some("nixl"));
    let names: Vec<&str> = shown.parts.keys().map(String::as_str).collect();
    assert_eq!(names, ["base", "component:nixl-noded", "daemon", "recipe"]);
    let changes = crate::show::diff(&bench.cloud, "ami-one", "ami-two").await.unwrap();
    assert_eq!((changes.parts.len(), changes.parts[0].what.as_str()), (1, "daemon"));
    assert!(crate::show::diff(&bench.cloud, "ami-one", "ami-one").await.unwrap().parts.is_empty());
}

#[test]
fn what_may_pass_is_a_matter_of_code() {
    let error = |kind| nixl_aws::AwsError {
        service: "imagebuilder",
        operation: "GetImage",
        kind,
        message: String::new(),
    };
    let service = |code: &str| error(ErrorKind::Service { code: code.into(), status: 400 });
    assert!(patience::may_pass(&service("CallRateLimitExceededException")));
    assert!(patience::may_pass(&error(ErrorKind::Ambiguous)));
    assert!(!patience::may_pass(&service("IdempotentParameterMismatchException")));
    assert!(!patience::may_pass(&error(ErrorKind::NoCredentials)));
}
