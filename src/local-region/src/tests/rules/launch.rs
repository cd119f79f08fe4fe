//! Proofs of the rules of launching.

use super::{Case, case, same};
use crate::rules::launch as rules;
use crate::testing::{Bench, error_code};

async fn launch(bench: &Bench, more: &str) -> (http::StatusCode, String) {
    let ami = bench.region.inner.state().ec2.images.keys().next().unwrap().clone();
    let body = format!(
        "Action=RunInstances&ImageId={ami}&InstanceType=g5.12xlarge&MinCount=1&MaxCount=1{more}"
    );
    bench.query("ec2", &body).await
}

pub fn cases() -> Vec<Case> {
    vec![case(&rules::TOKEN_MISMATCH, async |bench: Bench| {
        launch(&bench, "&ClientToken=t").await;
        let (_, text) = launch(&bench, "&ClientToken=t&EbsOptimized=true").await;
        same(error_code(&text), Some("IdempotentParameterMismatch"))
    })]
}
