//! Reasons of a pair and of the link between its nodes.

use super::reasons;

reasons! {
    PEER_UNKNOWN "pair.peer_unknown" Info Watch
        "No peer has registered itself yet."
        "Wait for the other node; if it is up, compare the nixl:cluster tags and the reservation of both."
    PEER_UNREACHABLE "pair.peer_unreachable" Warning FixSetting
        "The peer is registered but does not answer over the fabric."
        "The security group must allow all traffic to and from itself, in both directions, in one zone."
    PEER_LOST "pair.peer_lost" Warning Watch
        "The peer was paired and stopped answering."
        "Look at the peer's own /health; pairing resumes by itself when it is back."
        => "When both are paired again."
    PEER_REFUSED "pair.peer_refused" Error FixSetting
        "A peer's handshake does not match what its tags say."
        "Its identity is not the one IAM let it publish; replace the node unless its daemon is just restarting."
    VERSION_SKEW "pair.version_skew" Error FixSetting
        "The peer speaks another version of the pairing protocol."
        "Launch both nodes from one image."
        => "When the peer has come back with this version."
    ROLE_DIFFERS "pair.role_differs" Error FixSetting
        "The peer's settings deal out prefill and decode in another way than this node's."
        "Give `prefill` in /etc/nixl/node.toml the same value on every node and restart nixl-noded; `nixl-launch up --roles` writes it to all."
        => "When the settings are alike and nixl-noded was restarted where they were changed."
    LINK_NOT_MEASURED "link.not_measured" Warning Watch
        "A measurement of the link to a peer could not be carried out."
        "See the evidence; if it comes again, look at the peer's own /health."
        => "With the next measurement that succeeds."
    PROVIDER_DIFFERS "pair.provider_differs" Error FixSetting
        "The peer uses another libfabric provider than this node."
        "Give `provider` in /etc/nixl/node.toml the same value on every node and restart nixl-noded; with `auto`, find out why one node has no EFA device."
        => "When both use one provider and nixl-noded was restarted where it was changed."
    RELEASE_SKEW "pair.release_skew" Warning FixSetting
        "The peer runs another release of nixl-noded; the pair works all the same."
        "Launch all nodes from one image."
    DRIVER_SKEW "pair.driver_skew" Warning FixSetting ["driver" "ours" "theirs"]
        "The peer runs another version of a driver than this node."
        "Launch all nodes from one image; a driver that was updated by hand counts after a reboot."
    LIBFABRIC_SKEW "pair.libfabric_skew" Warning FixSetting ["ours" "theirs"]
        "The peer uses another version of libfabric than this node."
        "Launch all nodes from one image, or give `libfabric` in /etc/nixl/node.toml the same library on every node."
    RAILS_DIFFER "link.rails_differ" Warning FixSetting
        "The peer has another number of rails than this node."
        "Use one instance type and the same fabric interfaces on all nodes; look at /health of both for devices that are missing."
    LINK_LATENCY_DEGRADED "link.latency_degraded" Warning Watch
        "Round trips to the peer have become longer than expected of this link, three measurements in a row."
        "`nixl-noded link` shows them beside what is expected; look for load on both nodes first, then at the network."
        => "After five good measurements in a row, or when the pair is lost."
    LINK_BANDWIDTH_DEGRADED "link.bandwidth_degraded" Warning Watch
        "Transfers to the peer have become slower than expected of this link, three measurements in a row."
        "`nixl-noded link` shows them beside what is expected; look for other traffic and load on both nodes first, then at the network."
        => "After five good measurements in a row, or when the pair is lost."
    LINK_PROBES_LOST "link.probes_lost" Warning Watch
        "Round trips to the peer get lost, three measurements in a row."
        "A fabric delivers everything it takes: look at the peer's own /health and load, then at the network between both."
        => "After five good measurements in a row, or when the pair is lost."
}
