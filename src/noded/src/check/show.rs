//! The document for people.

use crate::terminal::{Terminal, plain};
use nixl_cluster::check::{CheckDocument, Counts, Item, NodeChecks, SectionChecks, Verdict};
use serde_json::Value;
use std::fmt::Write as _;

/// Narrower than this nothing fits, wider is hard to read.
const WIDTHS: (usize, usize) = (30, 110);
/// Before what belongs to an item: its verdict's width and two spaces on each side.
const INDENT: usize = 8;
/// So many good ones of one name are told in one line.
const MANY: usize = 4;

/// How to show it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Paper {
    width: usize,
    colour: bool,
}

impl Paper {
    pub fn of_stdout() -> Self {
        let Terminal { columns, colour, .. } = Terminal::of_stdout();
        Self { width: columns.clamp(WIDTHS.0, WIDTHS.1), colour }
    }

    fn ink(self, code: u8, text: &str) -> String {
        if self.colour { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_owned() }
    }

    fn verdict(self, verdict: Verdict) -> String {
        let (code, word) = match verdict {
            Verdict::Pass => (32, "PASS"),
            Verdict::Warn => (33, "WARN"),
            Verdict::Fail => (31, "FAIL"),
            Verdict::Skip => (90, "SKIP"),
        };
        self.ink(code, word)
    }
}

pub(super) fn text(document: &CheckDocument, paper: Paper) -> String {
    let mut text = String::new();
    for node in &document.nodes {
        self::node(&mut text, node, paper);
    }
    // Writing to a String cannot fail, here and below.
    let unchecked = unchecked(&document.nodes);
    if !unchecked.is_empty() {
        let _ = write!(text, "{}  ", paper.verdict(Verdict::Skip));
        let told = format!("nothing was checked of {}", unchecked.join(", "));
        hanging(&mut text, &told, INDENT - 2, paper.width);
    }
    let _ = write!(text, "{}  ", paper.verdict(document.verdict));
    hanging(&mut text, &counts(&document.counts), INDENT - 2, paper.width);
    text
}

fn counts(counts: &Counts) -> String {
    let Counts { pass, warn, fail, skip, acknowledged } = counts;
    let seen = match acknowledged {
        0 => String::new(),
        seen => format!(" ({seen} of them acknowledged)"),
    };
    format!("{pass} passed, {warn} warned{seen}, {fail} failed, {skip} skipped")
}

/// Sections of this node of which nothing could be checked: the exit code says
/// nothing of them.
fn unchecked(nodes: &[NodeChecks]) -> Vec<String> {
    let own = nodes.iter().filter(|node| !node.peer).flat_map(|node| &node.sections);
    let skipped = own.filter(|section| section.verdict == Verdict::Skip);
    skipped.map(|section| section.section.to_string()).collect()
}

fn node(text: &mut String, node: &NodeChecks, paper: Paper) {
    let mut about = Vec::new();
    about.extend(node.rank.map(|rank| format!("rank {rank}")));
    about.extend(node.release.as_ref().map(|release| format!("release {release}")));
    about.extend(node.age_secs.map(|secs| format!("as it said {secs:.1} s ago")));
    if node.left_out > 0 {
        about.push(format!("{} of its best checks had no room", node.left_out));
    }
    let title = if node.peer { "peer " } else { "" };
    let about = about.join(", ");
    let title = format!("{title}{}", plain(&node.instance_id));
    let _ = writeln!(text, "{}", paper.ink(1, &title));
    if !about.is_empty() {
        wrapped(text, &about, 2, paper.width);
    }
    text.push('\n');
    for section in &node.sections {
        self::section(text, section, paper);
    }
}

fn section(text: &mut String, section: &SectionChecks, paper: Paper) {
    let SectionChecks { section, items, .. } = section;
    // A peer may have none of this.
    if items.is_empty() {
        return;
    }
    let _ = writeln!(text, "{}", paper.ink(1, &section.to_string()));
    let mut items = &items[..];
    while let Some(first) = items.first() {
        let same = items.iter().take_while(|item| is_plain(item) && item.name == first.name);
        let many = same.count();
        if many > MANY {
            let _ = writeln!(
                text,
                "  {}  {}  all {many}",
                paper.verdict(first.verdict),
                plain(&first.name)
            );
            items = &items[many..];
        } else {
            item(text, first, paper);
            items = &items[1..];
        }
    }
    text.push('\n');
}

/// Good, and nothing more to say.
fn is_plain(item: &Item) -> bool {
    item.verdict == Verdict::Pass && item.reason.is_none()
}

