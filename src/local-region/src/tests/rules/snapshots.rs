//! Proofs of the rules of snapshots.

use super::launch::{accepted, refused};
use super::{Case, Found, case, same};
use crate::rules::snapshots as rules;
use crate::state::ec2::Image;
use crate::testing::Bench;

/// An image of the account's own, and its snapshot.
fn own(bench: &Bench) -> (String, String) {
    encrypted(bench, None)
}

fn encrypted(bench: &Bench, key: Option<&str>) -> (String, String) {
    let config = &bench.region.inner.config;
    let new = Image::new("mine".to_owned(), &config.account_id, config.base_image.clone());
    let image = Image { kms_key: key.map(str::to_owned), ..new };
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

const ACCOUNT: &str = "222233334444";

/// `CreateVolumePermission.` and this, of a snapshot.
async fn share(bench: &Bench, snapshot: &str, more: &str) -> String {
    let more = more.replace('!', "&CreateVolumePermission.");
    ask(bench, &format!("ModifySnapshotAttribute&SnapshotId={snapshot}{more}")).await
}

async fn shared(bench: &Bench, snapshot: &str) -> String {
    let attribute = "Attribute=createVolumePermission";
    ask(bench, &format!("DescribeSnapshotAttribute&SnapshotId={snapshot}&{attribute}")).await
}

fn sharing() -> Vec<Case> {
    vec![
        case(&rules::ONE_WAY, async |bench: Bench| {
            let (_, snapshot) = own(&bench);
            accepted(&share(&bench, &snapshot, "!Add.1.UserId=222233334444").await)?;
            let older = "&Attribute=createVolumePermission&OperationType=add&UserId.1=333344445555";
            accepted(&share(&bench, &snapshot, older).await)?;
            same(shared(&bench, &snapshot).await.matches("<userId>").count(), 2)?;
            accepted(&share(&bench, &snapshot, "!Remove.1.UserId=333344445555").await)?;
            let shown = shared(&bench, &snapshot).await;
            same((shown.contains(ACCOUNT), shown.contains("333344445555")), (true, false))?;
            let both = "!Add.1.UserId=333344445555!Remove.1.UserId=222233334444";
            refused(&share(&bench, &snapshot, both).await, rules::ONE_WAY.answer)
        }),
        case(&rules::PARTY, async |bench: Bench| {
            let (_, snapshot) = own(&bench);
            accepted(&share(&bench, &snapshot, "!Add.1.Group=all").await)?;
            same(shared(&bench, &snapshot).await.contains("<group>all</group>"), true)?;
            for bad in ["UserId=2222", "Group=some"] {
                let told = share(&bench, &snapshot, &format!("!Add.1.{bad}")).await;
                refused(&told, rules::PARTY.answer)?;
            }
            Ok(())
        }),
        case(&rules::DEFAULT_KEY_SHARED, async |bench: Bench| {
            let add = "!Add.1.UserId=222233334444";
            let (_, snapshot) = encrypted(&bench, Some("alias/nixl"));
            accepted(&share(&bench, &snapshot, add).await)?;
            let (_, snapshot) = encrypted(&bench, Some("alias/aws/ebs"));
            let told = share(&bench, &snapshot, add).await;
            refused(&told, rules::DEFAULT_KEY_SHARED.answer)
        }),
        case(&rules::ENCRYPTED_PUBLIC, async |bench: Bench| {
            let (_, snapshot) = encrypted(&bench, Some("alias/nixl"));
            let told = share(&bench, &snapshot, "!Add.1.Group=all").await;
            refused(&told, rules::ENCRYPTED_PUBLIC.answer)
        }),
    ]
}

pub fn cases() -> Vec<Case> {
    let mut cases = left();
    cases.extend(sharing());
    cases
}

/// What is left of images.
fn left() -> Vec<Case> {
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
