//! Proofs of the rules of identities and access.

use super::launch::{accepted, launch, refused};
use super::{Case, Found, case, same};
use crate::backend::{Directory, SessionCredentials};
use crate::rules::{Rule, iam as rules};
use crate::testing::{Bench, element, error_code};
use crate::windows;
use jiff::SignedDuration;
use serde_json::{Value, json};

/// Percent-encodes a document or a value.
pub fn encode(text: &str) -> String {
    percent_encoding::utf8_percent_encode(text, percent_encoding::NON_ALPHANUMERIC).to_string()
}

/// A trust policy for a principal.
pub fn trust(principal: Value) -> Value {
    json!({"Statement": {"Effect": "Allow", "Principal": principal, "Action": "sts:AssumeRole"}})
}

/// Makes a role.
pub async fn role(bench: &Bench, name: &str, principal: Value) -> String {
    let document = encode(&trust(principal).to_string());
    let body = format!("Action=CreateRole&RoleName={name}&AssumeRolePolicyDocument={document}");
    bench.query("iam", &body).await.1
}

/// Gives a role a policy of one statement.
pub async fn allow(bench: &Bench, role: &str, statement: Value) -> String {
    let document = encode(&json!({ "Statement": statement }).to_string());
    let body =
        format!("Action=PutRolePolicy&RoleName={role}&PolicyName=p&PolicyDocument={document}");
    bench.query("iam", &body).await.1
}

/// A statement that allows an action on everything.
pub fn everywhere(action: &str) -> Value {
    json!({"Effect": "Allow", "Action": action, "Resource": "*"})
}

async fn profile(bench: &Bench, principal: Value) {
    role(bench, "node", principal).await;
    for call in ["CreateInstanceProfile", "AddRoleToInstanceProfile&RoleName=node"] {
        bench.query("iam", &format!("Action={call}&InstanceProfileName=node")).await;
    }
}

fn ec2() -> Value {
    json!({"Service": "ec2.amazonaws.com"})
}

const WITH_PROFILE: &str = "&IamInstanceProfile.Name=node";

/// Two machines with a profile whose role has a policy, and the first's credentials.
async fn node(bench: &Bench, statement: Value) -> (Vec<String>, SessionCredentials) {
    profile(bench, ec2()).await;
    allow(bench, "node", statement).await;
    launch(bench, &format!("{WITH_PROFILE}&MinCount=2&MaxCount=2")).await;
    let ids: Vec<String> = bench.region.inner.state().ec2.instances.keys().cloned().collect();
    let credentials = bench.region.credentials(&ids[0]).unwrap();
    (ids, credentials)
}

fn tagging(id: &str, key: &str) -> String {
    format!("Action=CreateTags&ResourceId.1={id}&Tag.1.Key={}&Tag.1.Value=x", encode(key))
}

