//! The same images in the account's other regions.

use crate::cloud::Regions;
use crate::flow::{Pace, retry};
use crate::publish::all;
use nixl_aws::ec2::Image;
use std::time::Duration;

/// A region that does not answer is told of and not waited for.
pub(crate) const PACE: Pace =
    Pace { first: Duration::from_millis(500), longest: Duration::from_secs(1), tries: 2 };

/// What was found.
#[derive(Debug, Default)]
pub struct Elsewhere {
    /// Regions, in order, each with the images there, newest first.
    pub images: Vec<(String, Vec<Image>)>,
    /// Where could not be looked, and why.
    pub unread: Vec<String>,
}

/// Images of this content, or of any that we baked, in all regions but `home`, looked
/// for at once.
pub async fn elsewhere(regions: &dyn Regions, home: &str, digest: Option<&str>) -> Elsewhere {
    let names = match retry(PACE, || async { regions.names().await }).await {
        Ok(names) => names,
        Err(why) => {
            let unread = vec![format!("other regions: {why}")];
            return Elsewhere { unread, ..Elsewhere::default() };
        }
    };
    let looks = names.into_iter().filter(|name| name != home).map(|name| async {
        let place = regions.place(&name);
        let found = retry(PACE, || async { place.images.by_digest(digest).await }).await;
        (name, found)
    });
    let mut found = Elsewhere::default();
    for (name, images) in all(looks.collect()).await {
        match images {
            Ok(images) => found.images.push((name, images)),
            Err(why) => found.unread.push(format!("{name}: {why}")),
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::list;
    use crate::show::{self, Twin};
    use crate::testing::Fake;
    use nixl_aws::Tag;
    use nixl_aws::imagebuilder::{BUILD_ARN_TAG, Build, Failure};
    use nixl_cluster::tag;

    const HOME: &str = "eu-west-1";

    /// An image of this content in a region.
    fn image(fake: &Fake, region: &str, id: &str, digest: &str) {
        fake.there(region).world().images.push(Image {
            id: id.into(),
            state: "available".into(),
            tags: vec![Tag::new(tag::DIGEST, digest)],
            ..Image::default()
        });
    }

    fn account() -> Fake {
        let fake = Fake::default();
        image(&fake, HOME, "ami-1", "one");
        image(&fake, HOME, "ami-2", "two");
        image(&fake, "us-west-2", "ami-3", "one");
        fake
    }

    #[tokio::test]
    async fn an_image_is_shown_with_its_copies_and_what_could_not_be_looked_at() {
        let fake = account();
        fake.there("eu-central-1").fails("by_digest", "UnauthorizedOperation", "no", 1);
        let shown = show::show(&fake.cloud(), &fake, "ami-1").await.unwrap();
        let (region, state) = ("us-west-2".to_owned(), "available".to_owned());
        assert_eq!(shown.copies, [Twin { region, ami_id: "ami-3".to_owned(), state }]);
        assert_eq!(shown.copies_unread.len(), 1);
        assert!(shown.copies_unread[0].starts_with("eu-central-1: "), "{shown:?}");
        assert!(show::show(&fake.cloud(), &fake, "ami-2").await.unwrap().copies.is_empty());
        fake.fails("names", "UnauthorizedOperation", "no", 1);
        let shown = show::show(&fake.cloud(), &fake, "ami-1").await.unwrap();
        assert!(shown.copies_unread[0].starts_with("other regions: "), "{shown:?}");
    }

    #[tokio::test]
    async fn a_list_of_all_regions_says_where_each_image_is() {
        let fake = account();
        let (here, _) = list::list(&fake.place(HOME)).await.unwrap();
        let (there, unread) = list::list_elsewhere(&fake, HOME).await;
        let told: Vec<String> =
            here.iter().chain(&there).map(|it| format!("{} {}", it.ami_id, it.region)).collect();
        assert_eq!(told, ["ami-1 eu-west-1", "ami-2 eu-west-1", "ami-3 us-west-2"]);
        assert!(unread.is_empty(), "{unread:?}");
    }

    /// An image that Image Builder made and did not distribute, of a build with these tags.
    fn made(fake: &Fake, region: &str, id: &str, status: &str, tags: &[Tag]) {
        let there = fake.there(region);
        let mut world = there.world();
        let arn = format!("arn:image/nixl/{id}/1");
        world.images.push(Image {
            id: id.into(),
            state: "available".into(),
            tags: vec![Tag::new(BUILD_ARN_TAG, &arn)],
            ..Image::default()
        });
        let failure = Failure { image_status: Some("TESTING".into()), ..Failure::default() };
        world.builds.push(Build {
            arn,
            status: status.into(),
            failure: (status == "FAILED").then_some(failure),
            tags: tags.to_vec(),
            ..Build::default()
        });
    }

    #[tokio::test]
    async fn a_list_says_which_images_are_tested_or_failed_their_test() {
        let fake = account();
        let ours = [Tag::new(tag::DIGEST, "three"), Tag::new(tag::VERSION, "1")];
        made(&fake, HOME, "ami-4", "FAILED", &ours);
        made(&fake, HOME, "ami-5", "FAILED", &[]);
        made(&fake, "us-west-2", "ami-6", "TESTING", &ours);
        let (here, _) = list::list(&fake.place(HOME)).await.unwrap();
        let (there, unread) = list::list_elsewhere(&fake, HOME).await;
        let told: Vec<String> =
            here.iter().chain(&there).map(|it| format!("{} {}", it.ami_id, it.state)).collect();
        let expected =
            ["ami-1 available", "ami-2 available", "ami-4 test_failed", "ami-3 available"];
        assert_eq!(told, [&expected[..], &["ami-6 testing"]].concat());
        let failed = here.last().unwrap();
        assert_eq!((failed.digest.as_str(), failed.version.as_deref()), ("three", Some("1")));
        assert!(unread.is_empty(), "{unread:?}");

        fake.fails("list_all_builds", "AccessDeniedException", "no", 1);
        let (here, unread) = list::list(&fake.place(HOME)).await.unwrap();
        assert_eq!(here.len(), 2);
        assert!(unread[0].starts_with("eu-west-1, images whose test failed: "), "{unread:?}");
    }
}
