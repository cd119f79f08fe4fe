//! The document as text.

use super::super::words;
use super::draw::{Ink, Style};
use nixl_cluster::link::{
    Bandwidth, Baseline, HistogramSummary, Judgement, Latency, LinkDocument, Measure, Mode,
    OneSided, PeerLink, Rail, Report, Source,
};
use std::fmt::Write as _;

/// Columns of a table before its bars, a space behind them included.
const ROW: usize = 54;
/// Columns before a sparkline and of its scale behind it.
const SPARK: usize = 34;
/// Over the GPUs of a rail, or before them.
const GPUS: &str = "GPUs near";

/// Everything, as wide as the style says.
pub(super) fn document(document: &LinkDocument, style: Style) -> String {
    let node = &document.node;
    let library = node.library.as_deref().unwrap_or("not open");
    let mut text = format!(
        "{}, rank {}, {}\nlibfabric {library}\n",
        style.ink(Ink::Title, &node.instance_id),
        node.rank,
        node.instance_type
    );
    rails(&mut text, &document.rails, style);
    for peer in &document.peers {
        link(&mut text, peer, &document.rails, style);
    }
    // Writing to a String cannot fail, here and below.
    let _ = writeln!(text, "\n{}", measuring(document));
    text
}

fn rails(text: &mut String, rails: &[Rail], style: Style) {
    let width = |column: fn(&Rail) -> usize| rails.iter().map(column).max().unwrap_or(0);
    let provider = width(|rail| rail.provider_name.len()).max(8);
    let domain = width(|rail| rail.domain.len()).max(6);
    let head = format!(
        "rail  {:provider$}  {:domain$}  {:>8}  {:9}  {:12}  NUMA",
        "provider", "domain", "Gb/s", "one-sided", "PCI"
    );
    // Where they do not fit into the line they have lines of their own.
    let gpus = width(|rail| rail.gpus.join(" ").len()).max(GPUS.len());
    let beside = head.len() + 2 + gpus <= style.width;
    let _ = writeln!(text, "\n{head}{}", if beside { format!("  {GPUS}") } else { String::new() });
    for rail in rails {
        let speed = rail.speed_gbps.map_or("-".to_owned(), |speed| format!("{speed:.0}"));
        let _ = write!(
            text,
            "{:4}  {:provider$}  {:domain$}  {speed:>8}  {:9}  {:12}  {:>4}",
            rail.index,
            rail.provider_name,
            rail.domain,
            rail.one_sided,
            rail.pci_address.as_deref().unwrap_or("-"),
            rail.numa_node.map_or("-".to_owned(), |node| node.to_string()),
        );
        if beside {
            let gpus = if rail.gpus.is_empty() { "-".to_owned() } else { rail.gpus.join(" ") };
            let _ = write!(text, "  {gpus}");
        } else {
            // A PCI address has 12 characters.
            let fit = (style.width.saturating_sub(8 + GPUS.len()) / 13).max(1);
            for some in rail.gpus.chunks(fit) {
                let _ = write!(text, "\n      {GPUS}: {}", some.join(" "));
            }
        }
        text.push('\n');
    }
}

fn link(text: &mut String, peer: &PeerLink, rails: &[Rail], style: Style) {
    let state = if peer.paired {
        style.ink(Ink::Good, "paired")
    } else {
        style.ink(Ink::Bad, "not paired now")
    };
    let id = style.ink(Ink::Title, &peer.instance_id);
    let _ = writeln!(text, "\nlink to {id}, rank {}: {state}", peer.rank);
    match &peer.report {
        Some(report) => tables(text, report, rails, style),
        None => text.push_str("  no full report yet\n"),
    }
    history(text, peer, style);
    counted(text, &peer.histograms);
    judged(text, peer, style);
}

