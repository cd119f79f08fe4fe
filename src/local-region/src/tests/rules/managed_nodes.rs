//! Proofs of the rules of managed nodes.

use super::launch::launch;
use super::{Case, Found, case, same};
use crate::agents;
use crate::backend::Directory;
use crate::rules::managed_nodes as rules;
use crate::testing::{Bench, element};
use crate::windows::{AGENT_SLEEP, Window};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Value, json};
use std::time::{Duration, Instant};

/// What the policy AmazonSSMManagedInstanceCore allows an agent, and no more.
pub const CORE: &[&str] = &["ssm:UpdateInstanceInformation", "ssmmessages:*"];
const TRUST: &str = r#"{"Statement":{"Effect":"Allow","Principal":{"Service":"ec2.amazonaws.com"},"Action":"sts:AssumeRole"}}"#;

/// A role with an instance profile of the same name, which may do this.
pub async fn role(bench: &Bench, name: &str, actions: &[&str]) {
    let trust = utf8_percent_encode(TRUST, NON_ALPHANUMERIC);
    for call in [
        format!("Action=CreateRole&RoleName={name}&AssumeRolePolicyDocument={trust}"),
        format!("Action=CreateInstanceProfile&InstanceProfileName={name}"),
        format!("Action=AddRoleToInstanceProfile&InstanceProfileName={name}&RoleName={name}"),
    ] {
        bench.query("iam", &call).await;
    }
    allow(bench, name, actions).await;
}

async fn allow(bench: &Bench, role: &str, actions: &[&str]) {
    let policy = json!({"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Action": actions, "Resource": "*"}]})
    .to_string();
    let policy = utf8_percent_encode(&policy, NON_ALPHANUMERIC);
    let call = format!("Action=PutRolePolicy&RoleName={role}&PolicyName=p&PolicyDocument={policy}");
    bench.query("iam", &call).await;
}

/// Launches with this profile and waits until the agent was looked at.
pub async fn instance(bench: &Bench, profile: &str, more: &str) -> String {
    let more = format!("&IamInstanceProfile.Name={profile}{more}");
    let id = element(&launch(bench, &more).await.1, "instanceId").to_owned();
    bench
        .until(|region| {
            let state = region.inner.state();
            state.agents.get(&id)?.platform.as_ref().map(|_| ())
        })
        .await;
    id
}

/// An instance whose agent is Online.
pub async fn node(bench: &Bench) -> String {
    role(bench, "node", CORE).await;
    instance(bench, "node", "").await
}

pub async fn describe(bench: &Bench, input: Value) -> Value {
    bench.json("ssm", "AmazonSSM.DescribeInstanceInformation", input).await.1
}

async fn ping(bench: &Bench) -> Option<String> {
    let told = describe(bench, json!({})).await;
    told["InstanceInformationList"][0]["PingStatus"].as_str().map(str::to_owned)
}

