//! Results on stdout, for people or for programs.

use crate::compare::Change;
use crate::flow::Baked;
use crate::list::Entry;
use crate::plan::Plan;
use crate::prune::Pruned;
use crate::publish::{Outlook, Published};
use crate::show::{Difference, Shown};
use crate::validate::Report;
use comfy_table::{Table, TableStyle};
use serde::Serialize;
use std::path::Path;

/// How to print.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
pub enum Format {
    /// A table.
    #[default]
    Text,
    /// One JSON document.
    Json,
}

fn json<T: Serialize>(value: &T) -> String {
    // Structs of strings, numbers and lists only.
    serde_json::to_string_pretty(value).expect("a plain value is JSON")
}

fn table() -> Table {
    let mut table = Table::new();
    table.load_style(TableStyle::new());
    table
}

/// Every cell has a space before it, so every line has one too many.
fn text(table: &Table) -> String {
    let lines = table.trim_fmt();
    lines.lines().map(|line| line.strip_prefix(' ').unwrap_or(line)).collect::<Vec<_>>().join("\n")
}

/// An image, and where it can be found.
#[derive(Serialize)]
struct Result<'a> {
    #[serde(flatten)]
    baked: &'a Baked,
    #[serde(flatten)]
    published: Option<&'a Published>,
}

/// An image.
#[must_use]
pub fn baked(baked: &Baked, published: Option<&Published>, format: Format) -> String {
    if format == Format::Json {
        return json(&Result { baked, published });
    }
    let mut table = table();
    table.add_row(["AMI", &baked.ami_id]);
    table.add_row(["Region", &baked.region]);
    table.add_row(["Digest", &baked.digest]);
    table.add_row(["Base", &baked.base_ami]);
    table.add_row(["Baked", if baked.reused { "earlier" } else { "now" }]);
    if let Some(account) = &baked.shared_by {
        table.add_row(["Shared by", account]);
    }
    if let Some(tested_on) = &baked.tested_on {
        table.add_row(["Tested on", tested_on]);
    }
    if let Some(published) = published {
        table.add_row(["Parameter", &published.parameter]);
        for copy in &published.copies {
            table.add_row(["Copy", &format!("{} in {}", copy.ami_id, copy.region)]);
        }
    }
    text(&table)
}

/// Why there is nothing to bake.
#[must_use]
pub fn nothing(ami: &str, shared_by: Option<&str>) -> String {
    match shared_by {
        None => format!("image {ami} already has this content, nothing to bake"),
        Some(account) => format!(
            "image {ami} has this content, nothing to bake: shared by {account}, whose it is to publish"
        ),
    }
}

/// What is wrong with a recipe, or that nothing is.
#[must_use]
pub fn validated(report: &Report, format: Format) -> String {
    if format == Format::Json {
        return json(report);
    }
    let mut lines = report.problems.clone();
    lines.extend(report.skipped.iter().map(|why| format!("not looked at: {why}")));
    if report.problems.is_empty() {
        let left_out = report.components.iter().filter(|one| one.left_out.is_some()).count();
        lines.push(format!(
            "{}: {} components are fine, {left_out} of them not in this image",
            report.recipe.display(),
            report.components.len()
        ));
    }
    lines.join("\n")
}

/// A plan.
#[must_use]
pub fn plan(plan: &Plan, format: Format) -> String {
    if format == Format::Json {
        return json(plan);
    }
    let head = format!("digest {}\nbase   {} in {}", plan.digest, plan.base_ami, plan.region);
    let publishing = plan.publishing.as_deref().map(publishing).unwrap_or_default();
    if let Some(ami) = &plan.ami_id {
        let nothing = nothing(ami, plan.shared_by.as_deref());
        return format!(
            "{head}
{nothing}{publishing}"
        );
    }
    let head = match &plan.since {
        None => format!("{head}\nno image of this recipe yet"),
        Some(since) => {
            let mut lines = vec![format!("{head}\nsince  {}, changed:", since.ami_id)];
            lines.extend(since.changed.iter().map(line));
            lines.join("\n")
        }
    };
    let mut table = table();
    for line in &plan.lines {
        table.add_row([line.action.as_str(), line.what, &line.name]);
    }
    format!("{head}\n{}{publishing}", text(&table))
}

/// What becomes of the image, as further lines.
fn publishing(outlooks: &[Outlook]) -> String {
    let mut table = table();
    for one in outlooks {
        for deed in &one.deeds {
            table.add_row(["", &one.region, &deed.told(one.ami_id.as_deref())]);
        }
        if let Some(problem) = &one.problem {
            table.add_row(["", &one.region, &format!("conflict: {problem}")]);
        }
    }
    match table.is_empty() {
        true => "\nit is published as the recipe says".to_owned(),
        false => format!("\npublishing:\n{}", text(&table)),
    }
}

