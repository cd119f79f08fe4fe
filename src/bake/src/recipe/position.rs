//! TOML errors as `file:line:column`, with the word that was probably meant.

use crate::error::{BakeError, Result};
use serde::de::DeserializeOwned;
use std::path::Path;

/// Farthest word that is still taken for a typo.
const MAX_TYPOS: usize = 3;

/// Reads `text`, which came from `path`.
pub fn parse<T: DeserializeOwned>(path: &Path, text: &str) -> Result<T> {
    toml::from_str(text).map_err(|error| {
        let at = error.span().map_or(0, |span| span.start);
        let (line, column) = line_and_column(text, at);
        let mut message = error.message().trim().replace('\n', "; ");
        if let Some(meant) = suggestion(&message) {
            message = format!("{message}; did you mean `{meant}`?");
        }
        BakeError::Malformed { path: path.to_owned(), line, column, message }
    })
}

/// Line and column, both from 1, of a byte offset.
pub(crate) fn line_and_column(text: &str, offset: usize) -> (usize, usize) {
    let offset = (0..=offset.min(text.len())).rev().find(|at| text.is_char_boundary(*at));
    let before = &text[..offset.unwrap_or(0)];
    let line_start = before.rfind('\n').map_or(0, |at| at + 1);
    (before.matches('\n').count() + 1, before[line_start..].chars().count() + 1)
}

/// serde says "unknown field `a`, expected `b` or `c`" (or "variant"): the
/// nearest of those that were expected.
fn suggestion(message: &str) -> Option<&str> {
    if !message.starts_with("unknown ") {
        return None;
    }
    let mut quoted = message.split('`').skip(1).step_by(2);
    let given = quoted.next()?;
    quoted
        .map(|word| (distance(given, word), word))
        .filter(|(distance, word)| *distance <= MAX_TYPOS.min(word.len() / 2))
        .min()
        .map(|(_, word)| word)
}

/// Edits (insert, delete, replace, swap of neighbours) between two words.
fn distance(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    let mut rows = vec![vec![0; b.len() + 1]; a.len() + 1];
    for (i, row) in rows.iter_mut().enumerate() {
        row[0] = i;
    }
    for (j, cell) in rows[0].iter_mut().enumerate() {
        *cell = j;
    }
    for i in 1..=a.len() {
        for j in 1..=b.len() {
            let replaced = rows[i - 1][j - 1] + usize::from(a[i - 1] != b[j - 1]);
            let mut best = replaced.min(rows[i - 1][j] + 1).min(rows[i][j - 1] + 1);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                best = best.min(rows[i - 2][j - 2] + 1);
            }
            rows[i][j] = best;
        }
    }
    rows[a.len()][b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn swapped_letters_are_one_typo() {
        assert_eq!(distance("nmae", "name"), 1);
        assert_eq!(distance("", "abc"), 3);
    }

    #[test]
    fn far_words_are_not_suggested() {
        assert_eq!(suggestion("unknown field `colour`, expected `name` or `base`"), None);
        assert_eq!(suggestion("unknown field `bsae`, expected `name` or `base`"), Some("base"));
        assert_eq!(suggestion("missing field `base`"), None);
    }

    #[test]
    fn positions_count_characters() {
        assert_eq!(line_and_column("é = 1\nab", 7), (2, 1));
        assert_eq!(line_and_column("éx", 2), (1, 2));
        assert_eq!(line_and_column("", 9), (1, 1));
    }
}
