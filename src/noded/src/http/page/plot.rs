//! Lines over time as paths for inline SVG, 600 by 100, from the left to the
//! right and from the top down.

use super::words;
use nixl_cluster::link::Minute;
use serde::Serialize;

const WIDTH: f64 = 600.0;
const HEIGHT: f64 = 100.0;
const MINUTE_SECS: i64 = 60;
/// A line ends where nothing was seen for longer.
const LONGEST_GAP_SECS: i64 = 5 * MINUTE_SECS;
/// From this ratio on, the axis is logarithmic: a spike would flatten the rest.
const LOGARITHMIC: f64 = 8.0;

/// A plot.
#[derive(Debug, PartialEq, Serialize)]
pub(super) struct Plot {
    /// What it shows, in words.
    pub told: String,
    /// Values at the top, half way and bottom of the axis.
    pub axis: [String; 3],
    /// Times at both ends, UTC.
    pub times: [String; 2],
    pub lines: Vec<Line>,
    /// Height of what is expected.
    pub expected: Option<f64>,
    /// Places of minutes with losses.
    pub losses: Vec<f64>,
}

/// One line.
#[derive(Debug, PartialEq, Serialize)]
pub(super) struct Line {
    /// Its class and name.
    pub name: &'static str,
    pub path: String,
}

/// Values with their times, and how they are told.
struct Series {
    name: &'static str,
    points: Vec<(i64, f64)>,
}

struct Axis {
    least: f64,
    most: f64,
    logarithmic: bool,
}

impl Axis {
    fn of(values: impl Iterator<Item = f64> + Clone) -> Self {
        let most = values.clone().fold(0.0, f64::max);
        let least = values.fold(most, f64::min);
        if least > 0.0 && most / least > LOGARITHMIC {
            return Self { least: least / 1.2, most: most * 1.2, logarithmic: true };
        }
        Self { least: 0.0, most: if most > 0.0 { most * 1.1 } else { 1.0 }, logarithmic: false }
    }

    /// From 0 at the top to [`HEIGHT`].
    fn height(&self, value: f64) -> f64 {
        let share = if self.logarithmic {
            (value.max(self.least) / self.least).ln() / (self.most / self.least).ln()
        } else {
            value / self.most
        };
        HEIGHT * (1.0 - share.clamp(0.0, 1.0))
    }

    fn told(&self, words: impl Fn(f64) -> String) -> [String; 3] {
        let middle =
            if self.logarithmic { (self.least * self.most).sqrt() } else { self.most / 2.0 };
        [self.most, middle, self.least].map(words)
    }
}

/// Median and 99th percentile of the round trips.
pub(super) fn latency(minutes: &[Minute], expected_micros: Option<f64>) -> Option<Plot> {
    let micros = |nanos: u64| nanos as f64 / 1e3;
    let answered = || minutes.iter().filter(|minute| minute.answered > 0);
    let series = [
        ("p99", answered().map(|m| (m.at_secs, micros(m.p99_nanos))).collect()),
        ("p50", answered().map(|m| (m.at_secs, micros(m.p50_nanos))).collect()),
    ];
    let series = series.map(|(name, points)| Series { name, points });
    let told = |least: String, most: String| format!("Median round trip, {least} to {most}");
    let mut plot = plot(minutes, &series, expected_micros, words::micros, told)?;
    let lossy = minutes.iter().filter(|minute| minute.lost > 0);
    plot.losses = lossy.map(|minute| place(minutes, minute.at_secs)).collect();
    Some(plot)
}

/// Best rate of each minute.
pub(super) fn bandwidth(minutes: &[Minute], expected_gbps: Option<f64>) -> Option<Plot> {
    let points = minutes.iter().filter_map(|m| Some((m.at_secs, m.gbps?))).collect();
    let series = [Series { name: "rate", points }];
    let told = |least: String, most: String| format!("Rate of transfers, {least} to {most}");
    plot(minutes, &series, expected_gbps, words::gbps, told)
}

