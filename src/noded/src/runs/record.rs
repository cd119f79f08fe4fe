//! A report of a link as a run.

use super::Image;
use crate::link::Measured;
use crate::versions;
use jiff::Timestamp;
use nixl_cluster::link::Mode;
use nixl_cluster::{ClusterName, Versions};
use nixl_tracking::Record;

/// Name of the experiment.
pub const EXPERIMENT: &str = "nixl-efa-link";

/// What every run says of this node.
pub struct Facts {
    /// Name of the cluster.
    pub cluster: ClusterName,
    /// Zone name.
    pub zone: String,
    /// `ami-…`, once known.
    pub image_id: Option<String>,
    /// What the image says of itself.
    pub image: Option<Image>,
    /// Versions of its software.
    pub versions: versions::Source,
}

/// The run of a report; none of one without a time.
pub(super) fn of(measured: &Measured, facts: &Facts) -> Option<Record> {
    let Measured { node, rails, peer, peer_rank, pair_id, report } = measured;
    let begun = report.at.parse::<Timestamp>().ok()?.as_millisecond();
    let ended = begun.saturating_add_unsigned(report.took_millis);
    let own = &node.instance_id;
    let key = format!("{own}>{peer}@{begun}");
    let mut record = Record::new(key, EXPERIMENT, format!("{own} to {peer}"), (begun, ended));

    record.tag("nixl.cluster", facts.cluster.as_str());
    record.tag("nixl.node", own);
    record.tag("nixl.peer", peer);
    if let Some(pair_id) = pair_id {
        record.tag("nixl.pair_id", pair_id);
    }
    params(&mut record, measured, facts);
    record.param("node.rank", node.rank.to_string());
    record.param("peer.rank", peer_rank.to_string());
    record.param("rails", rails.len().to_string());

    for latency in &report.latencies {
        let (step, on) = (i64::from(latency.size_bytes), place(Some(latency.rail), latency.mode));
        if latency.answered > 0 {
            let micros = |nanos: u64| nanos as f64 / 1e3;
            record.metric(&format!("{on}/round_trip_p50_micros"), micros(latency.p50_nanos), step);
            record.metric(&format!("{on}/round_trip_p99_micros"), micros(latency.p99_nanos), step);
        }
        record.metric(&format!("{on}/round_trips_lost"), latency.lost.into(), step);
    }
    for bandwidth in &report.bandwidths {
        let on = place(bandwidth.rail, bandwidth.mode);
        record.metric(&format!("{on}/gbps"), bandwidth.gbps(), bandwidth.size_bytes.into());
    }
    record.metric("took_millis", report.took_millis as f64, 0);
    Some(record)
}

/// Before the slash MLflow's page makes a group of it; the size is the step.
fn place(rail: Option<u16>, mode: Mode) -> String {
    match rail {
        Some(rail) => format!("{mode}/rail{rail}"),
        None => format!("{mode}/all_rails"),
    }
}

fn params(record: &mut Record, measured: &Measured, facts: &Facts) {
    let Measured { node, rails, peer, report, .. } = measured;
    let Versions { release, kernel, libfabric, efa_driver, nvidia_driver } = (facts.versions)();
    let (first, image) = (rails.first(), facts.image.as_ref());
    let not_measured = Some(report.not_measured.join("; ")).filter(|told| !told.is_empty());
    for (key, value) in [
        ("node", Some(node.instance_id.clone())),
        ("peer", Some(peer.clone())),
        ("instance_type", Some(node.instance_type.clone())),
        ("zone", Some(facts.zone.clone())),
        ("image_id", facts.image_id.clone()),
        ("image_name", image.map(|image| image.name.clone())),
        ("image_digest", image.map(|image| image.digest.clone())),
        ("provider_name", first.map(|rail| rail.provider_name.clone())),
        ("one_sided", first.map(|rail| rail.one_sided.to_string())),
        ("versions.nixl", release),
        ("versions.kernel", kernel),
        ("versions.libfabric", libfabric),
        ("versions.efa_driver", efa_driver),
        ("versions.nvidia_driver", nvidia_driver),
        ("other_traffic", report.other_traffic.clone()),
        ("not_measured", not_measured),
    ] {
        if let Some(value) = value {
            record.param(key, value);
        }
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use nixl_cluster::link::{Bandwidth, Latency, LinkNode, Report};
    use std::sync::Arc;

    pub fn facts() -> Facts {
        Facts {
            cluster: "nixl".parse().unwrap(),
            zone: "us-east-1a".to_owned(),
            image_id: Some("ami-1".to_owned()),
            image: Some(Image { name: "gpu-x86_64".to_owned(), digest: "ab12".to_owned() }),
            versions: Arc::new(|| Versions {
                libfabric: Some("2.4".to_owned()),
                ..Versions::default()
            }),
        }
    }

    pub fn measured(at: &str) -> Measured {
        let latency = Latency {
            rail: 1,
            mode: Mode::TwoSided,
            size_bytes: 64,
            answered: 10,
            lost: 1,
            min_nanos: 9_000,
            p50_nanos: 10_500,
            p99_nanos: 20_000,
            max_nanos: 30_000,
        };
        let silent = Latency { answered: 0, size_bytes: 8, ..latency };
        let bandwidth = Bandwidth {
            rail: None,
            mode: Mode::OneSided,
            size_bytes: 1 << 20,
            bytes: 12_500_000_000,
            elapsed_nanos: 1_000_000_000,
        };
        Measured {
            node: LinkNode {
                instance_id: "i-1".to_owned(),
                rank: 0,
                instance_type: "p5.48xlarge".to_owned(),
                library: None,
            },
            rails: Vec::new(),
            peer: "i-2".to_owned(),
            peer_rank: 1,
            pair_id: Some("nixl/i-1+i-2".to_owned()),
            report: Report {
                at: at.to_owned(),
                took_millis: 1500,
                latencies: vec![silent, latency],
                bandwidths: vec![bandwidth],
                not_measured: vec!["two-sided above 4 MiB".to_owned()],
                ..Report::default()
            },
        }
    }

    #[test]
    fn a_run_has_the_ladders_and_both_nodes() {
        let record = of(&measured("2026-11-29T08:00:00Z"), &facts()).unwrap();
        assert_eq!(record.ended_millis - record.started_millis, 1500);
        assert_eq!(record.name, "i-1 to i-2");
        assert_eq!(record.tags["nixl.pair_id"], "nixl/i-1+i-2");
        for (key, value) in [
            ("node", "i-1"),
            ("peer", "i-2"),
            ("instance_type", "p5.48xlarge"),
            ("image_id", "ami-1"),
            ("image_name", "gpu-x86_64"),
            ("image_digest", "ab12"),
            ("versions.libfabric", "2.4"),
            ("not_measured", "two-sided above 4 MiB"),
        ] {
            assert_eq!(record.params[key], value, "{key}");
        }
        let points: Vec<_> =
            record.metrics.iter().map(|m| (m.key.as_str(), m.value, m.step)).collect();
        assert_eq!(
            points,
            [
                ("two-sided/rail1/round_trips_lost", 1.0, 8),
                ("two-sided/rail1/round_trip_p50_micros", 10.5, 64),
                ("two-sided/rail1/round_trip_p99_micros", 20.0, 64),
                ("two-sided/rail1/round_trips_lost", 1.0, 64),
                ("one-sided/all_rails/gbps", 100.0, 1 << 20),
                ("took_millis", 1500.0, 0),
            ]
        );
        assert_eq!(of(&measured("soon"), &facts()), None);
    }
}
