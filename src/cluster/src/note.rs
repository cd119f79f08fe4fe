//! What a person writes with an acknowledgement.

use serde::{Deserialize, Serialize};

/// One line for `/health`, the journal and a terminal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String")]
pub struct Note(String);

/// Why a text is no note.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NoteError {
    /// Longer than [`Note::MAX_CHARS`].
    #[error("a note has at most {} characters", Note::MAX_CHARS)]
    TooLong,
    /// It would reach terminals and the journal.
    #[error("a note has no control characters, line breaks included")]
    Control,
    /// There is nothing in it.
    #[error("the note is empty")]
    Empty,
}

impl Note {
    /// As much as a person reads at a glance.
    pub const MAX_CHARS: usize = 500;
}

impl TryFrom<String> for Note {
    type Error = NoteError;

    fn try_from(text: String) -> Result<Self, NoteError> {
        if text.trim().is_empty() {
            Err(NoteError::Empty)
        } else if text.chars().count() > Self::MAX_CHARS {
            Err(NoteError::TooLong)
        } else if text.chars().any(|c| c.is_control() || is_line_or_direction(c)) {
            Err(NoteError::Control)
        } else {
            Ok(Self(text))
        }
    }
}

impl std::str::FromStr for Note {
    type Err = NoteError;

    fn from_str(text: &str) -> Result<Self, NoteError> {
        text.to_owned().try_into()
    }
}

impl std::ops::Deref for Note {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

/// Separators of lines, and what turns the direction of the text around it:
/// both can make a terminal show other words than were written.
fn is_line_or_direction(c: char) -> bool {
    matches!(c, '\u{2028}' | '\u{2029}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_note_is_one_short_line() {
        let note = |text: &str| text.parse::<Note>().map(|note| note.to_string());
        assert_eq!(note("ticket 4711, ça va").unwrap(), "ticket 4711, ça va");
        assert_eq!(note(" "), Err(NoteError::Empty));
        for bad in ["a\nb", "\u{1b}[2J", "a\u{9b}b", "a\u{202e}b", "a\0"] {
            assert_eq!(note(bad), Err(NoteError::Control), "{bad:?}");
        }
        assert!(note(&"é".repeat(Note::MAX_CHARS)).is_ok());
        assert_eq!(note(&"é".repeat(Note::MAX_CHARS + 1)), Err(NoteError::TooLong));
        assert!(serde_json::from_str::<Note>("\"a\\nb\"").is_err());
    }
}
