//! Proofs of the rules of images in several regions.

use super::images::own;
use super::launch::{accepted, refused};
use super::{Case, Found, case, same};
use crate::api::tags::Tags;
use crate::rules::images as rules;
use crate::testing::{Bench, element};
use crate::windows::IMAGE_COPIED;
use jiff::SignedDuration;

const THERE: &str = "eu-west-1";

async fn ask(bench: &Bench, call: &str) -> String {
    bench.query_in(THERE, "ec2", call).await
}

/// Copies an image to another region; the copy is there at once.
async fn copy(bench: &Bench, image: &str, more: &str) -> String {
    bench.region.inner.windows.set(IMAGE_COPIED.name, Some(SignedDuration::ZERO));
    copy_late(bench, image, more).await
}

async fn copy_late(bench: &Bench, image: &str, more: &str) -> String {
    let from = format!("SourceRegion=us-east-1&SourceImageId={image}");
    ask(bench, &format!("Action=CopyImage&{from}&Name=copy{more}")).await
}

fn id(text: &str) -> Result<String, String> {
    accepted(text)?;
    Ok(element(text, "imageId").to_owned())
}

async fn described(bench: &Bench, image: &str) -> String {
    ask(bench, &format!("Action=DescribeImages&ImageId.1={image}")).await
}

async fn regional(bench: Bench) -> Found {
    let image = own(&bench, None);
    refused(&described(&bench, &image).await, rules::REGIONAL.answer)?;
    let copied = id(&copy(&bench, &image, "").await)?;
    accepted(&described(&bench, &copied).await)?;
    let here = format!("Action=DescribeImages&ImageId.1={copied}");
    refused(&bench.query("ec2", &here).await.1, rules::REGIONAL.answer)?;
    // And back, under another id.
    let from = format!("SourceRegion={THERE}&SourceImageId={copied}");
    let (_, text) = bench.query("ec2", &format!("Action=CopyImage&{from}&Name=back")).await;
    same([&image, &copied].contains(&&id(&text)?), false)?;
    refused(&ask(&bench, "Action=DescribeVpcs").await, "InvalidAction")?;
    refused(&bench.query_in("eu-south-9", "ec2", &here).await, "AuthFailure")
}

async fn pending(bench: Bench) -> Found {
    let image = own(&bench, None);
    bench.region.inner.windows.set(IMAGE_COPIED.name, Some(SignedDuration::from_secs(60)));
    let copied = id(&copy_late(&bench, &image, "").await)?;
    same(element(&described(&bench, &copied).await, "imageState"), "pending")?;
    let modify = format!("Action=ModifyImageAttribute&ImageId={copied}&ImdsSupport.Value=v2.0");
    refused(&ask(&bench, &modify).await, rules::COPY_PENDING.answer)?;
    bench.region.inner.clock.advance(SignedDuration::from_secs(61));
    same(element(&described(&bench, &copied).await, "imageState"), "available")?;
    accepted(&ask(&bench, &modify).await)
}

async fn tags(bench: Bench) -> Found {
    let image = own(&bench, None);
    {
        let mut state = bench.region.inner.state();
        state.ec2.tags.insert(image.clone(), Tags::from([("k".to_owned(), "v".to_owned())]));
    }
    let share = "LaunchPermission.Add.1.UserId=222233334444";
    let share = format!("Action=ModifyImageAttribute&ImageId={image}&{share}");
    accepted(&bench.query("ec2", &share).await.1)?;
    let specified = "&TagSpecification.1.ResourceType=image&TagSpecification.1.Tag.1.Key=own&TagSpecification.1.Tag.1.Value=w";
    let copied = id(&copy(&bench, &image, specified).await)?;
    let text = described(&bench, &copied).await;
    same((text.contains("<key>k</key>"), text.contains("<key>own</key>")), (false, true))?;
    let permissions =
        format!("Action=DescribeImageAttribute&Attribute=launchPermission&ImageId={copied}");
    same(ask(&bench, &permissions).await.contains("2222"), false)?;
    let more = format!("{specified}&CopyImageTags=true&Name=another");
    let copied = id(&copy(&bench, &image, &more).await)?;
    let text = described(&bench, &copied).await;
    same((text.contains("<key>k</key>"), text.contains("<key>own</key>")), (true, true))
}

pub fn cases() -> Vec<Case> {
    vec![
        case(&rules::REGIONAL, regional),
        case(&rules::COPY_PENDING, pending),
        case(&rules::COPY_TAGS, tags),
        case(&rules::NAME_TAKEN, async |bench: Bench| {
            let image = own(&bench, None);
            accepted(&copy(&bench, &image, "").await)?;
            refused(&copy(&bench, &image, "").await, rules::NAME_TAKEN.answer)
        }),
        case(&rules::COPY_TOKEN, async |bench: Bench| {
            let image = own(&bench, None);
            let first = id(&copy(&bench, &image, "&ClientToken=t").await)?;
            same(id(&copy(&bench, &image, "&ClientToken=t").await)?, first)
        }),
        case(&rules::COPY_KEY, async |bench: Bench| {
            let image = own(&bench, None);
            let key = "&KmsKeyId=alias/nixl";
            refused(&copy(&bench, &image, key).await, rules::COPY_KEY.answer)?;
            let copied = id(&copy(&bench, &image, &format!("{key}&Encrypted=true")).await)?;
            same(described(&bench, &copied).await.contains("<encrypted>true<"), true)
        }),
        case(&rules::COPY_ENCRYPTED, async |bench: Bench| {
            let image = own(&bench, Some("alias/nixl"));
            let plain = copy(&bench, &image, "&Encrypted=false").await;
            refused(&plain, rules::COPY_ENCRYPTED.answer)?;
            let copied = id(&copy(&bench, &image, "").await)?;
            let share = "LaunchPermission.Add.1.UserId=222233334444";
            let share = format!("Action=ModifyImageAttribute&ImageId={copied}&{share}");
            refused(&ask(&bench, &share).await, rules::DEFAULT_KEY_SHARED.answer)
        }),
    ]
}
