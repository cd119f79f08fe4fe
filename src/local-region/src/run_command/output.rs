//! What is kept of a script's output, and its copy in S3.
//! Source: amazon-ssm-agent, `iohandler.go` (limits, marks) and `pluginutil.go`.

use crate::agents;
use crate::api::policy::{Asked, authorize};
use crate::backend::ScriptEnd;
use crate::rules::{Rules, run_command as rules};
use crate::server::Inner;

/// Limits of GetCommandInvocation.
const MAX_STDOUT_BYTES: usize = 24_000;
const MAX_STDERR_BYTES: usize = 8_000;
/// Limit of both together in ListCommandInvocations.
const MAX_BOTH_BYTES: usize = 2_500;
const CUT: &str = "--output truncated--";
const ERROR_TITLE: &str = "\n----------ERROR-------\n";
const STDOUT_CUT: &str = "\n---Output truncated---";
const STDERR_CUT: &str = "\n---Error truncated----";

/// `StandardOutputContent`.
pub fn stdout(rules: &Rules, text: &str) -> String {
    if rules.on(&rules::STDOUT_CUT) { cut(text, MAX_STDOUT_BYTES) } else { text.to_owned() }
}

/// `StandardErrorContent`.
pub fn stderr(rules: &Rules, text: &str) -> String {
    if rules.on(&rules::STDERR_CUT) { cut(text, MAX_STDERR_BYTES) } else { text.to_owned() }
}

fn cut(text: &str, most: usize) -> String {
    if text.len() < most {
        return text.to_owned();
    }
    format!("{}{CUT}", head(text, most - CUT.len()))
}

/// At most so many bytes, whole characters.
fn head(text: &str, most: usize) -> &str {
    &text[..text.floor_char_boundary(most)]
}

/// `Output` of a plugin in ListCommandInvocations.
pub fn both(stdout: &str, stderr: &str) -> String {
    let title = if stderr.is_empty() { "" } else { ERROR_TITLE };
    let room = MAX_BOTH_BYTES - title.len();
    if stdout.len() + stderr.len() < room {
        return format!("{stdout}{title}{stderr}");
    }
    let half = room / 2;
    if stdout.len() > half && stderr.len() > half {
        let each = (room - STDOUT_CUT.len() - STDERR_CUT.len()) / 2;
        return format!(
            "{}{STDOUT_CUT}{title}{}{STDERR_CUT}",
            head(stdout, each),
            head(stderr, each)
        );
    }
    if stdout.len() <= half {
        let rest = room - STDERR_CUT.len() - stdout.len();
        return format!("{stdout}{title}{}{STDERR_CUT}", head(stderr, rest));
    }
    let rest = room - STDOUT_CUT.len() - stderr.len();
    format!("{}{STDOUT_CUT}{title}{stderr}", head(stdout, rest))
}

/// Puts both streams, whole, into the command's bucket, with the instance's
/// role as the agent does; a role that may not is told in the region's log only.
pub async fn upload(region: &Inner, command_id: &str, instance_id: &str, end: &ScriptEnd) {
    let location =
        region.state().commands.get(command_id).and_then(|command| command.output.clone());
    let (Some(location), Some(caller)) = (location, agents::role_session(region, instance_id))
    else {
        return;
    };
    for (stream, bytes) in [("stdout", &end.stdout), ("stderr", &end.stderr)] {
        if bytes.is_empty() {
            continue;
        }
        let key = location.key(command_id, instance_id, stream);
        let arn = format!("arn:aws:s3:::{}/{key}", location.bucket);
        let put = match authorize(region, &caller, &Asked::new("s3:PutObject", &arn)) {
            Ok(()) => region.s3.put(&location.bucket, &key, bytes).await,
            Err(denial) => Err(std::io::Error::other(denial.to_string())),
        };
        if let Err(error) = put {
            tracing::warn!(command_id, instance_id, arn, %error, "output was not uploaded");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_output_is_whole_and_long_output_ends_with_the_mark() {
        assert_eq!(cut("abc", 24), "abc");
        let long = cut(&"é".repeat(20_000), MAX_STDOUT_BYTES);
        assert!(long.ends_with(CUT) && long.len() <= MAX_STDOUT_BYTES, "{}", long.len());
    }

    #[test]
    fn both_streams_fit_together_whichever_is_long() {
        assert_eq!(both("out", ""), "out");
        assert_eq!(both("out", "err"), "out\n----------ERROR-------\nerr");
        for (out, err) in [(9_000, 9_000), (9_000, 10), (10, 9_000), (1_250, 1_250), (2_500, 0)] {
            let told = both(&"o".repeat(out), &"e".repeat(err));
            assert!(told.len() <= MAX_BOTH_BYTES, "{out} {err}: {}", told.len());
            assert_eq!(told.contains(STDOUT_CUT), out > 1_238, "{out} {err}");
        }
    }
}
