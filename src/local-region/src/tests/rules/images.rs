//! Proofs of the rules of images.

use super::launch::{accepted, refused};
use super::{Case, Found, case, same};
use crate::rules::images as rules;
use crate::state::ec2::Image;
use crate::testing::{Bench, element};

/// An image of the account's own.
pub fn own(bench: &Bench, key: Option<&str>) -> String {
    let config = &bench.region.inner.config;
    let new = Image::new("mine".to_owned(), &config.account_id, config.base_image.clone());
    let image = Image { kms_key: key.map(str::to_owned), ..new };
    let id = image.id.clone();
    bench.region.inner.state().ec2.images.insert(id.clone(), image);
    id
}

/// The image of somebody else.
fn debian(bench: &Bench) -> String {
    let state = bench.region.inner.state();
    state.ec2.images.values().find(|image| image.public).unwrap().id.clone()
}

async fn ask(bench: &Bench, operation: &str, image: &str, more: &str) -> String {
    bench.query("ec2", &format!("Action={operation}&ImageId={image}{more}")).await.1
}

async fn modify(bench: &Bench, image: &str, more: &str) -> String {
    ask(bench, "ModifyImageAttribute", image, more).await
}

async fn attribute(bench: &Bench, image: &str, name: &str) -> String {
    ask(bench, "DescribeImageAttribute", image, &format!("&Attribute={name}")).await
}

async fn described(bench: &Bench, more: &str) -> String {
    bench.query("ec2", &format!("Action=DescribeImages{more}")).await.1
}

const SHARE: &str = "&LaunchPermission.Add.1.UserId=222233334444";
const PUBLISH: &str = "&LaunchPermission.Add.1.Group=all";
const IMDS_V2: &str = "&ImdsSupport.Value=v2.0";

fn sharing() -> Vec<Case> {
    vec![
        case(&rules::OWNER, async |bench: Bench| {
            let debian = debian(&bench);
            refused(&modify(&bench, &debian, IMDS_V2).await, "AuthFailure")?;
            refused(&attribute(&bench, &debian, "launchPermission").await, "AuthFailure")
        }),
        case(&rules::ONE_ATTRIBUTE, async |bench: Bench| {
            let image = own(&bench, None);
            let both = format!("{SHARE}{IMDS_V2}");
            refused(&modify(&bench, &image, &both).await, rules::ONE_ATTRIBUTE.answer)?;
            refused(&modify(&bench, &image, "").await, rules::ONE_ATTRIBUTE.answer)
        }),
        case(&rules::PARTY, async |bench: Bench| {
            let image = own(&bench, None);
            for good in [
                SHARE,
                "&LaunchPermission.Add.1.OrganizationArn=arn:aws:organizations::1:organization/o-a",
                "&Attribute=launchPermission&OperationType=add&UserId.1=333344445555",
            ] {
                accepted(&modify(&bench, &image, good).await)?;
            }
            let shown = attribute(&bench, &image, "launchPermission").await;
            same(shown.matches("<item>").count(), 3)?;
            let gone = "&LaunchPermission.Remove.1.UserId=222233334444";
            accepted(&modify(&bench, &image, gone).await)?;
            let shown = attribute(&bench, &image, "launchPermission").await;
            same((shown.matches("<item>").count(), shown.contains("3333")), (2, true))?;
            for bad in ["UserId=2222", "Group=some", "OrganizationArn=o-a"] {
                let bad = format!("&LaunchPermission.Add.1.{bad}");
                refused(&modify(&bench, &image, &bad).await, rules::PARTY.answer)?;
            }
            Ok(())
        }),
        case(&rules::DEFAULT_KEY_SHARED, async |bench: Bench| {
            let image = own(&bench, Some("alias/nixl"));
            accepted(&modify(&bench, &image, SHARE).await)?;
            let image = own(&bench, Some("alias/aws/ebs"));
            refused(&modify(&bench, &image, SHARE).await, rules::DEFAULT_KEY_SHARED.answer)
        }),
        case(&rules::ENCRYPTED_PUBLIC, async |bench: Bench| {
            let image = own(&bench, None);
            accepted(&modify(&bench, &image, PUBLISH).await)?;
            same(attribute(&bench, &image, "launchPermission").await.contains("all"), true)?;
            let image = own(&bench, Some("alias/nixl"));
            refused(&modify(&bench, &image, PUBLISH).await, rules::ENCRYPTED_PUBLIC.answer)
        }),
    ]
}

/// Tokens and hop limit of a launch of an image that wants them.
async fn launched(bench: &Bench, more: &str) -> Result<(String, String), String> {
    let image = own(bench, None);
    accepted(&modify(bench, &image, IMDS_V2).await)?;
    let call = format!(
        "Action=RunInstances&ImageId={image}&InstanceType=g5.12xlarge&MinCount=1&MaxCount=1{more}"
    );
    let (_, text) = bench.query("ec2", &call).await;
    accepted(&text)?;
    Ok((
        element(&text, "httpTokens").to_owned(),
        element(&text, "httpPutResponseHopLimit").to_owned(),
    ))
}

fn told(tokens: &str, hops: &str) -> (String, String) {
    (tokens.to_owned(), hops.to_owned())
}

