//! TOML errors as `file:line:column`, with the word that was probably meant.

use crate::error::{BakeError, Result};
use serde::de::DeserializeOwned;
use std::path::Path;

/// Farthest word that is still taken for a typo.
const MAX_TYPOS: usize = 3;

/// A file that was read, for errors that point into it.
#[derive(Debug, Clone, Copy)]
pub struct Source<'a> {
    /// Where it came from.
    pub path: &'a Path,
    /// What it says.
    pub text: &'a str,
}

impl Source<'_> {
    /// Reads it as TOML.
    ///
    /// # Errors
    /// With the place of the first thing that is wrong.
    pub fn parse<T: DeserializeOwned>(self) -> Result<T> {
        toml::from_str(self.text).map_err(|error| {
            let at = error.span().map_or(0, |span| span.start);
            let message = error.message().trim().replace('\n', "; ");
            let hint = suggestion(&message)
                .map(|meant| format!("; did you mean `{meant}`?"))
                .unwrap_or_default();
            self.at(at, format!("{message}{hint}"))
        })
    }

    /// Something wrong at a byte of it.
    #[must_use]
    pub fn at(self, offset: usize, message: impl Into<String>) -> BakeError {
        let (line, column) = line_and_column(self.text, offset);
        BakeError::Malformed { path: self.path.to_owned(), line, column, message: message.into() }
    }

    /// A word at a byte of it that is none of those that are known.
    pub(crate) fn unknown<'a>(
        self,
        offset: usize,
        what: &str,
        given: &str,
        known: impl IntoIterator<Item = &'a str>,
    ) -> BakeError {
        let hint = nearest(given, known)
            .map(|meant| format!("; did you mean `{meant}`?"))
            .unwrap_or_default();
        self.at(offset, format!("{what} `{given}`{hint}"))
    }
}

/// Line and column, both from 1, of a byte offset.
fn line_and_column(text: &str, offset: usize) -> (usize, usize) {
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
    nearest(given, quoted)
}

/// The nearest of the words that are known, if one is near.
pub(crate) fn nearest<'a>(
    given: &str,
    words: impl IntoIterator<Item = &'a str>,
) -> Option<&'a str> {
    words
        .into_iter()
        .map(|word| (strsim::osa_distance(given, word), word))
        .filter(|(distance, word)| *distance <= MAX_TYPOS.min(word.len() / 2))
        .min()
        .map(|(_, word)| word)
}

#[cfg(test)]
mod tests {
    use super::*;

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
