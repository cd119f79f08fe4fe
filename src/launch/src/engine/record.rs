//! The record of launches: three tags of the security group.
//!
//! # Exactly once
//! EC2 keeps a client token for a zone only, so tokens alone do not keep two
//! zones from launching. What does is this order, which holds for every way
//! through a search and after every `kill -9`:
//!
//! 1. The record says *generation* and *attempt* (`<key>/<digest>`), and with
//!    them the token ([`crate::plan::client_token`]), before the request leaves.
//!    - cold: the group is made with both already in its tags;
//!    - later attempts and another machine's group: CreateTags, answered;
//!    - warm: the record of the last launch, under the new generation that
//!      `down --keep-free` wrote. Nothing has to be written if it fits.
//! 2. One attempt is recorded at a time, and the record moves on only when the
//!    last one is *settled*: refused by a code that says that nothing was
//!    launched, found by its token, or not found for as long as EC2 may need to
//!    show it. An unclear answer repeats the same request with the same token.
//! 3. Whoever finds a record that would be sent again as it is sends it: EC2
//!    answers with the same instances or launches them now. Whoever wants
//!    something else, `down` included, looks for its token first.
//! 4. A token whose instances have ended is never used again: a new generation
//!    and its attempt are recorded in one call.
//!
//! So at any time at most one launch of the cluster can be in flight, and AWS
//! knows which.

use super::Engine;
use super::memory::Memory;
use crate::errors::{self, Launch};
use crate::failure::Problem;
use crate::keys;
use crate::plan::client_token;
use nixl_aws::{AwsError, Tag};
use nixl_cluster::ClusterName;
use uuid::Uuid;

/// What a group's tags say.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Record {
    /// Current generation; empty in a group that has none yet.
    pub generation: String,
    /// `<key>/<digest>` of the launch that may be in flight.
    pub attempt: Option<String>,
    /// Who found no room lately.
    pub memory: Memory,
}

impl Record {
    /// From a group's tags.
    pub fn of(tags: &[Tag]) -> Self {
        let text = |key| Tag::find(tags, key).unwrap_or_default();
        let attempt = text(keys::ATTEMPT);
        Self {
            generation: text(keys::GENERATION).to_owned(),
            attempt: attempt.contains('/').then(|| attempt.to_owned()),
            memory: Memory::read(text(keys::REFUSALS)),
        }
    }

    /// A new generation about to send `attempt`.
    pub fn new(attempt: Option<String>) -> Self {
        Self { attempt, ..Self::default() }.renewed()
    }

    /// The same under a new generation.
    pub fn renewed(self) -> Self {
        Self { generation: Uuid::new_v4().simple().to_string(), ..self }
    }

    /// Token of the launch that may be in flight.
    pub fn token(&self, cluster: &ClusterName) -> Option<String> {
        let attempt = self.attempt.as_ref()?;
        Some(client_token(cluster, &self.generation, attempt))
    }

    /// As tags.
    pub fn tags(&self) -> Vec<Tag> {
        let attempt = self.attempt.as_deref().unwrap_or(keys::NO_ATTEMPT);
        let mut tags =
            vec![Tag::new(keys::GENERATION, &self.generation), Tag::new(keys::ATTEMPT, attempt)];
        let refusals = self.memory.written();
        if !refusals.is_empty() {
            tags.push(Tag::new(keys::REFUSALS, refusals));
        }
        tags
    }
}

/// The security group as the launch needs it.
#[derive(Debug, Clone)]
pub(super) struct Group {
    /// `sg-…`
    pub id: String,
    /// Its record.
    pub record: Record,
}

/// Whether EC2 does not show itself yet what was just made.
pub(super) fn not_shown_yet(error: &AwsError) -> bool {
    errors::launch(error) == Launch::AwaitConsistency
}

impl Engine<'_> {
    /// Writes what differs, before it is acted on.
    pub(super) async fn write_record(
        &self,
        group: &mut Group,
        record: Record,
    ) -> Result<(), Problem> {
        let before = group.record.tags();
        let mut tags = record.tags();
        tags.retain(|tag| !before.contains(tag));
        if !tags.is_empty() {
            let ids = [group.id.clone()];
            let again = |error: &AwsError| not_shown_yet(error) || errors::passes(error);
            let call = async || self.services.ec2.create_tags(&ids, &tags).await;
            self.pace.patiently(self.pace.consistency, again, call).await?;
        }
        group.record = record;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_is_read_as_it_was_written() {
        let record = Record::new(Some("g6.12xlarge/on-demand/us-east-1a/0123".to_owned()));
        assert_eq!(Record::of(&record.tags()), record);
        let cluster = ClusterName::default();
        assert!(record.token(&cluster).is_some());
        assert_ne!(record.token(&cluster), record.clone().renewed().token(&cluster));
        let settled = Record { attempt: None, ..record };
        assert_eq!(Record::of(&settled.tags()), settled);
        assert_eq!(settled.token(&cluster), None);
    }
}
