//! `nixl-region rules`: the table of rules; no region need be up.

use std::process::ExitCode;

use serde_json::json;

use super::status::Output;
use crate::rules::AREAS;

pub(super) fn run(output: Output) -> anyhow::Result<ExitCode> {
    match output {
        Output::Json => {
            let areas: Vec<_> = AREAS
                .iter()
                .map(|(title, rules, gaps)| json!({"title": title, "rules": rules, "gaps": gaps}))
                .collect();
            println!("{:#}", json!({ "areas": areas }));
        }
        Output::Table => {
            let mut table = comfy_table::Table::new();
            table.load_style(comfy_table::presets::NOTHING);
            table.set_header(["RULE", "ANSWER", "AWS"]);
            for rule in crate::rules::all() {
                table.add_row([rule.id, rule.answer, rule.says]);
            }
            println!("{table}\n\nNot faithful:");
            for gap in AREAS.iter().flat_map(|(_, _, gaps)| gaps.iter()) {
                println!("- {}: {}", gap.area, gap.says);
            }
        }
    }
    Ok(ExitCode::SUCCESS)
}
