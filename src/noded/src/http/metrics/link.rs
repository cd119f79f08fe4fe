//! The links: round trips, rates beside what is expected, losses.

use super::families::{Buckets, Families, Labels, truth};
use crate::link::{LinkFigures, PeerFigures};
use nixl_cluster::link::{Bandwidth, Baseline, Measure, Rail, Source};
use std::collections::BTreeMap;
use std::fmt;

/// Bytes a second of 10^9 bits a second.
const BYTES_PER_GBPS: f64 = 1e9 / 8.0;
const NANOS: f64 = 1e9;

pub(super) fn write(told: &LinkFigures, families: &mut Families<'_>) -> fmt::Result {
    rails(&told.rails, families)?;
    let help =
        "Whether there is a pair over the link; without one nothing that was seen last is told.";
    let paired = told.peers.iter().map(|of| (vec![peer(of)], truth(of.paired)));
    families.gauge("nixl_link_paired", help, paired)?;
    round_trips(&told.peers, families)?;
    bandwidths(&told.peers, families)?;
    faults(&told.peers, families)?;
    let Some(budget) = &told.budget else { return Ok(()) };
    let one = |value: u64| [(Labels::new(), value as f64)];
    let help = "What measuring in passing may move on average.";
    families.gauge("nixl_link_budget_bytes_per_second", help, one(budget.bytes_per_sec))?;
    let help = "What measuring in passing has moved since the endpoint was opened.";
    families.counter("nixl_link_budget_spent_bytes", help, one(budget.spent_bytes))
}

fn rails(rails: &[Rail], families: &mut Families<'_>) -> fmt::Result {
    let rail = |rail: &Rail| ("rail", rail.index.to_string());
    let who = rails.iter().map(|of| {
        vec![
            rail(of),
            ("provider", of.provider_name.clone()),
            ("domain", of.domain.clone()),
            ("pci_address", of.pci_address.clone().unwrap_or_default()),
        ]
    });
    families.info("nixl_rail", "Rails of this node: its endpoints.", who)?;
    let speeds =
        rails.iter().filter_map(|of| Some((vec![rail(of)], of.speed_gbps? * BYTES_PER_GBPS)));
    let help = "Line rate of a rail, where libfabric tells it.";
    families.gauge("nixl_rail_speed_bytes_per_second", help, speeds)
}

fn peer(of: &PeerFigures) -> (&'static str, String) {
    ("peer_id", of.instance_id.clone())
}

fn round_trips(peers: &[PeerFigures], families: &mut Families<'_>) -> fmt::Result {
    let on = |of: &PeerFigures, rail: u16| vec![peer(of), ("rail", rail.to_string())];
    let help = "Round trips of 64 bytes since the history of the link begins.";
    let samples = peers.iter().flat_map(|of| {
        of.histograms.iter().map(move |(rail, counts)| (on(of, *rail), buckets(counts)))
    });
    families.histogram("nixl_link_round_trip_seconds", help, samples)?;
    let help = "Percentiles of the last round trips of 64 bytes on a rail.";
    let samples = peers.iter().flat_map(|of| {
        let answered = of.probes.iter().filter(|latency| latency.answered > 0);
        answered.flat_map(move |latency| {
            let told = [("50", latency.p50_nanos), ("99", latency.p99_nanos)];
            told.map(|(percentile, nanos)| {
                let mut labels = on(of, latency.rail);
                labels.push(("percentile", percentile.to_owned()));
                (labels, nanos as f64 / NANOS)
            })
        })
    });
    families.gauge("nixl_link_latest_round_trip_seconds", help, samples)?;
    let help = "Median round trip expected, by where the expectation comes from.";
    let samples = expected(peers, |baseline| baseline.round_trip_micros.map(|micros| micros / 1e6));
    families.gauge("nixl_link_expected_round_trip_seconds", help, samples)?;
    let help = "Round trips that did not come back since the daemon started.";
    let samples = peers
        .iter()
        .flat_map(|of| of.lost.iter().map(move |(rail, count)| (on(of, *rail), *count as f64)));
    families.counter("nixl_link_probes_lost", help, samples)
}

