//! The end of instances, whatever keeps EC2 from it.

use super::Engine;
use crate::errors;
use crate::failure::Problem;
use nixl_aws::ec2::Filter;
use nixl_aws::{AwsError, Result};
use nixl_cluster::tag;

impl Engine<'_> {
    /// Ends instances and waits until they have let go of everything.
    pub(super) async fn terminate(&self, ids: Vec<String>) -> std::result::Result<(), Problem> {
        if ids.is_empty() {
            return Ok(());
        }
        self.ask_to_end(&ids).await?;
        let ours = [Filter::tag(tag::CLUSTER, self.cluster.as_str())];
        let start = self.pace.clock.now();
        loop {
            let call = async || self.services.ec2.describe_instances(&ours).await;
            let seen = self.pace.patiently(self.pace.consistency, errors::passes, call).await?;
            let mut missing = Vec::new();
            for node in seen.iter().filter(|node| ids.contains(&node.id)) {
                let name = self.cluster.node(node.launch_index);
                self.progress.doing(&name, &node.state);
                if node.state != "terminated" {
                    missing.push(format!("{name} ({}) is {}", node.id, node.state));
                }
            }
            if missing.is_empty() {
                return Ok(());
            }
            let waited = self.pace.clock.since(start);
            if waited >= self.pace.removal {
                return Err(Problem::Timeout { secs: waited.as_secs(), missing });
            }
            self.rest(self.pace.poll).await?;
        }
    }

    /// One call for all; EC2 ends none of them if one id is unknown, and none in
    /// the zone of one that is protected. Then each is ended by itself.
    async fn ask_to_end(&self, ids: &[String]) -> Result<()> {
        let apart = |error: &AwsError| {
            errors::is(error, errors::GONE) || errors::is(error, errors::PROTECTED)
        };
        match self.end(ids).await {
            Err(error) if apart(&error) => {}
            other => return other,
        }
        let each = ids.iter().map(async |id| {
            let one = std::slice::from_ref(id);
            match self.end(one).await {
                Err(error) if errors::is(&error, errors::PROTECTED) => {
                    self.progress.told(&format!("{id} is protected; the protection is lifted"));
                    let call = async || self.services.ec2.unprotect_instance(id).await;
                    self.pace.patiently(self.pace.consistency, errors::passes, call).await?;
                    self.removed(self.end(one).await)
                }
                other => self.removed(other),
            }
        });
        // One that cannot be ended does not keep the others running.
        futures_util::future::join_all(each).await.into_iter().collect()
    }

    async fn end(&self, ids: &[String]) -> Result<()> {
        let call = async || self.services.ec2.terminate_instances(ids).await;
        self.pace.patiently(self.pace.consistency, errors::passes, call).await
    }
}
