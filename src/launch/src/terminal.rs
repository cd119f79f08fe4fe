//! What a stream is: how wide, and whether colours are wanted.

use std::env::var_os;
use std::io::IsTerminal;
use std::os::fd::AsFd;

/// Width where nobody says one.
const COLUMNS: usize = 80;

/// Standard output or standard error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Terminal {
    /// Characters in a line; none where nobody looks at it, so that a pipe gets
    /// whole lines.
    pub columns: Option<usize>,
    /// Whether colours are wanted: on a terminal, unless `NO_COLOR` is set
    /// (no-color.org).
    pub colour: bool,
}

impl Terminal {
    /// Of this stream.
    #[must_use]
    pub fn of(stream: &(impl AsFd + IsTerminal)) -> Self {
        let terminal = stream.is_terminal();
        let wanted = var_os("NO_COLOR").is_none_or(|value| value.is_empty());
        let size = || rustix::termios::tcgetwinsize(stream).ok().map(|size| size.ws_col.into());
        let columns = || size().filter(|columns| *columns > 0).unwrap_or(COLUMNS);
        Self { columns: terminal.then(columns), colour: terminal && wanted }
    }

    /// Text in a colour (ECMA-48, SGR), if colours are wanted.
    #[must_use]
    pub fn ink(self, sgr: u8, text: &str) -> String {
        if self.colour { format!("\x1b[{sgr}m{text}\x1b[0m") } else { text.to_owned() }
    }
}

/// What others said, without what moves a cursor or changes a colour.
#[must_use]
pub fn plain(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

/// Words in lines of at most `columns`, all but the first after `indent` spaces; a
/// longer word keeps a line of its own. What is between backquotes is one word, for
/// a command that is broken cannot be copied.
#[must_use]
pub fn wrapped(words: &str, indent: usize, columns: Option<usize>) -> String {
    let Some(columns) = columns else { return plain(words) };
    let mut text = String::new();
    let mut column = indent;
    for word in unbroken(&plain(words)) {
        let long = word.chars().count();
        if column > indent && column + 1 + long > columns {
            text.push('\n');
            text.extend(std::iter::repeat_n(' ', indent));
            column = indent;
        }
        if column > indent {
            text.push(' ');
            column += 1;
        }
        text.push_str(&word);
        column += long;
    }
    text
}

fn unbroken(text: &str) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    let mut open = false;
    for word in text.split_whitespace() {
        match words.last_mut().filter(|_| open) {
            Some(command) => command.extend([" ", word]),
            None => words.push(word.to_owned()),
        }
        open ^= word.matches('`').count() % 2 == 1;
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_keep_to_the_width_and_lose_no_word() {
        let words = "the security group must allow all traffic to itself";
        for columns in 10..60 {
            let text = wrapped(words, 4, Some(columns));
            assert!(text.lines().skip(1).all(|line| line.starts_with("    ")), "{text}");
            let long = text
                .lines()
                .skip(1)
                .find(|line| line.chars().count() > columns && line.split_whitespace().count() > 1);
            assert_eq!(long, None, "{columns}");
            assert_eq!(text.split_whitespace().collect::<Vec<_>>().join(" "), words);
        }
        assert_eq!(wrapped(words, 4, None), words);
        assert_eq!(
            wrapped("then `a command that is long`, or wait", 2, Some(16)),
            "then\n  `a command that is long`,\n  or wait"
        );
    }

    #[test]
    fn colours_are_left_out_where_nobody_wants_them() {
        let of = |colour| Terminal { columns: None, colour };
        assert_eq!(of(false).ink(31, "FAIL"), "FAIL");
        assert_eq!(of(true).ink(31, "FAIL"), "\x1b[31mFAIL\x1b[0m");
        assert_eq!(plain("a\x1b[2Jb"), "a [2Jb");
    }
}
