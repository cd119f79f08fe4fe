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
    let roles = report.nodes.iter().any(|node| node.role.is_some());
    nodes.set_header(
        ["node", "role", "instance", "state", "phase", "since", "private IP", "public IP"]
            .into_iter()
            .filter(|column| roles || *column != "role"),
    );
    for node in &report.nodes {
        let role = roles.then(|| node.role.clone().unwrap_or_else(dash));
        let first = [Some(node.name.clone()), role].into_iter().flatten();
        nodes.add_row(first.chain([
            node.instance_id.clone(),
            node.instance_state.clone(),
            phase(node),
            node.phase_age_secs.map_or_else(dash, age),
            node.private_ip.clone().unwrap_or_else(dash),
            node.public_ip.clone().unwrap_or_else(dash),
        ]));
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::TrackingReport;

    fn report() -> Report {
        let node = |rank: u32, phase: &str, reason: Option<&str>| NodeReport {
            rank,
            name: format!("nixl-node{}", rank + 1),
            role: None,
            instance_id: format!("i-{rank}"),
            instance_state: "running".to_owned(),
            phase: Some(phase.to_owned()),
            reason: reason.map(str::to_owned),
            meaning: reason.and_then(nixl_cluster::reason::find).map(|reason| reason.meaning),
            phase_age_secs: Some(12),
            age_secs: Some(60),
            private_ip: Some(format!("10.0.0.{rank}")),
            public_ip: None,
        };
        Report {
            cluster: "nixl".to_owned(),
            region: "us-east-1".to_owned(),
            state: "degraded".to_owned(),
            provider: Some("efa".to_owned()),
            instance_type: "g6.12xlarge".to_owned(),
            image_id: "ami-1".to_owned(),
            zone: "us-east-1a".to_owned(),
            placement_group: Some("nixl-us-east-1a".to_owned()),
            security_group: Some("sg-1".to_owned()),
            tracking: Some(TrackingReport {
                arn: "arn:x".to_owned(),
                url: Some("https://m".to_owned()),
                status: "Created".to_owned(),
                active: true,
                owned: true,
            }),
            nodes: vec![node(0, "paired", None), node(1, "degraded", Some("pair.peer_lost"))],
        }
    }

    #[test]
    fn tables_look_like_this() {
        let expected = "\
┌─────────────────────┬──────────────────────────────────┐
│ cluster             ┆ nixl                             │
│ state               ┆ degraded                         │
│ region              ┆ us-east-1                        │
│ zone                ┆ us-east-1a                       │
│ provider            ┆ efa                              │
│ instance type       ┆ g6.12xlarge                      │
│ image               ┆ ami-1                            │
│ placement group     ┆ nixl-us-east-1a                  │
│ security group      ┆ sg-1                             │
│ MLflow tracking ARN ┆ arn:x                            │
│ MLflow tracking URL ┆ https://m                        │
│ MLflow status       ┆ Created, active, of this cluster │
└─────────────────────┴──────────────────────────────────┘
┌────────────┬──────────┬─────────┬───────────────────────────┬───────┬────────────┬───────────┐
│ node       ┆ instance ┆ state   ┆ phase                     ┆ since ┆ private IP ┆ public IP │
╞════════════╪══════════╪═════════╪═══════════════════════════╪═══════╪════════════╪═══════════╡
│ nixl-node1 ┆ i-0      ┆ running ┆ paired                    ┆ 12s   ┆ 10.0.0.0   ┆ -         │
│ nixl-node2 ┆ i-1      ┆ running ┆ degraded (pair.peer_lost) ┆ 12s   ┆ 10.0.0.1   ┆ -         │
└────────────┴──────────┴─────────┴───────────────────────────┴───────┴────────────┴───────────┘
nixl-node2: The peer was paired and stopped answering.
";
        assert_eq!(text(&report()), expected);
    }

    #[test]
    fn roles_have_a_column_where_they_differ() {
        let mut report = report();
        report.nodes[1].role = Some("decode".to_owned());
        let text = text(&report);
        assert!(text.contains("│ node       ┆ role   ┆ instance ┆"), "{text}");
        assert!(text.contains("│ nixl-node1 ┆ -      ┆ i-0      ┆"), "{text}");
        assert!(text.contains("│ nixl-node2 ┆ decode ┆ i-1      ┆"), "{text}");
    }

    #[test]
    fn ages_are_short() {
        let shown = [5, 119, 600, 10_000, 200_000].map(age);
        assert_eq!(shown, ["5s", "119s", "10m", "2h", "2d"]);
    }
}
