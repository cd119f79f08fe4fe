//! Keeps the bridge as the groups say.

use super::Firewall;
use crate::backend::BackendError;
use crate::rules::network as rules;
use crate::server::Inner;

/// What the bridge was told last; one change goes after the other.
#[derive(Debug, Default)]
pub struct Keeper(tokio::sync::Mutex<Firewall>);

impl Keeper {
    /// Tells the bridge what the groups say now, if that is not what it was told.
    pub async fn follow(&self, region: &Inner) -> Result<(), BackendError> {
        let mut told = self.0.lock().await;
        let wanted = Firewall::of(&region.state().ec2, &region.rules);
        if *told != wanted {
            region.config.machines.firewall(wanted.clone()).await?;
            *told = wanted;
        }
        Ok(())
    }

    /// The same after a call of EC2 that may have changed groups, rules or instances.
    pub async fn follow_call(&self, region: &Inner, operation: &str) {
        if operation.starts_with("Describe") || !region.rules.on(&rules::AT_ONCE) {
            return;
        }
        if let Err(error) = self.follow(region).await {
            tracing::error!(operation, %error, "security groups are not in force");
        }
    }
}
