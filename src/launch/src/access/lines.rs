//! Output of nodes on this computer's screen.

use std::io::{Result, Write};

/// A stream whose lines begin with its node's name, or one passed on as it comes.
#[derive(Debug)]
pub struct Lines<W> {
    to: W,
    prefix: Option<String>,
    line: Vec<u8>,
}

impl<W: Write> Lines<W> {
    /// To this; without a prefix bytes are passed on as they come.
    pub fn new(to: W, prefix: Option<String>) -> Self {
        Self { to, prefix, line: Vec::new() }
    }

    /// Takes bytes.
    ///
    /// # Errors
    /// If they cannot be written.
    pub fn say(&mut self, bytes: &[u8]) -> Result<()> {
        let Some(prefix) = &self.prefix else {
            self.to.write_all(bytes)?;
            return self.to.flush();
        };
        for part in bytes.split_inclusive(|byte| *byte == b'\n') {
            self.line.extend_from_slice(part);
            if part.ends_with(b"\n") {
                self.to.write_all(prefix.as_bytes())?;
                self.to.write_all(&self.line)?;
                self.line.clear();
            }
        }
        self.to.flush()
    }

    /// Writes the last line, which may lack its end.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn finish(&mut self) -> Result<()> {
        if self.line.is_empty() { Ok(()) } else { self.say(b"\n") }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(prefix: Option<&str>, parts: &[&[u8]]) -> String {
        let mut out = Vec::new();
        let mut lines = Lines::new(&mut out, prefix.map(str::to_owned));
        for part in parts {
            lines.say(part).unwrap();
        }
        lines.finish().unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn every_line_has_its_node_however_it_is_cut() {
        assert_eq!(
            told(Some("n1: "), &[b"a", b"b\nc\n", b"\n", b"d"]),
            "n1: ab\nn1: c\nn1: \nn1: d\n"
        );
        assert_eq!(told(None, &[b"a", b"b\nc"]), "ab\nc");
        assert_eq!(told(Some("n1: "), &[]), "");
    }
}