fn item(text: &mut String, item: &Item, paper: Paper) {
    let mut line = plain(&item.name);
    if let Some(about) = &item.about {
        let _ = write!(line, "  {}", plain(about));
    }
    match &item.value {
        None => {}
        Some(Value::String(value)) => _ = write!(line, "  {}", plain(value)),
        Some(value) => _ = write!(line, "  {value}"),
    }
    if let Some(unit) = &item.unit {
        let _ = write!(line, " {}", plain(unit));
    }
    let _ = write!(text, "  {}  ", paper.verdict(item.verdict));
    hanging(text, &line, INDENT, paper.width);
    if let Some(why) = &item.skipped {
        wrapped(text, why, INDENT, paper.width);
    }
    let Some(reason) = &item.reason else { return };
    wrapped(text, &format!("{}: {}", reason.code, reason.evidence), INDENT, paper.width);
    match &reason.acknowledged {
        None => wrapped(text, &format!("fix: {}", reason.advice), INDENT, paper.width),
        Some(seen) => {
            let note = seen.note.as_ref().map(|note| format!(": {note}")).unwrap_or_default();
            wrapped(text, &format!("acknowledged {}{note}", seen.at), INDENT, paper.width);
        }
    }
}

/// Words in lines of this width, each after `indent` spaces.
fn wrapped(text: &mut String, words: &str, indent: usize, width: usize) {
    let _ = write!(text, "{:indent$}", "");
    hanging(text, words, indent, width);
}

/// The same where the indent of the first line is there already.
fn hanging(text: &mut String, words: &str, indent: usize, width: usize) {
    let mut column = indent;
    for word in plain(words).split_whitespace() {
        let long = word.chars().count();
        if column > indent && column + 1 + long > width {
            let _ = write!(text, "\n{:indent$}", "");
            column = indent;
        }
        if column > indent {
            text.push(' ');
            column += 1;
        }
        text.push_str(word);
        column += long;
    }
    text.push('\n');
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::board::{Board, Reading};
    use crate::check::node;
    use nixl_cluster::check::Section;
    use nixl_cluster::reason;

    fn shown(board: &Board, width: usize, colour: bool) -> String {
        let node = node::own(&Ok(board.document()), Vec::new(), &Section::ALL);
        text(&CheckDocument::new(vec![node]), Paper { width, colour })
    }

    fn board() -> Board {
        let board = Board::default();
        board.identify("i-1");
        board.set(
            "efa:memlock",
            Reading::bad(&reason::FABRIC_MEMLOCK, "64 KiB of\x1b[2J memory \n may be locked")
                .value(65_536)
                .unit("B"),
        );
        board.set("efa:devices", Reading::good(32));
        let rails = (0..32).map(|rail| Reading::good("up").about(format!("rdmap{rail}s0")));
        board.set_all("efa:rail", rails.collect());
        board
    }

    #[test]
    fn a_failure_has_its_code_evidence_and_fix_and_the_good_are_few_lines() {
        let text = shown(&board(), 80, false);
        assert!(text.starts_with("i-1\n  release "), "{text}");
        let expected = format!(
            "EFA\n  PASS  efa:devices 32\n  FAIL  efa:memlock 65536 B\n        fabric.memlock: 64 KiB of [2J memory may be locked\n        \
             fix: {}\n  PASS  efa:rail  all 32\n",
            reason::FABRIC_MEMLOCK.advice
        );
        assert!(text.contains(&expected), "{text}");
        let last = text.lines().last().unwrap();
        assert!(last.starts_with("FAIL  ") && last.contains(" 1 failed, "), "{last}");
        assert!(!text.contains('\x1b'), "no colours, and none of others");
    }

    #[test]
    fn the_summary_names_what_was_acknowledged_and_what_was_not_checked() {
        let board = board();
        board.acknowledge(reason::FABRIC_MEMLOCK.code, None, Some("known")).unwrap();
        let text = shown(&board, 110, false);
        assert!(text.contains("  WARN  efa:memlock 65536 B\n"), "{text}");
        assert!(text.contains("acknowledged 20"), "{text}");
        let last = text.lines().last().unwrap();
        assert!(last.starts_with("WARN  ") && last.contains("(1 of them acknowledged)"), "{last}");
        assert!(text.contains("\nSKIP  nothing was checked of GPU, "), "{text}");
        let told = |section| {
            let node = node::own(&Ok(Board::default().document()), Vec::new(), &[section]);
            super::text(&CheckDocument::new(vec![node]), Paper { width: 110, colour: false })
        };
        let skipped = told(Section::Gpu);
        assert!(
            skipped.contains("\nSKIP  nothing was checked of GPU\nSKIP  0 passed"),
            "{skipped}"
        );
        assert!(!told(Section::System).contains("nothing was checked"));
    }

    #[test]
    fn lines_keep_to_the_width_and_colours_to_terminals() {
        for width in [30, 50, 110] {
            let text = shown(&board(), width, false);
            // A word alone may be longer.
            let fits =
                |line: &&str| line.chars().count() <= width || line.split_whitespace().count() <= 2;
            assert_eq!(text.lines().find(|line| !fits(line)), None, "{width}");
        }
        let text = shown(&board(), 80, true);
        assert!(text.contains("\x1b[31mFAIL\x1b[0m") && text.contains("\x1b[32mPASS\x1b[0m"));
    }
}
