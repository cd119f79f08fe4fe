use super::*;
use crate::testing::{Checkout, Fake, Told};

const OPTIONS: Options = Options {
    deadline: Duration::from_secs(30),
    pace: Pace { first: Duration::ZERO, longest: Duration::ZERO, tries: 3 },
};
const AMI: &str = "ami-new";
const PARAMETER: &str = "/nixl/ami/nixl/x86_64/latest";
const PUBLISH: &str = "[publish]\naccounts = [\"222233334444\"]\norganizations = [\"arn:aws:organizations::1:ou/o-a/ou-b\"]\ndeprecate_days = 7\ncopyable = true\n";

struct Bench {
    fake: Fake,
    wishes: Wishes,
    told: Told,
}

impl Bench {
    fn new(publish: &str) -> Self {
        let checkout = Checkout::new();
        let path = checkout.path("image/recipe.toml");
        let recipe = std::fs::read_to_string(&path).unwrap();
        std::fs::write(&path, recipe + publish).unwrap();
        let fake = Fake::default();
        let wishes = Wishes::new(&checkout.load().unwrap().recipe);
        let bench = Self { fake, wishes, told: Told::default() };
        bench.image("ami-old");
        bench.image(AMI);
        bench
    }

    fn image(&self, id: &str) {
        self.fake.world().images.push(Image {
            id: id.into(),
            snapshot_ids: vec![format!("snap-of-{id}")],
            state: "available".into(),
            architecture: "x86_64".into(),
            tags: vec![Tag::new(tag::RECIPE, "nixl"), Tag::new(tag::DIGEST, id)],
            ..Image::default()
        });
    }

    fn seen(&self, id: &str) -> Image {
        self.fake.world().images.iter().find(|image| image.id == id).unwrap().clone()
    }

    async fn publish(&self, id: &str) -> Result<Published> {
        let baked = Baked {
            shared_by: None,
            ami_id: id.into(),
            digest: String::new(),
            reused: true,
            region: "eu-west-1".into(),
            base_ami: String::new(),
            build_arn: None,
            tested_on: None,
            image: self.fake.world().images.iter().find(|image| image.id == id).cloned(),
        };
        publish(&self.fake, &self.wishes, &baked, &self.told, OPTIONS).await
    }

    fn value(&self) -> String {
        self.fake.world().parameters[PARAMETER].0.clone()
    }
}

#[tokio::test]
async fn an_image_gets_what_the_recipe_wishes_and_the_parameter_last() {
    let bench = Bench::new(PUBLISH);
    let published = bench.publish(AMI).await.unwrap();
    assert_eq!(published.parameter, PARAMETER);
    assert_eq!(
        bench.fake.world().calls,
        [
            "sharing",
            "snapshot_sharing",
            "get_parameter",
            "by_recipe",
            "require_imds_v2",
            "change_sharing",
            "change_snapshot_sharing",
            "create_parameter",
            "get_parameter",
            "deprecate",
        ]
    );
    assert!(bench.seen(AMI).imds_v2 && !bench.seen("ami-old").imds_v2);
    assert!(bench.seen("ami-old").deprecation_time.is_some());
    assert_eq!(bench.seen(AMI).deprecation_time, None);
    let shared = bench.fake.world().shared[AMI].clone();
    assert_eq!((shared.accounts.len(), shared.organizations.len(), shared.units.len()), (1, 0, 1));
    assert_eq!(bench.fake.world().snapshots_shared["snap-of-ami-new"], shared.accounts);

    let before = bench.fake.world().calls.len();
    bench.publish(AMI).await.unwrap();
    assert_eq!(
        bench.fake.world().calls[before..],
        ["sharing", "snapshot_sharing", "get_parameter", "by_recipe"]
    );
}

#[tokio::test]
async fn without_wishes_one_look_is_enough() {
    let bench = Bench::new("");
    bench.publish(AMI).await.unwrap();
    let before = bench.fake.world().calls.len();
    bench.publish(AMI).await.unwrap();
    assert_eq!(bench.fake.world().calls[before..], ["get_parameter"]);
    assert_eq!(bench.fake.count("sharing") + bench.fake.count("by_recipe"), 0);
}

#[tokio::test]
async fn an_earlier_image_can_be_the_latest_again() {
    let bench = Bench::new(PUBLISH);
    bench.publish(AMI).await.unwrap();
    bench.publish("ami-old").await.unwrap();
    assert_eq!(bench.value(), "ami-old");
    assert_eq!(bench.seen("ami-old").deprecation_time, None);
    assert!(bench.seen(AMI).deprecation_time.is_some());
}

