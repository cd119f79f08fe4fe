//! The lines of a failed step that a person needs.

/// The end of the output, where the cause mostly stands.
const LAST: usize = 12;
/// Lines before it that speak of an error.
const EARLIER: usize = 6;
/// Longest line shown.
const MAX_CHARS: usize = 240;
/// What such a line says.
const SIGNS: [&str; 10] = [
    "error",
    "fail",
    "fatal",
    "cannot",
    "unable",
    "not found",
    "no such",
    "denied",
    "mismatch",
    "no space",
];

/// The last lines, and before them those that speak of an error; what is left
/// out is told.
pub(super) fn excerpt(lines: &[String]) -> Vec<String> {
    let (before, last) = lines.split_at(lines.len().saturating_sub(LAST));
    let speaks = |line: &&String| {
        let line = line.to_lowercase();
        SIGNS.iter().any(|sign| line.contains(sign))
    };
    let mut found: Vec<&String> = before.iter().rev().filter(speaks).take(EARLIER).collect();
    found.reverse();
    let left_out = before.len() - found.len();
    let mut shown: Vec<String> = found.into_iter().map(|line| cut(line)).collect();
    if left_out > 0 {
        shown.push(format!("… {left_out} more lines, see the log"));
    }
    shown.extend(last.iter().map(|line| cut(line)));
    shown
}

fn cut(line: &str) -> String {
    match line.char_indices().nth(MAX_CHARS) {
        Some((at, _)) => format!("{}…", &line[..at]),
        None => line.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_and_what_speaks_of_an_error_is_shown() {
        let mut lines: Vec<String> = (0..100).map(|number| format!("line {number}")).collect();
        lines[40] = "E: Unable to locate package libefa1".into();
        let shown = excerpt(&lines);
        assert_eq!(shown.len(), LAST + 2);
        assert_eq!(shown[0], lines[40]);
        assert_eq!(shown[1], "… 87 more lines, see the log");
        assert_eq!(shown.last(), lines.last());
        assert_eq!(excerpt(&lines[..LAST]), lines[..LAST]);
        assert!(excerpt(&[]).is_empty());
        assert_eq!(excerpt(&["é".repeat(300)])[0].chars().count(), MAX_CHARS + 1);
    }
}
