//! `nixl-bake validate`: all that can be wrong with a recipe and is seen
//! without AWS, told at once.

use crate::content::{Component, Content};
use crate::document::{self, ImageIdentity, MAX_INLINE_CHARS, Store};
use crate::error::BakeError;
use crate::lock::Pins;
use serde::Serialize;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;

/// What was looked at, and what is wrong with it.
#[derive(Debug, Default, Serialize)]
pub struct Report {
    /// Recipe.
    pub recipe: PathBuf,
    /// Components, in the image or not.
    pub components: Vec<Looked>,
    /// One line each, with file, line and column where there is one.
    pub problems: Vec<String>,
    /// What could not be looked at, and why.
    pub skipped: Vec<String>,
}

/// A component that was looked at.
#[derive(Debug, Serialize)]
pub struct Looked {
    /// Name in Image Builder.
    pub name: String,
    /// Length of its document, in characters.
    pub document_chars: usize,
    /// Whether it is too long to be sent inline and goes through S3.
    pub through_s3: bool,
    /// Why it is not in the image, if it is not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub left_out: Option<String>,
}

/// Looks at everything. The daemon, whose content does not matter here, need
/// not exist.
#[must_use]
pub fn validate(recipe: &Path) -> Report {
    let mut report = Report { recipe: recipe.to_owned(), ..Report::default() };
    let content = match Content::read(recipe, Arc::default()) {
        Ok(content) => content,
        Err(problems) => {
            report.problems = problems.iter().map(BakeError::to_string).collect();
            return report;
        }
    };
    // Names of the longest kind there is, so that no document fits here only.
    let store = Store {
        bucket: "nixl-bake-000000000000-ap-southeast-99".to_owned(),
        account: "000000000000".to_owned(),
    };
    let pins = Pins::longest(&content);
    let image = ImageIdentity::new(&content, &pins);
    let mut shells = Shells::default();
    let beside = recipe.parent().unwrap_or(Path::new(""));
    let inside = content.components.iter().map(|component| (component, None));
    let outside = content.left_out.iter().map(|(component, why)| (component, Some(why.clone())));
    for (component, left_out) in inside.chain(outside) {
        match document::render(component, &store, &image, &pins) {
            Ok(text) => {
                let document_chars = text.chars().count();
                report.components.push(Looked {
                    name: component.name().to_string(),
                    document_chars,
                    through_s3: document_chars > MAX_INLINE_CHARS,
                    left_out,
                });
            }
            Err(error) => report.problems.push(error.to_string()),
        }
        shells.look_at(component, &beside.join(component.folder.as_str()), &mut report.problems);
    }
    report.skipped = shells.skipped;
    report
}

/// Shells and their judges, as far as they are installed.
#[derive(Default)]
struct Shells {
    skipped: Vec<String>,
}

impl Shells {
    fn look_at(&mut self, component: &Component, folder: &Path, problems: &mut Vec<String>) {
        let scripts = [("install.sh", &component.install), ("validate.sh", &component.validate)];
        let test = component.test.iter().map(|text| ("test.sh", text));
        for (name, text) in scripts.into_iter().chain(test) {
            let path = folder.join(name);
            let syntax = self.run("bash", &["-n", "/dev/stdin"], text);
            let told = syntax.into_iter().filter_map(|line| {
                let (at, what) = line.strip_prefix("/dev/stdin: line ")?.split_once(": ")?;
                Some(format!("{}:{at}:1: {what}", path.display()))
            });
            let before = problems.len();
            problems.extend(told);
            if problems.len() > before {
                // shellcheck would say the same in more words.
                continue;
            }
            let style = self.run("shellcheck", &["--shell=bash", "--format=gcc", "-"], text);
            problems.extend(
                style
                    .iter()
                    .filter_map(|line| line.strip_prefix("-:"))
                    .map(|line| format!("{}:{line}", path.display())),
            );
        }
    }

    /// Lines a program says about `text`; none, noted once, if it is not there.
    fn run(&mut self, program: &str, args: &[&str], text: &str) -> Vec<String> {
        let missing = format!("{program} is not installed");
        if self.skipped.contains(&missing) {
            return Vec::new();
        }
        let output = Command::new(program)
            .args(args)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .and_then(|mut child| {
                if let Some(mut stdin) = child.stdin.take() {
                    stdin.write_all(text.as_bytes())?;
                }
                child.wait_with_output()
            });
        match output {
            Ok(output) => [output.stdout, output.stderr]
                .iter()
                .flat_map(|told| {
                    String::from_utf8_lossy(told).lines().map(str::to_owned).collect::<Vec<_>>()
                })
                .collect(),
            Err(_) => {
                self.skipped.push(missing);
                Vec::new()
            }
        }
    }
}
