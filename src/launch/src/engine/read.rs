//! The one round of reads before a plan: nothing here waits for another read,
//! except to find out more about what was refused.

use super::Engine;
use crate::errors;
use crate::input::{is_ami, nearest};
use crate::plan::{Facts, NODE_POLICY, Spec, TypeFacts, WantedImage};
use nixl_aws::Result;
use nixl_aws::ec2::{Filter, Image, Reservation};
use nixl_cluster::{image_name, instance_type, tag};

/// EC2's code for a type that it does not have.
const UNKNOWN_TYPE: &[&str] = &["InvalidInstanceType"];

/// A type, or its name where there is none, and what was probably meant.
type FoundType = std::result::Result<TypeFacts, (String, Option<String>)>;

impl Engine<'_> {
    /// Everything a plan needs, in parallel.
    ///
    /// # Errors
    /// If something cannot be read that no launch can do without.
    pub async fn facts(&self, spec: &Spec) -> Result<Facts> {
        let (needed, known) = tokio::join!(self.needed(spec), self.known(spec));
        let needed = needed?;
        Ok(Facts {
            reservations: known.reservations,
            usage: known.usage,
            quotas: known.quotas,
            prices: known.prices,
            spot_prices: known.spot_prices,
            routes: known.routes,
            addresses: known.addresses,
            own_addresses: known.own_addresses,
            address_limit: known.address_limit,
            read_at: Some(jiff::Timestamp::now()),
            ..needed
        })
    }

    async fn needed(&self, spec: &Spec) -> Result<Facts> {
        let ec2 = &self.services.ec2;
        let iam = &self.services.iam;
        let ours = [Filter::tag(tag::CLUSTER, self.cluster.as_str())];
        let group_name = [Filter::new("group-name", [self.cluster.security_group().as_str()])];
        let node_role = self.cluster.node_role(&self.region);
        // First in the list, first to be told: who is calling.
        let (
            account,
            tracking,
            (image_parameter, images),
            found,
            vpcs,
            subnets,
            instances,
            security_groups,
            placement_groups,
            node_role,
            (node_policy, node_managed_policies),
            node_profile,
            reservation,
        ) = tokio::try_join!(
            self.services.account.account_id(),
            self.tracking_facts(spec),
            self.images(spec),
            self.types(spec),
            ec2.describe_vpcs(&[]),
            ec2.describe_subnets(&[]),
            ec2.describe_instances(&ours),
            ec2.describe_security_groups(&group_name),
            ec2.describe_placement_groups(&ours),
            iam.role(&node_role),
            self.policies(&node_role),
            iam.instance_profile(&node_role),
            self.asked_reservation(spec),
        )?;
        let (types, unknown_types): (Vec<_>, Vec<_>) = found.into_iter().partition(|it| it.is_ok());
        let tracking = self.rest_of_tracking(spec, tracking, &account, &instances).await?;
        Ok(Facts {
            account,
            image_parameter,
            images,
            types: types.into_iter().filter_map(FoundType::ok).collect(),
            unknown_types: unknown_types.into_iter().filter_map(FoundType::err).collect(),
            vpcs,
            subnets,
            instances,
            security_groups,
            placement_groups,
            node_role,
            node_policy,
            node_managed_policies,
            node_profile,
            tracking,
            reservation,
            ..Facts::default()
        })
    }

    async fn types(&self, spec: &Spec) -> Result<Vec<FoundType>> {
        let ec2 = &self.services.ec2;
        let facts = async |name: &String| {
            let (info, zones) =
                tokio::join!(ec2.describe_instance_type(name), ec2.zones_offering(name));
            match info {
                Ok(info) => Ok(Ok(TypeFacts { info, zones: zones? })),
                Err(error) if error.is(UNKNOWN_TYPE) => {
                    Ok(Err((name.clone(), self.nearest_type(name).await)))
                }
                Err(error) => Err(error),
            }
        };
        futures_util::future::try_join_all(spec.instance_types.iter().map(facts)).await
    }

    /// What was probably meant: of the family, what the region offers.
    async fn nearest_type(&self, name: &str) -> Option<String> {
        let end = name.find(|c: char| !c.is_ascii_lowercase()).unwrap_or(name.len());
        let family = &name[..end];
        let offered = self.services.ec2.types_offered(&format!("{family}*")).await;
        match offered {
            Ok(names) => nearest(name, names.iter().map(String::as_str)).map(str::to_owned),
            Err(_) => {
                let known = instance_type::TABLE.iter().map(|known| known.name);
                nearest(name, known.filter(|known| *known != name)).map(str::to_owned)
            }
        }
    }

    /// The inline policy of the nodes' role and the managed ones attached to it,
    /// asked for by its name before it is known to be there.
    async fn policies(&self, role: &str) -> Result<(Option<String>, Vec<String>)> {
        let iam = &self.services.iam;
        let attached = async {
            match iam.attached_role_policies(role).await {
                Err(error) if errors::is(&error, errors::GONE) => Ok(Vec::new()),
                other => other,
            }
        };
        tokio::try_join!(iam.role_policy(role, NODE_POLICY), attached)
    }

    /// What a parameter holds, and the candidates.
    async fn images(&self, spec: &Spec) -> Result<(Option<String>, Vec<Image>)> {
        let ec2 = &self.services.ec2;
        let of_id =
            async |id: &str| ec2.describe_images(&[], &[Filter::new("image-id", [id])]).await;
        match &spec.image {
            WantedImage::Ami(id) => Ok((None, of_id(id).await?)),
            WantedImage::Parameter(name) => {
                let value = self.services.parameters.get_parameter(name).await?;
                match value.filter(|value| is_ami(value)) {
                    Some(id) => Ok((Some(id.clone()), of_id(&id).await?)),
                    None => Ok((None, Vec::new())),
                }
            }
            WantedImage::Newest => {
                let baked = [Filter::new("tag-key", [tag::DIGEST])];
                let named = [Filter::new("name", [image_name::PATTERN])];
                let owners: Vec<&str> = spec.shared_by.iter().map(String::as_str).collect();
                let shared = async {
                    match owners.as_slice() {
                        [] => Ok(Vec::new()),
                        owners => ec2.describe_images(owners, &named).await,
                    }
                };
                let own = ec2.describe_images(&["self"], &baked);
                let (own, shared) = tokio::try_join!(own, shared)?;
                Ok((None, [own, shared].concat()))
            }
        }
    }

    async fn asked_reservation(&self, spec: &Spec) -> Result<Option<Reservation>> {
        match &spec.reservation_id {
            Some(id) => self.services.reservations.reservation(id).await,
            None => Ok(None),
        }
    }
}
