//! Traffic between machines: security groups on the bridge.

super::rules! {
    gaps: [
        "network": "Machines have one link each, for EFA's traffic and all other. What an ingress rule of the receiver names by protocol and port (all ports of TCP or UDP name none) is ordinary traffic, all else between two machines stands for EFA's: ordinary traffic that only a rule for all traffic or for all ports lets in needs here what EFA needs.",
        "network": "All EFA interfaces of a machine share its link: its fabric passes if the groups of each of them let it.",
        "network": "A flow that was let in is forgotten after 350 idle seconds, other protocols than TCP and UDP after 30 (AWS: up to 5 days, by protocol and type); replies of the latter are told by addresses alone.",
        "network": "Source addresses are not checked against the interface; IPv6 does not pass between machines, as in a VPC without it.",
        "network": "Nothing leads out of the region: rules for other addresses than those of machines are kept and shown, and have no effect.",
    ]
    FABRIC_EGRESS = "ec2.fabric.egress-rule" {
        says: "EFA traffic leaves a machine only if an egress rule of its groups allows all traffic to a group of the other.",
        source: "EC2 user guide, Get started with EFA, Prepare an EFA-enabled security group; gardener-extension-provider-aws issue 1832",
        answer: "-",
        proof: Machines,
    }
    FABRIC_INGRESS = "ec2.fabric.ingress-rule" {
        says: "EFA traffic enters a machine only if an ingress rule of its groups allows all traffic from a group of the other.",
        source: "EC2 user guide, Get started with EFA, Prepare an EFA-enabled security group",
        answer: "-",
        proof: Machines,
    }
    FABRIC_BY_GROUP = "ec2.fabric.group-rules-only" {
        says: "Rules for address ranges, 0.0.0.0/0 too, do not apply to EFA traffic: it has no IP addresses.",
        source: "gardener-extension-provider-aws issue 1832; awsome-distributed-ai issue 546",
        answer: "-",
        proof: Machines,
    }
    FABRIC_STATELESS = "ec2.fabric.both-directions" {
        says: "Each direction of EFA traffic needs its own rules: nothing passes as a reply.",
        source: "EC2 user guide, Get started with EFA, Prepare an EFA-enabled security group",
        answer: "-",
        proof: Machines,
    }
    EACH_EFA = "ec2.fabric.groups-of-the-interface" {
        says: "The groups of the EFA interface count, not those of the instance's primary interface.",
        source: "EC2 user guide, Create and attach an Elastic Fabric Adapter; VPC user guide, Security groups",
        answer: "-",
        proof: Machines,
    }
    INGRESS = "ec2.security-group.ingress" {
        says: "Ordinary traffic enters a machine only if an ingress rule of its groups covers protocol, port and sender.",
        source: "VPC user guide, Security group rules",
        answer: "-",
        proof: Machines,
    }
    EGRESS = "ec2.security-group.egress" {
        says: "Ordinary traffic leaves a machine only if an egress rule of its groups covers protocol, port and receiver.",
        source: "VPC user guide, Security group rules",
        answer: "-",
        proof: Machines,
    }
    STATEFUL = "ec2.security-group.stateful" {
        says: "Replies to ordinary traffic pass whatever the rules say, and a flow that was let in goes on when its rule goes.",
        source: "EC2 user guide, Security group connection tracking",
        answer: "-",
        proof: Machines,
    }
    AT_ONCE = "ec2.security-group.at-once" {
        says: "A change of rules applies at once to the machines that have the group; EFA traffic that no longer may stops.",
        source: "EC2 user guide, Security groups: rules are applied to all associated instances automatically",
        answer: "-",
        proof: Machines,
    }
}
