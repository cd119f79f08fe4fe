//! The search for room: which attempt is next, and what a refusal means for
//! the others. Pure: no call, no clock.

use super::memory::Memory;
use crate::errors::Launch;
use crate::failure::{Refusal, joined};
use crate::plan::{Attempt, Plan, hinted, quota_shared};
use nixl_aws::ec2::Market;
use std::collections::BTreeMap;

/// A ladder of attempts that learns.
#[derive(Debug, Clone, Default)]
pub(super) struct Search {
    /// Not tried yet in this round, best first.
    queue: Vec<Attempt>,
    /// Found no room; may find some in the next round.
    waiting: Vec<Attempt>,
    /// What was refused, in order; the last word on each attempt.
    refusals: Vec<Refusal>,
    /// vCPUs of a node, by type.
    vcpus: BTreeMap<String, u32>,
}

impl Search {
    /// The plan's attempts; those that anybody was refused lately come last,
    /// and the one that is recorded comes first: it may be in flight, and it is
    /// where there was room the last time.
    pub fn new(plan: &Plan, recorded: Option<&str>, memory: &Memory, now_secs: u64) -> Self {
        let mut queue = plan.attempts.clone();
        queue.sort_by_key(|attempt| memory.has(attempt, now_secs));
        let vcpus = plan.types.iter().map(|it| (it.name.clone(), it.vcpus)).collect();
        let mut search = Self { queue, vcpus, ..Self::default() };
        if let Some(recorded) = recorded {
            search.prefer(plan, recorded);
        }
        search
    }

    /// Puts a recorded attempt first, if it is one of the plan's as it would be
    /// sent now.
    pub fn prefer(&mut self, plan: &Plan, recorded: &str) -> bool {
        let at = self.queue.iter().position(|attempt| plan.record(attempt) == recorded);
        if let Some(at) = at {
            self.queue[..=at].rotate_right(1);
        }
        at.is_some()
    }

    /// What would be tried next.
    pub fn first(&self) -> Option<&Attempt> {
        self.queue.first()
    }

    /// What to try next.
    pub fn next(&mut self) -> Option<Attempt> {
        (!self.queue.is_empty()).then(|| self.queue.remove(0))
    }

    /// Takes note of a refusal.
    pub fn refused(&mut self, attempt: &Attempt, class: Launch, refusal: Refusal) {
        hinted(&mut self.queue, attempt, &refusal.message);
        self.refusals.retain(|old| old.key != refusal.key);
        self.refusals.push(refusal);
        let out = |it: &Attempt| match class {
            Launch::NextSubnet => it.place.subnet_id == attempt.place.subnet_id,
            // A smaller type may fit into what is left of the quota.
            Launch::NextFamily => {
                let vcpus = |it: &Attempt| self.vcpus.get(&it.instance_type);
                it.market == attempt.market
                    && quota_shared(&it.instance_type, &attempt.instance_type, it.market)
                    && vcpus(it) >= vcpus(attempt)
            }
            Launch::NextMarket => it.market == Market::Spot,
            _ => false,
        };
        self.queue.retain(|it| !out(it));
        self.waiting.retain(|it| !out(it));
        if class == Launch::NextZone {
            self.waiting.push(attempt.clone());
        }
    }

    /// Begins another round with what found no room; false if nothing is left
    /// that could.
    pub fn again(&mut self) -> bool {
        self.queue.append(&mut self.waiting);
        !self.queue.is_empty()
    }

    /// Whether another round could find room.
    pub fn may_wait(&self) -> bool {
        !self.waiting.is_empty()
    }

    /// What another round would try, in words.
    pub fn waited_for(&self) -> String {
        let keys: Vec<String> = self.waiting.iter().map(Attempt::key).collect();
        joined(&keys)
    }

    /// Everything that was refused.
    pub fn refusals(self) -> Vec<Refusal> {
        self.refusals
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fake::attempt;

    const ROOM: &str = "no room";

    fn search(attempts: &[Attempt]) -> Search {
        Search { queue: attempts.to_vec(), ..Search::default() }
    }

    fn refuse(search: &mut Search, class: Launch, message: &str) -> Attempt {
        let attempt = search.next().unwrap();
        let (key, message) = (attempt.key(), message.to_owned());
        search.refused(&attempt, class, Refusal { key, code: "C".into(), message, advice: None });
        attempt
    }

    fn keys(attempts: &[Attempt]) -> Vec<String> {
        attempts.iter().map(Attempt::key).collect()
    }

    fn spot(instance_type: &str, zone: &str) -> Attempt {
        Attempt { market: Market::Spot, ..attempt(instance_type, zone) }
    }

    #[test]
    fn want_of_room_comes_again_in_the_next_round_and_nothing_else_does() {
        let mut it = search(&[attempt("g6.12xlarge", "a"), attempt("g6.12xlarge", "b")]);
        let first = refuse(&mut it, Launch::NextZone, ROOM);
        refuse(&mut it, Launch::NotHere, "not here");
        assert!(it.next().is_none() && it.may_wait() && it.again());
        assert_eq!(it.next(), Some(first));
        assert!(!it.again());
        assert_eq!(it.refusals().len(), 2);
    }

    #[test]
    fn a_full_subnet_is_out_for_every_type() {
        let both = [attempt("g6.12xlarge", "a"), attempt("g5.12xlarge", "a")];
        let mut it = search(&[&both[..], &[attempt("g5.12xlarge", "b")]].concat());
        refuse(&mut it, Launch::NextSubnet, "full");
        assert_eq!(keys(&it.queue), ["g5.12xlarge/on-demand/b"]);
        assert!(!it.may_wait());
    }

    #[test]
    fn a_quota_is_out_for_its_family_on_its_market() {
        let mut it = search(&[
            attempt("g6.12xlarge", "a"),
            attempt("g6e.24xlarge", "b"),
            spot("g6.12xlarge", "a"),
            attempt("p5.48xlarge", "a"),
        ]);
        refuse(&mut it, Launch::NextFamily, "quota");
        assert_eq!(keys(&it.queue), ["g6.12xlarge/spot/a", "p5.48xlarge/on-demand/a"]);
    }

    #[test]
    fn a_closed_market_is_out_for_every_type() {
        let mut it = search(&[
            spot("g6.12xlarge", "a"),
            spot("p5.48xlarge", "b"),
            attempt("g6.12xlarge", "a"),
        ]);
        refuse(&mut it, Launch::NextMarket, "no spot");
        assert_eq!(keys(&it.queue), ["g6.12xlarge/on-demand/a"]);
    }

    #[test]
    fn ec2s_hint_puts_the_zones_it_names_first() {
        let zones = ["us-east-1a", "us-east-1b", "us-east-1c"];
        let mut it = search(&zones.map(|zone| attempt("g6.12xlarge", zone)));
        refuse(&mut it, Launch::NextZone, "You can get capacity by choosing us-east-1c.");
        assert_eq!(it.first().unwrap().place.zone, "us-east-1c");
    }

    #[test]
    fn a_smaller_type_is_tried_after_a_quota_was_too_small() {
        let mut it = search(&[
            attempt("g6.48xlarge", "a"),
            attempt("g6e.48xlarge", "a"),
            attempt("g6.12xlarge", "a"),
        ]);
        let vcpus = [("g6.48xlarge", 192), ("g6e.48xlarge", 192), ("g6.12xlarge", 48)];
        it.vcpus = vcpus.map(|(name, vcpus)| (name.to_owned(), vcpus)).into();
        refuse(&mut it, Launch::NextFamily, "quota");
        assert_eq!(keys(&it.queue), ["g6.12xlarge/on-demand/a"]);
    }
}
