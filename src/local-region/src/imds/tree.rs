//! The tree of values; directories are what leads to a leaf (EC2 user guide,
//! "Instance metadata categories").

use std::collections::BTreeSet;

use serde_json::json;

use crate::backend::{InstanceView, SessionCredentials};

/// Versions served. All are one tree, as EC2 keeps old paths alive too.
const VERSIONS: [&str; 9] = [
    "1.0",
    "2009-04-04",
    "2014-11-05",
    "2016-09-02",
    "2018-09-24",
    "2019-10-01",
    "2020-10-27",
    "2021-03-23",
    "latest",
];

/// Lazily made: reading the tree must not mint role credentials.
type Credentials<'a> = &'a dyn Fn() -> Option<SessionCredentials>;

enum Leaf {
    Text(String),
    Bytes(Vec<u8>),
    RoleCredentials,
}

/// What a path holds: a leaf's value, or a directory's listing.
pub(super) fn read(
    view: &InstanceView,
    credentials: Credentials<'_>,
    path: &str,
) -> Option<Vec<u8>> {
    let path = path.trim_start_matches('/');
    if path.is_empty() {
        return Some(VERSIONS.join("\n").into_bytes());
    }
    let (version, rest) = path.split_once('/').unwrap_or((path, ""));
    if !VERSIONS.contains(&version) {
        return None;
    }
    let leaves = leaves(view);
    if let Some((_, leaf)) = leaves.iter().find(|(name, _)| name == rest) {
        return match leaf {
            Leaf::Text(text) => Some(text.clone().into_bytes()),
            Leaf::Bytes(bytes) => Some(bytes.clone()),
            Leaf::RoleCredentials => credentials().map(role_credentials),
        };
    }
    list(&leaves, rest.trim_end_matches('/'))
}

fn list(leaves: &[(String, Leaf)], directory: &str) -> Option<Vec<u8>> {
    let prefix = if directory.is_empty() { String::new() } else { format!("{directory}/") };
    let names: BTreeSet<String> = leaves
        .iter()
        .filter_map(|(name, _)| name.strip_prefix(&prefix))
        .map(|rest| match rest.split_once('/') {
            Some((folder, _)) => format!("{folder}/"),
            None => rest.to_owned(),
        })
        .collect();
    (!names.is_empty()).then(|| names.into_iter().collect::<Vec<_>>().join("\n").into_bytes())
}

fn leaves(view: &InstanceView) -> Vec<(String, Leaf)> {
    let host = host_name(view);
    let groups = view.security_groups.join("\n");
    let ip = view.private_ip.to_string();
    let mut leaves: Vec<(String, Leaf)> = Vec::with_capacity(48);
    let mut add = |name: String, leaf: Leaf| leaves.push((name, leaf));
    let mut meta = |name: &str, value: &str| {
        add(format!("meta-data/{name}"), Leaf::Text(value.to_owned()));
    };
    meta("ami-id", &view.image_id);
    meta("ami-launch-index", &view.launch_index.to_string());
    meta("ami-manifest-path", "(unknown)");
    meta("hostname", &host);
    meta("instance-action", "none");
    meta("instance-id", &view.instance_id);
    meta("instance-life-cycle", "on-demand");
    meta("instance-type", &view.instance_type);
    meta("local-hostname", &host);
    meta("local-ipv4", &ip);
    meta("mac", &view.mac);
    meta("placement/availability-zone", &view.zone);
    meta("placement/availability-zone-id", &view.zone_id);
    meta("placement/region", &view.region);
    if let Some(group) = &view.placement_group {
        meta("placement/group-name", group);
    }
    if let Some(public) = view.public_ip {
        meta("public-ipv4", &public.to_string());
    }
    meta("reservation-id", &view.reservation_id);
    meta("security-groups", &groups);
    meta("services/domain", "amazonaws.com");
    meta("services/partition", "aws");
    let mut nic = |name: &str, value: &str| {
        meta(&format!("network/interfaces/macs/{}/{name}", view.mac), value);
    };
    nic("device-number", "0");
    nic("local-hostname", &host);
    nic("local-ipv4s", &ip);
    nic("mac", &view.mac);
    nic("owner-id", &view.account_id);
    nic("security-groups", &groups);
    // The region's only network, see `net`.
    nic("subnet-ipv4-cidr-block", "10.77.0.0/16");
    nic("vpc-ipv4-cidr-block", "10.77.0.0/16");
    nic("vpc-ipv4-cidr-blocks", "10.77.0.0/16");
    if let Some(public) = view.public_ip {
        nic("public-ipv4s", &public.to_string());
    }
    for (path, text) in view.notices.metadata() {
        meta(path, &text);
    }
    if let Some(profile) = &view.profile {
        let info = json!({
            "Code": "Success",
            "LastUpdated": view.launch_time,
            "InstanceProfileArn": profile.arn,
            "InstanceProfileId": profile.id,
        });
        meta("iam/info", &format!("{info:#}"));
    }
    if view.metadata_tags {
        // RunInstances refuses such keys when tags in metadata are enabled;
        // one that came otherwise has no path.
        for (key, value) in view.tags.iter().filter(|(key, _)| !key.contains(['/', ' '])) {
            meta(&format!("tags/instance/{key}"), value);
        }
    }
    if let Some(profile) = &view.profile {
        let name = format!("meta-data/iam/security-credentials/{}", profile.role_name);
        add(name, Leaf::RoleCredentials);
    }
    add("dynamic/instance-identity/document".into(), Leaf::Text(identity_document(view)));
    if let Some(user_data) = &view.user_data {
        add("user-data".into(), Leaf::Bytes(user_data.clone()));
    }
    leaves
}

/// `ip-10-77-0-11.ec2.internal`; other regions than the first carry their name.
fn host_name(view: &InstanceView) -> String {
    let ip = view.private_ip.to_string().replace('.', "-");
    match view.region.as_str() {
        "us-east-1" => format!("ip-{ip}.ec2.internal"),
        region => format!("ip-{ip}.{region}.compute.internal"),
    }
}

fn identity_document(view: &InstanceView) -> String {
    let architecture = match std::env::consts::ARCH {
        "aarch64" => "arm64",
        other => other,
    };
    format!(
        "{:#}",
        json!({
            "accountId": view.account_id,
            "architecture": architecture,
            "availabilityZone": view.zone,
            "billingProducts": null,
            "devpayProductCodes": null,
            "marketplaceProductCodes": null,
            "imageId": view.image_id,
            "instanceId": view.instance_id,
            "instanceType": view.instance_type,
            "kernelId": null,
            "pendingTime": view.launch_time,
            "privateIp": view.private_ip,
            "ramdiskId": null,
            "region": view.region,
            "version": "2017-09-30",
        })
    )
}

fn role_credentials(credentials: SessionCredentials) -> Vec<u8> {
    let document = json!({
        "Code": "Success",
        "LastUpdated": jiff::Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
        "Type": "AWS-HMAC",
        "AccessKeyId": credentials.access_key_id,
        "SecretAccessKey": credentials.secret_access_key,
        "Token": credentials.session_token,
        "Expiration": credentials.expiration,
    });
    format!("{document:#}").into_bytes()
}
