//! A report as tables, or as plain lines where tables have no room.

use crate::check;
use crate::lifetime::Cost;
use crate::report::{LinkReport, NodeReport, Report};
use crate::terminal::{Terminal, wrapped};
use comfy_table::presets::UTF8_FULL_CONDENSED;
use comfy_table::{ContentArrangement, Table};
use nixl_cluster::ClusterName;

/// For people.
#[must_use]
pub fn text(report: &Report, terminal: Terminal) -> String {
    let mut text = pairs(&facts(report), terminal);
    text.push_str(&nodes(&report.nodes, terminal));
    for link in &report.links {
        text.push_str(&format!("{}\n", link_line(&report.cluster, link)));
    }
    for node in &report.nodes {
        if let Some(meaning) = node.meaning {
            text.push_str(&format!("{}: {meaning}\n", node.name));
        }
    }
    text.push_str(&check::text(&report.drift, terminal));
    for warning in &report.warnings {
        let words = wrapped(warning, 6, terminal.columns);
        text.push_str(&format!("{}  {words}\n", terminal.ink(33, "WARN")));
    }
    text
}

fn facts(report: &Report) -> Vec<(&'static str, String)> {
    let dash = || "-".to_owned();
    let tracking = report.tracking.as_ref();
    vec![
        ("cluster", report.cluster.clone()),
        ("state", report.state.clone()),
        ("region", report.region.clone()),
        ("zone", report.zone.clone()),
        ("provider", provider(report)),
        ("instance type", report.instance_type.clone()),
        ("image", report.image_id.clone()),
        ("placement group", report.placement_group.clone().unwrap_or_else(dash)),
        ("security group", report.security_group.clone().unwrap_or_else(dash)),
        ("ends", ends(report)),
        ("cost of instances", cost(report)),
        ("price from", report.cost.as_ref().map_or_else(dash, |cost| cost.source.clone())),
        ("MLflow tracking ARN", tracking.map_or_else(dash, |t| t.arn.clone())),
        ("MLflow tracking URL", tracking.and_then(|t| t.url.clone()).unwrap_or_else(dash)),
        (
            "MLflow status",
            tracking.map_or_else(dash, |t| {
                let active = if t.active { "active" } else { "not active" };
                let owner = if t.owned { "of this cluster" } else { "attached" };
                let cost = t.usd_per_hour.filter(|usd| *usd > 0.0);
                let cost = cost.map(|usd| format!(", ${usd:.2} an hour")).unwrap_or_default();
                format!("{}, {active}, {owner}{cost}", t.status)
            }),
        ),
    ]
}

fn ends(report: &Report) -> String {
    let at = report.ends_at.as_ref().map(|at| format!("{at}, ")).unwrap_or_default();
    format!("{at}{}", left(report.left_secs))
}

/// `in 3h`, `60s ago`, `never`.
#[must_use]
pub fn left(secs: Option<i64>) -> String {
    match secs {
        None => "never".to_owned(),
        Some(left) if left < 0 => format!("{} ago", age(left.unsigned_abs())),
        Some(left) => format!("in {}", age(left.unsigned_abs())),
    }
}

/// Of the instances alone.
fn cost(report: &Report) -> String {
    report.cost.as_ref().map_or_else(
        || "unknown".to_owned(),
        |Cost { usd_so_far, usd_per_hour, .. }| {
            format!("${usd_so_far:.2} so far, ${usd_per_hour:.2} an hour")
        },
    )
}

/// What the nodes were told, and what they use if that says more.
fn provider(report: &Report) -> String {
    let told = report.provider.as_deref().unwrap_or("-");
    let mut used: Vec<&str> =
        report.nodes.iter().filter_map(|node| Some(node.provider?.as_str())).collect();
    used.sort_unstable();
    used.dedup();
    if used.is_empty() || used == [told] {
        return told.to_owned();
    }
    format!("{told}: {}", used.join(", "))
}

/// `nixl-node1 → nixl-node2: 17.5 µs …`
fn link_line(cluster: &str, link: &LinkReport) -> String {
    let name = |rank: u32| match cluster.parse::<ClusterName>() {
        Ok(cluster) => cluster.node(rank),
        Err(_) => format!("rank {rank}"),
    };
    let LinkReport { from_rank, to_rank, mode, size_bytes, p50_micros, gbps, degraded } = *link;
    let degraded = if degraded { ", degraded" } else { "" };
    format!(
        "{} → {}: {p50_micros:.1} µs round trip (median, {size_bytes} B, {mode}), {gbps:.1} Gbit/s{degraded}",
        name(from_rank),
        name(to_rank),
    )
}

