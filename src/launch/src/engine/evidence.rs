//! What a node in trouble said last: through SSM if its agent is online, else on
//! its console.

use super::Engine;
use super::remote::RemoteNode;
use crate::node_says::{self, Part};

/// So many lines of each source.
const LINES: usize = 8;

impl Engine<'_> {
    /// Lines for a person; none where nothing could be had. It never fails: it
    /// explains a failure.
    pub(super) async fn evidence(&self, instance_id: &str) -> Vec<String> {
        let ids = [instance_id.to_owned()];
        let online = self.online(&ids).await.is_ok_and(|online| !online.is_empty());
        if online {
            let node = RemoteNode {
                rank: 0,
                name: instance_id.to_owned(),
                instance_id: instance_id.to_owned(),
            };
            let parts = [Part::Check, Part::Journal];
            let ssm = self.services.ssm.as_ref();
            let told = node_says::ask(ssm, &[node], &parts, self.pace.poll).await;
            if let Ok(told) = told
                && let Some((_, Ok(says))) = told.into_iter().next()
            {
                let mut lines: Vec<String> = says.findings().into_iter().take(LINES).collect();
                lines.extend(says.journal.into_iter().map(|line| format!("journal: {line}")));
                return lines;
            }
        }
        let console = self.services.console.get_console_output(instance_id).await;
        let lines = console.ok().flatten().map(|text| last_words(&text)).unwrap_or_default();
        lines.into_iter().map(|line| format!("console: {line}")).collect()
    }
}

/// Of a console: the lines in which cloud-init or the kernel tells a failure, or
/// else the last ones.
fn last_words(console: &str) -> Vec<String> {
    const SIGNS: [&str; 6] =
        ["Traceback", "[FAILED]", "Kernel panic", "failed to", "Failed to", "Failure"];
    let lines: Vec<String> = console
        .lines()
        .map(|line| crate::terminal::plain(line).trim().to_owned())
        .filter(|line| !line.is_empty())
        .collect();
    let signs = |line: &&String| {
        SIGNS.iter().any(|sign| line.contains(sign))
            || line.contains("cloud-init") && (line.contains("WARN") || line.contains("ERROR"))
    };
    let mut told: Vec<String> = lines.iter().filter(signs).cloned().collect();
    if told.is_empty() {
        told = lines;
    }
    told.split_off(told.len().saturating_sub(LINES))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_console_is_its_failures_or_else_its_last_lines() {
        let boot: String = (0..40).map(|n| format!("[  OK  ] Started unit {n}.\r\n")).collect();
        assert_eq!(last_words(&boot).len(), LINES);
        assert_eq!(last_words(&boot)[LINES - 1], "[  OK  ] Started unit 39.");
        let broken = format!(
            "{boot}[FAILED] Failed to start x.\n[ 9.1] cloud-init[99]: 2026-01-01 - util.py[WARNING]: Failed\n{boot}"
        );
        let told = last_words(&broken);
        assert_eq!(told.len(), 2, "{told:?}");
        assert!(told[1].contains("util.py"));
        assert!(last_words("").is_empty());
    }
}
