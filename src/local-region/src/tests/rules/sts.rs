//! Proofs of the rules of assumed roles.

use super::iam::{allow, everywhere, role};
use super::launch::{accepted, refused};
use super::{Case, case, same};
use crate::backend::SessionCredentials;
use crate::rules::sts as rules;
use crate::testing::{Bench, element, error_code};
use serde_json::json;

async fn ask(bench: &Bench, who: Option<&SessionCredentials>, role: &str, more: &str) -> String {
    let arn = format!("arn:aws:iam::111122223333:role/{role}");
    let name = if more.contains("RoleSessionName") { "" } else { "&RoleSessionName=name" };
    let body = format!("Action=AssumeRole&RoleArn={arn}{name}{more}");
    bench.send("sts", who, &[], http::Method::POST, "/", &body).await.1
}

/// Credentials of an assumed role, or why there are none.
pub async fn assume(
    bench: &Bench,
    who: Option<&SessionCredentials>,
    role: &str,
    more: &str,
) -> Result<SessionCredentials, String> {
    let text = ask(bench, who, role, more).await;
    accepted(&text)?;
    let one = |name: &str| element(&text, name).to_owned();
    Ok(SessionCredentials {
        access_key_id: one("AccessKeyId"),
        secret_access_key: one("SecretAccessKey"),
        session_token: one("SessionToken"),
        expiration: one("Expiration"),
    })
}

pub fn cases() -> Vec<Case> {
    let account = || json!({"AWS": "arn:aws:iam::111122223333:root"});
    vec![
        case(&rules::TRUST, async |bench: Bench| {
            role(&bench, "a", json!({"Service": "ec2.amazonaws.com"})).await;
            refused(&ask(&bench, None, "a", "").await, "AccessDenied")
        }),
        case(&rules::TRUST, async |bench: Bench| {
            role(&bench, "a", json!({"AWS": "111122223333"})).await;
            let document = json!({"Statement": {
                "Effect": "Allow", "Principal": {"AWS": "111122223333"}, "Action": "sts:AssumeRole",
                "Condition": {"StringEquals": {"sts:ExternalId": "k"}},
            }});
            let document = super::iam::encode(&document.to_string());
            let body =
                format!("Action=UpdateAssumeRolePolicy&RoleName=a&PolicyDocument={document}");
            accepted(&bench.query("iam", &body).await.1)?;
            accepted(&ask(&bench, None, "a", "&ExternalId=k").await)?;
            refused(&ask(&bench, None, "a", "").await, "AccessDenied")
        }),
        case(&rules::ACCOUNT_TRUST, move |bench: Bench| async move {
            for name in ["a", "b"] {
                role(&bench, name, account()).await;
            }
            let a = assume(&bench, None, "a", "").await?;
            same(error_code(&ask(&bench, Some(&a), "b", "").await), Some("AccessDenied"))?;
            allow(&bench, "a", everywhere("sts:AssumeRole")).await;
            let b = assume(&bench, Some(&a), "b", "").await?;
            let (_, me) = bench.query_as(&b, "sts", "Action=GetCallerIdentity").await;
            same(element(&me, "Arn"), "arn:aws:sts::111122223333:assumed-role/b/name")
        }),
        case(&rules::SESSION_NAME, move |bench: Bench| async move {
            role(&bench, "a", account()).await;
            let text = ask(&bench, None, "a", "&RoleSessionName=a/b").await;
            refused(&text, "ValidationError")
        }),
        case(&rules::DURATION, move |bench: Bench| async move {
            role(&bench, "a", account()).await;
            refused(&ask(&bench, None, "a", "&DurationSeconds=899").await, "ValidationError")
        }),
        case(&rules::MAX_DURATION, move |bench: Bench| async move {
            role(&bench, "a", account()).await;
            refused(&ask(&bench, None, "a", "&DurationSeconds=3601").await, "ValidationError")
        }),
        case(&rules::CHAINED, async |bench: Bench| {
            let document = super::iam::trust(json!({"AWS": "*"})).to_string();
            let document = super::iam::encode(&document);
            let body = format!(
                "Action=CreateRole&RoleName=a&MaxSessionDuration=7200&AssumeRolePolicyDocument={document}"
            );
            accepted(&bench.query("iam", &body).await.1)?;
            let a = assume(&bench, None, "a", "&DurationSeconds=7200").await?;
            refused(&ask(&bench, Some(&a), "a", "&DurationSeconds=7200").await, "ValidationError")
        }),
    ]
}
