//! Bars and sparklines, as wide and as colourful as the terminal allows.

use crate::terminal::Terminal;

/// Narrower than this nothing fits, wider is hard to read across.
const WIDTHS: (usize, usize) = (60, 160);

/// How to draw.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Style {
    pub width: usize,
    pub unicode: bool,
    pub colour: bool,
}

/// What a colour says.
#[derive(Debug, Clone, Copy)]
pub(super) enum Ink {
    Bar,
    Good,
    Bad,
    Title,
}

impl Style {
    /// For this process's standard output.
    pub fn of_stdout() -> Self {
        let Terminal { columns, unicode, colour } = Terminal::of_stdout();
        Self { width: columns.clamp(WIDTHS.0, WIDTHS.1), unicode, colour }
    }

    pub fn ink(self, ink: Ink, text: &str) -> String {
        let code = match ink {
            Ink::Bar => 36,
            Ink::Good => 32,
            Ink::Bad => 31,
            Ink::Title => 1,
        };
        if self.colour && !text.is_empty() {
            format!("\x1b[{code}m{text}\x1b[0m")
        } else {
            text.to_owned()
        }
    }

    /// A bar of `value` where `most` fills `width` columns.
    pub fn bar(self, value: f64, most: f64, width: usize) -> String {
        let share = if most > 0.0 { (value / most).clamp(0.0, 1.0) } else { 0.0 };
        let eighths = (share * width as f64 * 8.0).round() as usize;
        let text = if self.unicode {
            let rest = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"][eighths % 8];
            format!("{}{rest}", "█".repeat(eighths / 8))
        } else {
            "#".repeat(eighths.div_ceil(8))
        };
        self.ink(Ink::Bar, &text)
    }

    /// A column a value, from the least to the most of them; `None` is a gap.
    pub fn spark(self, values: &[Option<f64>]) -> String {
        let levels: [char; 8] = if self.unicode {
            ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█']
        } else {
            ['_', '.', '-', '=', '+', '*', '#', '@']
        };
        let known = values.iter().flatten().copied();
        let (least, most) =
            known.fold((f64::MAX, f64::MIN), |(low, high), v| (low.min(v), high.max(v)));
        let level = |value: f64| {
            let share = if most > least { (value - least) / (most - least) } else { 0.0 };
            levels[((share * 7.0).round() as usize).min(7)]
        };
        let text: String = values.iter().map(|value| value.map_or(' ', level)).collect();
        self.ink(Ink::Bar, &text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLAIN: Style = Style { width: 80, unicode: false, colour: false };
    const UNICODE: Style = Style { unicode: true, ..PLAIN };

    #[test]
    fn bars_are_as_long_as_their_values() {
        assert_eq!(UNICODE.bar(1.0, 1.0, 4), "████");
        assert_eq!(UNICODE.bar(0.5, 1.0, 5), "██▌");
        assert_eq!(UNICODE.bar(9.0, 1.0, 2), "██");
        assert_eq!(UNICODE.bar(1.0, 0.0, 4), "");
        assert_eq!(PLAIN.bar(0.5, 1.0, 5), "###");
    }

    #[test]
    fn sparks_span_their_values() {
        assert_eq!(UNICODE.spark(&[Some(1.0), None, Some(2.0), Some(8.0)]), "▁ ▂█");
        assert_eq!(PLAIN.spark(&[Some(3.0), Some(3.0)]), "__");
        assert_eq!(PLAIN.spark(&[None]), " ");
    }

    #[test]
    fn colour_is_for_terminals() {
        let coloured = Style { colour: true, ..UNICODE };
        assert_eq!(coloured.bar(1.0, 1.0, 1), "\x1b[36m█\x1b[0m");
        assert_eq!(coloured.bar(0.0, 1.0, 1), "");
    }
}
