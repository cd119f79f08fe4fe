//! DescribeRouteTables: the default VPC has its main table and no other.

use super::{dry_run, filter::Filters, paging::page, tag_set};
use crate::api::{Answer, ApiError, Call, params::Params};
use crate::rules::route_tables as rules;
use serde_json::json;

/// DescribeRouteTables.
pub fn describe(call: &Call<'_>, p: &Params) -> Answer {
    let known = ["association.main", "route-table-id", "vpc-id", "owner-id"];
    let filters = Filters::read(call, p, &known)?;
    let ids = p.list("RouteTableId");
    dry_run(p)?;
    let state = call.state();
    let ec2 = &state.ec2;
    let (table, gateway) = (&ec2.route_table_id, &ec2.internet_gateway_id);
    let unknown = ids.iter().find(|id| *id != table);
    state.rules.check(&rules::UNKNOWN, unknown.is_none(), || {
        let id = unknown.map(String::as_str).unwrap_or_default();
        let message = format!("The routeTable ID '{id}' does not exist");
        ApiError::new("InvalidRouteTableID.NotFound", message)
    })?;
    let account = &call.region.config.account_id;
    let tags = ec2.tags_of(table);
    let kept = filters.keep(&tags, |name| {
        vec![match name {
            "association.main" => "true".to_owned(),
            "route-table-id" => table.clone(),
            "vpc-id" => ec2.vpc_id.clone(),
            _ => account.clone(),
        }]
    });
    let mut routes = vec![json!({
        "destinationCidrBlock": "10.77.0.0/16", "gatewayId": "local", "state": "active",
        "origin": "CreateRouteTable",
    })];
    if state.rules.on(&rules::MAIN) {
        routes.push(json!({
            "destinationCidrBlock": "0.0.0.0/0", "gatewayId": gateway, "state": "active",
            "origin": "CreateRoute",
        }));
    }
    let shown = json!({
        "routeTableId": table,
        "vpcId": ec2.vpc_id,
        "ownerId": account,
        "routeSet": routes,
        "associationSet": [{
            "routeTableAssociationId": table.replacen("rtb-", "rtbassoc-", 1),
            "routeTableId": table,
            "main": true,
            "associationState": {"state": "associated"},
        }],
        "propagatingVgwSet": [],
        "tagSet": tag_set(&tags),
    });
    let (items, next) = page(call, if kept { vec![shown] } else { Vec::new() }, p, (5, 100))?;
    Ok(json!({"routeTableSet": items, "nextToken": next}))
}
