//! One RunInstances: the same request with the same token until its fate is
//! known.

use super::Engine;
use crate::errors::{self, Launch};
use crate::failure::{Problem, Refusal};
use crate::plan::live;
use nixl_aws::ec2::{Filter, Instance, RunInstances};
use nixl_aws::{AwsError, ErrorKind};

/// How one request ended.
#[derive(Debug)]
pub(super) enum Sent {
    /// All nodes are there.
    Launched(Vec<Instance>),
    /// Nothing was launched; what that means for the others.
    Refused(Launch, AwsError),
    /// Nothing was sent, for no room could be held.
    NotHeld(Launch, Refusal),
    /// The token is used up and nothing of it lives.
    Spent(AwsError),
}

impl Engine<'_> {
    /// What a token launched, in any state; looked for until it must be visible,
    /// or a person wants to leave: then nothing is known of it.
    pub(super) async fn appeared(&self, token: &str) -> Result<Vec<Instance>, Problem> {
        let by_token = [Filter::new("client-token", [token])];
        let start = self.pace.clock.now();
        loop {
            let call = async || self.services.ec2.describe_instances(&by_token).await;
            let found = self.pace.patiently(self.pace.settle, errors::passes, call).await?;
            if !found.is_empty() || self.pace.clock.since(start) >= self.pace.settle {
                return Ok(found);
            }
            self.rest(self.pace.poll).await?;
        }
    }

    /// Sends it; `may_be_out` says that an earlier run may have sent it, too.
    pub(super) async fn send(
        &self,
        request: &RunInstances,
        key: &str,
        may_be_out: bool,
    ) -> Result<Sent, Problem> {
        let start = self.pace.clock.now();
        let mut delay = self.pace.retry_first;
        let mut unclear = may_be_out;
        loop {
            let error = match self.services.ec2.run_instances(request).await {
                Ok(nodes) => return Ok(Sent::Launched(nodes)),
                Err(error) => error,
            };
            unclear |= errors::unclear(&error);
            let class = errors::launch(&error);
            let budget = match class {
                // An answer to the same token: what it says holds for whatever
                // became of the earlier ones.
                Launch::NextZone
                | Launch::NotHere
                | Launch::NextSubnet
                | Launch::NextFamily
                | Launch::NextMarket => return Ok(Sent::Refused(class, error)),
                Launch::NewGeneration => return Ok(Sent::Spent(error)),
                Launch::Adopt => return self.adopted(request, key, error).await,
                // A clear answer to this one says nothing of those before it.
                Launch::Fail if unclear => {
                    return self.given_up(request, key, unclear, error).await;
                }
                Launch::Fail => return Err(error.into()),
                Launch::Retry => self.pace.unclear,
                Launch::AwaitIam => self.pace.iam,
                Launch::AwaitConsistency => self.pace.consistency,
            };
            if self.pace.clock.since(start) + delay > budget || self.pace.stop.is_asked() {
                return self.given_up(request, key, unclear, error).await;
            }
            self.progress.doing("launch", &format!("waiting: {error}"));
            self.pace.clock.sleep(delay).await;
            delay = (delay * 2).min(self.pace.retry_longest);
        }
    }

    /// The token was used for another request: ours, for nobody else can know it.
    async fn adopted(
        &self,
        request: &RunInstances,
        key: &str,
        error: AwsError,
    ) -> Result<Sent, Problem> {
        let nodes = live(&self.appeared(&request.client_token).await?);
        match u32::try_from(nodes.len()) {
            Ok(0) => Err(Problem::Unsettled { attempt: key.to_owned(), error }),
            Ok(count) if count == request.count => Ok(Sent::Launched(nodes)),
            _ => Err(Problem::OtherSize { there: nodes.len(), asked: request.count }),
        }
    }

    /// No usable answer in time: it is there, or it is not known.
    async fn given_up(
        &self,
        request: &RunInstances,
        key: &str,
        unclear: bool,
        error: AwsError,
    ) -> Result<Sent, Problem> {
        if !unclear {
            return Err(error.into());
        }
        let nodes = live(&self.appeared(&request.client_token).await?);
        if nodes.len() as u32 == request.count {
            return Ok(Sent::Launched(nodes));
        }
        Err(Problem::Unsettled { attempt: key.to_owned(), error })
    }
}

/// Whether a failed launch is known to have launched nothing, so that no later
/// run has to look for it.
pub(super) fn settled(problem: &Problem) -> bool {
    let Problem::Aws { error, .. } = problem else { return false };
    error.operation == "RunInstances"
        && matches!(error.kind, ErrorKind::Service { .. } | ErrorKind::Invalid)
}
