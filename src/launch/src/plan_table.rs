//! A plan for people: what would be tried, and every check with its fix.

use crate::check;
use crate::plan::{Attempt, Plan};
use crate::render::{pairs, rows};
use crate::terminal::Terminal;

/// For people; `wide` with every network card.
#[must_use]
pub fn text(plan: &Plan, wide: bool, terminal: Terminal) -> String {
    let spec = &plan.spec;
    let mut facts = vec![
        ("cluster", spec.cluster.to_string()),
        ("account", format!("{} in {}", plan.account, spec.region)),
        ("nodes", spec.size.to_string()),
        ("provider", spec.provider.as_str().to_owned()),
        ("image", plan.image.as_ref().map_or("-".to_owned(), |image| image.id.clone())),
        ("VPC", if plan.vpc_id.is_empty() { "-".to_owned() } else { plan.vpc_id.clone() }),
        ("MLflow", mlflow(plan)),
    ];
    facts.extend(
        plan.policies.keys().map(|role| ("IAM role", format!("{role}, see --output json"))),
    );
    let mut text = pairs(&facts, terminal);
    text.push_str(&attempts(plan, terminal));
    if wide {
        text.push_str(&cards(plan, terminal));
    }
    text.push_str(&check::text(&plan.checks, terminal));
    text
}

/// The line's name says already that it is MLflow.
fn mlflow(plan: &Plan) -> String {
    let label = plan.tracking.label().unwrap_or_else(|| "-".to_owned());
    label.strip_prefix("MLflow ").map_or(label.clone(), str::to_owned)
}

/// The ladder, in the order of trying.
fn attempts(plan: &Plan, terminal: Terminal) -> String {
    if plan.attempts.is_empty() {
        return String::new();
    }
    let columns = ["type", "market", "zone", "subnet", "EFA", "USD/h each", "placement group"];
    let row = |attempt: &Attempt| {
        let slots = plan.interfaces.get(&attempt.instance_type).into_iter().flatten();
        let efa = slots.filter(|slot| slot.interface_type != "interface").count();
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

/// Every network card of every type, as EC2 tells them, and what is put on it.
fn cards(plan: &Plan, terminal: Terminal) -> String {
    let columns = ["type", "card", "speed", "most", "takes", "device", "interface"];
    let mut lines = Vec::new();
    for info in &plan.types {
        let slots = plan.interfaces.get(&info.name);
        for card in &info.network_cards {
            let slot = slots.into_iter().flatten().find(|slot| slot.card_index == card.index);
            let told = |what: Option<String>| what.unwrap_or_else(|| "-".to_owned());
            lines.push(vec![
                info.name.clone(),
                card.index.to_string(),
                card.performance.clone(),
                card.max_interfaces.to_string(),
                card.interface_types.join(" "),
                told(slot.map(|slot| slot.device_index.to_string())),
                told(slot.map(|slot| slot.interface_type.clone())),
            ]);
        }
    }
    if lines.is_empty() { String::new() } else { rows(&columns, &lines, terminal) }
}
