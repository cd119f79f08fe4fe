//! The bucket of MLflow: as `up` makes it, whoever has changed it since.

use super::{Bucket, Facts, fix, unread};
use crate::check::Check;
use crate::keys;
use crate::plan::{bucket_policy, is_ours};
use nixl_aws::Tag;
use nixl_aws::ec2::Instance;
use serde_json::Value;

const NAME: &str = "mlflow-bucket";

pub(super) fn judge(facts: &Facts, nodes: &[Instance]) -> Check {
    let bucket = match &facts.tracking_bucket {
        Err(error) => return unread(NAME, error),
        Ok(None) => {
            let found = "it is gone, with all artifacts";
            return Check::fail(NAME, found, format!("{} makes an empty one", fix::up(nodes)));
        }
        Ok(Some(bucket)) => bucket,
    };
    let name = &bucket.name;
    if !bucket.tags.is_empty() && !is_ours(&facts.cluster, &bucket.tags) {
        let found = format!("{name} is there and not this cluster's");
        return Check::fail(NAME, found, "choose another --cluster");
    }
    let wrong = wrong(bucket, &facts.region);
    if let Some((found, fix)) = wrong.into_iter().next() {
        return Check::warn(NAME, format!("{name} {found}"), fix);
    }
    // What is mended is written again by `up` where the tag of its settings is gone.
    let marked = Tag::find(&bucket.tags, keys::BUCKET) == Some(keys::BUCKET_SETTINGS);
    if !marked {
        let found = format!("{name} lacks the tag {}", keys::BUCKET);
        return Check::warn(NAME, found, format!("{} writes its settings and it", fix::up(nodes)));
    }
    let key = bucket.settings.kms_key.as_deref().unwrap_or("keys of S3");
    Check::pass(NAME, format!("{name}, encrypted with {key}, closed to the public, TLS only"))
}

/// What is not as it was made, each with the command that mends it.
fn wrong(bucket: &Bucket, region: &str) -> Vec<(String, String)> {
    let Bucket { name, tags, settings } = bucket;
    let mut wrong = Vec::new();
    let mut add = |found: String, put: String| wrong.push((found, format!("`aws s3api {put}`")));
    if !settings.is_closed {
        add(
            "does not refuse all public access".to_owned(),
            format!(
                "put-public-access-block --bucket {name} --public-access-block-configuration BlockPublicAcls=true,IgnorePublicAcls=true,BlockPublicPolicy=true,RestrictPublicBuckets=true"
            ),
        );
    }
    let policy = bucket_policy(region, name);
    let denies = settings.policy.as_deref().is_some_and(|text| tls_only(text, &policy));
    if !denies {
        add(
            "lets in who comes without TLS".to_owned(),
            format!("put-bucket-policy --bucket {name} --policy '{policy}'"),
        );
    }
    let key = Tag::find(tags, keys::KMS_KEY);
    if !settings.is_encrypted || settings.kms_key.as_deref() != key {
        let has = settings.kms_key.as_deref().unwrap_or("keys of S3");
        let rule = match key {
            Some(key) => format!(
                r#"{{"ApplyServerSideEncryptionByDefault":{{"SSEAlgorithm":"aws:kms","KMSMasterKeyID":"{key}"}},"BucketKeyEnabled":true}}"#
            ),
            None => {
                r#"{"ApplyServerSideEncryptionByDefault":{"SSEAlgorithm":"AES256"}}"#.to_owned()
            }
        };
        add(
            format!("encrypts with {has}, and was made with {}", key.unwrap_or("keys of S3")),
            format!(
                "put-bucket-encryption --bucket {name} --server-side-encryption-configuration '{{\"Rules\":[{rule}]}}'"
            ),
        );
    }
    wrong
}

