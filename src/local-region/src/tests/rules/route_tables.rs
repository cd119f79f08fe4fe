//! Proofs of the rules of route tables.

use super::launch::{accepted, refused};
use super::{Case, case, same};
use crate::rules::route_tables as rules;
use crate::testing::Bench;

async fn tables(bench: &Bench, more: &str) -> String {
    bench.query("ec2", &format!("Action=DescribeRouteTables{more}")).await.1
}

pub fn cases() -> Vec<Case> {
    vec![
        case(&rules::MAIN, async |bench: Bench| {
            let text = tables(&bench, "").await;
            same(text.contains("<destinationCidrBlock>0.0.0.0/0<"), true)?;
            same(text.contains("<gatewayId>igw-"), true)
        }),
        case(&rules::UNKNOWN, async |bench: Bench| {
            let id = bench.region.inner.state().ec2.route_table_id.clone();
            accepted(&tables(&bench, &format!("&RouteTableId.1={id}")).await)?;
            let other = tables(&bench, "&RouteTableId.1=rtb-0").await;
            refused(&other, "InvalidRouteTableID.NotFound")
        }),
    ]
}
