//! A plan for people: what would be tried, and every check with its fix.

use crate::check;
use crate::plan::{Plan, layout};
use crate::render::{pairs, rows};
use crate::terminal::Terminal;

/// For people.
#[must_use]
pub fn text(plan: &Plan, terminal: Terminal) -> String {
    let spec = &plan.spec;
    let mut facts = vec![
        ("cluster", spec.cluster.to_string()),
        ("account", format!("{} in {}", plan.account, spec.region)),
        ("nodes", spec.size.to_string()),
        ("provider", spec.provider.as_str().to_owned()),
        ("image", plan.image.as_ref().map_or("-".to_owned(), |image| image.id.clone())),
        ("VPC", if plan.vpc_id.is_empty() { "-".to_owned() } else { plan.vpc_id.clone() }),
        ("MLflow", plan.tracking.name().unwrap_or("-").to_owned()),
    ];
    facts.extend(
        plan.policies.keys().map(|role| ("IAM role", format!("{role}, see --output json"))),
    );
    let mut text = pairs(&facts, terminal);
    text.push_str(&attempts(plan, terminal));
    text.push_str(&check::text(&plan.checks, terminal));
    text
}

/// The ladder, in the order of trying.
fn attempts(plan: &Plan, terminal: Terminal) -> String {
    if plan.attempts.is_empty() {
        return String::new();
    }
    let columns = ["type", "market", "zone", "subnet", "EFA", "USD/h each", "placement group"];
    let row = |attempt: &crate::plan::Attempt| {
        let info = plan.types.iter().find(|info| info.name == attempt.instance_type);
        let efa = info.map_or(0, |info| {
            let slots = layout(info, plan.spec.provider);
            slots.iter().filter(|slot| slot.interface_type != "interface").count()
        });
        let price = plan.prices.iter().find(|price| {
            price.instance_type == attempt.instance_type
                && price.market == attempt.market
                && price.zone.as_ref().is_none_or(|zone| *zone == attempt.place.zone)
        });
        vec![
            attempt.instance_type.clone(),
            attempt.market.to_string(),
            attempt.place.zone.clone(),
            attempt.place.subnet_id.clone(),
            efa.to_string(),
            price.map_or("?".to_owned(), |price| format!("{:.4}", price.usd_per_hour)),
            attempt.placement_group.clone().unwrap_or_else(|| "-".to_owned()),
        ]
    };
    rows(&columns, &plan.attempts.iter().map(row).collect::<Vec<_>>(), terminal)
}
