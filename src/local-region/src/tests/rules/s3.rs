//! Proofs of the rules of objects.

use super::iam::{allow, everywhere, role};
use super::{Case, case, same};
use crate::backend::SessionCredentials;
use crate::rules::s3 as rules;
use crate::testing::{Bench, error_code};
use http::Method;
use serde_json::json;
use sha2::{Digest, Sha256};

const KEY: &str = "arn:aws:kms:us-east-1:111122223333:key/k";

/// Code of the refusal, if it is one.
async fn ask(
    bench: &Bench,
    who: Option<&SessionCredentials>,
    method: Method,
    target: &str,
    body: &str,
) -> Option<String> {
    let hash = hex::encode(Sha256::digest(body));
    let length = body.len().to_string();
    let more = [("x-amz-content-sha256", hash.as_str()), ("content-length", &length)];
    let (_, text) = bench.send("s3", who, &more, method, target, body).await;
    error_code(&text).map(str::to_owned)
}

pub fn cases() -> Vec<Case> {
    vec![
        prefix(),
        case(&rules::KMS, async |bench: Bench| {
            ask(&bench, None, Method::PUT, "/bucket", "").await;
            role(&bench, "a", json!({"AWS": "arn:aws:iam::111122223333:root"})).await;
            allow(&bench, "a", everywhere("s3:*")).await;
            let who = super::sts::assume(&bench, None, "a", "").await?;
            let all = async |method: Method, target: &str| {
                ask(&bench, Some(&who), method, target, "").await
            };
            same(all(Method::PUT, "/bucket/o").await, None)?;
            let encryption = format!(
                "<ServerSideEncryptionConfiguration><Rule><ApplyServerSideEncryptionByDefault>\
             <SSEAlgorithm>aws:kms</SSEAlgorithm><KMSMasterKeyID>{KEY}</KMSMasterKeyID>\
             </ApplyServerSideEncryptionByDefault></Rule></ServerSideEncryptionConfiguration>"
            );
            same(ask(&bench, None, Method::PUT, "/bucket?encryption=", &encryption).await, None)?;
            let denied = || Some(rules::KMS.answer.to_owned());
            for (action, may_write, may_read) in [
                ("s3:*", false, false),
                ("kms:GenerateDataKey", true, false),
                ("kms:Decrypt", false, true),
            ] {
                let statement = json!({
                    "Effect": "Allow", "Action": action, "Resource": if action == "s3:*" { "*" } else { KEY },
                });
                allow(&bench, "a", json!([everywhere("s3:*"), statement])).await;
                let expected = |may: bool| if may { None } else { denied() };
                same(all(Method::PUT, "/bucket/o").await, expected(may_write))?;
                same(all(Method::GET, "/bucket/o").await, expected(may_read))?;
                // What it is called does not need its key.
                same(all(Method::GET, "/bucket?list-type=2").await, None)?;
            }
            let through = |service: &str| {
                json!({
                    "Effect": "Allow", "Action": "kms:*", "Resource": KEY,
                    "Condition": {"StringEquals": {"kms:ViaService": service}},
                })
            };
            allow(&bench, "a", json!([everywhere("s3:*"), through("ec2.us-east-1.amazonaws.com")]))
                .await;
            same(all(Method::GET, "/bucket/o").await, denied())?;
            allow(&bench, "a", json!([everywhere("s3:*"), through("s3.us-east-1.amazonaws.com")]))
                .await;
            same(all(Method::GET, "/bucket/o").await, None)
        }),
    ]
}

fn prefix() -> Case {
    case(&rules::PREFIX, async |bench: Bench| {
        ask(&bench, None, Method::PUT, "/bucket", "").await;
        role(&bench, "a", json!({"AWS": "arn:aws:iam::111122223333:root"})).await;
        let condition = json!({"StringLike": {"s3:prefix": "of-a/*"}});
        let list = json!({"Effect": "Allow", "Action": "s3:ListBucket", "Resource": "*", "Condition": condition});
        allow(&bench, "a", list).await;
        let who = super::sts::assume(&bench, None, "a", "").await?;
        let list = async |of: &str| {
            ask(&bench, Some(&who), Method::GET, &format!("/bucket?list-type=2{of}"), "").await
        };
        same(list("&prefix=of-a%2Frun").await, None)?;
        let denied = || Some(rules::PREFIX.answer.to_owned());
        same(list("&prefix=of-b%2Frun").await, denied())?;
        same(list("").await, denied())
    })
}
