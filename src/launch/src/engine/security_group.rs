//! The fabric's security group: all traffic with itself, both ways, and the
//! record of launches in its tags.

use super::Engine;
use super::record::{Group, Record, not_shown_yet};
use crate::errors;
use crate::failure::Problem;
use crate::plan::{Plan, is_ours, owner_tags};
use nixl_aws::AwsError;
use nixl_aws::ec2::{Filter, SecurityGroup};

impl Engine<'_> {
    /// Makes sure of the group and its two rules; whether it was made now. Then
    /// it says already which launch comes first (`first`, see [`super::record`]).
    pub(super) async fn security_group(
        &self,
        plan: &Plan,
        first: Option<String>,
    ) -> Result<(Group, bool), Problem> {
        let (found, is_new) = match plan.security_group.clone() {
            Some(group) => (group, false),
            None => self.make_group(&plan.vpc_id, &Record::new(first)).await?,
        };
        let ec2 = &self.services.ec2;
        let again = |error: &AwsError| not_shown_yet(error) || errors::passes(error);
        let duplicate_is_fine = |answer: nixl_aws::Result<()>| match answer {
            Err(error) if errors::is(&error, errors::DUPLICATE) => Ok(()),
            other => other,
        };
        let (ingress, egress) = tokio::join!(
            async {
                if found.self_ingress {
                    return Ok(());
                }
                let call = async || ec2.authorize_self_ingress(&found.id).await;
                duplicate_is_fine(self.pace.patiently(self.pace.consistency, again, call).await)
            },
            async {
                if found.self_egress {
                    return Ok(());
                }
                let call = async || ec2.authorize_self_egress(&found.id).await;
                duplicate_is_fine(self.pace.patiently(self.pace.consistency, again, call).await)
            },
        );
        ingress?;
        egress?;
        let mut group = Group { record: Record::of(&found.tags), id: found.id };
        if group.record.generation.is_empty() {
            let generation = group.id.clone();
            let record = Record { generation, ..group.record.clone() }.renewed();
            self.write_record(&mut group, record).await?;
        }
        Ok((group, is_new))
    }

    async fn make_group(
        &self,
        vpc_id: &str,
        record: &Record,
    ) -> Result<(SecurityGroup, bool), Problem> {
        let ec2 = &self.services.ec2;
        let name = self.cluster.security_group();
        let mut tags = owner_tags(&self.cluster);
        tags.extend(record.tags());
        let description = "Fabric of a nixl cluster: all traffic with itself, in both directions";
        let call = async || ec2.create_security_group(&name, description, vpc_id, &tags).await;
        match self.pace.patiently(self.pace.consistency, errors::passes, call).await {
            Ok(id) => {
                self.progress.told(&format!("security group {id} made"));
                Ok((SecurityGroup { id, name, tags, ..Default::default() }, true))
            }
            Err(error) if errors::is(&error, errors::DUPLICATE) => {
                match self.find_group(&name, vpc_id).await? {
                    Some(group) if is_ours(&self.cluster, &group.tags) => Ok((group, false)),
                    _ => Err(Problem::Foreign { kind: "security group", name }),
                }
            }
            Err(error) => Err(error.into()),
        }
    }

    /// A group that EC2 says is there; it may take a moment to show it.
    async fn find_group(
        &self,
        name: &str,
        vpc_id: &str,
    ) -> nixl_aws::Result<Option<SecurityGroup>> {
        let named = [Filter::new("group-name", [name])];
        let start = self.pace.clock.now();
        loop {
            let groups = self.services.ec2.describe_security_groups(&named).await?;
            let group = groups.into_iter().find(|group| group.vpc_id == vpc_id);
            if group.is_some() || self.pace.clock.since(start) >= self.pace.consistency {
                return Ok(group);
            }
            self.pace.clock.sleep(self.pace.poll).await;
        }
    }
}