/// An IAM call is refused with the rule's code once `before` was done.
fn refuses(rule: &'static Rule, before: &'static [&'static str], call: &'static str) -> Case {
    case(rule, move |bench: Bench| async move {
        role(&bench, "node", ec2()).await;
        for call in before {
            accepted(&bench.query("iam", call).await.1)?;
        }
        refused(&bench.query("iam", call).await.1, rule.answer)
    })
}

const PROFILE: &str = "Action=CreateInstanceProfile&InstanceProfileName=a";
const ROLE_ADDED: &str = "Action=AddRoleToInstanceProfile&InstanceProfileName=a&RoleName=node";
const ATTACHED: &str = "Action=AttachRolePolicy&RoleName=node&PolicyArn=arn:aws:iam::aws:policy/AmazonSSMManagedInstanceCore";

fn resources() -> Vec<Case> {
    vec![
        refuses(&rules::NAME, &[], "Action=CreateInstanceProfile&InstanceProfileName=a/b"),
        refuses(&rules::PATH, &[], "Action=CreateInstanceProfile&InstanceProfileName=a&Path=/b"),
        refuses(
            &rules::PROFILE_EXISTS,
            &[PROFILE],
            "Action=CreateInstanceProfile&InstanceProfileName=A",
        ),
        refuses(&rules::ROLE_IN_USE, &[PROFILE, ROLE_ADDED], "Action=DeleteRole&RoleName=node"),
        refuses(&rules::ROLE_IN_USE, &[ATTACHED], "Action=DeleteRole&RoleName=node"),
        refuses(
            &rules::PROFILE_IN_USE,
            &[PROFILE, ROLE_ADDED],
            "Action=DeleteInstanceProfile&InstanceProfileName=a",
        ),
        refuses(&rules::ONE_ROLE, &[PROFILE, ROLE_ADDED], ROLE_ADDED),
        refuses(
            &rules::MANAGED_UNKNOWN,
            &[],
            "Action=AttachRolePolicy&RoleName=node&PolicyArn=arn:aws:iam::aws:policy/Nothing",
        ),
        refuses(&rules::MAX_ITEMS, &[], "Action=ListRoles&MaxItems=1001"),
        case(&rules::MAX_SESSION, async |bench: Bench| {
            let document = encode(&trust(ec2()).to_string());
            let body = format!(
                "Action=CreateRole&RoleName=r&MaxSessionDuration=3599&AssumeRolePolicyDocument={document}"
            );
            refused(&bench.query("iam", &body).await.1, "ValidationError")
        }),
        case(&rules::ROLE_EXISTS, async |bench: Bench| {
            accepted(&role(&bench, "node", ec2()).await)?;
            refused(&role(&bench, "Node", ec2()).await, "EntityAlreadyExists")
        }),
        case(&rules::DOCUMENT, async |bench: Bench| {
            role(&bench, "node", ec2()).await;
            for statement in [
                json!({"Effect": "Allow", "Action": "CreateTags", "Resource": "*"}),
                json!({"Effect": "Allow", "Action": "ec2:*", "Resource": "instance/*"}),
                json!({"Effect": "Allow", "Action": "ec2:*", "Resource": "*", "Principal": "*"}),
            ] {
                refused(&allow(&bench, "node", statement).await, "MalformedPolicyDocument")?;
            }
            let body = "Action=UpdateAssumeRolePolicy&RoleName=node&PolicyDocument=";
            let document = encode(&json!({"Statement": everywhere("sts:AssumeRole")}).to_string());
            let (_, text) = bench.query("iam", &format!("{body}{document}")).await;
            refused(&text, "MalformedPolicyDocument")
        }),
        case(&rules::PRINCIPAL, async |bench: Bench| {
            accepted(&role(&bench, "node", ec2()).await)?;
            let arn = "arn:aws:iam::111122223333:role/node";
            accepted(&role(&bench, "a", json!({"AWS": arn})).await)?;
            for principal in [json!({"AWS": format!("{arn}s")}), json!({"Service": "ec2"})] {
                refused(&role(&bench, "b", principal).await, "MalformedPolicyDocument")?;
            }
            Ok(())
        }),
        case(&rules::POLICY_SIZE, async |bench: Bench| {
            role(&bench, "node", ec2()).await;
            let actions = |count: usize| vec!["ec2:CreateTags"; count];
            let statement =
                |count| json!({"Effect": "Allow", "Action": actions(count), "Resource": "*"});
            accepted(&allow(&bench, "node", statement(590)).await)?;
            refused(&allow(&bench, "node", statement(610)).await, "LimitExceeded")
        }),
        case(&rules::PAGES, async |bench: Bench| {
            for name in ["a", "b", "c"] {
                role(&bench, name, ec2()).await;
            }
            let (_, first) = bench.query("iam", "Action=ListRoles&MaxItems=2").await;
            same(first.matches("<RoleName>").count(), 2)?;
            same(element(&first, "IsTruncated"), "true")?;
            let marker = element(&first, "Marker");
            let (_, rest) = bench.query("iam", &format!("Action=ListRoles&Marker={marker}")).await;
            same((element(&rest, "RoleName"), element(&rest, "IsTruncated")), ("c", "false"))
        }),
    ]
}

fn profiles() -> Vec<Case> {
    vec![
        case(&rules::PROFILE_UNKNOWN, async |bench: Bench| {
            refused(&launch(&bench, WITH_PROFILE).await.1, "InvalidParameterValue")
        }),
        case(&rules::PROFILE_EMPTY, async |bench: Bench| {
            bench.query("iam", "Action=CreateInstanceProfile&InstanceProfileName=node").await;
            let (_, text) = launch(&bench, WITH_PROFILE).await;
            same(text.contains("has no associated IAM Roles"), true)
        }),
        case(&rules::PROFILE_VISIBLE, async |bench: Bench| {
            lagging(&bench, &windows::PROFILE_VISIBLE, &[PROFILE_ONLY]).await?;
            seen_later(&bench, "Invalid IAM Instance Profile name").await
        }),
        case(&rules::PROFILE_ROLE_VISIBLE, async |bench: Bench| {
            bench.query("iam", PROFILE_ONLY).await;
            lagging(&bench, &windows::PROFILE_VISIBLE, &[]).await?;
            seen_later(&bench, "has no associated IAM Roles").await
        }),
        case(&rules::NODE_TRUST, async |bench: Bench| {
            profile(&bench, json!({"Service": "ssm.amazonaws.com"})).await;
            launch(&bench, WITH_PROFILE).await;
            let id = bench.region.inner.state().ec2.instances.keys().next().cloned();
            same(id.map(|id| bench.region.credentials(&id).is_some()), Some(false))
        }),
    ]
}

const PROFILE_ONLY: &str = "Action=CreateInstanceProfile&InstanceProfileName=node";

/// Makes the role, does the calls and fills the profile while the window is an hour.
async fn lagging(bench: &Bench, window: &windows::Window, calls: &[&str]) -> Found {
    role(bench, "node", ec2()).await;
    bench.region.inner.windows.set(window.name, Some(SignedDuration::from_hours(1)));
    for call in calls {
        accepted(&bench.query("iam", call).await.1)?;
    }
    let add = "Action=AddRoleToInstanceProfile&InstanceProfileName=node&RoleName=node";
    accepted(&bench.query("iam", add).await.1)
}

/// A launch is refused with the sentence, and accepted an hour later.
async fn seen_later(bench: &Bench, sentence: &str) -> Found {
    let (_, text) = launch(bench, WITH_PROFILE).await;
    same(text.contains(sentence), true)?;
    bench.region.inner.clock.advance(SignedDuration::from_hours(1));
    accepted(&launch(bench, WITH_PROFILE).await.1)
}

/// What the launcher gives its nodes (node.md 3.2).
fn self_tagging() -> Value {
    json!({
        "Effect": "Allow", "Action": "ec2:CreateTags", "Resource": "arn:aws:ec2:*:*:instance/*",
        "Condition": {
            "ArnEquals": {"ec2:SourceInstanceARN": "arn:aws:ec2:*:*:instance/${ec2:InstanceID}"},
            "ForAllValues:StringLike": {"aws:TagKeys": ["nixl:*"]},
        }
    })
}

fn nodes() -> Vec<Case> {
    vec![
        case(&rules::CONDITIONS, async |bench: Bench| {
            let (ids, own) = node(&bench, self_tagging()).await;
            accepted(&bench.query_as(&own, "ec2", &tagging(&ids[0], "nixl:state")).await.1)?;
            let (_, other) = bench.query_as(&own, "ec2", &tagging(&ids[1], "nixl:state")).await;
            refused(&other, "UnauthorizedOperation")
        }),
        case(&rules::CONDITIONS, async |bench: Bench| {
            let (ids, own) = node(&bench, self_tagging()).await;
            let (_, text) = bench.query_as(&own, "ec2", &tagging(&ids[0], "Name")).await;
            refused(&text, "UnauthorizedOperation")
        }),
        case(&rules::CONDITIONS, async |bench: Bench| {
            let mut until = everywhere("ec2:DescribeVpcs");
            let end = bench.region.inner.clock.now() + SignedDuration::from_hours(1);
            until["Condition"] = json!({"DateLessThan": {"aws:CurrentTime": end.to_string()}});
            let (_, own) = node(&bench, until).await;
            let call = "Action=DescribeVpcs";
            accepted(&bench.query_as(&own, "ec2", call).await.1)?;
            bench.region.inner.clock.advance(SignedDuration::from_hours(1));
            refused(&bench.query_as(&own, "ec2", call).await.1, "UnauthorizedOperation")
        }),
        case(&rules::DEFAULT_DENY, async |bench: Bench| {
            let (ids, own) = node(&bench, self_tagging()).await;
            let end = format!("Action=TerminateInstances&InstanceId.1={}", ids[1]);
            refused(&bench.query_as(&own, "ec2", &end).await.1, "UnauthorizedOperation")?;
            let (_, text) = bench.query_as(&own, "iam", "Action=ListRoles").await;
            refused(&text, "AccessDenied")?;
            let sentence = format!(
                "User: arn:aws:sts::111122223333:assumed-role/node/{} is not authorized to perform: iam:ListRoles on resource: * because no identity-based policy allows the iam:ListRoles action",
                ids[0]
            );
            same(element(&text, "Message"), sentence.as_str())?;
            same(parameter(&bench, &own).await["__type"].as_str(), Some("AccessDeniedException"))
        }),
        case(&rules::DENY_WINS, async |bench: Bench| {
            let deny = json!({"Effect": "Deny", "Action": "ssm:Get*", "Resource": "*"});
            let (_, own) = node(&bench, json!([everywhere("*"), deny])).await;
            let told = parameter(&bench, &own).await;
            same(told["__type"].as_str(), Some("AccessDeniedException"))?;
            let message = told["message"].as_str().unwrap_or_default();
            same(message.ends_with("with an explicit deny in an identity-based policy"), true)
        }),
        case(&rules::ENCODED_MESSAGE, async |bench: Bench| {
            let (_, own) = node(&bench, self_tagging()).await;
            let (_, text) = bench.query_as(&own, "ec2", "Action=DescribeVpcs").await;
            let encoded = element(&text, "Message").split(' ').next_back().unwrap_or_default();
            let body = format!("Action=DecodeAuthorizationMessage&EncodedMessage={encoded}");
            let (_, told) = bench.query("sts", &body).await;
            accepted(&told)?;
            same(told.contains("ec2:DescribeVpcs"), true)
        }),
        case(&rules::POLICY_VISIBLE, async |bench: Bench| {
            let (_, own) = node(&bench, self_tagging()).await;
            let hour = SignedDuration::from_hours(1);
            bench.region.inner.windows.set(windows::POLICY_VISIBLE.name, Some(hour));
            allow(&bench, "node", everywhere("ec2:*")).await;
            let call = "Action=DescribeVpcs";
            refused(&bench.query_as(&own, "ec2", call).await.1, "UnauthorizedOperation")?;
            bench.region.inner.clock.advance(hour);
            accepted(&bench.query_as(&own, "ec2", call).await.1)
        }),
        case(&rules::PASS_ROLE, async |bench: Bench| {
            let (_, own) = node(&bench, everywhere("ec2:*")).await;
            let ami = bench.region.inner.state().ec2.images.keys().next().unwrap().clone();
            let body = format!(
                "Action=RunInstances&ImageId={ami}&InstanceType=g5.12xlarge&MinCount=1&MaxCount=1"
            );
            accepted(&bench.query_as(&own, "ec2", &body).await.1)?;
            let (_, text) = bench.query_as(&own, "ec2", &format!("{body}{WITH_PROFILE}")).await;
            refused(&text, "UnauthorizedOperation")?;
            same(
                text.contains("iam:PassRole on resource: arn:aws:iam::111122223333:role/node"),
                true,
            )
        }),
        case(&rules::SESSION_ENDS, async |bench: Bench| {
            role(&bench, "a", json!({"AWS": "111122223333"})).await;
            let session = super::sts::assume(&bench, None, "a", "&DurationSeconds=900").await?;
            let call = "Action=GetCallerIdentity";
            accepted(&bench.query_as(&session, "sts", call).await.1)?;
            bench.region.inner.clock.advance(SignedDuration::from_secs(900));
            same(error_code(&bench.query_as(&session, "sts", call).await.1), Some("ExpiredToken"))
        }),
    ]
}

async fn parameter(bench: &Bench, who: &SessionCredentials) -> Value {
    let target = [("x-amz-target", "AmazonSSM.GetParameter")];
    let body = json!({"Name": "p"}).to_string();
    let (_, text) = bench.send("ssm", Some(who), &target, http::Method::POST, "/", &body).await;
    serde_json::from_str(&text).unwrap_or_default()
}

pub fn cases() -> Vec<Case> {
    [resources(), profiles(), nodes()].into_iter().flatten().collect()
}
