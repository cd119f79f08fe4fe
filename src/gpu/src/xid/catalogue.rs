//! What Xids mean, from `catalogue.csv`, whose head names its sources.

use nixl_cluster::reason::{self, Reason};
use std::sync::OnceLock;

const TABLE: &str = include_str!("catalogue.csv");
const COLUMNS: usize = 6;

/// One Xid.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Row {
    /// Its number.
    pub xid: u32,
    /// NVIDIA's name of it.
    pub name: &'static str,
    /// What it means, in a few words.
    pub meaning: &'static str,
    /// What it is told as; for Xid 154 unless its text says more.
    pub reason: &'static Reason,
}

/// The row of an Xid, if the catalogue knows it.
#[must_use]
pub fn find(xid: u32) -> Option<&'static Row> {
    let rows = rows();
    rows.binary_search_by_key(&xid, |row| row.xid).ok().and_then(|at| rows.get(at))
}

fn rows() -> &'static [Row] {
    static ROWS: OnceLock<Vec<Row>> = OnceLock::new();
    ROWS.get_or_init(|| lines().filter_map(row).collect())
}

fn lines() -> impl Iterator<Item = &'static str> {
    TABLE.lines().filter(|line| !line.starts_with('#')).skip(1)
}

fn row(line: &'static str) -> Option<Row> {
    let mut columns = line.splitn(COLUMNS, ',');
    let xid = columns.next()?.parse().ok()?;
    let (name, meaning, _severity) = (columns.next()?, columns.next()?, columns.next()?);
    let reason = match columns.next()? {
        "restart_app" => &reason::GPU_XID_APPLICATION,
        "watch" | "as_told" => &reason::GPU_XID_WATCH,
        "reset_gpu" => &reason::GPU_XID_RESET,
        "reboot" => &reason::GPU_XID_REBOOT,
        "replace" => &reason::GPU_XID_REPLACE,
        _ => return None,
    };
    Some(Row { xid, name, meaning, reason })
}

#[cfg(test)]
mod tests {
    use super::*;
    use nixl_cluster::reason::Severity;

    #[test]
    fn every_line_is_a_row_in_order_and_its_severity_is_that_of_its_reason() {
        assert_eq!(rows().len(), lines().count());
        assert!(rows().is_sorted_by_key(|row| row.xid), "binary search needs it");
        for (line, row) in lines().zip(rows()) {
            let columns: Vec<&str> = line.split(',').collect();
            assert_eq!(columns.len(), COLUMNS, "{line}");
            let severity = match columns[3] {
                "warning" => Severity::Warning,
                "error" => Severity::Error,
                other => panic!("{other} in {line}"),
            };
            assert_eq!(row.reason.severity, severity, "{line}");
            assert!(matches!(columns[5], "aws" | "nvidia"), "{line}");
        }
    }

    #[test]
    fn the_health_checks_of_aws_decide() {
        let codes = |xids: &[u32], reason: &Reason| {
            for xid in xids {
                assert_eq!(find(*xid).unwrap().reason.code, reason.code, "{xid}");
            }
        };
        codes(&[54, 64], &reason::GPU_XID_REPLACE);
        codes(&[79, 151, 168, 74], &reason::GPU_XID_REBOOT);
        codes(&[48, 95, 109, 110, 119, 120, 136, 140, 143, 155, 156, 158], &reason::GPU_XID_RESET);
        codes(&[13, 31, 43], &reason::GPU_XID_APPLICATION);
        codes(&[63, 92, 94, 121, 126, 144, 147, 150, 162, 165], &reason::GPU_XID_WATCH);
        assert!(find(1).is_none() && find(100_000).is_none());
        assert_eq!(find(79).unwrap().meaning, "GPU has fallen off the bus");
    }
}
