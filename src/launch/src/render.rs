//! A report as tables.

use crate::report::{NodeReport, Report};
use comfy_table::presets::UTF8_FULL_CONDENSED;
use comfy_table::{ContentArrangement, Table};

/// Tables for people.
#[must_use]
pub fn text(report: &Report) -> String {
    let mut facts = table();
    let dash = || "-".to_owned();
    let tracking = report.tracking.as_ref();
    for (key, value) in [
        ("cluster", report.cluster.clone()),
        ("state", report.state.clone()),
        ("region", report.region.clone()),
        ("zone", report.zone.clone()),
        ("provider", report.provider.clone().unwrap_or_else(dash)),
        ("instance type", report.instance_type.clone()),
        ("image", report.image_id.clone()),
        ("placement group", report.placement_group.clone().unwrap_or_else(dash)),
        ("security group", report.security_group.clone().unwrap_or_else(dash)),
        ("MLflow tracking ARN", tracking.map_or_else(dash, |t| t.arn.clone())),
        ("MLflow tracking URL", tracking.and_then(|t| t.url.clone()).unwrap_or_else(dash)),
        (
            "MLflow status",
            tracking.map_or_else(dash, |t| {
                let active = if t.active { "active" } else { "not active" };
                let owner = if t.owned { "of this cluster" } else { "attached" };
                format!("{}, {active}, {owner}", t.status)
            }),
        ),
    ] {
        facts.add_row([key.to_owned(), value]);
    }
    let mut nodes = table();
    nodes.set_header(["node", "instance", "state", "phase", "since", "private IP", "public IP"]);
    for node in &report.nodes {
        nodes.add_row([
            node.name.clone(),
            node.instance_id.clone(),
            node.instance_state.clone(),
            phase(node),
            node.phase_age_secs.map_or_else(dash, age),
            node.private_ip.clone().unwrap_or_else(dash),
            node.public_ip.clone().unwrap_or_else(dash),
        ]);
    }
    let mut text = format!("{facts}\n{nodes}\n");
    for node in &report.nodes {
        if let Some(meaning) = node.meaning {
            text.push_str(&format!("{}: {meaning}\n", node.name));
        }
    }
    text
}

fn table() -> Table {
    let mut table = Table::new();
    table.load_style(UTF8_FULL_CONDENSED).set_content_arrangement(ContentArrangement::Disabled);
    table
}

fn phase(node: &NodeReport) -> String {
    let phase = node.phase.as_deref().unwrap_or("-");
    match &node.reason {
        Some(reason) => format!("{phase} ({reason})"),
        None => phase.to_owned(),
    }
}

/// `42s`, `7m`, `3h`, `2d`.
fn age(secs: u64) -> String {
    match secs {
        0..=119 => format!("{secs}s"),
        120..=7199 => format!("{}m", secs / 60),
        7200..=172_799 => format!("{}h", secs / 3600),
        _ => format!("{}d", secs / 86_400),
    }
}
