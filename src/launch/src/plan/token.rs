//! The client token: the same for the same launch, on any machine, and another
//! for any other.
//!
//! Source: EC2 developer guide, "Ensuring idempotency": at most 64 ASCII
//! characters; unique by zone when a subnet is named; refused once its
//! instances were terminated, hence the generation.

use super::Attempt;
use nixl_aws::ec2::RunInstances;
use nixl_cluster::ClusterName;
use sha2::{Digest, Sha256};

const PREFIX: &str = "nixl-";
/// Half of SHA-256 in hex is as good as a UUID, and leaves room under 64.
const DIGEST_CHARS: usize = 48;

/// Token of this request; its own `client_token` is not looked at. Nor is the
/// security group's id: it is not known before the group is made, and a new
/// group has a new generation.
#[must_use]
pub fn client_token(
    cluster: &ClusterName,
    generation: &str,
    attempt: &Attempt,
    request: &RunInstances,
) -> String {
    let mut hash = Sha256::new();
    let mut field = |text: &str| {
        // Length first, so that no two lists of fields read the same.
        hash.update((text.len() as u64).to_le_bytes());
        hash.update(text.as_bytes());
    };
    field(cluster.as_str());
    field(generation);
    field(&attempt.key());
    field(request.reservation_id.as_deref().unwrap_or_default());
    field(&request.count.to_string());
    field(&request.image_id);
    field(request.placement_group.as_deref().unwrap_or_default());
    field(&request.instance_profile);
    for interface in &request.network_interfaces {
        field(&interface.card_index.to_string());
        field(&interface.device_index.to_string());
        field(&interface.interface_type);
        field(&interface.subnet_id);
        field(&format!("{:?}", interface.associate_public_ip));
    }
    field(&request.user_data);
    for tag in &request.tags {
        field(&tag.key);
        field(&tag.value);
    }
    let digest = hex::encode(hash.finalize());
    format!("{PREFIX}{}", &digest[..DIGEST_CHARS])
}
