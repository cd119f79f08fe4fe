//! What pretend machines do, as a file says it. [`EXAMPLE`] shows every key.

use jiff::SignedDuration;
use nixl_cluster::Phase;
use serde::Deserialize;
use std::time::Duration;

/// A file with everything in it, explained.
pub const EXAMPLE: &str = include_str!("example.toml");

/// Long enough that `pending` and `shutting-down` are seen by who looks at once.
const TURN: SignedDuration = SignedDuration::from_millis(20);

/// What is wrong with a file.
#[derive(Debug, thiserror::Error)]
pub enum ScriptError {
    /// It cannot be read as a script.
    #[error("{0}")]
    Toml(#[from] toml::de::Error),
    /// A node's word is none.
    #[error("[[say]] number {0}: give either phase or power-off")]
    Say(usize),
    /// A duration is negative.
    #[error("{0} is negative")]
    Negative(SignedDuration),
}

/// What all machines do.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct Script {
    start: SignedDuration,
    end: SignedDuration,
    step: SignedDuration,
    /// Whether the SSM agent is heard of.
    pub agent: bool,
    /// What each node says of itself, in this order.
    pub say: Vec<Say>,
    /// What Run Command answers.
    pub command: Vec<Answer>,
    /// Which image builds fail.
    pub failing: Vec<Failing>,
}

impl Default for Script {
    fn default() -> Self {
        let paired = Say { phase: Some(Phase::Paired), ..Say::default() };
        Self {
            start: TURN,
            end: TURN,
            step: TURN,
            agent: true,
            say: vec![paired],
            command: Vec::new(),
            failing: Vec::new(),
        }
    }
}

/// One word of a node.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct Say {
    after: SignedDuration,
    rank: Option<u32>,
    /// How far it has come.
    pub phase: Option<Phase>,
    /// Code of the reason.
    pub reason: Option<String>,
    /// It says nothing more: it powers itself off.
    pub power_off: bool,
}

/// What a script of Run Command leaves.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Answer {
    contains: String,
    /// Standard output.
    pub stdout: String,
    /// Standard error.
    pub stderr: String,
    /// Exit status.
    pub exit: i32,
}

/// An image build that fails at the first step of a component.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Failing {
    component: String,
    /// What the step says.
    pub message: String,
    /// How many builds; all without.
    pub builds: Option<u32>,
    /// In its phase `test`, on the test instance.
    pub test: bool,
}

impl Script {
    /// Reads a file's text.
    ///
    /// # Errors
    /// If it is no script.
    pub fn parse(text: &str) -> Result<Self, ScriptError> {
        let script: Self = toml::from_str(text)?;
        let times =
            script.say.iter().map(|say| say.after).chain([script.start, script.end, script.step]);
        if let Some(negative) = times.into_iter().find(SignedDuration::is_negative) {
            return Err(ScriptError::Negative(negative));
        }
        match script.say.iter().position(|say| say.phase.is_some() == say.power_off) {
            Some(at) => Err(ScriptError::Say(at + 1)),
            None => Ok(script),
        }
    }

    /// From pending to running.
    #[must_use]
    pub fn start(&self) -> Duration {
        self.start.unsigned_abs()
    }

    /// From stopping or shutting-down to the end.
    #[must_use]
    pub fn end(&self) -> Duration {
        self.end.unsigned_abs()
    }

    /// Each step of an image build.
    #[must_use]
    pub fn step(&self) -> Duration {
        self.step.unsigned_abs()
    }

    /// The answer to a script of Run Command, if there is one.
    #[must_use]
    pub fn answer(&self, text: &str) -> Option<&Answer> {
        self.command.iter().find(|answer| text.contains(&answer.contains))
    }
}

impl Failing {
    /// Whether it is about the component of this name.
    #[must_use]
    pub fn is_of(&self, component: &str) -> bool {
        component.contains(&self.component)
    }
}

impl Say {
    /// How long after the last word.
    #[must_use]
    pub fn after(&self) -> Duration {
        self.after.unsigned_abs()
    }

    /// Whether the node of this rank says it.
    #[must_use]
    pub fn is_of(&self, rank: u32) -> bool {
        self.rank.is_none_or(|only| only == rank)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_example_is_good_and_nothing_means_paired_at_once() {
        let example = Script::parse(EXAMPLE).unwrap();
        assert_eq!((example.say.len(), example.command.len()), (4, 1));
        assert!(example.failing[0].is_of("nixl-noded") && !example.failing[0].is_of("efa"));
        assert_eq!(example.answer("sudo nixl-noded check").unwrap().stdout, "all well\n");
        assert!(example.answer("reboot").is_none());
        let empty = Script::parse("").unwrap();
        assert_eq!(empty, Script::default());
        assert_eq!(empty.say[0].phase, Some(Phase::Paired));
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
        for (text, told) in [
            ("[[say]]\nafter = '1s'", "number 1: give either"),
            ("[[say]]\nphase = 'paired'\npower-off = true", "number 1: give either"),
            ("start = '-1s'", "negative"),
            ("[[say]]\nphase = 'pared'", "unknown variant `pared`"),
            ("strat = '1s'", "unknown field `strat`"),
        ] {
            let error = Script::parse(text).unwrap_err().to_string();
            assert!(error.contains(told), "{error}\ninstead of {told}");
        }
    }
}
