//! A file of faults: `[[fault]]` and `[[dead-on-arrival]]` tables with the keys
//! of [`Fault`] and [`DeadOnArrival`]. [`EXAMPLE`] shows all of them.

use super::Kind;
use super::arrival::DeadOnArrival;
use super::spec::Fault;
use crate::typo::nearest;
use serde::Deserialize;
use toml::Spanned;

/// A file with everything in it, explained.
pub const EXAMPLE: &str = include_str!("example.toml");

/// What is wrong with a file, and where.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}, column {column}: {message}")]
pub struct FileError {
    /// From 1.
    pub line: usize,
    /// From 1, in characters.
    pub column: usize,
    /// What is wrong.
    pub message: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
struct File {
    #[serde(default)]
    fault: Vec<Spanned<Fault>>,
    #[serde(default)]
    dead_on_arrival: Vec<Spanned<DeadOnArrival>>,
}

/// Reads a file's text.
///
/// # Errors
/// If it is not TOML, or has a key, a value or a combination that is not one.
pub fn parse(text: &str) -> Result<Vec<Kind>, FileError> {
    let file: File = toml::from_str(text).map_err(|error| {
        let message = error.message().trim().replace('\n', "; ");
        let meant = suggestion(&message).map(|meant| format!("; did you mean `{meant}`?"));
        at(text, error.span().map_or(0, |span| span.start), message + &meant.unwrap_or_default())
    })?;
    let faults = file.fault.into_iter().map(|one| (one.span(), Kind::Fault(one.into_inner())));
    let arrivals = file.dead_on_arrival.into_iter();
    let arrivals = arrivals.map(|one| (one.span(), Kind::DeadOnArrival(one.into_inner())));
    let checked = faults.chain(arrivals).map(|(span, kind)| {
        kind.check().map_err(|why| at(text, span.start, why.to_owned()))?;
        Ok(kind)
    });
    checked.collect()
}

fn at(text: &str, offset: usize, message: String) -> FileError {
    let before = text.get(..offset).unwrap_or(text);
    let line_start = before.rfind('\n').map_or(0, |at| at + 1);
    FileError {
        line: before.matches('\n').count() + 1,
        column: before[line_start..].chars().count() + 1,
        message,
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_example_is_good() {
        assert_eq!(parse(EXAMPLE).unwrap().len(), 6);
    }

    #[test]
    fn errors_say_where_and_what_was_meant() {
        let ok = "[[fault]]\ncall = 'ec2:*'\ndrop = 'after'\n\n";
        for (text, told) in [
            ("[[fault]]\ncal = 'x'", "line 2, column 1: unknown field `cal`"),
            ("[[fualt]]\n", "did you mean `fault`?"),
            (
                "[[fault]]\ncall = 'ec2:*'\ndrop = 'aftr'",
                "line 3, column 8: unknown variant `aftr`",
            ),
            ("[[fault]]\ncall = 'ec2:*'\ndrop = 'aftr'", "did you mean `after`?"),
            ("[[fault]]\ncall = 'ce2:Run'", "line 2, column 8: `ce2` is no service"),
            ("[[fault]]\ncall = 'ec2:*'", "line 5, column 1: nothing goes wrong"),
            ("[[fault]]\ncall = '*'\nerror = 'E'\ntruncate = true", "exclude each other"),
            ("[[fault]]\ncall = '*'\ndelay = 'soon'", "line 7, column 9: "),
            ("[[dead-on-arrival]]\nreason = 'Broken'", "line 5, column 1: reason is not"),
        ] {
            let prefix = if told.contains("line 5") || told.contains("line 7") { ok } else { "" };
            let error = parse(&format!("{prefix}{text}")).unwrap_err().to_string();
            assert!(error.contains(told), "{error}\ninstead of {told}");
        }
    }
}
