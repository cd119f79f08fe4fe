//! The log that a build writes while it runs: where it is, and what a failed
//! step said.
//!
//! Source of the lines: AWSTOE's console as CloudWatch Logs shows it
//! (`Document <ARN>`, `Phase build`, `Step install`, `CmdExecution: Stderr: …`,
//! `CmdExecution: ExitCode 1`); what is not known is taken for output.

use crate::cloud::Cloud;
use std::collections::VecDeque;

/// Output lines of one step that are kept; the cause stands near the end.
const KEPT_LINES: usize = 400;
/// Exit code of a step that wants a reboot, and to be run again.
const REBOOT: i32 = 194;
/// Pages read at one look; the next look goes on.
const MAX_PAGES: u32 = 20;

/// The component, phase and step that run.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Place {
    /// Name of the component.
    pub component: String,
    /// Phase of its document.
    pub phase: String,
    /// Step of the phase.
    pub step: String,
}

/// What a step that failed left.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Failed {
    /// Exit code of its last command.
    pub exit_code: i32,
    /// Its output.
    pub lines: Vec<String>,
}

/// A log, read as far as it is written.
#[derive(Debug, Default)]
pub(super) struct Log {
    group: String,
    stream: String,
    token: Option<String>,
    place: Place,
    output: VecDeque<String>,
    exit_code: Option<i32>,
    failed: Option<Failed>,
    is_denied: bool,
}

impl Log {
    /// The log of a build of the image of this name.
    pub(super) fn new(image: &str, build_arn: &str) -> Self {
        // arn:…:image/<name>/<version>/<build>
        let stream = build_arn.splitn(3, '/').nth(2).unwrap_or_default().to_owned();
        Self { group: format!("/aws/imagebuilder/{image}"), stream, ..Self::default() }
    }

    /// The command that shows all of it.
    pub(super) fn command(&self, region: &str) -> String {
        format!(
            "aws logs get-log-events --region {region} --log-group-name {} --log-stream-name {} --start-from-head --query 'events[].message' --output text",
            self.group, self.stream
        )
    }

    /// Reads what is new. A log that cannot be read is no reason to stop
    /// waiting; the error is told once, and then it is left alone.
    pub(super) async fn read(&mut self, cloud: &Cloud) -> Result<(), nixl_aws::AwsError> {
        if self.is_denied {
            return Ok(());
        }
        for _ in 0..MAX_PAGES {
            let after = self.token.as_deref();
            let page = match cloud.logs.events(&self.group, &self.stream, after).await {
                Ok(page) => page,
                Err(error) => {
                    self.is_denied = error.is(&["AccessDeniedException"]);
                    return Err(error);
                }
            };
            let Some(page) = page else { return Ok(()) };
            for message in &page.messages {
                message.lines().for_each(|line| self.line(line.trim_end()));
            }
            let is_end = page.next.is_none() || page.next == self.token;
            if page.next.is_some() {
                self.token = page.next;
            }
            if is_end {
                return Ok(());
            }
        }
        Ok(())
    }

    fn line(&mut self, line: &str) {
        let line = line.strip_prefix("CmdExecution: ").unwrap_or(line);
        let said = line.split_once(": ").filter(|(name, _)| matches!(*name, "Stdout" | "Stderr"));
        if let Some((_, text)) = said {
            return self.keep(text);
        }
        match line.split_once(' ') {
            Some(("Document", arn)) if arn.contains(":component/") => {
                self.step_ends();
                let component = arn.split('/').nth(1).unwrap_or_default().to_owned();
                self.place = Place { component, ..Place::default() };
            }
            Some(("Phase", name)) if is_word(name) => {
                self.step_ends();
                self.place.phase = name.to_owned();
                self.place.step.clear();
            }
            Some(("Step", name)) if is_word(name) => {
                self.step_ends();
                self.place.step = name.to_owned();
            }
            Some(("ExitCode", code)) => self.exit_code = code.trim().parse().ok(),
            Some(("TOE", rest)) if rest.starts_with("has completed execution") => {
                self.step_ends();
            }
            _ if is_of_executor(line) => {}
            _ => self.keep(line),
        }
    }

    fn keep(&mut self, text: &str) {
        if text.trim().is_empty() || self.place.step.is_empty() {
            return;
        }
        if self.output.len() == KEPT_LINES {
            self.output.pop_front();
        }
        self.output.push_back(text.to_owned());
    }

    fn step_ends(&mut self) {
        let lines: Vec<String> = self.output.drain(..).collect();
        if let Some(exit_code) = self.exit_code.take().filter(|code| ![0, REBOOT].contains(code)) {
            self.failed = Some(Failed { exit_code, lines });
        }
    }

