//! The one table of reasons: health texts, `nixl-noded explain`, the journal
//! catalog and the docs page are made from it.

use serde::{Deserialize, Serialize};

/// How bad a reason is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Passing state, not yet a fault.
    Info,
    /// Works, look at it.
    Warning,
    /// Does not work.
    Error,
}

/// What a person should do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    /// Wait and look again.
    Watch,
    /// Change a setting.
    FixSetting,
    /// Restart the daemon or the node.
    Reboot,
    /// Get another instance.
    Replace,
}

/// One row of the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reason {
    /// Stable code; appears in tags, health, journal and metrics.
    pub code: &'static str,
    /// How bad it is.
    pub severity: Severity,
    /// What it means, one sentence.
    pub meaning: &'static str,
    /// What to do.
    pub action: Action,
    /// How to do it, one sentence.
    pub advice: &'static str,
}

macro_rules! reasons {
    ($($name:ident $code:literal $severity:ident $action:ident $meaning:literal $advice:literal)*) => {
        $(#[doc = $meaning] pub const $name: Reason = Reason {
            code: $code,
            severity: Severity::$severity,
            meaning: $meaning,
            action: Action::$action,
            advice: $advice,
        };)*
        /// Every reason, in the order of the table.
        pub const TABLE: &[Reason] = &[$($name),*];
    };
}