fn counted(text: &mut String, histograms: &[HistogramSummary]) {
    if histograms.is_empty() {
        return;
    }
    let _ = writeln!(
        text,
        "\n  all round trips of 64 B since the history begins, us\n  {:>4} {:>12} {:>9} {:>9} {:>9} {:>9} {:>10}",
        "rail", "count", "p50", "p90", "p99", "p99.9", "max"
    );
    for counts in histograms {
        let micros = |nanos: u64| nanos as f64 / 1000.0;
        let _ = writeln!(
            text,
            "  {:>4} {:>12} {:>9.1} {:>9.1} {:>9.1} {:>9.1} {:>10.1}",
            counts.rail,
            counts.count,
            micros(counts.p50_nanos),
            micros(counts.p90_nanos),
            micros(counts.p99_nanos),
            micros(counts.p999_nanos),
            micros(counts.max_nanos)
        );
    }
}

fn tables(text: &mut String, report: &Report, rails: &[Rail], style: Style) {
    let Report { at, took_millis, .. } = report;
    let _ = writeln!(text, "  full report of {at}, took {:.1} s", *took_millis as f64 / 1000.0);
    if let Some(other) = &report.other_traffic {
        let _ = writeln!(text, "  measured under traffic: {other}");
    }
    for mode in [Mode::TwoSided, Mode::OneSided] {
        let of_mode: Vec<&Latency> = report.latencies.iter().filter(|l| l.mode == mode).collect();
        latencies(text, &of_mode, &named(mode, rails), style);
    }
    for mode in [Mode::TwoSided, Mode::OneSided] {
        let of_mode: Vec<&Bandwidth> =
            report.bandwidths.iter().filter(|b| b.mode == mode).collect();
        bandwidths(text, &of_mode, &named(mode, rails), style);
    }
    for line in &report.not_measured {
        let _ = writeln!(text, "  not measured: {line}");
    }
}

/// Emulated writes are two-sided in disguise, and named so.
fn named(mode: Mode, rails: &[Rail]) -> String {
    let emulated = rails.iter().any(|rail| rail.one_sided == OneSided::Emulated);
    match mode {
        Mode::OneSided if emulated => "one-sided writes, emulated by the provider".to_owned(),
        Mode::OneSided => "one-sided writes".to_owned(),
        Mode::TwoSided => "two-sided messages".to_owned(),
    }
}

fn latencies(text: &mut String, rows: &[&Latency], named: &str, style: Style) {
    if rows.is_empty() {
        return;
    }
    let _ = writeln!(text, "\n  round trips, {named}, us");
    let _ = writeln!(
        text,
        "  {:>4} {:>8} {:>9} {:>9} {:>9} {:>6}  p50",
        "rail", "size", "p50", "p99", "max", "lost"
    );
    let most = rows.iter().map(|row| row.p50_nanos).max().unwrap_or(0) as f64;
    for row in rows {
        let micros = |nanos: u64| match row.answered {
            0 => "-".to_owned(),
            _ => format!("{:.1}", nanos as f64 / 1000.0),
        };
        let line = format!(
            "  {:>4} {:>8} {:>9} {:>9} {:>9} {:>6}  {}",
            row.rail,
            words::size(row.size_bytes),
            micros(row.p50_nanos),
            micros(row.p99_nanos),
            micros(row.max_nanos),
            row.lost,
            style.bar(row.p50_nanos as f64, most, style.width - ROW)
        );
        let _ = writeln!(text, "{}", line.trim_end());
    }
}

fn bandwidths(text: &mut String, rows: &[&Bandwidth], named: &str, style: Style) {
    if rows.is_empty() {
        return;
    }
    let _ = writeln!(text, "\n  bandwidth, {named}, 10^9 bits a second");
    let _ = writeln!(text, "  {:>4} {:>8} {:>9} {:>9} {:>9}", "rail", "size", "Gb/s", "MB", "ms");
    let most = rows.iter().map(|row| row.gbps()).fold(0.0, f64::max);
    for row in rows {
        let line = format!(
            "  {:>4} {:>8} {:>9} {:>9.1} {:>9.1}         {}",
            row.rail.map_or("all".to_owned(), |rail| rail.to_string()),
            words::size(row.size_bytes),
            words::gbps(row.gbps()),
            row.bytes as f64 / 1e6,
            row.elapsed_nanos as f64 / 1e6,
            style.bar(row.gbps(), most, style.width - ROW)
        );
        let _ = writeln!(text, "{}", line.trim_end());
    }
}