    /// Where the build is, once a document runs.
    pub(super) fn place(&self) -> Option<&Place> {
        Some(&self.place).filter(|place| !place.component.is_empty())
    }

    /// The last step that failed.
    pub(super) fn failed(&mut self) -> Option<Failed> {
        if self.exit_code.is_some_and(|code| code != 0) {
            self.step_ends();
        }
        self.failed.clone()
    }
}

/// Phases and steps have names without spaces here; a sentence is output.
fn is_word(name: &str) -> bool {
    !name.is_empty() && !name.contains(char::is_whitespace)
}

/// `ExecuteBash: STARTED EXECUTION` and its like.
fn is_of_executor(line: &str) -> bool {
    let Some((module, rest)) = line.split_once(": ") else { return false };
    let is_module = module.starts_with(|c: char| c.is_ascii_uppercase())
        && module.chars().all(|c| c.is_ascii_alphanumeric());
    is_module
        && ["STARTED EXECUTION", "FINISHED EXECUTION", "Created temporary directory"]
            .iter()
            .any(|known| rest.starts_with(known))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const TEXT: &str = "\
Started step ApplyBuildComponents with action ExecuteComponents
Document arn:aws:imagebuilder:us-east-1:123456789012:component/nixl-efa/1.2.3/1
Phase build
Step fetch
S3Download: STARTED EXECUTION
CmdExecution: ExitCode 0
S3Download: FINISHED EXECUTION
Step install
ExecuteBash: STARTED EXECUTION
ExecuteBash: Created temporary directory: /tmp/1234567890abcdef0
CmdExecution: Stdout: Reading package lists...
CmdExecution: Stderr: Error: Unable to find a match: htpd
and a second line of it
CmdExecution: ExitCode 1
ExecuteBash: FINISHED EXECUTION
TOE has completed execution with failure - Execution failed!";

    fn read(text: &str) -> Log {
        let mut log = Log::new("nixl", "arn:aws:imagebuilder:r:1:image/nixl/1.2.3/4");
        text.lines().for_each(|line| log.line(line));
        log
    }

    #[test]
    fn it_is_found_by_image_version_and_build() {
        let log = read("");
        assert_eq!(
            (log.group.as_str(), log.stream.as_str()),
            ("/aws/imagebuilder/nixl", "1.2.3/4")
        );
        assert_eq!(log.place(), None);
    }

    #[test]
    fn it_tells_where_the_build_is() {
        let begun = TEXT.split("Step install").next().unwrap();
        let place = |text: &str| {
            let log = read(text);
            log.place().map(|it| [it.component.clone(), it.phase.clone(), it.step.clone()])
        };
        assert_eq!(place(begun), Some(["nixl-efa", "build", "fetch"].map(str::to_owned)));
        assert_eq!(place(TEXT), Some(["nixl-efa", "build", "install"].map(str::to_owned)));
    }

    #[test]
    fn a_failed_step_is_its_exit_code_and_its_own_output() {
        let lines = [
            "Reading package lists...",
            "Error: Unable to find a match: htpd",
            "and a second line of it",
        ];
        let failed = Failed { exit_code: 1, lines: lines.map(str::to_owned).to_vec() };
        assert_eq!(read(TEXT).failed(), Some(failed.clone()));
        // Also where the log is cut before its end, or goes on.
        let cut = TEXT.split("ExecuteBash: FINISHED").next().unwrap();
        assert_eq!(read(cut).failed(), Some(failed));
        assert_eq!(read(&TEXT.replace("ExitCode 1", "ExitCode 0")).failed(), None);
        // A reboot is asked for by an exit code.
        assert_eq!(read(&TEXT.replace("ExitCode 1", "ExitCode 194")).failed(), None);
        // A second attempt that is well.
        let again = TEXT.replace("ExitCode 1", "ExitCode 1\nCmdExecution: ExitCode 0");
        assert_eq!(read(&again).failed(), None);
    }

    #[test]
    fn a_sentence_is_no_step() {
        let text =
            "Document arn:a:component/c/1/1\nPhase build\nStep a\nStep on it, please\nDocument it";
        let log = read(text);
        assert_eq!(log.place().unwrap().step, "a");
        assert_eq!(log.output.len(), 2);
    }

    proptest! {
        #[test]
        fn no_log_makes_it_panic_or_grow(text in "(Step a|Phase b|ExitCode -?[0-9]{0,12}|[ -~é]{0,30}|\n){0,40}") {
            let mut log = read(&text);
            let _ = log.failed();
            prop_assert!(log.output.len() <= KEPT_LINES);
        }
    }
}