reasons! {
    INITIALIZING "node.initializing" Info Watch
        "The daemon is starting and has not reached this point yet."
        "Wait; a start that takes longer than its deadline becomes a failure of its own."
    SETTINGS_MISSING "node.settings_missing" Error FixSetting
        "The settings file that user data should have written is not there."
        "Look at `cloud-init status --long`; the launcher's user data writes /etc/nixl/node.toml."
    SETTINGS_INVALID "node.settings_invalid" Error FixSetting
        "The settings file does not parse."
        "Correct /etc/nixl/node.toml at the line named and restart nixl-noded."
    IMDS_UNREACHABLE "node.imds_unreachable" Error FixSetting
        "The instance metadata service does not answer."
        "Check that the instance has metadata enabled and that nothing filters 169.254.169.254."
    REGISTER_DENIED "node.register_denied" Error FixSetting
        "EC2 refuses to let this node tag itself."
        "The node's role must allow ec2:CreateTags on its own instance for the nixl: keys; `nixl-launch up` makes such a role."
    EC2_UNREACHABLE "node.ec2_unreachable" Warning Watch
        "The EC2 API does not answer or throttles."
        "Check the route to the EC2 endpoint; the daemon goes on trying, an existing pair keeps working."
    FABRIC_LIBRARY_MISSING "fabric.library_missing" Error FixSetting
        "libfabric.so.1 cannot be opened."
        "Install the EFA installer's libfabric or the distribution's libfabric1; the image component `libfabric` does it."
    FABRIC_PROVIDER_MISSING "fabric.provider_missing" Error FixSetting
        "The provider asked for has no device here."
        "For efa: the instance type and its network interface must be EFA and the efa driver loaded; or launch with another --provider."
    FABRIC_EFA_UNUSED "fabric.efa_unused" Error FixSetting
        "This node has EFA, but its fabric runs over another provider."
        "Give provider = \"efa\" in /etc/nixl/node.toml to see why it cannot be opened; libfabric must be one with the EFA provider, as the EFA installer's."
    FABRIC_WORKER_DIED "fabric.worker_died" Warning Watch
        "The process that owns the fabric ended and was started again."
        "See the evidence for its last words; repeated deaths mean a libfabric or driver fault."
    FABRIC_WORKER_ABORTED "fabric.worker_aborted" Warning Watch
        "The process that owns the fabric aborted inside libfabric or its driver and was started again."
        "See the evidence for its last words; if it comes again, update the EFA software or replace the instance."
    FABRIC_WORKER_KILLED "fabric.worker_killed" Warning Watch
        "The process that owns the fabric was killed from outside and was started again."
        "Look for the kernel's out-of-memory killer in `journalctl -k`."
    FABRIC_WORKER_HUNG "fabric.worker_hung" Warning Watch
        "The process that owns the fabric stopped giving signs of life; the daemon killed it and started it again."
        "If it comes again, libfabric hangs in the driver: look at `journalctl -k`, then reboot or replace the instance."
    FABRIC_WORKER_LEAKED "fabric.worker_leaked" Warning Watch
        "The process that owns the fabric grew beyond its limit of memory; the daemon killed it and started it again."
        "See the evidence for its size; if it comes again, libfabric or its driver leaks: update the EFA software."
    FABRIC_WORKER_BLOCKED "fabric.worker_blocked" Warning Replace
        "The process that owns the fabric tried a system call that its sandbox forbids; it was ended and started again."
        "The evidence names the call. Unless new EFA software explains it, somebody has taken the process over: keep the journal and replace the instance."
    FABRIC_ERROR "fabric.error" Error Watch
        "libfabric reported an error."
        "The evidence names the error and its numbers; those that point to a cause have a reason of their own."
    FABRIC_SECURITY_GROUP "fabric.security_group" Error FixSetting
        "The EFA device never got an answer from the peer."
        "The security group must allow all traffic to and from itself, in both directions, and both nodes must be in one subnet and zone."
    FABRIC_MEMLOCK "fabric.memlock" Error FixSetting
        "The EFA provider could not post its receive buffers."
        "Raise the memlock limit: LimitMEMLOCK=infinity in the unit."
    FABRIC_PEER_GONE "fabric.peer_gone" Warning Watch
        "The peer's endpoint is closed."
        "The peer's process has ended; pairing resumes by itself when it is back."
    FABRIC_PEER_SILENT "fabric.peer_silent" Warning Watch
        "The EFA device gets no more answers from a peer that did answer."
        "Look at the peer's own /health; it hangs, has ended or lost its network."
    FABRIC_PEER_OVERLOADED "fabric.peer_overloaded" Warning Watch
        "The peer had no receive buffer posted."
        "The peer is overloaded or has stopped polling; look at its load."
    FABRIC_FEATURE_SKEW "fabric.feature_skew" Error FixSetting
        "The peer's EFA device lacks a feature that this one uses."
        "Use one instance type and one EFA software release on all nodes."
    FABRIC_DEVICE_ERROR "fabric.device_error" Error Replace
        "The fabric device or its driver reported an internal error."
        "Look at `journalctl -k` for the driver's words; if it comes again after a reboot, replace the instance."
    FABRIC_PERMISSION_DENIED "fabric.permission_denied" Error FixSetting
        "The kernel refuses the daemon an operation on the fabric."
        "For efa: /dev/infiniband/uverbs* must be readable and writable for the user nixl-noded, and the unit's DeviceAllow must be as installed. For tcp: look for a packet filter on the node."
    FABRIC_UNSUPPORTED "fabric.unsupported" Error FixSetting
        "The libfabric in use or its provider lacks a function."
        "Install the EFA installer's libfabric; /health names the version in use."
    FABRIC_OUT_OF_MEMORY "fabric.out_of_memory" Error Reboot
        "The fabric's provider is out of memory."
        "Look at the node's free memory and huge pages, then restart the daemon."
    PEER_UNKNOWN "pair.peer_unknown" Info Watch
        "No peer has registered itself yet."
        "Wait for the other node; if it is up, compare the nixl:cluster tags and the reservation of both."
    PEER_UNREACHABLE "pair.peer_unreachable" Warning FixSetting
        "The peer is registered but does not answer over the fabric."
        "The security group must allow all traffic to and from itself, in both directions, in one zone."
    PEER_LOST "pair.peer_lost" Warning Watch
        "The peer was paired and stopped answering."
        "Look at the peer's own /health; pairing resumes by itself when it is back."
    PEER_REFUSED "pair.peer_refused" Error FixSetting
        "A peer's handshake does not match what its tags say."
        "Its identity is not the one IAM let it publish; replace the node unless its daemon is just restarting."
    VERSION_SKEW "pair.version_skew" Error FixSetting
        "The peer speaks another version of the pairing protocol."
        "Launch both nodes from one image."
    ROLE_DIFFERS "pair.role_differs" Error FixSetting
        "The peer's settings deal out prefill and decode in another way than this node's."
        "Give `prefill` in /etc/nixl/node.toml the same value on every node and restart nixl-noded; `nixl-launch up --prefill` writes it to all."
    LINK_NOT_MEASURED "link.not_measured" Warning Watch
        "A measurement of the link to a peer could not be carried out."
        "See the evidence; if it comes again, look at the peer's own /health."
    PROVIDER_DIFFERS "pair.provider_differs" Error FixSetting
        "The peer uses another libfabric provider than this node."
        "Give `provider` in /etc/nixl/node.toml the same value on every node and restart nixl-noded; with `auto`, find out why one node has no EFA device."
    RELEASE_SKEW "pair.release_skew" Warning FixSetting
        "The peer runs another release of nixl-noded; the pair works all the same."
        "Launch all nodes from one image."
    RAILS_DIFFER "link.rails_differ" Warning FixSetting
        "The peer has another number of rails than this node."
        "Use one instance type and the same fabric interfaces on all nodes; look at /health of both for devices that are missing."
    LINK_LATENCY_DEGRADED "link.latency_degraded" Warning Watch
        "Round trips to the peer have become longer than expected of this link, three measurements in a row."
        "`nixl-noded link` shows them beside what is expected; look for load on both nodes first, then at the network."
    LINK_BANDWIDTH_DEGRADED "link.bandwidth_degraded" Warning Watch
        "Transfers to the peer have become slower than expected of this link, three measurements in a row."
        "`nixl-noded link` shows them beside what is expected; look for other traffic and load on both nodes first, then at the network."
    LINK_PROBES_LOST "link.probes_lost" Warning Watch
        "Round trips to the peer get lost, three measurements in a row."
        "A fabric delivers everything it takes: look at the peer's own /health and load, then at the network between both."
    MLFLOW_DENIED "mlflow.denied" Warning FixSetting
        "The node may not create a presigned MLflow URL."
        "Allow sagemaker:CreatePresignedMlflowTrackingServerUrl on the tracking server's ARN in the node's role."
    MLFLOW_UNREACHABLE "mlflow.unreachable" Warning Watch
        "SageMaker does not answer or refuses to create a presigned MLflow URL."
        "See the evidence; a tracking server needs up to 25 minutes to be created or started."
    ENVIRONMENT_STALE "node.environment_stale" Warning FixSetting
        "The environment files of this node do not name its MLflow tracking ARN."
        "Run `systemctl restart nixl-environment.service` and read its journal."
}

/// The reason with this code.
#[must_use]
pub fn find(code: &str) -> Option<&'static Reason> {
    TABLE.iter().find(|reason| reason.code == code)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_unique_and_fit_a_tag() {
        for (i, reason) in TABLE.iter().enumerate() {
            assert!(
                TABLE[i + 1..].iter().all(|other| other.code != reason.code),
                "{}",
                reason.code
            );
            assert!(reason.code.len() <= 64 && !reason.code.contains(':'), "{}", reason.code);
        }
    }
}