#[tokio::test]
async fn who_is_not_named_any_more_loses_it() {
    let bench = Bench::new("[publish]\naccounts = []\n");
    let other = Sharing { accounts: ["333344445555".to_owned()].into(), ..Sharing::default() };
    bench.fake.world().shared.insert(AMI.into(), other);
    bench.publish(AMI).await.unwrap();
    assert!(bench.fake.world().shared[AMI].is_empty());
    assert_eq!(bench.fake.count("snapshot_sharing"), 0, "the recipe says nothing of copies");
    assert!(bench.told.all().contains("may be launched by nobody else"), "{}", bench.told.all());
}

#[tokio::test]
async fn a_parameter_of_somebody_else_is_left_alone() {
    let bench = Bench::new("");
    let theirs = ("ami-theirs".to_owned(), vec![Tag::new("owner", "x")]);
    bench.fake.world().parameters.insert(PARAMETER.into(), theirs);
    let error = bench.publish(AMI).await.unwrap_err();
    assert!(error.to_string().contains("was not made by nixl-bake for recipe nixl"), "{error}");
    assert_eq!((error.code(), bench.value().as_str()), ("bake.unpublished", "ami-theirs"));
}

#[tokio::test]
async fn a_creation_whose_answer_was_lost_is_found() {
    let bench = Bench::new("");
    bench.fake.fails("create_parameter", "ParameterAlreadyExists", "", 1);
    // Nothing is there at the look behind it: it has gone again, and is made.
    bench.publish(AMI).await.unwrap();
    assert_eq!(bench.fake.world().parameters[PARAMETER].1, bench.wishes.parameter_tags);
    assert_eq!(bench.fake.count("set_parameter"), 0);
}

#[tokio::test]
async fn throttling_is_sat_out_and_a_refusal_told_with_the_image() {
    let bench = Bench::new("");
    bench.fake.fails("require_imds_v2", "RequestLimitExceeded", "slow down", 2);
    bench.publish(AMI).await.unwrap();
    bench.image("ami-more");
    bench.fake.fails("require_imds_v2", "UnauthorizedOperation", "not allowed", 1);
    let told = bench.publish("ami-more").await.unwrap_err().to_string();
    for part in ["ami-more is baked", "UnauthorizedOperation", "run the same command again"] {
        assert!(told.contains(part), "{told}");
    }
    assert_eq!(bench.value(), AMI, "the parameter names what is finished");
}

const ELSEWHERE: &str = "[publish]\nregions = [\"us-west-2\", \"eu-central-1\", \"eu-west-1\"]\naccounts = [\"222233334444\"]\n";

#[tokio::test]
async fn further_regions_get_a_copy_each_that_is_offered_as_the_image_is() {
    let bench = Bench::new(ELSEWHERE);
    let published = bench.publish(AMI).await.unwrap();
    let regions: Vec<&str> = published.copies.iter().map(|copy| copy.region.as_str()).collect();
    assert_eq!(regions, ["eu-central-1", "us-west-2"]);
    let there = bench.fake.there("us-west-2");
    let copy = published.copies[1].ami_id.clone();
    assert_eq!(there.world().parameters[PARAMETER].0, copy);
    assert_eq!(there.world().shared[&copy].accounts.len(), 1);
    let image = there.world().images[0].clone();
    assert!(image.imds_v2 && image.state == "available");
    assert_eq!(Tag::find(&image.tags, tag::DIGEST), Some(AMI));
    assert_eq!(bench.fake.count("copy"), 0, "it is at home already");

    let before = there.world().calls.len();
    assert_eq!(bench.publish(AMI).await.unwrap(), published);
    assert_eq!(there.world().calls[before..], ["by_digest", "sharing", "get_parameter"]);
}

#[tokio::test]
async fn a_copy_under_way_is_waited_for_and_a_removed_one_made_anew() {
    let bench = Bench::new(ELSEWHERE);
    let there = bench.fake.there("us-west-2");
    let first = bench.publish(AMI).await.unwrap().copies.remove(1);
    there.world().images[0].state = "pending".into();
    assert_eq!(bench.publish(AMI).await.unwrap().copies[1], first);
    assert_eq!(there.count("copy"), 1);
    // Its token is still answered with it.
    there.world().images.clear();
    let second = bench.publish(AMI).await.unwrap().copies.remove(1);
    assert_ne!(second, first);
    assert_eq!((there.count("copy"), there.world().images.len()), (3, 1));
}

