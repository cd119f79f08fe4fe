//! Proofs of the rules of request throttling. Buckets are scaled down, which
//! makes the proofs short, and calls come faster than tokens on any computer.

use super::{Case, Found, case, same};
use crate::rules::{Rule, throttling as rules};
use crate::testing::Bench;
use http::{Method, StatusCode};
use jiff::SignedDuration;
use serde_json::json;

/// A tenth of what AWS's buckets hold.
const SCALE: &str = "0.1";

/// Calls until one is refused, of which there are at least `held`; far more
/// than the bucket holds are never let through.
async fn exhausts<F: Future<Output = (StatusCode, String)>>(
    bench: &Bench,
    held: usize,
    (code, status): (&str, u16),
    call: impl Fn() -> F,
) -> Found {
    bench.region.inner.throttle.scale(SCALE.parse()?);
    for passed in 0..held * 5 + 20 {
        let (found, text) = call().await;
        if text.contains(&format!("{code}<")) || text.contains(&format!("{code}\"")) {
            same(found.as_u16(), status)?;
            return if passed < held { Err(format!("only {passed} passed")) } else { Ok(()) };
        }
        // The errors of Image Builder have their code in a header.
        if found.as_u16() == status && status == 429 {
            return same(passed >= held, true);
        }
    }
    Err("never refused".to_owned())
}

fn ec2(rule: &'static Rule, held: usize, body: &'static str) -> Case {
    case(rule, move |bench: Bench| async move {
        exhausts(&bench, held, ("RequestLimitExceeded", 503), || bench.query("ec2", body)).await
    })
}

fn json_call(
    rule: &'static Rule,
    service: &'static str,
    target: &'static str,
    held: usize,
) -> Case {
    case(rule, move |bench: Bench| async move {
        let call = || async {
            let (status, answer) = bench.json(service, target, json!({})).await;
            (status, answer.to_string())
        };
        exhausts(&bench, held, ("ThrottlingException", 400), call).await
    })
}

fn iam(rule: &'static Rule, service: &'static str, body: &'static str) -> Case {
    case(rule, move |bench: Bench| async move {
        exhausts(&bench, 10, ("Throttling", 400), || bench.query(service, body)).await
    })
}

pub fn cases() -> Vec<Case> {
    vec![
        ec2(&rules::NON_MUTATING, 10, "Action=DescribeVpcs"),
        ec2(&rules::UNFILTERED, 5, "Action=DescribeInstances"),
        ec2(&rules::MUTATING, 5, "Action=DeletePlacementGroup&GroupName=none"),
        ec2(&rules::RESOURCE_INTENSIVE, 5, "Action=CancelSpotInstanceRequests"),
        ec2(&rules::OWN, 10, "Action=CreateTags"),
        case(&rules::PER_INSTANCE, async |bench: Bench| {
            bench.region.inner.throttle.scale(SCALE.parse()?);
            let ids: String = (1..=30).map(|n| format!("&InstanceId.{n}=i-{n:017x}")).collect();
            for _ in 0..8 {
                let (status, text) =
                    bench.query("ec2", &format!("Action=TerminateInstances{ids}")).await;
                if text.contains("exceeded its resource request rate limit") {
                    return same(status, StatusCode::SERVICE_UNAVAILABLE);
                }
            }
            Err("never refused".to_owned())
        }),
        case(&rules::PER_OPERATION, async |bench: Bench| {
            bench.region.inner.throttle.scale(SCALE.parse()?);
            for _ in 0..60 {
                bench.query("ec2", "Action=DescribeVpcs").await;
            }
            same(bench.query("ec2", "Action=DescribeSubnets").await.0, StatusCode::OK)
        }),
        case(&rules::REFILL, async |bench: Bench| {
            bench.region.inner.throttle.scale(SCALE.parse()?);
            for _ in 0..60 {
                bench.query("ec2", "Action=DescribeVpcs").await;
            }
            bench.region.inner.clock.advance(SignedDuration::from_mins(1));
            for _ in 0..10 {
                same(bench.query("ec2", "Action=DescribeVpcs").await.0, StatusCode::OK)?;
            }
            Ok(())
        }),
        case(&rules::PARAMETERS, async |bench: Bench| {
            let one = json!({"Name": "none"});
            let call = || async {
                bench.json("ssm", "AmazonSSM.GetParameters", json!({"Names": ["none"]})).await;
                let (status, answer) =
                    bench.json("ssm", "AmazonSSM.GetParameter", one.clone()).await;
                (status, answer.to_string())
            };
            exhausts(&bench, 1, ("ThrottlingException", 400), call).await
        }),
        json_call(&rules::SSM, "ssm", "AmazonSSM.PutParameter", 5),
        json_call(&rules::SAGEMAKER, "sagemaker", "SageMaker.ListMlflowTrackingServers", 10),
        case(&rules::OTHERS, async |bench: Bench| {
            let target = "ServiceQuotasV20190624.ListServiceQuotas";
            let call = || async {
                let ask = json!({"ServiceCode": "ec2"});
                let (status, answer) = bench.json("servicequotas", target, ask).await;
                (status, answer.to_string())
            };
            exhausts(&bench, 10, ("TooManyRequestsException", 400), call).await
        }),
        iam(&rules::IAM, "iam", "Action=GetRole&RoleName=none"),
        iam(&rules::STS, "sts", "Action=GetCallerIdentity"),
        case(&rules::IMAGE_BUILDER, async |bench: Bench| {
            let call = || async {
                let (status, answer) = bench.rest(Method::POST, "/ListImages", json!({})).await;
                (status, answer.to_string())
            };
            exhausts(&bench, 10, ("CallRateLimitExceededException", 429), call).await
        }),
    ]
}