fn line(change: &Change) -> String {
    let told = match (&change.was, &change.is) {
        (Some(was), Some(is)) => format!("{was} -> {is}"),
        (None, Some(is)) => format!("new, {is}"),
        (was, None) => format!("gone, was {}", was.as_deref().unwrap_or_default()),
    };
    format!("  {}: {told}", change.what)
}

/// What is in an image.
#[must_use]
pub fn shown(shown: &Shown, format: Format) -> String {
    if format == Format::Json {
        return json(shown);
    }
    let mut table = table();
    table.add_row(["AMI", &shown.ami_id]);
    table.add_row(["Name", &shown.name]);
    table.add_row(["State", &shown.state]);
    table.add_row(["Created", &shown.created]);
    table.add_row(["Architecture", &shown.architecture]);
    table.add_row(["Recipe", shown.recipe.as_deref().unwrap_or("unknown")]);
    table.add_row(["Digest", &shown.digest]);
    if let Some(tested_on) = &shown.tested_on {
        table.add_row(["Tested on", tested_on]);
    }
    for (part, is) in &shown.parts {
        table.add_row([part, is]);
    }
    if let Some(manifest) = &shown.manifest {
        table.add_row(["System", &manifest.system.name]);
        for (name, is) in &manifest.versions {
            table.add_row([name, is]);
        }
        table.add_row(["Packages", &manifest.packages.len().to_string()]);
    }
    if let Some(time) = &shown.deprecation_time {
        table.add_row(["Deprecated", time]);
    }
    for copy in &shown.copies {
        let other = match copy.state.as_str() {
            "available" => String::new(),
            state => format!(" ({state})"),
        };
        table.add_row(["Copy", &format!("{} in {}{other}", copy.ami_id, copy.region)]);
    }
    if let Some(uri) = &shown.manifest_uri {
        table.add_row(["Manifest", uri]);
    }
    let manifest = shown.manifest_unread.iter().map(|why| ("versions", why));
    let copies = shown.copies_unread.iter().map(|why| ("copies", why));
    let unread = manifest.chain(copies).map(|(what, why)| format!("\n{what} are not known: {why}"));
    text(&table) + &unread.collect::<String>()
}

/// What leads from an image to another.
#[must_use]
pub fn differs(difference: &Difference, format: Format) -> String {
    if format == Format::Json {
        return json(difference);
    }
    let mut lines = match difference.parts.as_slice() {
        [] => vec!["they are made of the same".to_owned()],
        parts => parts.iter().map(line).collect(),
    };
    match difference.content.as_deref() {
        Some([]) => lines.push("the same versions and packages are in them".to_owned()),
        Some(content) => {
            lines.push("in them:".to_owned());
            lines.extend(content.iter().map(line));
        }
        None => {}
    }
    lines.extend(difference.unread.iter().map(|why| format!("versions are not known of {why}")));
    lines.join("\n")
}

/// What `lock` has pinned.
#[must_use]
pub fn locked(path: &Path, changes: &[Change], format: Format) -> String {
    if format == Format::Json {
        return json(&serde_json::json!({"lock": path, "changes": changes}));
    }
    if changes.is_empty() {
        return format!("{}: nothing changes", path.display());
    }
    let mut lines = vec![format!("{}:", path.display())];
    lines.extend(changes.iter().map(line));
    lines.join("\n")
}

/// What `prune` has removed, or would remove.
#[must_use]
pub fn pruned(pruned: &Pruned, format: Format) -> String {
    if format == Format::Json {
        return json(pruned);
    }
    let mut table = table();
    let goes = if pruned.dry_run { "would go" } else { "removed" };
    for one in &pruned.removed {
        let snapshots = one.snapshots.join(", ");
        table.add_row([goes, &one.ami_id, &one.state, &one.created, &one.name, &snapshots]);
    }
    for id in &pruned.left_over {
        table.add_row([goes, id, "", "", "left of an image that was removed", ""]);
    }
    for one in &pruned.kept {
        table.add_row(["stays", &one.ami_id, &one.state, "", &one.name, &one.why.to_string()]);
    }
    let nothing = pruned.removed.is_empty() && pruned.left_over.is_empty();
    let last = match (nothing, pruned.dry_run) {
        (true, _) => "there is nothing to remove",
        (false, true) => "nothing was removed; the same command with --yes does it",
        (false, false) => return text(&table),
    };
    if table.is_empty() { last.to_owned() } else { format!("{}\n{last}", text(&table)) }
}

/// Images.
#[must_use]
pub fn list(entries: &[Entry], format: Format) -> String {
    if format == Format::Json {
        return json(&entries);
    }
    if entries.is_empty() {
        return "no images yet; `nixl-bake build` makes one".to_owned();
    }
    let mut table = table();
    table.set_header(["AMI", "REGION", "STATE", "CREATED", "NAME", "DIGEST"]);
    for entry in entries {
        let short: String = entry.digest.chars().take(12).collect();
        let Entry { ami_id, region, state, created, name, .. } = entry;
        table.add_row([ami_id, region, state, created, name, &short]);
    }
    text(&table)
}