/// Waits for a state that takes one more look at the machine.
async fn until_ping(bench: &Bench, wanted: Option<&str>) -> Found {
    let end = Instant::now() + Duration::from_secs(5);
    loop {
        let found = ping(bench).await;
        if found.as_deref() == wanted || Instant::now() > end {
            return same(found.as_deref(), wanted);
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

fn pass(bench: &Bench, window: &Window) {
    bench.region.inner.clock.advance(bench.region.inner.windows.of(window));
}

pub fn cases() -> Vec<Case> {
    vec![
        case(&rules::REGISTERS, async |bench: Bench| {
            role(&bench, "bare", &["ec2:DescribeInstances"]).await;
            instance(&bench, "bare", "").await;
            same(ping(&bench).await, None)?;
            let id = node(&bench).await;
            let told = describe(&bench, json!({})).await;
            let nodes = told["InstanceInformationList"].as_array().unwrap();
            let ids: Vec<_> = nodes.iter().map(|node| node["InstanceId"].as_str()).collect();
            same(ids, vec![Some(id.as_str())])?;
            same(&nodes[0]["PlatformName"], &json!("Debian GNU/Linux"))
        }),
        case(&rules::SLEEPS, async |bench: Bench| {
            role(&bench, "late", &["ec2:DescribeInstances"]).await;
            let id = instance(&bench, "late", "").await;
            allow(&bench, "late", CORE).await;
            agents::look(&bench.region.inner, &id).await;
            same(ping(&bench).await, None)?;
            pass(&bench, &AGENT_SLEEP);
            until_ping(&bench, Some("Online")).await
        }),
        case(&rules::CHANNELS, async |bench: Bench| {
            role(&bench, "half", &["ssm:UpdateInstanceInformation"]).await;
            let id = instance(&bench, "half", "").await;
            until_ping(&bench, Some("Online")).await?;
            let start = async || {
                let (_, told) =
                    bench.json("ssm", "AmazonSSM.StartSession", json!({"Target": id})).await;
                told["__type"].as_str().map(str::to_owned)
            };
            same(start().await.as_deref(), Some("TargetNotConnected"))?;
            allow(&bench, "half", CORE).await;
            same(start().await, None)
        }),
        case(&rules::CONNECTION_LOST, async |bench: Bench| {
            let id = node(&bench).await;
            same(ping(&bench).await.as_deref(), Some("Online"))?;
            bench.region.machine_ended(&id, "powered off");
            same(ping(&bench).await.as_deref(), Some("ConnectionLost"))
        }),
        case(&rules::FILTERS, async |bench: Bench| {
            let id = node(&bench).await;
            for (key, value, count) in [
                ("InstanceIds", id.as_str(), 1),
                ("InstanceIds", "i-0123456789abcdef0", 0),
                ("PingStatus", "Online", 1),
                ("PingStatus", "ConnectionLost", 0),
                ("tag:Name", "x", 0),
                ("IamRole", "node", 1),
            ] {
                let filters = json!({"Filters": [{"Key": key, "Values": [value]}]});
                let old =
                    json!({"InstanceInformationFilterList": [{"key": key, "valueSet": [value]}]});
                for input in [filters, old] {
                    let told = describe(&bench, input).await;
                    let found = told["InstanceInformationList"].as_array().map(Vec::len);
                    same((key, found), (key, Some(count)))?;
                }
            }
            for (key, code) in [
                ("Color", "InvalidFilterKey"),
                ("PingStatus", "InvalidInstanceInformationFilterValue"),
            ] {
                let told =
                    describe(&bench, json!({"Filters": [{"Key": key, "Values": ["red"]}]})).await;
                same(told["__type"].as_str(), Some(code))?;
            }
            Ok(())
        }),
        case(&rules::ONE_FILTER_FORM, async |bench: Bench| {
            let both = json!({
                "Filters": [{"Key": "PingStatus", "Values": ["Online"]}],
                "InstanceInformationFilterList": [{"key": "PingStatus", "valueSet": ["Online"]}],
            });
            let told = describe(&bench, both).await;
            same(told["__type"].as_str(), Some("ValidationException"))
        }),
        case(&rules::PAGES, async |bench: Bench| {
            role(&bench, "node", CORE).await;
            let more = "&IamInstanceProfile.Name=node&MinCount=7&MaxCount=7&InstanceType=t3.micro";
            launch(&bench, more).await;
            bench
                .until(|region| {
                    let state = region.inner.state();
                    let online = state.agents.values().filter(|agent| agent.connected);
                    (online.count() == 7).then_some(())
                })
                .await;
            let first = describe(&bench, json!({"MaxResults": 5})).await;
            let second =
                describe(&bench, json!({"MaxResults": 5, "NextToken": first["NextToken"]})).await;
            let count = |told: &Value| told["InstanceInformationList"].as_array().map(Vec::len);
            same((count(&first), count(&second)), (Some(5), Some(2)))?;
            same(second["NextToken"].is_null(), true)?;
            let strange = describe(&bench, json!({"NextToken": "x"})).await;
            same(strange["__type"].as_str(), Some("InvalidNextToken"))?;
            for size in [4, 51] {
                let told = describe(&bench, json!({"MaxResults": size})).await;
                same(told["__type"].as_str(), Some("ValidationException"))?;
            }
            Ok(())
        }),
    ]
}
