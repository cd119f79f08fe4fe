//! Faults: calls that fail, are late or lose their answer, and instances that
//! die on arrival, as a test or a person asks for them.
//!
//! Every fault that matches a call counts it. Those that fire add their delays;
//! of their other effects, that of the fault set first counts.

pub mod arrival;
pub mod file;
mod hold;
pub mod pattern;
pub mod spec;

use arrival::DeadOnArrival;
use hold::Doors;
use jiff::SignedDuration;
use serde::{Deserialize, Serialize};
use spec::{Effect, Fault, HoldWhen};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// What can be set.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// At calls.
    Fault(Fault),
    /// At new instances.
    DeadOnArrival(DeadOnArrival),
}

impl Kind {
    /// Says what is wrong with it, if something is.
    ///
    /// # Errors
    /// A sentence.
    pub fn check(&self) -> Result<(), &'static str> {
        match self {
            Self::Fault(fault) => fault.check(),
            Self::DeadOnArrival(arrival) => arrival.check(),
        }
    }
}

/// A fault that is set.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Active {
    /// `fault-1`, …
    pub id: String,
    /// What it is.
    #[serde(flatten)]
    pub kind: Kind,
    /// Calls or instances it was meant for.
    pub matched: u64,
    /// At how many of them it fired.
    pub fired: u64,
    /// Calls it holds now.
    #[serde(default)]
    pub holding: u64,
}

/// What happens to one call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fired {
    /// Id of the fault.
    pub id: String,
    /// How much later the answer comes.
    pub delay: SignedDuration,
    /// Where it is held, if it is.
    pub hold: Option<HoldWhen>,
    /// What else.
    pub effect: Effect,
}

/// A fault as the call log shows it.
#[derive(Debug, Clone, Serialize)]
pub struct Seen {
    /// Id of the fault.
    pub id: String,
    /// Name of what it did.
    pub effect: &'static str,
    /// Whether the caller got no answer, or not all of it.
    pub answer_lost: bool,
}

impl From<&Fired> for Seen {
    fn from(fired: &Fired) -> Self {
        let answer_lost =
            matches!(fired.effect, Effect::DropBefore | Effect::DropAfter | Effect::Truncate);
        let effect = match (&fired.effect, fired.hold) {
            (Effect::None, Some(when)) => when.name(),
            (effect, _) => effect.name(),
        };
        Self { id: fired.id.clone(), effect, answer_lost }
    }
}

/// The faults of a region.
#[derive(Debug, Default)]
pub struct Faults(Mutex<Registry>);

#[derive(Debug, Default)]
struct Registry {
    count: u64,
    active: Vec<Active>,
    doors: Doors,
}

impl Faults {
    fn registry(&self) -> MutexGuard<'_, Registry> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Sets faults; their ids.
    pub fn add(&self, kinds: Vec<Kind>) -> Vec<String> {
        let mut registry = self.registry();
        let mut ids = Vec::new();
        for kind in kinds {
            registry.count += 1;
            let id = format!("fault-{}", registry.count);
            ids.push(id.clone());
            if matches!(&kind, Kind::Fault(Fault { hold: Some(_), .. })) {
                registry.doors.add(&id);
            }
            registry.active.push(Active { id, kind, matched: 0, fired: 0, holding: 0 });
        }
        ids
    }

    /// All that are set, in the order they were.
    #[must_use]
    pub fn all(&self) -> Vec<Active> {
        let registry = self.registry();
        let now = |active: &Active| Active {
            holding: registry.doors.holding(&active.id),
            ..active.clone()
        };
        registry.active.iter().map(now).collect()
    }

    /// Removes one and lets go what it holds; false if there is none of this id.
    pub fn remove(&self, id: &str) -> bool {
        let mut registry = self.registry();
        registry.doors.remove(Some(id));
        let before = registry.active.len();
        registry.active.retain(|active| active.id != id);
        registry.active.len() < before
    }

    /// Removes all; how many there were.
    pub fn clear(&self) -> usize {
        let mut registry = self.registry();
        registry.doors.remove(None);
        std::mem::take(&mut registry.active).len()
    }

