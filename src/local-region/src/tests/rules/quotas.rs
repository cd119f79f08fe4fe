//! Proofs of the rules of quotas.

use super::launch::{accepted, launch, refused};
use super::power::{running, stop};
use super::{Case, case, same};
use crate::rules::{Rule, quotas as rules};
use crate::testing::{Bench, element};
use serde_json::{Value, json};

const G: &str = "L-DB2E81BA";
const G_SPOT: &str = "L-3819A6DF";
const STANDARD: &str = "L-1216C47A";
const SPOT: &str = "&InstanceMarketOptions.MarketType=spot";

/// Sets a quota; a g5.12xlarge has 48 vCPUs.
fn set(bench: &Bench, code: &str, vcpus: u32) {
    let now = bench.region.inner.clock.now();
    assert!(bench.region.inner.state().quotas.set(code, vcpus.into(), now));
}

async fn ask(bench: &Bench, operation: &str, input: Value) -> Value {
    bench.json("servicequotas", &format!("ServiceQuotasV20190624.{operation}"), input).await.1
}

fn of(code: &str) -> Value {
    json!({"ServiceCode": "ec2", "QuotaCode": code})
}

fn increase(desired: u32) -> Value {
    json!({"ServiceCode": "ec2", "QuotaCode": G, "DesiredValue": desired})
}

/// A call is refused with the rule's code.
fn refuses(rule: &'static Rule, operation: &'static str, input: Value) -> Case {
    case(rule, move |bench: Bench| {
        let input = input.clone();
        async move {
            let told = ask(&bench, operation, input).await;
            same(told["__type"].as_str(), Some(rule.answer))
        }
    })
}

async fn reserve(bench: &Bench, more: &str) -> String {
    let body = format!(
        "Action=CreateCapacityReservation&InstanceType=g5.12xlarge&InstancePlatform=Linux/UNIX&AvailabilityZone=us-east-1a&InstanceCount=1{more}"
    );
    bench.query("ec2", &body).await.1
}

const IN_A: &str = "&Placement.AvailabilityZone=us-east-1a";

fn launches() -> Vec<Case> {
    vec![
        case(&rules::ON_DEMAND, async |bench: Bench| {
            set(&bench, G, 96);
            accepted(&launch(&bench, "&MinCount=2&MaxCount=2").await.1)?;
            let (_, text) = launch(&bench, "").await;
            refused(&text, "VcpuLimitExceeded")?;
            same(text.contains("your current vCPU limit of 96 allows"), true)
        }),
        case(&rules::ON_DEMAND, async |bench: Bench| {
            set(&bench, G, 48);
            refused(&launch(&bench, "&MinCount=1&MaxCount=2").await.1, "VcpuLimitExceeded")
        }),
        case(&rules::ON_DEMAND, async |bench: Bench| {
            set(&bench, G, 48);
            let id = running(&bench, "").await?;
            stop(&bench, &id).await?;
            accepted(&launch(&bench, "").await.1)?;
            let start = format!("Action=StartInstances&InstanceId.1={id}");
            refused(&bench.query("ec2", &start).await.1, "VcpuLimitExceeded")
        }),
        case(&rules::SPOT, async |bench: Bench| {
            set(&bench, G_SPOT, 48);
            accepted(&launch(&bench, SPOT).await.1)?;
            refused(&launch(&bench, SPOT).await.1, "MaxSpotInstanceCountExceeded")
        }),
        case(&rules::MARKETS, async |bench: Bench| {
            set(&bench, G, 48);
            accepted(&launch(&bench, SPOT).await.1)?;
            accepted(&launch(&bench, "").await.1)
        }),
        case(&rules::FAMILIES, async |bench: Bench| {
            set(&bench, STANDARD, 2);
            accepted(&launch(&bench, "&InstanceType=inf1.24xlarge").await.1)?;
            accepted(&launch(&bench, "&InstanceType=t3.micro").await.1)
        }),
        case(&rules::RUNNING, async |bench: Bench| {
            set(&bench, G, 48);
            let (_, text) = launch(&bench, "").await;
            let id = element(&text, "instanceId");
            bench.query("ec2", &format!("Action=TerminateInstances&InstanceId.1={id}")).await;
            accepted(&launch(&bench, "").await.1)
        }),
        case(&rules::RESERVED, async |bench: Bench| {
            set(&bench, G, 48);
            accepted(&reserve(&bench, "&InstanceMatchCriteria=targeted").await)?;
            refused(&launch(&bench, "").await.1, "VcpuLimitExceeded")
        }),
        case(&rules::ONCE, async |bench: Bench| {
            set(&bench, G, 48);
            accepted(&reserve(&bench, "").await)?;
            accepted(&launch(&bench, IN_A).await.1)
        }),
        case(&rules::ONCE, async |bench: Bench| {
            set(&bench, G, 48);
            let text = reserve(&bench, "&InstanceMatchCriteria=targeted").await;
            let id = element(&text, "capacityReservationId");
            let into = format!(
                "{IN_A}&CapacityReservationSpecification.CapacityReservationTarget.CapacityReservationId={id}"
            );
            accepted(&launch(&bench, &into).await.1)
        }),
    ]
}

