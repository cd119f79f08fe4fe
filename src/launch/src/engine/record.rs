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
//! 5. A read may be stale. Before a record that this run did not make is
//!    replaced or taken for granted, a mark is written beside it and read back
//!    ([`Engine::read_record`]): what comes with the mark is not older. The one
//!    exception is what `down` recorded for the next `up`, which is sent as it is.
//! 6. Tags know no compare-and-set, so two runs at once may still both launch.
//!    Whoever launched looks, until its nodes run, for another launch of the
//!    cluster: the younger one ends itself, and nobody calls both a success
//!    ([`super::arrival`]).
//!
//! So at any time at most one launch of the cluster can be in flight, and AWS
//! knows which.

use super::Engine;
use super::memory::Memory;
use crate::errors::{self, Launch};
use crate::failure::Problem;
use crate::keys;
use crate::plan::{client_token, next_generation};
use nixl_aws::ec2::Filter;
use nixl_aws::{AwsError, Tag};
use nixl_cluster::{ClusterName, tag};
use uuid::Uuid;

/// What a group's tags say.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Record {
    /// Current generation; empty in a group that has none yet.
    pub generation: String,
    /// `<key>/<digest>` of the launch that may be in flight.
    pub attempt: Option<String>,
    /// `down` recorded the attempt for the next `up`, which may send it as it is.
    pub is_next: bool,
    /// Who found no room lately.
    pub memory: Memory,
}

impl Record {
    /// From a group's tags.
    pub fn of(tags: &[Tag]) -> Self {
        let text = |key| Tag::find(tags, key).unwrap_or_default();
        let recorded = text(keys::ATTEMPT);
        let next = recorded.strip_prefix(keys::NEXT);
        let attempt = next.unwrap_or(recorded);
        Self {
            generation: text(keys::GENERATION).to_owned(),
            attempt: attempt.contains('/').then(|| attempt.to_owned()),
            is_next: next.is_some(),
            memory: Memory::read(text(keys::REFUSALS)),
        }
    }

    /// A new generation about to send `attempt`.
    pub fn new(attempt: Option<String>) -> Self {
        let generation = Uuid::new_v4().simple().to_string();
        Self { generation, attempt, ..Self::default() }
    }

    /// The same under the generation that follows.
    pub fn renewed(self) -> Self {
        Self { generation: next_generation(&self.generation), ..self }
    }

    /// Token of the launch that may be in flight.
    pub fn token(&self, cluster: &ClusterName) -> Option<String> {
        let attempt = self.attempt.as_ref()?;
        Some(client_token(cluster, &self.generation, attempt))
    }

    /// As tags.
    pub fn tags(&self) -> Vec<Tag> {
        let attempt = match &self.attempt {
            Some(attempt) if self.is_next => format!("{}{attempt}", keys::NEXT),
            Some(attempt) => attempt.clone(),
            None => keys::NO_ATTEMPT.to_owned(),
        };
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

/// Looks in vain after which a mark is written again.
const LOOKS_FOR_A_MARK: u32 = 5;

/// Whether EC2 does not show itself yet what was just made.
pub(super) fn not_shown_yet(error: &AwsError) -> bool {
    errors::launch(error) == Launch::AwaitConsistency
}

impl Engine<'_> {
    /// The record as it is, not as a stale read shows it.
    pub(super) async fn read_record(&self, group: &mut Group) -> Result<(), Problem> {
        let mark = Tag::new(keys::READER, Uuid::new_v4().simple().to_string());
        let ours = [Filter::tag(tag::CLUSTER, self.cluster.as_str())];
        let start = self.pace.clock.now();
        let mut looks = 0_u32;
        loop {
            // Another reader may have put its mark over this one.
            if looks.is_multiple_of(LOOKS_FOR_A_MARK) {
                self.tag_group(&group.id, std::slice::from_ref(&mark)).await?;
            }
            looks += 1;
            let call = async || self.services.ec2.describe_security_groups(&ours).await;
            let seen = self.pace.patiently(self.pace.consistency, errors::passes, call).await?;
            let marked = |tags: &[Tag]| Tag::find(tags, &mark.key) == Some(mark.value.as_str());
            if let Some(found) = seen.iter().find(|it| it.id == group.id && marked(&it.tags)) {
                group.record = Record::of(&found.tags);
                return Ok(());
            }
            let waited = self.pace.clock.since(start);
            if waited >= self.pace.consistency {
                let missing = vec![format!("the record of launches in {}", group.id)];
                return Err(Problem::Timeout { secs: waited.as_secs(), missing });
            }
            self.pace.clock.sleep(self.pace.poll).await;
        }
    }

    async fn tag_group(&self, id: &str, tags: &[Tag]) -> nixl_aws::Result<()> {
        let ids = [id.to_owned()];
        let again = |error: &AwsError| not_shown_yet(error) || errors::passes(error);
        let call = async || self.services.ec2.create_tags(&ids, tags).await;
        self.pace.patiently(self.pace.consistency, again, call).await
    }

    /// Writes it, before it is acted on; all of it if anything differs, so that
    /// it never mixes with what another run wrote.
    pub(super) async fn write_record(
        &self,
        group: &mut Group,
        record: Record,
    ) -> Result<(), Problem> {
        let tags = record.tags();
        if tags != group.record.tags() {
            self.tag_group(&group.id, &tags).await?;
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
        assert_eq!(record.clone().renewed(), record.clone().renewed(), "two writers agree");
        let next = Record { is_next: true, ..record.clone() };
        assert_eq!(Record::of(&next.tags()), next);
        assert_eq!(next.token(&cluster), record.token(&cluster));
        let settled = Record { attempt: None, ..record };
        assert_eq!(Record::of(&settled.tags()), settled);
        assert_eq!(settled.token(&cluster), None);
    }
}
