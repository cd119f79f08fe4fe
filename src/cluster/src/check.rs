//! What `nixl-noded check --output json` prints.

use crate::health::CheckReason;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// Version of [`CheckDocument`].
pub const VERSION: &str = "1";

/// Result of one item, or the worst of several.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// Not looked at, since there is nothing to look at.
    #[default]
    Skip,
    /// As it should be.
    Pass,
    /// Works, with something to look at.
    Warn,
    /// Does not work.
    Fail,
}

/// What an item is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Section {
    /// EFA devices, their driver and what they need.
    Efa,
    /// GPUs and their driver.
    Gpu,
    /// The tracking server.
    Mlflow,
    /// Metadata, EC2, interfaces, the peers and the links to them.
    Network,
    /// vLLM in the image's Python.
    Vllm,
    /// NIXL and its plugins in the image's Python.
    Nixl,
    /// The daemon itself, clock, disks, memory.
    System,
}

/// How many items of each verdict there are.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// Pass.
    pub pass: usize,
    /// Warn, with those acknowledged.
    pub warn: usize,
    /// Fail.
    pub fail: usize,
    /// Skip.
    pub skip: usize,
    /// Those of warn that would warn or fail, and that a person has acknowledged.
    #[serde(default)]
    pub acknowledged: usize,
}

/// The whole.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CheckDocument {
    /// [`VERSION`].
    pub version: String,
    /// Worst verdict of all nodes; with `fail` the exit code is 1.
    pub verdict: Verdict,
    /// Items of all nodes.
    pub counts: Counts,
    /// This node, then its peers.
    pub nodes: Vec<NodeChecks>,
}

/// One node.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct NodeChecks {
    /// Instance id; the host name where no daemon said it.
    pub instance_id: String,
    /// Whether it is another node than the one that was asked.
    pub peer: bool,
    /// Rank, as far as known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rank: Option<u32>,
    /// Release of its daemon.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub release: Option<String>,
    /// How long ago a peer said this, in seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub age_secs: Option<f64>,
    /// How many of a peer's checks its answer had no room for; they were the best.
    #[serde(default)]
    pub left_out: usize,
    /// Worst verdict of the sections.
    pub verdict: Verdict,
    /// Items of all sections.
    pub counts: Counts,
    /// Those that were asked for.
    pub sections: Vec<SectionChecks>,
}

/// One section of a node.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SectionChecks {
    /// Which.
    pub section: Section,
    /// Worst verdict of the items.
    pub verdict: Verdict,
    /// Its items.
    pub items: Vec<Item>,
}

/// One thing looked at.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Item {
    /// `component:measurement`, as in the health document.
    pub name: String,
    /// What was looked at, e.g. a device or a peer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub about: Option<String>,
    /// Result; what was acknowledged is a warning, whatever it was.
    pub verdict: Verdict,
    /// Value seen.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub value: Option<serde_json::Value>,
    /// Unit of the value.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unit: Option<String>,
    /// Why it was skipped.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub skipped: Option<String>,
    /// Why it is not good: code, evidence, and how to mend it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<CheckReason>,
}

impl Section {
    /// All, in the order in which they are shown.
    pub const ALL: [Self; 7] =
        [Self::Efa, Self::Gpu, Self::Mlflow, Self::Network, Self::Vllm, Self::Nixl, Self::System];

    /// As on the command line and in JSON.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Efa => "efa",
            Self::Gpu => "gpu",
            Self::Mlflow => "mlflow",
            Self::Network => "network",
            Self::Vllm => "vllm",
            Self::Nixl => "nixl",
            Self::System => "system",
        }
    }
}

/// For people.
impl fmt::Display for Section {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Efa => "EFA",
            Self::Gpu => "GPU",
            Self::Mlflow => "MLflow",
            Self::Network => "network",
            Self::Vllm => "vLLM",
            Self::Nixl => "NIXL",
            Self::System => "system",
        })
    }
}

/// No section has this name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("no such section")]
pub struct UnknownSection;

impl FromStr for Section {
    type Err = UnknownSection;

