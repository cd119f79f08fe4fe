//! What is written of an example.

use super::*;
use nixl_cluster::link::{LinkNode, Minute};

/// Two rails, a report, an hour in which the link became slow.
fn example() -> LinkDocument {
    let rail = |index: u16| Rail {
        index,
        provider_name: "tcp;ofi_rxm".to_owned(),
        fabric: "10.0.0.0/24".to_owned(),
        domain: format!("eth{index}"),
        pci_address: None,
        speed_gbps: Some(25.0),
        one_sided: OneSided::Emulated,
        numa_node: None,
        gpus: Vec::new(),
    };
    let latency = |mode, size_bytes: u32| Latency {
        rail: 0,
        mode,
        size_bytes,
        answered: 200,
        lost: 0,
        min_nanos: 1,
        p50_nanos: 20_000 + u64::from(size_bytes),
        p99_nanos: 99_000,
        max_nanos: 123_456_789,
    };
    let bandwidth = |rail, size_bytes: u32| Bandwidth {
        rail,
        mode: Mode::OneSided,
        size_bytes,
        bytes: 10_000_000_000,
        elapsed_nanos: 3_200_000_000 + u64::from(size_bytes),
    };
    let minute = |at: i64| Minute {
        at_secs: at * 60,
        answered: 1200,
        lost: 0,
        min_nanos: 1,
        p50_nanos: if at < 50 { 20_000 } else { 80_000 },
        p99_nanos: 100_000,
        max_nanos: 1,
        gbps: (at % 3 == 0).then_some(20.0),
    };
    let peer = PeerLink {
        instance_id: "i-0123456789abcdef0".to_owned(),
        rank: 1,
        paired: true,
        report: Some(Report {
            at: "2026-11-28T14:00:00.000Z".to_owned(),
            took_millis: 1234,
            other_traffic: None,
            latencies: vec![latency(Mode::TwoSided, 64), latency(Mode::OneSided, 65_536)],
            bandwidths: vec![bandwidth(Some(0), 65_536), bandwidth(None, 64 << 20)],
            not_measured: vec!["rail 1, two-sided, 64 B: told why".to_owned()],
        }),
        probes: Vec::new(),
        sample: None,
        histograms: vec![HistogramSummary {
            rail: 0,
            count: 123_456_789,
            p50_nanos: 20_000,
            p90_nanos: 30_000,
            p99_nanos: 40_000,
            p999_nanos: 1_234_567,
            max_nanos: 1_000_000_000,
        }],
        history: (0..60).map(minute).collect(),
        baselines: vec![Baseline {
            source: Source::OwnHistory,
            round_trip_micros: Some(20.0),
            gbps: None,
        }],
        judgements: vec![Judgement {
            measure: Measure::Latency,
            source: Some(Source::OwnHistory),
            degraded: true,
            seen: 80.0,
            expected: 20.0,
            limit: 60.0,
            bad_in_a_row: 12,
            good_in_a_row: 0,
        }],
        skipped: Default::default(),
    };
    LinkDocument {
        node: LinkNode {
            instance_id: "i-0fedcba9876543210".to_owned(),
            rank: 0,
            instance_type: "g6.12xlarge".to_owned(),
            library: Some("1.17 (/usr/lib/libfabric.so.1)".to_owned()),
        },
        rails: vec![rail(0), rail(1)],
        peers: vec![peer],
        ..LinkDocument::default()
    }
}

fn plain(width: usize) -> Style {
    Style { width, unicode: false, colour: false }
}

#[test]
fn every_line_fits() {
    let mut near = example();
    for rail in &mut near.rails {
        rail.domain = format!("rdmap{}s27-rdm", 79 + rail.index);
        rail.pci_address = Some("0000:4f:1b.0".to_owned());
        rail.numa_node = Some(0);
    }
    near.rails[1].gpus = (0..6).map(|gpu| format!("0000:5{gpu}:1c.0")).collect();
    for (width, example) in
        [(80, example()), (120, example()), (80, near.clone()), (120, near.clone())]
    {
        for line in document(&example, plain(width)).lines() {
            assert!(line.len() <= width, "{} of {width}: {line}", line.len());
        }
    }
    // None is left out, nor cut in two.
    for width in [80, 120, 160] {
        let text = document(&near, plain(width));
        let missing = near.rails[1].gpus.iter().find(|gpu| !text.contains(gpu.as_str()));
        assert_eq!((missing, text.matches(GPUS).count() > 0), (None, true), "{text}");
    }
    let text = document(&near, plain(160));
    assert!(text.contains("   0  0000:50:1c.0 0000:51:1c.0"), "{text}");
}

#[test]
fn what_matters_is_said() {
    let text = document(&example(), plain(80));
    for wanted in [
        "round trips, one-sided writes, emulated by the provider, us\n",
        "all   64 MiB     24.49",
        "not measured: rail 1, two-sided, 64 B: told why\n",
        "DEGRADED: round trip 80.00 us, at most 60.00 by its own past; 12 bad in a row\n",
        "expected by its own past: 20.0 us\n",
    ] {
        assert!(text.contains(wanted), "no {wanted:?} in\n{text}");
    }
    assert!(text.is_ascii(), "{text}");
    let drawn = document(&example(), Style { unicode: true, ..plain(80) });
    assert!(drawn.contains("█") && drawn.contains("▁"), "{drawn}");
}
