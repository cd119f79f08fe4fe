//! Eventual consistency of EC2.

super::rules! {
    gaps: [
        "ec2": "Windows of eventual consistency have a fixed length and are the same for every caller; by default those of instances, security groups and tags have none.",
        "ec2": "Rules of security groups, attributes and terminations are seen at once.",
    ]
    INSTANCE = "ec2.consistency.instance" {
        says: "A new instance is unknown to other calls for a while (`ec2.instance_visible`).",
        source: "EC2 developer guide, Eventual consistency; roboconf-platform issue 197",
        answer: "InvalidInstanceID.NotFound",
        proof: Api,
    }
    GROUP = "ec2.consistency.security-group" {
        says: "A new security group is unknown to other calls for a while (`ec2.security_group_visible`).",
        source: "EC2 developer guide, Eventual consistency",
        answer: "InvalidGroup.NotFound",
        proof: Api,
    }
    TAGS = "ec2.consistency.tags" {
        says: "Changed tags are shown, and found by filters, after a while (`ec2.tags_visible`); tags of a launch at once.",
        source: "EC2 developer guide, Eventual consistency",
        answer: "-",
        proof: Api,
    }
}
