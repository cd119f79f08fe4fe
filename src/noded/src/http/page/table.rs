//! Tables of devices, and lists of facts.

use serde::Serialize;

/// A table with a row a device.
#[derive(Debug, Default, PartialEq, Serialize)]
pub(super) struct Table {
    /// Of its columns; the first names the row.
    pub heads: Vec<&'static str>,
    pub rows: Vec<Vec<Cell>>,
    /// Beside the title, e.g. how many there are.
    pub note: String,
    /// Whether it is shown without being asked for.
    pub open: bool,
}

/// A longer table stays closed while all of it is well.
const SHORT: usize = 8;

impl Table {
    pub fn new(heads: Vec<&'static str>, rows: Vec<Vec<Cell>>, note: String) -> Self {
        let cells = || rows.iter().flatten();
        let open = rows.len() <= SHORT || cells().any(|cell| matches!(cell.mood, "warn" | "fail"));
        Self { heads, rows, note, open }
    }
}

/// One value.
#[derive(Debug, PartialEq, Serialize)]
pub(super) struct Cell {
    pub text: String,
    /// `pass`, `warn`, `fail`, or nothing.
    pub mood: &'static str,
}

impl Cell {
    pub fn plain(text: impl Into<String>) -> Self {
        Self { text: text.into(), mood: "" }
    }

    /// A dash where nothing is known.
    pub fn maybe(text: Option<impl Into<String>>) -> Self {
        Self::plain(text.map_or("–".to_owned(), Into::into))
    }

    pub fn with(mut self, mood: &'static str) -> Self {
        self.mood = mood;
        self
    }
}

/// One fact of a list.
#[derive(Debug, PartialEq, Serialize)]
pub(super) struct Fact {
    pub name: &'static str,
    pub text: String,
}