fn nodes(nodes: &[NodeReport], terminal: Terminal) -> String {
    let dash = || "-".to_owned();
    let roles = nodes.iter().any(|node| node.role.is_some());
    let columns: Vec<&str> =
        ["node", "role", "instance", "state", "phase", "since", "private IP", "public IP"]
            .into_iter()
            .filter(|column| roles || *column != "role")
            .collect();
    let row = |node: &NodeReport| {
        let role = roles.then(|| node.role.clone().unwrap_or_else(dash));
        let first = [Some(node.name.clone()), role].into_iter().flatten();
        first
            .chain([
                node.instance_id.clone(),
                node.instance_state.clone(),
                phase(node),
                node.phase_age_secs.map_or_else(dash, age),
                node.private_ip.clone().unwrap_or_else(dash),
                node.public_ip.clone().unwrap_or_else(dash),
            ])
            .collect()
    };
    rows(&columns, &nodes.iter().map(row).collect::<Vec<Vec<String>>>(), terminal)
}

/// Keys and values: a table, or lines where that has no room.
#[must_use]
pub fn pairs(pairs: &[(&str, String)], terminal: Terminal) -> String {
    let mut table = table();
    for (key, value) in pairs {
        table.add_row([(*key).to_owned(), value.clone()]);
    }
    fitting(&table, terminal)
        .unwrap_or_else(|| pairs.iter().map(|(key, value)| format!("{key}: {value}\n")).collect())
}

/// Rows under a header: a table, or each row as a paragraph where that has no
/// room. Nothing is broken in the middle: ids are there to be copied.
#[must_use]
pub fn rows(columns: &[&str], rows: &[Vec<String>], terminal: Terminal) -> String {
    let mut table = table();
    table.set_header(columns.to_vec());
    for row in rows {
        table.add_row(row.clone());
    }
    fitting(&table, terminal).unwrap_or_else(|| {
        let paragraph = |row: &Vec<String>| {
            let mut cells = columns.iter().zip(row);
            let first = cells.next().map(|(_, name)| name.clone()).unwrap_or_default();
            let rest: String =
                cells.map(|(column, cell)| format!("  {column}: {cell}\n")).collect();
            format!("{first}\n{rest}")
        };
        rows.iter().map(paragraph).collect()
    })
}

fn fitting(table: &Table, terminal: Terminal) -> Option<String> {
    let text = format!("{table}\n");
    let widest = text.lines().map(|line| line.chars().count()).max().unwrap_or_default();
    terminal.columns.is_none_or(|columns| widest <= columns).then_some(text)
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
#[must_use]
pub fn age(secs: u64) -> String {
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
    use crate::check::Check;
    use crate::report::TrackingReport;

    const PIPE: Terminal = Terminal { columns: None, colour: false };

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
            provider: Some(nixl_cluster::Provider::Efa),
            stages: Vec::new(),
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
                ..Default::default()
            }),
            ends_at: Some("2026-11-28T20:00:00Z".to_owned()),
            left_secs: Some(10_800),
            cost: Some(Cost {
                usd_per_hour: 9.2,
                usd_so_far: 4.6,
                source: "AWS Price List".to_owned(),
            }),
            nodes: vec![node(0, "paired", None), node(1, "degraded", Some("pair.peer_lost"))],
            links: vec![LinkReport {
                from_rank: 0,
                to_rank: 1,
                mode: nixl_cluster::link::Mode::OneSided,
                size_bytes: 64,
                p50_micros: 17.46,
                gbps: 97.31,
                degraded: true,
            }],
            drift: vec![Check::fail("imds", "off", "turn it on").of("nixl-node1")],
            warnings: vec!["nixl-node2 is not online in SSM".to_owned()],
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
│ ends                ┆ 2026-11-28T20:00:00Z, in 3h      │
│ cost of instances   ┆ $4.60 so far, $9.20 an hour      │
│ price from          ┆ AWS Price List                   │
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
nixl-node1 → nixl-node2: 17.5 µs round trip (median, 64 B, one-sided), 97.3 Gbit/s, degraded
nixl-node2: The peer was paired and stopped answering.
FAIL  imds  nixl-node1: off
            fix: turn it on
WARN  nixl-node2 is not online in SSM
";
        assert_eq!(text(&report(), PIPE), expected);
    }

    #[test]
    fn what_has_no_room_as_a_table_is_lines_that_break_no_word() {
        let narrow = Terminal { columns: Some(80), colour: false };
        let text = text(&report(), narrow);
        let node2 =
            "nixl-node2\n  instance: i-1\n  state: running\n  phase: degraded (pair.peer_lost)\n";
        assert!(text.contains(node2), "{text}");
        assert!(text.contains("│ cluster             ┆ nixl"), "this one has room: {text}");
        let narrower = super::text(&report(), Terminal { columns: Some(40), colour: true });
        assert!(narrower.starts_with("cluster: nixl\nstate: degraded\n"), "{narrower}");
        assert!(narrower.ends_with("\x1b[33mWARN\x1b[0m  nixl-node2 is not online in SSM\n"));
    }

    #[test]
    fn with_auto_the_provider_in_use_is_told() {
        let mut report = report();
        report.provider = Some("auto".to_owned());
        assert_eq!(provider(&report), "auto: efa");
        report.nodes.iter_mut().for_each(|node| node.provider = None);
        assert_eq!(provider(&report), "auto");
    }

    #[test]
    fn roles_have_a_column_where_they_differ() {
        let mut report = report();
        report.nodes[1].role = Some("decode".to_owned());
        let text = text(&report, PIPE);
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