#[tokio::test]
async fn what_fails_in_one_region_keeps_no_other_from_its_image() {
    let bench = Bench::new(ELSEWHERE);
    bench.fake.there("us-west-2").fails("copy", "UnauthorizedOperation", "no", 1);
    let told = bench.publish(AMI).await.unwrap_err().to_string();
    assert!(told.contains("could not be published in us-west-2"), "{told}");
    assert!(!told.contains("eu-central-1"), "{told}");
    assert!(bench.fake.there("eu-central-1").world().parameters.contains_key(PARAMETER));
    assert_eq!(bench.value(), AMI);
    assert_eq!(bench.publish(AMI).await.unwrap().copies.len(), 2, "a further run goes on");
}

#[tokio::test]
async fn a_failed_copy_is_told_and_the_next_run_copies_under_another_name() {
    let bench = Bench::new(ELSEWHERE);
    bench.publish(AMI).await.unwrap();
    let there = bench.fake.there("us-west-2");
    there.world().images[0].state = "failed".into();
    bench.publish(AMI).await.unwrap();
    let names: Vec<String> = there.world().images.iter().map(|one| one.name.clone()).collect();
    assert_eq!(names.len(), 2);
    assert_ne!(names[0], names[1]);
}

impl Bench {
    async fn outlook(&self, image: Option<&Image>) -> Vec<String> {
        let subject = Subject { digest: AMI, home: "eu-west-1", image };
        let told = |one: &Outlook| {
            let deeds = one.deeds.iter().map(|deed| deed.told(one.ami_id.as_deref()));
            let all: Vec<String> = deeds.chain(one.problem.clone()).collect();
            format!("{}: {}", one.region, all.join("; "))
        };
        outlook(&self.fake, &self.wishes, subject, OPTIONS.pace).await.iter().map(told).collect()
    }
}

#[tokio::test]
async fn an_outlook_tells_what_publishing_does_and_does_nothing() {
    let bench = Bench::new(&format!("{ELSEWHERE}copyable = true\ndeprecate_days = 7\n"));
    let calls = |region: &str| bench.fake.there(region).world().calls.clone();
    let rest = "may be launched by 222233334444; the image may be copied by 222233334444; /nixl/ami/nixl/x86_64/latest is the image";
    let rest = format!("instances of the image need IMDSv2; the image {rest}");
    let old = "ami-new is deprecated in 7 days; ami-old is deprecated in 7 days";
    let copied = |region| format!("{region}: the image is copied from eu-west-1; {rest}");
    let wanted = [format!("eu-west-1: {rest}; {old}"), copied("eu-central-1"), copied("us-west-2")];
    assert_eq!(bench.outlook(None).await, wanted);
    let looks = ["snapshot_sharing", "sharing", "get_parameter", "by_recipe", "by_digest"];
    for region in ["eu-west-1", "us-west-2"] {
        assert!(calls(region).iter().all(|call| looks.contains(&call.as_str())));
    }

    bench.publish(AMI).await.unwrap();
    let nothing = ["eu-west-1: ", "eu-central-1: ", "us-west-2: "];
    assert_eq!(bench.outlook(Some(&bench.seen(AMI))).await, nothing, "and then all of it is done");
    let there = bench.fake.there("us-west-2");
    there.world().images[0].state = "pending".into();
    let told = bench.outlook(Some(&bench.seen(AMI))).await;
    assert!(told[2].ends_with("is being copied"), "{told:?}");
}

#[tokio::test]
async fn an_outlook_tells_what_stands_in_the_way_of_each_region() {
    let bench = Bench::new(ELSEWHERE);
    let theirs = ("ami-theirs".to_owned(), Vec::new());
    bench.fake.world().parameters.insert(PARAMETER.into(), theirs);
    bench.fake.there("us-west-2").fails("by_digest", "UnauthorizedOperation", "no", 1);
    let told = bench.outlook(Some(&bench.seen(AMI))).await;
    assert!(told[0].contains("(was ami-theirs)"), "{told:?}");
    assert!(told[0].contains("was not made by nixl-bake for recipe nixl"), "{told:?}");
    assert!(!told[1].contains("not made"), "{told:?}");
    assert!(told[2].contains("UnauthorizedOperation"), "{told:?}");
}
