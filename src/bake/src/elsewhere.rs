//! The same images in the account's other regions.

use crate::cloud::Regions;
use crate::flow::{Pace, retry};
use crate::publish::all;
use nixl_aws::ec2::Image;
use std::time::Duration;

/// A region that does not answer is told of and not waited for.
const PACE: Pace =
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
        let here = list::list(&fake, HOME).await.unwrap();
        let (there, unread) = list::list_elsewhere(&fake, HOME).await;
        let told: Vec<String> =
            here.iter().chain(&there).map(|it| format!("{} {}", it.ami_id, it.region)).collect();
        assert_eq!(told, ["ami-1 eu-west-1", "ami-2 eu-west-1", "ami-3 us-west-2"]);
        assert!(unread.is_empty(), "{unread:?}");
    }
}