    fn from_str(text: &str) -> Result<Self, UnknownSection> {
        Self::ALL.into_iter().find(|section| section.as_str() == text).ok_or(UnknownSection)
    }
}

impl Counts {
    fn add(&mut self, item: &Item) {
        let seen = item.reason.as_ref().is_some_and(|reason| reason.acknowledged.is_some());
        self.acknowledged += usize::from(seen);
        match item.verdict {
            Verdict::Pass => self.pass += 1,
            Verdict::Warn => self.warn += 1,
            Verdict::Fail => self.fail += 1,
            Verdict::Skip => self.skip += 1,
        }
    }

    /// The worst that is counted.
    #[must_use]
    pub fn worst(&self) -> Verdict {
        match self {
            Self { fail: 1.., .. } => Verdict::Fail,
            Self { warn: 1.., .. } => Verdict::Warn,
            Self { pass: 1.., .. } => Verdict::Pass,
            Self { .. } => Verdict::Skip,
        }
    }
}

impl CheckDocument {
    /// Of these nodes.
    #[must_use]
    pub fn new(nodes: Vec<NodeChecks>) -> Self {
        let counts = count(nodes.iter().flat_map(|node| &node.sections));
        Self { version: VERSION.to_owned(), verdict: counts.worst(), counts, nodes }
    }
}

impl NodeChecks {
    /// With these items, of the wanted sections, in the order of
    /// [`Section::ALL`].
    #[must_use]
    pub fn with(mut self, items: Vec<(Section, Item)>, wanted: &[Section]) -> Self {
        let section = |section: Section| {
            let items: Vec<Item> = items
                .iter()
                .filter(|(of, _)| *of == section)
                .map(|(_, item)| item.clone())
                .collect();
            let verdict = items.iter().map(|item| item.verdict).max().unwrap_or_default();
            SectionChecks { section, verdict, items }
        };
        let wanted = Section::ALL.into_iter().filter(|section| wanted.contains(section));
        self.sections = wanted.map(section).collect();
        self.counts = count(self.sections.iter());
        self.verdict = self.counts.worst();
        self
    }
}

fn count<'a>(sections: impl Iterator<Item = &'a SectionChecks>) -> Counts {
    let mut counts = Counts::default();
    sections.flat_map(|section| &section.items).for_each(|item| counts.add(item));
    counts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sections_are_named_in_one_way() {
        for section in Section::ALL {
            assert_eq!(section.as_str().parse(), Ok(section));
            assert_eq!(serde_json::to_value(section).unwrap(), section.as_str());
        }
        assert_eq!("cuda".parse::<Section>(), Err(UnknownSection));
    }

    #[test]
    fn only_what_was_asked_for_counts_and_the_worst_decides() {
        let item = |name: &str, verdict| Item {
            name: name.to_owned(),
            about: None,
            verdict,
            value: None,
            unit: None,
            skipped: None,
            reason: None,
        };
        let node = NodeChecks {
            instance_id: "i-1".to_owned(),
            peer: false,
            rank: None,
            release: None,
            age_secs: None,
            left_out: 0,
            verdict: Verdict::Skip,
            counts: Counts::default(),
            sections: Vec::new(),
        };
        let items = vec![
            (Section::System, item("system:x", Verdict::Warn)),
            (Section::Efa, item("efa:x", Verdict::Pass)),
            (Section::Efa, item("efa:y", Verdict::Skip)),
            (Section::Gpu, item("gpu:x", Verdict::Fail)),
        ];
        let some = node.clone().with(items.clone(), &[Section::System, Section::Efa]);
        assert_eq!(some.counts, Counts { pass: 1, warn: 1, skip: 1, ..Counts::default() });
        assert_eq!(some.sections[0].section, Section::Efa, "in the order of all");
        assert_eq!(CheckDocument::new(vec![some.clone()]).verdict, Verdict::Warn);
        let all = node.with(items, &Section::ALL);
        let document = CheckDocument::new(vec![some, all]);
        assert_eq!((document.verdict, document.counts.pass), (Verdict::Fail, 2));
        let text = serde_json::to_string(&document).unwrap();
        assert_eq!(serde_json::from_str::<CheckDocument>(&text).unwrap(), document);
    }
}
