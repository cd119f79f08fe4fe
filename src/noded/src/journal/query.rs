//! What is asked for, as arguments of journalctl.

use crate::explain;
use crate::log::IDENTIFIER;

/// Which events.
#[derive(Debug, Default, clap::Args)]
pub(super) struct Query {
    /// Only newer ones: `2026-11-28 17:00`, `-1h`, `yesterday` (systemd.time(7)).
    #[arg(long, value_name = "TIME", allow_hyphen_values = true, value_parser = word)]
    since: Option<String>,
    /// Of this boot: an id, 0 (this one), -1 (the one before), or `all`; without it and --since,
    /// of this boot.
    #[arg(long, value_name = "BOOT", num_args = 0..=1, default_missing_value = "0",
          allow_hyphen_values = true, value_parser = boot)]
    boot: Option<String>,
    /// Only those with this reason; may be given several times.
    #[arg(long, value_name = "CODE", value_parser = code)]
    reason: Vec<String>,
    /// Only those about this peer.
    #[arg(long, value_name = "ID", value_parser = word)]
    peer: Option<String>,
    /// Only those about this pair, which has one id on both nodes.
    #[arg(long, value_name = "ID", value_parser = word)]
    pair: Option<String>,
    /// Goes on with new ones until interrupted.
    #[arg(long)]
    follow: bool,
}

/// So that it is one value on a terminal, too.
fn word(text: &str) -> Result<String, String> {
    if text.is_empty() || text.chars().any(char::is_control) {
        Err("some text without control characters is expected".to_owned())
    } else {
        Ok(text.to_owned())
    }
}

fn boot(text: &str) -> Result<String, String> {
    let offset = text.parse::<i32>().is_ok();
    let id = text.len() == 32 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    if offset || id || text == "all" {
        Ok(text.to_owned())
    } else {
        Err("a boot id of 32 digits, a number like 0 or -1, or `all` is expected".to_owned())
    }
}

fn code(text: &str) -> Result<String, explain::UnknownCode> {
    explain::known(text).map(|reason| reason.code.to_owned())
}

impl Query {
    /// Every value is part of an argument that begins with our own words, so
    /// none can be taken for an option, a path or a `+`.
    pub fn arguments(&self) -> Vec<String> {
        let mut arguments: Vec<String> =
            ["--output=json", "--all", "--no-pager"].map(str::to_owned).into();
        arguments.push(format!("--identifier={IDENTIFIER}"));
        if self.follow {
            // Else it begins with the last ten lines of any kind.
            arguments.extend(["--follow", "--no-tail"].map(str::to_owned));
        }
        if let Some(since) = &self.since {
            arguments.push(format!("--since={since}"));
        }
        let this = (self.since.is_none()).then_some("0");
        match self.boot.as_deref().or(this) {
            None | Some("all") => {}
            Some(boot) => arguments.push(format!("--boot={boot}")),
        }
        let fields = [("PEER_ID", &self.peer), ("PAIR_ID", &self.pair)];
        let one = fields.into_iter().filter_map(|(field, value)| Some((field, value.as_ref()?)));
        let reasons = self.reason.iter().map(|code| ("REASON", code));
        arguments.extend(reasons.chain(one).map(|(field, value)| format!("{field}={value}")));
        arguments
    }

    /// For `no events…`.
    pub fn told(&self) -> &'static str {
        let narrowed = self.since.is_some()
            || self.peer.is_some()
            || self.pair.is_some()
            || !self.reason.is_empty();
        match (narrowed, self.boot.as_deref()) {
            (true, _) => " of these",
            (false, None | Some("0")) => " since the node started; --boot all shows earlier ones",
            (false, Some(_)) => " then",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser as _;

    #[derive(clap::Parser)]
    struct Cli {
        #[command(flatten)]
        query: Query,
    }

    fn asked(args: &[&str]) -> Result<Vec<String>, clap::Error> {
        let cli = Cli::try_parse_from(std::iter::once(&"events").chain(args))?;
        Ok(cli.query.arguments().split_off(4))
    }

    #[test]
    fn options_become_matches() {
        assert_eq!(asked(&[]).unwrap(), ["--boot=0"]);
        assert_eq!(asked(&["--boot", "all"]).unwrap(), [""; 0]);
        assert_eq!(asked(&["--since", "-1h"]).unwrap(), ["--since=-1h"]);
        assert_eq!(asked(&["--since", "-1h", "--boot"]).unwrap(), ["--since=-1h", "--boot=0"]);
        assert_eq!(
            asked(&["--boot", "-1", "--follow"]).unwrap(),
            ["--follow", "--no-tail", "--boot=-1"]
        );
        let both =
            asked(&["--reason", "pair.peer_lost", "--reason", "mlflow.denied", "--peer", "i-1"]);
        assert_eq!(
            both.unwrap(),
            ["--boot=0", "REASON=pair.peer_lost", "REASON=mlflow.denied", "PEER_ID=i-1"]
        );
    }

    #[test]
    fn nothing_smuggles_an_option_in() {
        for args in [
            ["--since", "--file=/etc/shadow"],
            ["--peer", "x --file=/etc/shadow"],
            ["--pair", "+"],
            ["--pair", "/dev/sda"],
        ] {
            let arguments = asked(&args).unwrap();
            let own = |argument: &String| {
                ["--since=", "--boot=", "PEER_ID=", "PAIR_ID="]
                    .iter()
                    .any(|own| argument.starts_with(own))
            };
            assert!(arguments.iter().all(own), "{arguments:?}");
        }
        for args in [["--reason", "x"], ["--boot", "x; y"], ["--peer", "a\nb"], ["--since", ""]] {
            assert!(asked(&args).is_err(), "{args:?}");
        }
    }
}
