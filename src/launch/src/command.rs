//! Commands that messages suggest.
//!
//! A message is written where nobody knows what a command without flags would
//! mean, so it holds commands in backquotes and without `--cluster` and
//! `--region`. Where it is told, [`Flags`] puts in what is needed, so that the
//! command, copied, does what the message says.

use crate::check::Check;
use nixl_cluster::ClusterName;

/// Commands about all clusters of a region.
const OF_REGION: [&str; 3] = ["audit", "list", "reap"];

/// What a command must say to mean this cluster and region; nothing where the
/// defaults mean them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Flags {
    cluster: Option<String>,
    region: Option<String>,
}

impl Flags {
    /// What is not `default` must be said.
    #[must_use]
    pub fn new(
        (cluster, default_cluster): (&ClusterName, &ClusterName),
        (region, default_region): (Option<&str>, Option<&str>),
    ) -> Self {
        Self {
            cluster: (cluster != default_cluster).then(|| cluster.to_string()),
            region: region.filter(|it| Some(*it) != default_region).map(str::to_owned),
        }
    }

    /// Of another cluster, which is named always.
    #[must_use]
    pub fn of(&self, cluster: &str) -> Self {
        Self { cluster: Some(cluster.to_owned()), region: self.region.clone() }
    }

    /// The text with every command of `nixl-launch` and of the AWS CLI in it made
    /// whole.
    #[must_use]
    pub fn told(&self, text: &str) -> String {
        // What is between backquotes is each second part.
        let parts = text.split('`').enumerate();
        let told =
            parts.map(|(i, part)| if i % 2 == 1 { self.whole(part) } else { part.to_owned() });
        told.collect::<Vec<_>>().join("`")
    }

    /// The same of what checks found and of their fixes.
    #[must_use]
    pub fn checks(&self, checks: Vec<Check>) -> Vec<Check> {
        let told = |check: Check| Check {
            found: self.told(&check.found),
            fix: check.fix.as_deref().map(|fix| self.told(fix)),
            ..check
        };
        checks.into_iter().map(told).collect()
    }

    fn whole(&self, command: &str) -> String {
        let mut words = command.split_whitespace();
        let of_cluster = match (words.next(), words.next()) {
            (Some("nixl-launch"), Some(verb)) => !OF_REGION.contains(&verb),
            (Some("aws"), Some(_)) => false,
            _ => return command.to_owned(),
        };
        // After `--` come the words of another program.
        let (own, rest) = match command.split_once(" -- ") {
            Some((own, rest)) => (own, format!(" -- {rest}")),
            None => (command, String::new()),
        };
        let mut whole = own.to_owned();
        let cluster = self.cluster.as_ref().filter(|_| of_cluster);
        for (flag, value) in [("--cluster", cluster), ("--region", self.region.as_ref())] {
            if let Some(value) = value.filter(|_| !own.split_whitespace().any(|word| word == flag))
            {
                whole.push_str(&format!(" {flag} {value}"));
            }
        }
        whole + &rest
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn flags(cluster: &str, region: Option<&str>) -> Flags {
        let default = ClusterName::default();
        Flags::new((&cluster.parse().unwrap(), &default), (region, Some("us-east-1")))
    }

    #[test]
    fn only_what_is_not_the_default_is_said() {
        let text = "`nixl-launch down` removes it; `nixl-launch up`";
        assert_eq!(flags("nixl", None).told(text), text);
        assert_eq!(flags("nixl", Some("us-east-1")).told(text), text);
        assert_eq!(
            flags("a", None).told(text),
            "`nixl-launch down --cluster a` removes it; `nixl-launch up --cluster a`"
        );
        assert_eq!(
            flags("a", Some("eu-west-1")).told("`nixl-launch down --mlflow`"),
            "`nixl-launch down --mlflow --cluster a --region eu-west-1`"
        );
    }

    #[test]
    fn each_command_takes_what_it_knows() {
        let flags = flags("a", Some("eu-west-1"));
        for (text, told) in [
            ("`nixl-launch reap --yes`", "`nixl-launch reap --yes --region eu-west-1`"),
            (
                "`aws ec2 reboot-instances --instance-ids i-1`",
                "`aws ec2 reboot-instances --instance-ids i-1 --region eu-west-1`",
            ),
            (
                "`nixl-launch exec -n nixl-node1 -- systemctl start nixl-noded`",
                "`nixl-launch exec -n nixl-node1 --cluster a --region eu-west-1 -- systemctl start nixl-noded`",
            ),
            ("`nixl-launch down --cluster b`", "`nixl-launch down --cluster b --region eu-west-1`"),
        ] {
            assert_eq!(flags.told(text), told);
        }
        for same in [
            "`timedatectl`",
            "nixl-launch down",
            "`nixl-launch`",
            "a ` b",
            "",
            "`nixl-noded check`",
        ] {
            assert_eq!(flags.told(same), same);
        }
        assert_eq!(
            flags.of("b").told("`nixl-launch down`"),
            "`nixl-launch down --cluster b --region eu-west-1`"
        );
    }
}
