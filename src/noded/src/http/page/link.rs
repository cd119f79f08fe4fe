//! Each link: how it is now beside what is expected, and how it was.

use super::plot::{self, Plot};
use super::words;
use nixl_cluster::link::{LinkDocument, Measure, PeerLink};
use serde::Serialize;

/// One link.
#[derive(Debug, PartialEq, Serialize)]
pub(super) struct Link {
    pub peer: String,
    pub rank: u32,
    pub paired: bool,
    pub figures: Vec<Figure>,
    pub latency: Option<Plot>,
    pub bandwidth: Option<Plot>,
    /// What is being measured, or why nothing is.
    pub notes: Vec<String>,
}

/// One number with what is expected of it.
#[derive(Debug, PartialEq, Serialize)]
pub(super) struct Figure {
    pub name: &'static str,
    pub value: String,
    pub expected: String,
    pub mood: &'static str,
}

pub(super) fn links(document: &LinkDocument) -> Vec<Link> {
    document.peers.iter().map(|peer| link(document, peer)).collect()
}

fn link(document: &LinkDocument, peer: &PeerLink) -> Link {
    // Their own past says more than what a type could have.
    let micros = peer.baselines.iter().rev().find_map(|baseline| baseline.round_trip_micros);
    let gbps = peer.baselines.iter().rev().find_map(|baseline| baseline.gbps);
    Link {
        peer: peer.instance_id.clone(),
        rank: peer.rank,
        paired: peer.paired,
        figures: figures(peer, micros, gbps),
        latency: plot::latency(&peer.history, micros),
        bandwidth: plot::bandwidth(&peer.history, gbps),
        notes: notes(document, peer),
    }
}

fn figures(peer: &PeerLink, micros: Option<f64>, gbps: Option<f64>) -> Vec<Figure> {
    let mood = |measure| {
        let mut judged = peer.judgements.iter().filter(|judged| judged.measure == measure);
        if judged.any(|judged| judged.degraded) { "warn" } else { "" }
    };
    let expected = |text: Option<String>| text.map(|e| format!("expected {e}")).unwrap_or_default();
    let mut figures = Vec::new();
    if let Some(probe) = peer.probes.iter().find(|probe| probe.latency.rail == 0) {
        let latency = &probe.latency;
        let told = |nanos: u64| match latency.answered {
            0 => "no answer".to_owned(),
            _ => words::micros(nanos as f64 / 1e3),
        };
        let p50 =
            ("Round trip, median", told(latency.p50_nanos), expected(micros.map(words::micros)));
        let of = latency.answered + latency.lost;
        let lost = format!("{} of {of}", latency.lost);
        for ((name, value, expected), mood) in [
            (p50, mood(Measure::Latency)),
            (("99th percentile", told(latency.p99_nanos), String::new()), ""),
            (("Lost", lost, String::new()), mood(Measure::Losses)),
        ] {
            figures.push(Figure { name, value, expected, mood });
        }
    }
    if let Some(sample) = &peer.sample {
        let (name, value) = ("Rate", words::gbps(sample.bandwidth.gbps()));
        let mood = mood(Measure::Bandwidth);
        figures.push(Figure { name, value, expected: expected(gbps.map(words::gbps)), mood });
    }
    figures
}

fn notes(document: &LinkDocument, peer: &PeerLink) -> Vec<String> {
    let mut notes = Vec::new();
    if !peer.paired {
        notes.push("Not paired now: this is what was seen before.".to_owned());
    }
    let measuring = document.runs.measuring.as_ref();
    if let Some(now) = measuring.filter(|now| now.peer == peer.instance_id) {
        notes.push(format!("A full report is being measured: {} of {}.", now.done, now.of));
    }
    if let Some(busy) = &document.traffic.busy {
        notes.push(format!("Transfers are not measured now: {busy}."));
    }
    if let Some(last) = peer.skipped.last.as_ref().filter(|_| peer.skipped.failed > 0) {
        notes.push(format!("{} measurements failed, last: {last}", peer.skipped.failed));
    }
    notes
}
