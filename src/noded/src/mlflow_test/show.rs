//! The report for people.

use crate::terminal::plain;
use nixl_tracking::selftest::{Recent, Report, Step, Verdict};
use std::fmt::Write as _;

/// Before what belongs to a step: its verdict's width and two spaces on each side.
const INDENT: &str = "        ";

pub(super) fn text(report: &Report, colour: bool) -> String {
    let Report { url, experiment, steps, recent, left_running, .. } = report;
    let ink = |code: u8, text: &str| match colour {
        true => format!("\x1b[{code}m{text}\x1b[0m"),
        false => text.to_owned(),
    };
    let verdict = |verdict: Verdict| match verdict {
        Verdict::Pass => ink(32, "PASS"),
        Verdict::Fail => ink(31, "FAIL"),
        Verdict::Skip => ink(90, "SKIP"),
    };
    let mut text = format!("{}\n", ink(1, &plain(&format!("{url}, experiment {experiment}"))));
    for step in steps {
        let Step { number, name, reason, took_millis, .. } = step;
        // Writing to a String cannot fail, here and below.
        let _ = write!(text, "  {}  Step {number}: {name}", verdict(step.verdict));
        match step.verdict {
            Verdict::Skip => text.push('\n'),
            Verdict::Pass | Verdict::Fail => _ = writeln!(text, " ({took_millis} ms)"),
        }
        let _ = writeln!(text, "{INDENT}{}", plain(reason));
    }
    for Recent { run_id, name, status, started_millis } in recent {
        let started = jiff::Timestamp::from_millisecond(*started_millis).unwrap_or_default();
        let line = format!("{run_id}  {started:.0}  {status:9}  {name}");
        let _ = writeln!(text, "{INDENT}{}", plain(&line));
    }
    if let Some(why) = left_running {
        let _ = writeln!(text, "{INDENT}the run could not be ended: {}", plain(why));
    }
    let of = |wanted| steps.iter().filter(|step| step.verdict == wanted).count();
    let (pass, fail, skip) = (of(Verdict::Pass), of(Verdict::Fail), of(Verdict::Skip));
    let all = verdict(report.verdict);
    let _ = writeln!(text, "{all}  {pass} passed, {fail} failed, {skip} skipped");
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn step(number: usize, verdict: Verdict, reason: &str) -> Step {
        let name = "Logging tags";
        Step { number, name, verdict, reason: reason.to_owned(), took_millis: 7 }
    }

    #[test]
    fn a_failure_is_told_with_its_reason_and_what_it_left() {
        let report = Report {
            url: "http://127.0.0.1:9101".to_owned(),
            experiment: "nixl-efa-test".to_owned(),
            experiment_id: None,
            run_id: None,
            verdict: Verdict::Fail,
            steps: vec![
                step(1, Verdict::Pass, "seen"),
                step(2, Verdict::Fail, "no\x1b[2J"),
                step(3, Verdict::Skip, "step 2 failed"),
            ],
            recent: vec![Recent {
                run_id: "r1".to_owned(),
                name: "n1".to_owned(),
                status: "FINISHED".to_owned(),
                started_millis: 1_700_000_000_000,
            }],
            left_running: Some("away".to_owned()),
        };
        let expected = "http://127.0.0.1:9101, experiment nixl-efa-test
  PASS  Step 1: Logging tags (7 ms)
        seen
  FAIL  Step 2: Logging tags (7 ms)
        no [2J
  SKIP  Step 3: Logging tags
        step 2 failed
        r1  2023-11-14T22:13:20Z  FINISHED   n1
        the run could not be ended: away
FAIL  1 passed, 1 failed, 1 skipped
";
        assert_eq!(text(&report, false), expected);
        assert!(text(&report, true).contains("\x1b[31mFAIL\x1b[0m"));
    }
}
