//! Proofs of the rules of snapshots.

use super::launch::{accepted, refused};
use super::{Case, Found, case, same};
use crate::rules::snapshots as rules;
use crate::state::ec2::Image;
use crate::testing::Bench;

/// An image of the account's own, and its snapshot.
fn own(bench: &Bench) -> (String, String) {
    let config = &bench.region.inner.config;
    let image = Image::new("mine".to_owned(), &config.account_id, config.base_image.clone());
    let (id, snapshot) = (image.id.clone(), image.snapshot_id.clone());
    bench.region.inner.state().ec2.images.insert(id.clone(), image);
    (id, snapshot)
}

async fn ask(bench: &Bench, request: &str) -> String {
    bench.query("ec2", &format!("Action={request}")).await.1
}

async fn there(bench: &Bench, snapshot: &str, expected: bool) -> Found {
    let shown = ask(bench, "DescribeSnapshots&Filter.1.Name=tag:k&Filter.1.Value.1=v").await;
    same(shown.contains(snapshot), expected)
}

pub fn cases() -> Vec<Case> {
    vec![
        case(&rules::IN_USE, async |bench: Bench| {
            let (image, snapshot) = own(&bench);
            let delete = format!("DeleteSnapshot&SnapshotId={snapshot}");
            refused(&ask(&bench, &delete).await, rules::IN_USE.answer)?;
            accepted(&ask(&bench, &format!("DeregisterImage&ImageId={image}")).await)?;
            accepted(&ask(&bench, &delete).await)?;
            refused(&ask(&bench, &delete).await, "InvalidSnapshot.NotFound")
        }),
        case(&rules::KEPT, async |bench: Bench| {
            for (more, kept) in [("", true), ("&DeleteAssociatedSnapshots=true", false)] {
                let (image, snapshot) = own(&bench);
                let tag = format!("CreateTags&ResourceId.1={snapshot}&Tag.1.Key=k&Tag.1.Value=v");
                accepted(&ask(&bench, &tag).await)?;
                there(&bench, &snapshot, true).await?;
                let gone = format!("DeregisterImage&ImageId={image}{more}");
                accepted(&ask(&bench, &gone).await)?;
                there(&bench, &snapshot, kept).await?;
            }
            Ok(())
        }),
    ]
}
