//! What standard output is: how wide, and what it can show.

use std::env::var;
use std::io::IsTerminal as _;

/// Width where nobody says one.
const COLUMNS: usize = 80;

/// Standard output.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Terminal {
    /// Characters in a line.
    pub columns: usize,
    /// Whether the locale can show more than ASCII.
    pub unicode: bool,
    /// Whether colours are wanted: on a terminal, unless `NO_COLOR` is set.
    pub colour: bool,
}

impl Terminal {
    /// Of this process.
    #[must_use]
    pub fn of_stdout() -> Self {
        let stdout = std::io::stdout();
        let window = rustix::termios::tcgetwinsize(&stdout).ok().map(|size| size.ws_col.into());
        let columns = var("COLUMNS").ok().and_then(|columns| columns.parse().ok());
        // POSIX: the first of these that is set and not empty decides.
        let set = |name| var(name).ok().filter(|value| !value.is_empty());
        let locale = set("LC_ALL").or_else(|| set("LC_CTYPE")).or_else(|| set("LANG"));
        Self {
            columns: window.filter(|width| *width > 0).or(columns).unwrap_or(COLUMNS),
            unicode: locale.is_some_and(|locale| is_utf8(&locale)),
            colour: stdout.is_terminal() && set("NO_COLOR").is_none(),
        }
    }
}

/// What others said, so that it moves no cursor, changes no colour and does not
/// make text read in another order than it has (Unicode UAX #9).
#[must_use]
pub fn plain(text: &str) -> String {
    let shown = |c: char| if c.is_control() || is_bidi(c) { ' ' } else { c };
    text.chars().map(shown).collect()
}

fn is_bidi(c: char) -> bool {
    matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

fn is_utf8(locale: &str) -> bool {
    let locale = locale.to_ascii_lowercase();
    locale.ends_with("utf-8") || locale.ends_with("utf8")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_others_said_cannot_steer_a_terminal() {
        assert_eq!(plain("a\u{1b}[2J\r\nb\u{9b}ü"), "a [2J  b ü");
        assert_eq!(plain("\u{202e}txt\u{2066}.\u{200f}"), " txt . ");
    }

    #[test]
    fn locales_are_told_apart() {
        assert!(is_utf8("en_US.UTF-8") && is_utf8("C.utf8"));
        assert!(!is_utf8("C") && !is_utf8("POSIX") && !is_utf8("de_DE.ISO-8859-1"));
    }
}