    /// Counts a call and tells what happens to it.
    pub fn at_call(&self, service: &str, operation: &str, caller: &str) -> Option<Fired> {
        let mut happens: Option<Fired> = None;
        let mut registry = self.registry();
        let Registry { active, doors, .. } = &mut *registry;
        for active in active {
            let Kind::Fault(fault) = &active.kind else { continue };
            let held = doors.shut_for(&active.id, caller);
            let whose = fault.caller.as_deref();
            let matches = fault.call.matches(service, operation)
                && whose.is_none_or(|whose| pattern::caller_matches(whose, caller));
            let fires = matches && fault.fires(active.matched, active.fired);
            active.matched += u64::from(matches);
            if !fires && !held {
                continue;
            }
            active.fired += u64::from(fires);
            let id = active.id.clone();
            let delay = fault.delay.unwrap_or_default();
            let one = match fault.hold {
                _ if held => {
                    Fired { id, delay, hold: Some(HoldWhen::Before), effect: fault.effect() }
                }
                // What it does it does to the calls behind this one.
                Some(HoldWhen::Next) => Fired {
                    id,
                    delay: SignedDuration::ZERO,
                    hold: fault.hold,
                    effect: Effect::None,
                },
                hold => Fired { id, delay, hold, effect: fault.effect() },
            };
            happens = Some(match happens {
                None => one,
                Some(first) => first.and(one),
            });
        }
        happens
    }

    /// Counts a new instance; what kills it, if something does.
    pub fn at_arrival(&self, instance_type: &str, zone: &str) -> Option<DeadOnArrival> {
        let mut dies = None;
        for active in &mut self.registry().active {
            let Kind::DeadOnArrival(arrival) = &active.kind else { continue };
            if !arrival.matches(instance_type, zone) {
                continue;
            }
            active.matched += 1;
            if dies.is_none() && active.fired < arrival.count.get() {
                active.fired += 1;
                dies = Some(arrival.clone());
            }
        }
        dies
    }
}

impl Fired {
    /// Both at the same call.
    fn and(self, later: Self) -> Self {
        let delay = self.delay.saturating_add(later.delay);
        let nothing = self.effect == Effect::None && self.hold.is_none();
        if nothing { Self { delay, ..later } } else { Self { delay, ..self } }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn add(faults: &Faults, toml: &str) {
        faults.add(vec![Kind::Fault(toml::from_str(toml).unwrap())]);
    }

    fn effects(faults: &Faults, calls: usize) -> Vec<&'static str> {
        let call = |_| faults.at_call("ec2", "RunInstances", "arn:aws:iam::1:user/administrator");
        (0..calls).map(call).map(|fired| fired.map_or("-", |fired| fired.effect.name())).collect()
    }

    #[test]
    fn a_fault_fires_at_the_nth_call_at_the_next_ones_or_at_every_one() {
        for (when, expected) in [
            ("nth = 2", ["-", "drop after", "-"]),
            ("times = 2", ["drop after", "drop after", "-"]),
            ("", ["drop after"; 3]),
        ] {
            let faults = Faults::default();
            add(&faults, &format!("call = 'ec2:Run*'\ndrop = 'after'\n{when}"));
            assert_eq!(effects(&faults, 3), expected, "{when}");
            assert_eq!(faults.all()[0].matched, 3);
        }
    }

    #[test]
    fn another_caller_or_call_does_not_count() {
        let faults = Faults::default();
        add(&faults, "call = 'ec2:RunInstances'\ncaller = 'i-*'\ntruncate = true\nnth = 1");
        assert_eq!(effects(&faults, 1), ["-"]);
        let node = "arn:aws:sts::1:assumed-role/node/i-0abc";
        assert_eq!(faults.at_call("ec2", "DescribeVpcs", node), None);
        assert!(faults.at_call("ec2", "RunInstances", node).is_some());
    }

    #[test]
    fn delays_add_up_and_the_first_effect_counts() {
        let faults = Faults::default();
        add(&faults, "call = '*'\ndelay = '1s'");
        add(&faults, "call = '*'\nerror = 'RequestLimitExceeded'\ndelay = '2s'");
        add(&faults, "call = '*'\ndrop = 'before'");
        let fired = faults.at_call("ec2", "DescribeVpcs", "-").unwrap();
        assert_eq!((fired.id.as_str(), fired.delay), ("fault-2", SignedDuration::from_secs(3)));
        let Effect::Error { status, .. } = fired.effect else { panic!("{:?}", fired.effect) };
        assert_eq!(status.as_u16(), 503);
    }

    #[test]
    fn instances_die_until_the_count_is_reached() {
        let faults = Faults::default();
        let arrival = "instance-type = 'p5*'\nzone = 'us-east-1a'\ncount = 2";
        faults.add(vec![Kind::DeadOnArrival(toml::from_str(arrival).unwrap())]);
        assert_eq!(faults.at_arrival("p5.48xlarge", "us-east-1b"), None);
        let died = (0..3).filter(|_| faults.at_arrival("p5.48xlarge", "us-east-1a").is_some());
        assert_eq!(died.count(), 2);
    }
}