/// What the histogram told, which the formats want as sums up to each limit.
fn buckets(counts: &crate::link::Counts) -> Buckets {
    let limits = counts.below.iter().map(|(nanos, count)| (*nanos as f64 / NANOS, *count));
    Buckets {
        counts: limits.chain([(f64::INFINITY, counts.above)]).collect(),
        sum: counts.sum_nanos / NANOS,
    }
}

fn expected<'a>(
    peers: &'a [PeerFigures],
    value: impl Fn(&Baseline) -> Option<f64> + Copy + 'a,
) -> impl Iterator<Item = (Labels, f64)> + 'a {
    peers.iter().flat_map(move |of| {
        of.baselines.iter().filter_map(move |baseline| {
            let source = match baseline.source {
                Source::InstanceType => "instance-type",
                Source::OwnHistory => "own-history",
            };
            Some((vec![peer(of), ("source", source.to_owned())], value(baseline)?))
        })
    })
}

fn bandwidths(peers: &[PeerFigures], families: &mut Families<'_>) -> fmt::Result {
    let help = "Rate of the last transfer, of those that are compared with what is expected.";
    let samples = peers.iter().filter_map(|of| {
        let rail = of.rate?.rail.map_or("all".to_owned(), |rail| rail.to_string());
        Some((vec![peer(of), ("rail", rail)], of.rate?.gbps() * BYTES_PER_GBPS))
    });
    families.gauge("nixl_link_bandwidth_bytes_per_second", help, samples)?;
    let help = "Rate expected on rail 0, by where the expectation comes from.";
    let samples = expected(peers, |baseline| baseline.gbps.map(|gbps| gbps * BYTES_PER_GBPS));
    families.gauge("nixl_link_expected_bandwidth_bytes_per_second", help, samples)?;
    let help = "Best rate of the last full report on each rail and on all at once.";
    let samples = peers.iter().flat_map(|of| {
        best(&of.report).into_iter().map(move |((rail, mode), gbps)| {
            (vec![peer(of), ("rail", rail), ("mode", mode)], gbps * BYTES_PER_GBPS)
        })
    });
    families.gauge("nixl_link_report_bandwidth_bytes_per_second", help, samples)
}

fn best(report: &[Bandwidth]) -> BTreeMap<(String, String), f64> {
    let mut best = BTreeMap::new();
    for transfer in report {
        let rail = transfer.rail.map_or("all".to_owned(), |rail| rail.to_string());
        let rate: &mut f64 = best.entry((rail, transfer.mode.to_string())).or_default();
        *rate = rate.max(transfer.gbps());
    }
    best
}

fn faults(peers: &[PeerFigures], families: &mut Families<'_>) -> fmt::Result {
    let help = "Whether a measure of the link is worse than expected.";
    let samples = peers.iter().flat_map(|of| {
        let mut worse = BTreeMap::new();
        for judged in &of.judgements {
            let measure = match judged.measure {
                Measure::Latency => "latency",
                Measure::Bandwidth => "bandwidth",
                Measure::Losses => "losses",
            };
            *worse.entry(measure).or_insert(false) |= judged.degraded;
        }
        worse.into_iter().map(move |(measure, worse)| {
            (vec![peer(of), ("measure", measure.to_owned())], truth(worse))
        })
    });
    families.gauge("nixl_link_degraded", help, samples)?;
    let help = "Measurements not made since the endpoint was opened, by why.";
    let samples = peers.iter().flat_map(|of| {
        let skipped = &of.skipped;
        let told = [
            ("other_traffic", skipped.other_traffic),
            ("busy", skipped.busy),
            ("failed", skipped.failed),
        ];
        told.map(|(why, count)| (vec![peer(of), ("why", why.to_owned())], count as f64))
    });
    families.counter("nixl_link_measurements_skipped", help, samples)
}
