//! What people are told, and what it costs.

use super::*;

fn terminal(columns: usize) -> crate::terminal::Terminal {
    crate::terminal::Terminal { columns: Some(columns), colour: false }
}

/// A g5 pair on both markets, with everything known.
fn told() -> (Spec, Facts) {
    let mut facts = facts();
    facts.types[0].info.name = "g5.12xlarge".to_owned();
    (facts.types[0].info.vcpus, facts.types[0].info.gpus) = (48, 4);
    let price = |instance_type: &str, usd_per_hour| PriceFacts {
        instance_type: instance_type.to_owned(),
        price: Known::Value(Some(nixl_aws::pricing::ListPrice {
            usd_per_hour,
            published: "2026-07-20T13:44:30Z".to_owned(),
        })),
    };
    facts.prices = vec![price("g5.12xlarge", 5.672), price("g6.12xlarge", 4.6016)];
    facts.quotas = vec![QuotaFacts {
        code: "L-DB2E81BA".to_owned(),
        limit: Known::Value(192.0),
        pending: Known::Value(Vec::new()),
    }];
    facts.usage = Known::Value(vec![Instance {
        instance_type: "g6.4xlarge".to_owned(),
        vcpus: 16,
        ..Default::default()
    }]);
    facts.reservations = Known::Value(Vec::new());
    facts.routes = Known::Value(vec![nixl_aws::ec2::RouteTable {
        vpc_id: "vpc-1".to_owned(),
        is_main: true,
        default_target: Some("igw-1".to_owned()),
        ..Default::default()
    }]);
    let spec = Spec { instance_types: vec!["g5.12xlarge".to_owned()], ..spec() };
    (spec, facts)
}

#[test]
fn tables_are_those_of_the_golden_files() {
    let (spec, facts) = told();
    let mut plan = plan(&spec, &facts);
    // User data has tests of its own, and changes with what nodes are told.
    plan.user_data.clear();
    plan.checks.retain(|check| check.name != "user-data");
    for columns in [80, 160] {
        for (wide, name) in [(false, ""), (true, "-wide")] {
            let text = crate::plan_table::text(&plan, wide, terminal(columns));
            assert!(text.lines().all(|line| line.chars().count() <= columns), "{text}");
            crate::plan::catalogue::golden(&format!("plan-{columns}{name}.txt"), &text);
        }
    }
    let document = serde_json::to_string_pretty(&plan).unwrap();
    crate::plan::catalogue::golden("plan.json", &format!("{document}\n"));
}

#[test]
fn a_quota_that_is_too_small_stands_in_the_way() {
    let (spec, mut facts) = told();
    facts.quotas[0].limit = Known::Value(111.0);
    let found = refused(&spec, &facts);
    assert!(found.len() == 1 && found[0].0 == "quota", "{found:?}");
    assert!(found[0].1.contains("--desired-value 112"), "{found:?}");
}

#[test]
fn the_most_it_costs_is_told_only_if_every_type_has_a_price() {
    let (mut spec, facts) = told();
    let lifetime = |spec: &Spec| {
        let checks = plan(spec, &facts).checks;
        checks.into_iter().find(|check| check.name == "lifetime").unwrap().found
    };
    assert_eq!(lifetime(&spec), "8h; instances cost $90.75 at most");
    // No Spot price is known, but it is never above this.
    spec.markets = vec![Market::Spot];
    assert_eq!(lifetime(&spec), "8h; instances cost $90.75 at most");
    spec.instance_types.push("p5.48xlarge".to_owned());
    assert_eq!(lifetime(&spec), "8h; what it costs is not known");
}