fn metadata() -> Vec<Case> {
    vec![
        case(&rules::IMDS_ONE_WAY, async |bench: Bench| {
            let image = own(&bench, None);
            accepted(&modify(&bench, &image, IMDS_V2).await)?;
            for value in ["v1.0", "none", ""] {
                let back = format!("&ImdsSupport.Value={value}");
                refused(&modify(&bench, &image, &back).await, rules::IMDS_ONE_WAY.answer)?;
            }
            let shown = described(&bench, &format!("&ImageId.1={image}")).await;
            same(element(&shown, "imdsSupport"), "v2.0")?;
            let shown = attribute(&bench, &image, "imdsSupport").await;
            same(element(element(&shown, "imdsSupport"), "value"), "v2.0")
        }),
        case(&rules::IMDS_DEFAULT, async |bench: Bench| {
            same(launched(&bench, "").await?, told("required", "2"))?;
            let own = "&MetadataOptions.HttpTokens=optional";
            same(launched(&bench, own).await?, told("optional", "1"))
        }),
    ]
}

fn deprecation() -> Vec<Case> {
    vec![
        case(&rules::DEPRECATE_AT, async |bench: Bench| {
            let image = own(&bench, None);
            let at = async |at: &str| {
                ask(&bench, "EnableImageDeprecation", &image, &format!("&DeprecateAt={at}")).await
            };
            accepted(&at("2030-01-01T00:00:31Z").await)?;
            let shown = described(&bench, &format!("&ImageId.1={image}")).await;
            same(element(&shown, "deprecationTime"), "2030-01-01T00:01:00.000Z")?;
            for bad in ["2020-01-01T00:00:00Z", "2060-01-01T00:00:00Z"] {
                refused(&at(bad).await, rules::DEPRECATE_AT.answer)?;
            }
            accepted(&ask(&bench, "DisableImageDeprecation", &image, "").await)?;
            let shown = described(&bench, &format!("&ImageId.1={image}")).await;
            same(shown.contains("deprecationTime"), false)
        }),
        case(&rules::DEPRECATED_HIDDEN, async |bench: Bench| {
            let (mine, debian) = (own(&bench, None), debian(&bench));
            let long_ago = Some(jiff::Timestamp::UNIX_EPOCH);
            for image in bench.region.inner.state().ec2.images.values_mut() {
                image.deprecated_at = long_ago;
            }
            let all = described(&bench, "").await;
            same((all.contains(&mine), all.contains(&debian)), (true, false))?;
            for more in ["&IncludeDeprecated=true", &format!("&ImageId.1={debian}")] {
                same(described(&bench, more).await.contains(&debian), true)?;
            }
            Ok(())
        }),
        case(&rules::SHARED, shared_are_seen),
        case(&rules::EXECUTABLE_BY, executable_by),
        case(&rules::TAGS_PRIVATE, tags_are_private),
    ]
}

async fn tags_are_private(bench: Bench) -> Found {
    let (mine, debian) = (own(&bench, None), debian(&bench));
    let tags = crate::api::tags::Tags::from([("k".to_owned(), "v".to_owned())]);
    for id in [&mine, &debian] {
        bench.region.inner.state().ec2.tags.insert(id.clone(), tags.clone());
    }
    let found = described(&bench, "&Filter.1.Name=tag:k&Filter.1.Value.1=v").await;
    same((found.contains(&mine), found.contains(&debian)), (true, false))?;
    same(described(&bench, "").await.matches("<key>k</key>").count(), 1)
}

/// One of ours, and two that were another account's all along: shared with us, and not.
async fn of_others(bench: &Bench) -> (String, String, String) {
    let named = |name: &str| {
        let config = &bench.region.inner.config;
        let image = Image::new(name.to_owned(), "222233334444", config.base_image.clone());
        let id = image.id.clone();
        bench.region.inner.state().ec2.images.insert(id.clone(), image);
        id
    };
    let (shared, private) = (named("shared"), named("private"));
    let setting = crate::settings::Setting::ImageOwner {
        image: shared.clone(),
        account: "222233334444".to_owned(),
    };
    setting.apply(&bench.region.inner).unwrap();
    (own(bench, None), shared, private)
}

async fn shared_are_seen(bench: Bench) -> Found {
    let (mine, shared, private) = of_others(&bench).await;
    for more in ["", "&Owner.1=222233334444", &format!("&ImageId.1={shared}")] {
        same(described(&bench, more).await.contains(&shared), true)?;
    }
    same(described(&bench, "&Owner.1=self").await.contains(&mine), true)?;
    same(described(&bench, "&Owner.1=self").await.contains(&shared), false)?;
    let by_id = format!("&ImageId.1={private}");
    same(described(&bench, &by_id).await.contains(&private), false)
}

async fn executable_by(bench: Bench) -> Found {
    // The only one of others until then.
    let debian = debian(&bench);
    let (mine, shared, private) = of_others(&bench).await;
    accepted(&modify(&bench, &mine, "&LaunchPermission.Add.1.UserId=333344445555").await)?;
    let account = bench.region.inner.config.account_id.clone();
    for (user, expected) in [
        ("self", [false, true, false, false]),
        (account.as_str(), [false, true, false, false]),
        ("333344445555", [true, false, false, false]),
        ("all", [false, false, false, true]),
    ] {
        let found = described(&bench, &format!("&ExecutableBy.1={user}")).await;
        same([&mine, &shared, &private, &debian].map(|id| found.contains(id)), expected)?;
    }
    Ok(())
}

pub fn cases() -> Vec<Case> {
    [sharing(), metadata(), deprecation()].into_iter().flatten().collect()
}
