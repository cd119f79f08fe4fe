//! `reap`: every cluster of the account and region whose time is over.

use super::{Engine, Removal, Removed};
use crate::failure::Failure;
use crate::lifetime::{Found, judge};
use jiff::Timestamp;
use nixl_aws::ec2::Filter;
use nixl_cluster::{ClusterName, tag};
use serde::Serialize;
use std::time::Duration;

/// What a reaper sees.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Look {
    /// Account it looked at.
    pub account: String,
    /// Region it looked at.
    pub region: String,
    /// Every cluster with an instance, by name.
    pub clusters: Vec<Found>,
}

impl Look {
    /// Clusters that are over.
    #[must_use]
    pub fn over(&self) -> Vec<ClusterName> {
        self.clusters.iter().filter_map(Found::over).collect()
    }
}

impl Engine<'_> {
    /// Looks at all clusters, whatever this engine's own is.
    ///
    /// # Errors
    /// If it cannot: a reaper that sees nothing must not look like one that finds
    /// nothing.
    pub async fn look_for_over(&self, grace: Duration) -> Result<Look, Failure> {
        let any = [Filter::new("tag-key", [tag::CLUSTER])];
        let (account, instances) = tokio::try_join!(
            self.services.account.account_id(),
            self.services.ec2.describe_instances(&any),
        )
        .map_err(Failure::unchanged)?;
        let clusters = judge(&instances, grace.as_secs(), Timestamp::now());
        Ok(Look { account, region: self.region.clone(), clusters })
    }

    /// Takes one of them down, if it is over still: somebody may have extended it.
    ///
    /// # Errors
    /// With what is left.
    pub async fn reap(
        &self,
        cluster: &ClusterName,
        grace: Duration,
        removal: Removal,
    ) -> Result<Option<Removed>, Failure> {
        if !self.look_for_over(grace).await?.over().contains(cluster) {
            return Ok(None);
        }
        let engine = Engine {
            services: self.services,
            progress: self.progress,
            cluster: cluster.clone(),
            region: self.region.clone(),
            pace: self.pace.clone(),
        };
        engine.down(removal).await.map(Some)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::Patience;
    use crate::fake::{Fake, REGION};
    use crate::plan::Spec;
    use nixl_aws::Tag;

    #[tokio::test]
    async fn what_is_over_goes_and_what_lives_stays() {
        let fake = Fake::new();
        let services = fake.services();
        let engine = fake.engine(&services);
        let patience = Patience { ready: Duration::from_millis(500), capacity: Duration::ZERO };
        engine.up(&Spec::new(Default::default(), REGION), patience).await.unwrap();
        let look = engine.look_for_over(Duration::ZERO).await.unwrap();
        assert_eq!((look.clusters.len(), look.over()), (1, vec![]));
        let name = ClusterName::default();
        let removal = Removal { mlflow: true, keep_free: false };
        assert_eq!(engine.reap(&name, Duration::ZERO, removal).await.unwrap(), None);

        for node in &mut fake.state().instances {
            node.tags.retain(|tag| tag.key != "nixl:expires-at");
            node.tags.push(Tag::new("nixl:expires-at", "2020-01-01T00:00:00Z"));
        }
        assert_eq!(
            engine.look_for_over(Duration::ZERO).await.unwrap().over(),
            std::slice::from_ref(&name)
        );
        let removed = engine.reap(&name, Duration::ZERO, removal).await.unwrap().unwrap();
        assert!(removed.removed.len() > 2);
        assert_eq!(fake.residue(), Vec::<String>::new());
        assert_eq!(engine.look_for_over(Duration::ZERO).await.unwrap().clusters, []);
    }
}
