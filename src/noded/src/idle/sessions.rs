//! Whether a person is logged in: by logind (console, SSH) or by Session Manager,
//! whose sessions logind does not know.

use super::Use;
use crate::system::ask;
use std::io;

/// Names of the SSM agent's unit.
const AGENTS: [&str; 2] =
    ["amazon-ssm-agent.service", "snap.amazon-ssm-agent.amazon-ssm-agent.service"];
/// The agent's process for one session.
const SESSION_WORKER: &str = "ssm-session-worker";

/// Asks logind and the service manager. Where one of them does not answer it has
/// no sessions: SSM's are processes of a unit that is not there.
pub async fn look() -> Use {
    let manager = "org.freedesktop.systemd1";
    let mut agents = String::new();
    for unit in AGENTS {
        // Other processes are out of this daemon's sight.
        let call = [
            "call",
            manager,
            "/org/freedesktop/systemd1",
            "org.freedesktop.systemd1.Manager",
            "GetUnitProcesses",
            "s",
            unit,
        ];
        agents.push_str(&told("the SSM agent", ask("busctl", &call).await));
    }
    let logins = told("logins", ask("loginctl", &["--no-legend", "list-sessions"]).await);
    judge(&logins, &agents)
}

fn told(what: &str, answer: io::Result<String>) -> String {
    answer.inspect_err(|error| tracing::debug!(%error, "{what} not seen")).unwrap_or_default()
}

fn judge(logins: &str, agents: &str) -> Use {
    let logged_in = logins.lines().filter(|line| !line.trim().is_empty()).count();
    let by_ssm = agents.matches(SESSION_WORKER).count();
    match (by_ssm, logged_in) {
        (0, 0) => Use::Unused,
        (0, _) => Use::Used("somebody is logged in".to_owned()),
        _ => Use::Used("a Session Manager session is open".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_of_either_kind_is_use() {
        assert_eq!(judge("", ""), Use::Unused);
        let agent =
            r#"a(sus) 2 "/system.slice/amazon-ssm-agent.service" 511 "/usr/bin/amazon-ssm-agent""#;
        assert_eq!(judge("\n", agent), Use::Unused);
        let worker = format!("{agent} 900 \"/usr/bin/ssm-session-worker me-0123\"");
        assert!(matches!(judge("", &worker), Use::Used(_)));
        assert!(matches!(judge("3 1000 admin - pts/0\n", agent), Use::Used(_)));
    }
}
