//! Reasons of libfabric, its devices and the process that owns it.

use super::reasons;

reasons! {
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
        => "After 60 s without another one."
    FABRIC_WORKER_ABORTED "fabric.worker_aborted" Warning Watch
        "The process that owns the fabric aborted inside libfabric or its driver and was started again."
        "See the evidence for its last words; if it comes again, update the EFA software or replace the instance."
        => "After 60 s without another one."
    FABRIC_WORKER_KILLED "fabric.worker_killed" Warning Watch
        "The process that owns the fabric was killed from outside and was started again."
        "Look for the kernel's out-of-memory killer in `journalctl -k`."
        => "After 60 s without another one."
    FABRIC_WORKER_HUNG "fabric.worker_hung" Warning Watch
        "The process that owns the fabric stopped giving signs of life; the daemon killed it and started it again."
        "If it comes again, libfabric hangs in the driver: look at `journalctl -k`, then reboot or replace the instance."
        => "After 60 s without another one."
    FABRIC_WORKER_LEAKED "fabric.worker_leaked" Warning Watch
        "The process that owns the fabric grew beyond its limit of memory; the daemon killed it and started it again."
        "See the evidence for its size; if it comes again, libfabric or its driver leaks: update the EFA software."
        => "After 60 s without another one."
    FABRIC_WORKER_BLOCKED "fabric.worker_blocked" Warning Replace
        "The process that owns the fabric tried a system call that its sandbox forbids; it was ended and started again."
        "The evidence names the call. Unless new EFA software explains it, somebody has taken the process over: keep the journal and replace the instance."
        => "After 60 s without another one."
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
}