fn history(text: &mut String, peer: &PeerLink, style: Style) {
    let room = style.width - SPARK;
    let minutes = &peer.history[peer.history.len().saturating_sub(room)..];
    if minutes.is_empty() {
        return;
    }
    let lost: u64 = minutes.iter().map(|minute| u64::from(minute.lost)).sum();
    let _ = writeln!(
        text,
        "\n  the last {} measured, rail 0, 64 B and transfers; {lost} lost",
        match minutes.len() {
            1 => "minute".to_owned(),
            count => format!("{count} minutes"),
        }
    );
    let micros = |nanos: u64, answered: u32| (answered > 0).then_some(nanos as f64 / 1000.0);
    let rows = [
        ("p50 us", minutes.iter().map(|m| micros(m.p50_nanos, m.answered)).collect()),
        ("p99 us", minutes.iter().map(|m| micros(m.p99_nanos, m.answered)).collect()),
        ("Gb/s", minutes.iter().map(|m| m.gbps).collect::<Vec<Option<f64>>>()),
    ];
    for (name, values) in rows {
        let known = values.iter().flatten().copied();
        let (least, most) =
            known.fold((f64::MAX, f64::MIN), |(low, high), v| (low.min(v), high.max(v)));
        if least <= most {
            let scale = format!("{least:.1} to {most:.1}");
            let _ = writeln!(text, "  {name:>6} {scale:>22}  {}", style.spark(&values));
        }
    }
}

fn judged(text: &mut String, peer: &PeerLink, style: Style) {
    text.push('\n');
    for Baseline { source, round_trip_micros, gbps } in &peer.baselines {
        let latency = round_trip_micros.map(|micros| format!("{micros:.1} us"));
        let rate = gbps.map(|gbps| format!("{} Gb/s", words::gbps(gbps)));
        let told = match (latency, rate) {
            (None, None) => "still being learned".to_owned(),
            (latency, rate) => latency.into_iter().chain(rate).collect::<Vec<_>>().join(", "),
        };
        let _ = writeln!(text, "  expected by {}: {told}", by(*source));
    }
    for judgement in &peer.judgements {
        let Judgement { measure, source, seen, limit, bad_in_a_row, good_in_a_row, .. } = judgement;
        let (what, unit, beyond) = match measure {
            Measure::Latency => ("round trip", "us", "at most"),
            Measure::Bandwidth => ("bandwidth", "Gb/s", "at least"),
            Measure::Losses => ("lost", "round trips", "at most"),
        };
        let verdict = if judgement.degraded {
            style.ink(Ink::Bad, "DEGRADED")
        } else {
            style.ink(Ink::Good, "good")
        };
        let by = source.map(|source| format!(" by {}", by(source))).unwrap_or_default();
        let row = match bad_in_a_row {
            0 => format!("{good_in_a_row} good in a row"),
            bad => format!("{bad} bad in a row"),
        };
        let _ =
            writeln!(text, "  {verdict}: {what} {seen:.2} {unit}, {beyond} {limit:.2}{by}; {row}");
    }
    let skipped = &peer.skipped;
    let _ = writeln!(
        text,
        "  skipped: {} for others' traffic; failed: {}; put off, a side was busy: {}",
        skipped.other_traffic, skipped.failed, skipped.busy
    );
    if let Some(last) = &skipped.last {
        let _ = writeln!(text, "  last of them: {last}");
    }
}

fn by(source: Source) -> &'static str {
    match source {
        Source::InstanceType => "its type",
        Source::OwnHistory => "its own past",
    }
}

fn measuring(document: &LinkDocument) -> String {
    let (budget, traffic) = (&document.budget, &document.traffic);
    let mut text = format!(
        "continuous measuring may move {} on average, {:.1} MB so far",
        words::rate(budget.bytes_per_sec),
        budget.spent_bytes as f64 / 1e6
    );
    match traffic.bytes_per_sec {
        Some(rate) => {
            let devices = traffic.devices.join(", ");
            let _ = write!(text, "\nothers move {} on {devices}", words::rate(rate));
        }
        None => text.push_str("\nwhat others move is not known"),
    }
    text
}

#[cfg(test)]
mod tests;
