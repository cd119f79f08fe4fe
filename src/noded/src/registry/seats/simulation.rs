//! Whole clusters whose tags become visible late and in any order, on clocks
//! that differ: whatever happens, in the end all nodes agree.

use super::*;
use proptest::prelude::*;

const STEP_MILLIS: u64 = 100;
/// Between two looks of a node.
const LOOK_MILLIS: u64 = 500;
/// The longest a tag or an instance stays out of sight.
const LAG_MILLIS: u64 = 2000;
/// Long enough for everything to settle.
const END_MILLIS: u64 = 60_000;

#[derive(Debug, Clone)]
struct Plan {
    launched_secs: i64,
    boots_millis: u64,
    /// Of its clock, against the others'.
    ahead_millis: u64,
    lag_millis: u64,
}

struct Node {
    id: String,
    plan: Plan,
    alive: bool,
    claimed: Option<ClaimRecord>,
    /// Each claim with the time from which EC2 shows it.
    written: Vec<(u64, ClaimRecord)>,
    rank: Option<u32>,
}

struct Cluster {
    size: u32,
    nodes: Vec<Node>,
    now: u64,
}

impl Cluster {
    fn new(size: u32) -> Self {
        Self { size, nodes: Vec::new(), now: 0 }
    }

    fn launch(&mut self, plan: Plan) {
        let id = format!("i-{:02}", self.nodes.len());
        let plan = Plan { boots_millis: self.now + plan.boots_millis, ..plan };
        let (claimed, written) = (None, Vec::new());
        self.nodes.push(Node { id, plan, alive: true, claimed, written, rank: None });
    }

    fn shown(&self) -> Vec<Registrant<'_>> {
        let claim = |node: &Node| {
            node.written.iter().rev().find(|(at, _)| *at <= self.now).map(|(_, claim)| *claim)
        };
        let alive = self.nodes.iter().filter(|node| node.alive);
        alive
            .map(|node| Registrant {
                id: &node.id,
                launched_secs: node.plan.launched_secs,
                claim: claim(node),
            })
            .collect()
    }

    fn run(&mut self, millis: u64) {
        let end = self.now + millis;
        while self.now < end {
            self.now += STEP_MILLIS;
            for index in 0..self.nodes.len() {
                let node = &self.nodes[index];
                let at = self.now.checked_sub(node.plan.boots_millis);
                if node.alive && at.is_some_and(|at| at % LOOK_MILLIS < STEP_MILLIS) {
                    self.look(index);
                }
            }
        }
    }

    fn look(&mut self, index: usize) {
        let node = &self.nodes[index];
        let clock = self.now + node.plan.ahead_millis;
        let shown = self.shown();
        let standing = by_registration(&shown, &node.id, self.size, node.claimed, clock).standing;
        let (now, lag) = (self.now, node.plan.lag_millis);
        let node = &mut self.nodes[index];
        match standing {
            Standing::Ranked(rank) => node.rank = Some(rank),
            Standing::Claims(claim) => {
                (node.rank, node.claimed) = (None, Some(claim));
                node.written.push((now + lag, claim));
            }
            other if node.rank.is_some_and(|rank| !other.keeps(rank)) => node.rank = None,
            _ => {}
        }
    }

    fn ranks(&self) -> BTreeMap<u32, String> {
        let alive = self.nodes.iter().filter(|node| node.alive);
        alive.filter_map(|node| Some((node.rank?, node.id.clone()))).collect()
    }

    /// What each node takes the others for.
    fn views(&self) -> Vec<BTreeMap<u32, String>> {
        let alive = self.nodes.iter().filter(|node| node.alive);
        alive
            .map(|node| {
                let shown = self.shown();
                let seats = by_registration(&shown, &node.id, self.size, node.claimed, self.now);
                seats.holders.iter().map(|(rank, id)| (*rank, (*id).to_owned())).collect()
            })
            .collect()
    }

    fn agree(&self) -> Result<(), TestCaseError> {
        let ranks = self.ranks();
        let alive = self.nodes.iter().filter(|node| node.alive).count();
        // With nobody left the cluster begins anew, once all of it is there.
        let anew = ranks.is_empty() && alive < self.size as usize;
        let expected = if anew { 0 } else { alive.min(self.size as usize) };
        prop_assert_eq!(ranks.len(), expected, "{:?}", ranks);
        for view in self.views() {
            prop_assert_eq!(&view, &ranks);
        }
        Ok(())
    }
}

fn node() -> impl Strategy<Value = Plan> {
    (0i64..5, 0u64..20_000, 0u64..3000, 0..=LAG_MILLIS).prop_map(
        |(launched_secs, boots_millis, ahead_millis, lag_millis)| Plan {
            launched_secs,
            boots_millis,
            ahead_millis,
            lag_millis,
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_order_of_registration_gives_the_order_of_launch(
        plans in prop::collection::vec(node(), 2..8),
    ) {
        let mut cluster = Cluster::new(u32::try_from(plans.len()).unwrap());
        plans.into_iter().for_each(|plan| cluster.launch(plan));
        cluster.run(END_MILLIS);
        cluster.agree()?;
        let mut order: Vec<(i64, &str)> =
            cluster.nodes.iter().map(|node| (node.plan.launched_secs, node.id.as_str())).collect();
        order.sort_unstable();
        let ranks = cluster.ranks();
        prop_assert!(order.iter().map(|(_, id)| *id).eq(ranks.values().map(String::as_str)));
    }

    #[test]
    fn spares_late_comers_and_replacements_leave_the_others_their_ranks(
        plans in prop::collection::vec(node(), 3..9),
        surplus in 0u32..3,
        lost in prop::collection::vec(any::<prop::sample::Index>(), 1..3),
        new in prop::collection::vec(node(), 1..4),
    ) {
        let size = (u32::try_from(plans.len()).unwrap() - surplus).max(2);
        let mut cluster = Cluster::new(size);
        plans.into_iter().for_each(|plan| cluster.launch(plan));
        cluster.run(END_MILLIS);
        cluster.agree()?;
        let before = cluster.ranks();
        for index in lost {
            let index = index.index(cluster.nodes.len());
            cluster.nodes[index].alive = false;
        }
        new.into_iter().for_each(|plan| cluster.launch(plan));
        cluster.run(END_MILLIS);
        cluster.agree()?;
        let after = cluster.ranks();
        for (rank, id) in before {
            let node = cluster.nodes.iter().find(|node| node.id == id).unwrap();
            prop_assert!(!node.alive || after.get(&rank) == Some(&id), "{id} had {rank}: {after:?}");
        }
    }
}