/// Whether the statement that denies is in a policy, which may say more.
fn tls_only(text: &str, wanted: &Value) -> bool {
    let Ok(policy) = serde_json::from_str::<Value>(text) else { return false };
    let statements = match &policy["Statement"] {
        Value::Array(statements) => statements.as_slice(),
        one => std::slice::from_ref(one),
    };
    let wanted = &wanted["Statement"][0];
    statements.iter().any(|statement| {
        ["Effect", "Principal", "Action", "Condition"].iter().all(|it| statement[it] == wanted[it])
            && covers(&statement["Resource"], &wanted["Resource"])
    })
}

fn covers(said: &Value, wanted: &Value) -> bool {
    let said = match said {
        Value::Array(said) => said.as_slice(),
        one => std::slice::from_ref(one),
    };
    wanted
        .as_array()
        .into_iter()
        .flatten()
        .all(|it| said.contains(it) || said.contains(&"*".into()))
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::doctor::tests::healthy;
    use crate::plan::bucket_tags;
    use nixl_aws::s3::BucketSettings;
    use nixl_cluster::check::Verdict;
    use nixl_cluster::tag;

    /// As `up` makes it.
    pub(in crate::doctor) fn as_made() -> Bucket {
        let settings = BucketSettings {
            is_encrypted: true,
            kms_key: None,
            is_closed: true,
            policy: Some(bucket_policy("us-east-1", "b").to_string()),
        };
        let tags = bucket_tags(None, &Default::default(), None);
        Bucket { name: "b".to_owned(), tags, settings }
    }

    fn judged(change: impl FnOnce(&mut Bucket)) -> Check {
        let mut bucket = as_made();
        change(&mut bucket);
        judge(&Facts { tracking_bucket: Ok(Some(bucket)), ..healthy() }, &[])
    }

    #[test]
    fn one_that_was_changed_has_the_command_that_mends_it() {
        let fix = |change: &dyn Fn(&mut Bucket)| judged(change).fix.unwrap_or_default();
        assert_eq!(judged(|_| {}).verdict, Verdict::Pass);
        assert!(fix(&|it| it.settings.is_closed = false).contains("put-public-access-block"));
        assert!(fix(&|it| it.settings.policy = None).contains("put-bucket-policy"));
        assert!(fix(&|it| it.settings.is_encrypted = false).contains("AES256"));
        let key = |it: &mut Bucket| it.tags.push(Tag::new(keys::KMS_KEY, "arn:k"));
        assert!(fix(&key).contains(r#""KMSMasterKeyID":"arn:k""#));
        assert!(fix(&|it| it.settings.kms_key = Some("arn:k".to_owned())).contains("AES256"));
        let unmarked = |it: &mut Bucket| it.tags.retain(|tag| tag.key != keys::BUCKET);
        assert!(fix(&unmarked).contains("nixl-launch up"));
        let foreign = judged(|it| it.tags = vec![Tag::new(tag::CLUSTER, "other")]);
        assert_eq!(foreign.verdict, Verdict::Fail);
        let gone = Facts { tracking_bucket: Ok(None), ..healthy() };
        assert_eq!(judge(&gone, &[]).verdict, Verdict::Fail);
    }

    #[test]
    fn more_may_be_denied_and_nothing_less() {
        let with = |change: &dyn Fn(&mut Vec<Value>)| {
            judged(|it| {
                let mut policy: Value =
                    serde_json::from_str(it.settings.policy.as_ref().unwrap()).unwrap();
                change(policy["Statement"].as_array_mut().unwrap());
                it.settings.policy = Some(policy.to_string());
            })
            .verdict
        };
        let more = serde_json::json!({ "Effect": "Deny", "Principal": "*", "Action": "s3:Put*" });
        assert_eq!(with(&|all| all.insert(0, more.clone())), Verdict::Pass);
        assert_eq!(with(&|all| all[0]["Resource"] = "*".into()), Verdict::Pass);
        assert_eq!(with(&|all| all[0]["Resource"] = "arn:aws:s3:::b".into()), Verdict::Warn);
        assert_eq!(with(&|all| all[0]["Action"] = "s3:GetObject".into()), Verdict::Warn);
        assert_eq!(with(&|all| all[0]["Effect"] = "Allow".into()), Verdict::Warn);
    }
}
