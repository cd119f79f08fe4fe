use super::*;
use crate::testing::{Checkout, Fake, Told};

const PACE: Pace = Pace { first: Duration::ZERO, longest: Duration::ZERO, tries: 3 };
const AMI: &str = "ami-new";
const PARAMETER: &str = "/nixl/ami/nixl/x86_64/latest";
const PUBLISH: &str = "[publish]\naccounts = [\"222233334444\"]\norganizations = [\"arn:aws:organizations::1:ou/o-a/ou-b\"]\ndeprecate_days = 7\n";

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
            state: "available".into(),
            architecture: "x86_64".into(),
            tags: vec![Tag::new(tag::RECIPE, "nixl")],
            ..Image::default()
        });
    }

    fn seen(&self, id: &str) -> Image {
        self.fake.world().images.iter().find(|image| image.id == id).unwrap().clone()
    }

    async fn publish(&self, id: &str) -> Result<Published> {
        let baked = Baked {
            ami_id: id.into(),
            digest: String::new(),
            reused: true,
            region: "eu-west-1".into(),
            base_ami: String::new(),
            build_arn: None,
            image: self.fake.world().images.iter().find(|image| image.id == id).cloned(),
        };
        publish(&self.fake, &self.wishes, &baked, &self.told, PACE).await
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
            "require_imds_v2",
            "sharing",
            "change_sharing",
            "get_parameter",
            "create_parameter",
            "get_parameter",
            "by_recipe",
            "deprecate",
        ]
    );
    assert!(bench.seen(AMI).imds_v2 && !bench.seen("ami-old").imds_v2);
    assert!(bench.seen("ami-old").deprecation_time.is_some());
    assert_eq!(bench.seen(AMI).deprecation_time, None);
    let shared = bench.fake.world().shared[AMI].clone();
    assert_eq!((shared.accounts.len(), shared.organizations.len(), shared.units.len()), (1, 0, 1));

    let before = bench.fake.world().calls.len();
    bench.publish(AMI).await.unwrap();
    assert_eq!(bench.fake.world().calls[before..], ["sharing", "get_parameter", "by_recipe"]);
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