fn service() -> Vec<Case> {
    vec![
        refuses(&rules::UNKNOWN, "GetServiceQuota", of("L-00000000")),
        refuses(&rules::UNKNOWN, "ListServiceQuotas", json!({"ServiceCode": "nothing"})),
        refuses(&rules::MAX_RESULTS, "ListServices", json!({"MaxResults": 101})),
        refuses(
            &rules::TOKEN,
            "ListServiceQuotas",
            json!({"ServiceCode": "ec2", "NextToken": "x"}),
        ),
        refuses(&rules::GREATER, "RequestServiceQuotaIncrease", increase(768)),
        case(&rules::PAGES, async |bench: Bench| {
            let all =
                ask(&bench, "ListAWSDefaultServiceQuotas", json!({"ServiceCode": "ec2"})).await;
            let all = all["Quotas"].as_array().cloned().unwrap_or_default();
            let mut found = Vec::new();
            let mut input = json!({"ServiceCode": "ec2", "MaxResults": 7});
            loop {
                let told = ask(&bench, "ListAWSDefaultServiceQuotas", input.clone()).await;
                let page = told["Quotas"].as_array().cloned().unwrap_or_default();
                same(page.len() <= 7, true)?;
                found.extend(page);
                if told["NextToken"].is_null() {
                    return same(found, all);
                }
                input["NextToken"] = told["NextToken"].clone();
            }
        }),
        case(&rules::ONE_OPEN, async |bench: Bench| {
            ask(&bench, "RequestServiceQuotaIncrease", increase(1000)).await;
            let told = ask(&bench, "RequestServiceQuotaIncrease", increase(2000)).await;
            same(told["__type"].as_str(), Some("ResourceAlreadyExistsException"))
        }),
        case(&rules::APPROVED, async |bench: Bench| {
            set(&bench, G, 0);
            let told = ask(&bench, "RequestServiceQuotaIncrease", increase(48)).await;
            same(told["RequestedQuota"]["Status"].as_str(), Some("PENDING"))?;
            refused(&launch(&bench, "").await.1, "VcpuLimitExceeded")?;
            set(&bench, G, 48);
            let history = "ListRequestedServiceQuotaChangeHistoryByQuota";
            let told = ask(&bench, history, of(G)).await;
            same(told["RequestedQuotas"][0]["Status"].as_str(), Some("APPROVED"))?;
            let value = ask(&bench, "GetServiceQuota", of(G)).await["Quota"]["Value"].clone();
            let default =
                ask(&bench, "GetAWSDefaultServiceQuota", of(G)).await["Quota"]["Value"].clone();
            same((value, default), (json!(48.0), json!(0.0)))?;
            accepted(&launch(&bench, "").await.1)
        }),
    ]
}

pub fn cases() -> Vec<Case> {
    [launches(), service()].into_iter().flatten().collect()
}
