//! The client token: the same for the same launch, on any machine, and another
//! for any other.
//!
//! A launch is recorded as `<key>/<digest>` ([`record`]): what is asked, without
//! the security group's id (not known before the group is made; the generation
//! stands for it), a reservation that is held only for this launch, and the
//! time it ends. The token is a hash of the cluster, the generation and the
//! record, so the group's tags alone tell it, and a new generation makes of the
//! same record the next launch.
//!
//! Source: EC2 developer guide, "Ensuring idempotency": at most 64 ASCII
//! characters; unique by zone when a subnet is named; refused once its
//! instances were terminated, hence the generation.

use super::Attempt;
use nixl_aws::ec2::RunInstances;
use nixl_cluster::{ClusterName, tag};
use sha2::{Digest, Sha256};

const PREFIX: &str = "nixl-";
/// Half of SHA-256 in hex is as good as a UUID, and leaves room under 64.
const TOKEN_CHARS: usize = 48;
/// A tag value holds key and digest.
const DIGEST_CHARS: usize = 32;

fn hashed<'a>(fields: impl Iterator<Item = &'a str>, chars: usize) -> String {
    let mut hash = Sha256::new();
    for field in fields {
        // Length first, so that no two lists of fields read the same.
        hash.update((field.len() as u64).to_le_bytes());
        hash.update(field.as_bytes());
    }
    let mut digest = hex::encode(hash.finalize());
    digest.truncate(chars);
    digest
}

/// What is recorded of an attempt; of its request the token is not looked at.
#[must_use]
pub fn record(attempt: &Attempt, request: &RunInstances) -> String {
    let key = attempt.key();
    let mut fields = vec![
        attempt.reservation_id.clone().unwrap_or_default(),
        request.count.to_string(),
        request.image_id.clone(),
        request.placement_group.clone().unwrap_or_default(),
        request.instance_profile.clone(),
    ];
    for interface in &request.network_interfaces {
        fields.push(interface.card_index.to_string());
        fields.push(interface.device_index.to_string());
        fields.push(interface.interface_type.clone());
        fields.push(interface.subnet_id.clone());
        fields.push(format!("{:?}", interface.associate_public_ip));
    }
    fields.push(request.user_data.clone());
    for tag in request.tags.iter().filter(|tag| tag.key != tag::EXPIRES_AT) {
        fields.push(tag.key.clone());
        fields.push(tag.value.clone());
    }
    let fields = std::iter::once(key.as_str()).chain(fields.iter().map(String::as_str));
    format!("{key}/{}", hashed(fields, DIGEST_CHARS))
}

/// The generation after `before`: the same for whoever works it out, so that two
/// runs that renew it at once agree.
#[must_use]
pub fn next_generation(before: &str) -> String {
    hashed(["generation", before].into_iter(), DIGEST_CHARS)
}

/// Token of a recorded launch.
#[must_use]
pub fn client_token(cluster: &ClusterName, generation: &str, record: &str) -> String {
    let fields = [cluster.as_str(), generation, record];
    format!("{PREFIX}{}", hashed(fields.into_iter(), TOKEN_CHARS))
}