fn plot(
    minutes: &[Minute],
    series: &[Series],
    expected: Option<f64>,
    words: impl Fn(f64) -> String,
    told: impl Fn(String, String) -> String,
) -> Option<Plot> {
    let (first, last) = (minutes.first()?, minutes.last()?);
    let main = &series.last()?.points;
    let values = series.iter().flat_map(|of| of.points.iter().map(|(_, value)| *value));
    let axis = Axis::of(values.clone().chain(expected));
    let least = main.iter().map(|(_, value)| *value).reduce(f64::min)?;
    let most = main.iter().map(|(_, value)| *value).reduce(f64::max)?;
    let line = |of: &Series| Line { name: of.name, path: path(minutes, &of.points, &axis) };
    Some(Plot {
        told: told(words(least), words(most)),
        axis: axis.told(words),
        times: [first, last].map(|minute| clock(minute.at_secs)),
        lines: series.iter().map(line).collect(),
        expected: expected.map(|value| tenth(axis.height(value))),
        losses: Vec::new(),
    })
}

/// Where a time is between the first and the last minute.
fn place(minutes: &[Minute], at_secs: i64) -> f64 {
    let ends = minutes.first().zip(minutes.last());
    let (first, last) = ends.map_or((0, 0), |(first, last)| (first.at_secs, last.at_secs));
    let span = (last - first).max(MINUTE_SECS) as f64;
    tenth((at_secs - first) as f64 / span * WIDTH)
}

fn tenth(value: f64) -> f64 {
    (value * 10.0).round() / 10.0
}

/// A point alone is a line without length, which round ends make a dot.
fn path(minutes: &[Minute], points: &[(i64, f64)], axis: &Axis) -> String {
    let mut before: Option<i64> = None;
    let steps = points.iter().map(|(at, value)| {
        let (x, y) = (place(minutes, *at), tenth(axis.height(*value)));
        let goes_on = before.is_some_and(|then| (0..=LONGEST_GAP_SECS).contains(&(at - then)));
        before = Some(*at);
        if goes_on { format!("L{x} {y}") } else { format!("M{x} {y}h0") }
    });
    steps.collect()
}

fn clock(at_secs: i64) -> String {
    let time = jiff::Timestamp::from_second(at_secs).map(|at| at.to_string());
    time.map_or_else(|_| "?".to_owned(), |time| words::clock(&time)[..5].to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn minute(index: i64, p50_nanos: u64, p99_nanos: u64, gbps: Option<f64>) -> Minute {
        Minute {
            at_secs: index * MINUTE_SECS,
            answered: u32::from(p50_nanos > 0),
            lost: 0,
            min_nanos: p50_nanos,
            p50_nanos,
            p99_nanos,
            max_nanos: p99_nanos,
            gbps,
        }
    }

    #[test]
    fn lines_go_from_left_to_right_and_break_at_gaps() {
        let minutes = [
            minute(0, 10_000, 20_000, Some(5.0)),
            minute(1, 20_000, 20_000, None),
            minute(10, 10_000, 20_000, Some(10.0)),
        ];
        let plot = latency(&minutes, Some(10.0)).unwrap();
        assert_eq!(plot.axis, ["22.0 µs", "11.0 µs", "0 µs"]);
        assert_eq!((plot.times, plot.expected), (["00:00".into(), "00:10".into()], Some(54.5)));
        assert_eq!(plot.told, "Median round trip, 10.0 µs to 20.0 µs");
        assert_eq!(plot.lines[1].path, "M0 54.5h0L60 9.1M600 54.5h0");
        let plot = bandwidth(&minutes, None).unwrap();
        assert_eq!(plot.lines[0].path, "M0 54.5h0M600 9.1h0");
    }

    #[test]
    fn a_spike_does_not_flatten_the_rest() {
        let minutes = [minute(0, 10_000, 20_000, None), minute(1, 10_000, 100_000_000, None)];
        let plot = latency(&minutes, None).unwrap();
        assert_eq!(plot.axis, ["120 ms", "1.00 ms", "8.33 µs"]);
        assert!(plot.lines[0].path.starts_with("M0 90"), "{plot:?}");
    }

    #[test]
    fn losses_have_their_place_and_nothing_seen_is_no_plot() {
        let mut minutes = [minute(0, 10_000, 10_000, None), minute(1, 0, 0, None)];
        minutes[1].lost = 3;
        assert_eq!(latency(&minutes, None).unwrap().losses, [600.0]);
        assert_eq!(latency(&minutes[1..], None), None);
        assert_eq!(bandwidth(&minutes, Some(1.0)), None);
        assert_eq!(latency(&[], None), None);
    }
}
