//! What nodes cost: from launch times and a price, nothing else.

use serde::Serialize;

/// On-Demand Linux instances are billed by the second, for a minute at least
/// (EC2 User Guide, "On-Demand Instances").
const LEAST_SECS: u64 = 60;

/// Price of one node.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Price {
    /// US dollars per hour.
    pub usd_per_hour: f64,
    /// Where it is from, for people: `AWS Price List`, `Spot price of us-east-1a`.
    pub source: String,
}

/// When one node ran.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Run {
    /// Start, seconds since 1970.
    pub started_secs: u64,
    /// End, if it has ended: the node costs nothing any more.
    pub ended_secs: Option<u64>,
}

/// What the instances of a cluster cost; volumes, addresses, traffic and MLflow
/// are not in it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Cost {
    /// US dollars per hour of all nodes that run.
    pub usd_per_hour: f64,
    /// US dollars until now.
    pub usd_so_far: f64,
    /// Where the price is from.
    pub source: String,
}

/// What another end costs, US dollars.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct EndCost {
    /// Until now.
    #[serde(flatten)]
    pub now: Cost,
    /// In all by the old end; none if there was none.
    pub usd_at_old_end: Option<f64>,
    /// In all by the new end.
    pub usd_at_end: f64,
}

impl EndCost {
    /// Ends in seconds since 1970; one that is over costs as much as now.
    #[must_use]
    pub fn new(now: Cost, now_secs: u64, old_end_secs: Option<u64>, end_secs: u64) -> Self {
        let at = |end_secs| now.usd_so_far + until(&now, now_secs, end_secs);
        let (usd_at_old_end, usd_at_end) = (old_end_secs.map(at), at(end_secs));
        Self { now, usd_at_old_end, usd_at_end }
    }

    /// What the new end costs more than the old one; negative if it is earlier.
    #[must_use]
    pub fn usd_more(&self) -> Option<f64> {
        Some(self.usd_at_end - self.usd_at_old_end?)
    }
}

/// Cost of nodes of one price; `None` without a price: none is made up.
#[must_use]
pub fn cost(runs: &[Run], price: Option<&Price>, now_secs: u64) -> Option<Cost> {
    let price = price?;
    let secs = |run: &Run| {
        run.ended_secs.unwrap_or(now_secs).saturating_sub(run.started_secs).max(LEAST_SECS)
    };
    let running = runs.iter().filter(|run| run.ended_secs.is_none()).count();
    let hours = runs.iter().map(|run| secs(run) as f64).sum::<f64>() / 3600.0;
    Some(Cost {
        usd_per_hour: running as f64 * price.usd_per_hour,
        usd_so_far: hours * price.usd_per_hour,
        source: price.source.clone(),
    })
}

/// Until `end` the nodes that run will have cost so much more, US dollars.
#[must_use]
pub fn until(cost: &Cost, now_secs: u64, end_secs: u64) -> f64 {
    end_secs.saturating_sub(now_secs) as f64 / 3600.0 * cost.usd_per_hour
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn price(usd_per_hour: f64) -> Price {
        Price { usd_per_hour, source: "a test".to_owned() }
    }

    fn since(started_secs: u64) -> Run {
        Run { started_secs, ended_secs: None }
    }

    #[test]
    fn a_pair_for_half_an_hour() {
        let cost = cost(&[since(0), since(0)], Some(&price(4.0)), 1800).unwrap();
        assert_eq!((cost.usd_per_hour, cost.usd_so_far), (8.0, 4.0));
        assert_eq!(cost.source, "a test");
        assert_eq!(until(&cost, 1800, 5400), 8.0);
        assert_eq!(until(&cost, 1800, 0), 0.0);
    }

    #[test]
    fn another_end_costs_the_hours_between() {
        let now = cost(&[since(0), since(0)], Some(&price(4.0)), 1800).unwrap();
        let longer = EndCost::new(now.clone(), 1800, Some(3600), 7200);
        assert_eq!((longer.usd_at_old_end, longer.usd_at_end), (Some(8.0), 16.0));
        assert_eq!(longer.usd_more(), Some(8.0));
        let over = EndCost::new(now.clone(), 1800, Some(3600), 0);
        assert_eq!((over.usd_at_end, over.usd_more()), (4.0, Some(-4.0)));
        assert_eq!(EndCost::new(now, 1800, None, 7200).usd_more(), None);
    }

    #[test]
    fn without_a_price_nothing_is_said() {
        assert_eq!(cost(&[since(0)], None, 1800), None);
    }

    #[test]
    fn a_node_that_ended_costs_no_more_and_the_first_minute_counts_whole() {
        let ended = Run { started_secs: 0, ended_secs: Some(3600) };
        let cost = cost(&[ended, since(7199)], Some(&price(60.0)), 7200).unwrap();
        assert_eq!((cost.usd_per_hour, cost.usd_so_far), (60.0, 61.0));
    }

    proptest! {
        /// It only grows, and never by more than the price.
        #[test]
        fn it_grows_with_time(
            started in proptest::collection::vec(0u64..1 << 40, 0..9),
            usd_per_hour in 0.0..500.0,
            now in 0u64..1 << 40,
            later in 0u64..1 << 20,
        ) {
            let runs: Vec<Run> = started.into_iter().map(since).collect();
            let at = |now| cost(&runs, Some(&price(usd_per_hour)), now).unwrap();
            let grown = at(now + later).usd_so_far - at(now).usd_so_far;
            let most = until(&at(now), now, now + later);
            prop_assert!(at(now).usd_so_far >= 0.0);
            prop_assert!(grown >= -1e-3 && grown <= most + 1e-3 * (1.0 + most), "{} {}", grown, most);
        }
    }
}
