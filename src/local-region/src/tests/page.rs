//! `docs/local-region.md`: the frame beside this file, filled in from the tables.

use crate::cli::Cli;
use crate::rules::{self, Rule};
use crate::windows;
use clap::CommandFactory;
use std::fmt::Write;

const PAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/local-region.md");
const UPDATE: &str = "UPDATE_DOCS=1 cargo test -p nixl-local-region --lib tests::page";

fn page() -> String {
    include_str!("page.md")
        .replace("{commands}", &commands())
        .replace("{windows}", &windows())
        .replace("{faults}", crate::faults::file::EXAMPLE.trim_end())
        .replace("{pretend}", crate::pretend::EXAMPLE)
        .replace("{count}", &count())
        .replace("{areas}", &areas())
}

fn table<const N: usize>(head: [&str; N], rows: impl Iterator<Item = [String; N]>) -> String {
    let mut text = String::new();
    for row in [head.map(str::to_owned), head.map(|_| "---".to_owned())].into_iter().chain(rows) {
        // A bar would end the cell.
        let cells = row.map(|cell| cell.replace('|', "\\|"));
        writeln!(text, "| {} |", cells.join(" | ")).unwrap();
    }
    text.trim_end().to_owned()
}

fn commands() -> String {
    let command = Cli::command();
    let shown = command.get_subcommands().filter(|command| !command.is_hide_set());
    let about = |command: &clap::Command| command.get_about().unwrap().to_string();
    table(
        ["Command", ""],
        shown.map(|command| [format!("`{}`", command.get_name()), about(command)]),
    )
}

fn windows() -> String {
    let rows = windows::ALL.iter().map(|window| {
        [format!("`{}`", window.name), window.says.to_owned(), format!("{:#}", window.default)]
    });
    table(["Window", "", "Here"], rows)
}

fn count() -> String {
    let gaps: usize = rules::AREAS.iter().map(|(_, _, gaps)| gaps.len()).sum();
    format!("{} rules, {gaps} known differences.", rules::all().count())
}

fn areas() -> String {
    let row = |rule: &&Rule| {
        let answer = if rule.answer == "-" { "-".to_owned() } else { format!("`{}`", rule.answer) };
        [format!("`{}`", rule.id), rule.says.to_owned(), answer, rule.source.to_owned()]
    };
    let mut parts = Vec::new();
    for (title, rules, gaps) in rules::AREAS {
        parts.push(format!("### {title}"));
        parts.push(table(["Rule", "AWS", "Answer", "Source"], rules.iter().map(row)));
        if !gaps.is_empty() {
            let lines: Vec<_> = gaps.iter().map(|gap| format!("- {}", gap.says)).collect();
            parts.push(format!("Not faithful:\n\n{}", lines.join("\n")));
        }
    }
    parts.join("\n\n")
}

#[test]
fn page_is_what_the_tables_say() {
    let written = page();
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(PAGE, &written).unwrap();
    }
    let kept = std::fs::read_to_string(PAGE).unwrap_or_default();
    let differs = kept.lines().zip(written.lines()).find(|(old, new)| old != new);
    assert!(kept == written, "docs/local-region.md is not up to date; run `{UPDATE}`: {differs:?}");
}
