//! Security groups.

super::rules! {
    gaps: [
        "ec2": "There is one VPC, the default one; groups and rules of other VPCs, accounts and prefix lists do not exist.",
        "ec2": "AuthorizeSecurityGroupIngress with SourceSecurityGroupName and ModifySecurityGroupRules are refused.",
        "ec2": "Limits are AWS's defaults; IPv4 and IPv6 rules are counted together (AWS: each for itself).",
        "ec2": "The code of a rule without another side and that of a bad ICMP type are not verified.",
    ]
    NAME = "ec2.security-group.name" {
        says: "A group's name is 1 to 255 characters of a small set.",
        source: "EC2 API model, CreateSecurityGroup, GroupName",
        answer: "InvalidParameterValue",
        proof: Api,
    }
    DESCRIPTION = "ec2.security-group.description" {
        says: "A group's description is 1 to 255 characters of the same set.",
        source: "EC2 API model, CreateSecurityGroup, Description",
        answer: "InvalidParameterValue",
        proof: Api,
    }
    NAME_LIKE_ID = "ec2.security-group.name-like-id" {
        says: "A group's name does not begin with sg-.",
        source: "EC2 API model, CreateSecurityGroup, GroupName",
        answer: "InvalidParameterValue",
        proof: Api,
    }
    VPC = "ec2.security-group.vpc" {
        says: "A group is made in a VPC that exists.",
        source: "EC2 API reference, Error codes, InvalidVpcID.NotFound",
        answer: "InvalidVpcID.NotFound",
        proof: Api,
    }
    DUPLICATE = "ec2.security-group.duplicate" {
        says: "A name is used once in a VPC, whatever its case.",
        source: "EC2 API model, CreateSecurityGroup, GroupName",
        answer: "InvalidGroup.Duplicate",
        proof: Api,
    }
    LIMIT = "ec2.security-group.limit" {
        says: "An account has 2500 security groups per region.",
        source: "VPC user guide, Quotas; EC2 API reference, Error codes, SecurityGroupLimitExceeded",
        answer: "SecurityGroupLimitExceeded",
        proof: Api,
    }
    MALFORMED = "ec2.security-group.id-form" {
        says: "A group's id begins with sg-.",
        source: "EC2 API reference, Error codes, InvalidGroupId.Malformed",
        answer: "InvalidGroupId.Malformed",
        proof: Api,
    }
    UNKNOWN = "ec2.security-group.unknown" {
        says: "A group that a call names by id or name exists; describing one that does not is an error.",
        source: "EC2 API reference, Error codes, InvalidGroup.NotFound",
        answer: "InvalidGroup.NotFound",
        proof: Api,
    }
    PER_INTERFACE = "ec2.security-group.per-interface" {
        says: "A network interface has at most 5 security groups.",
        source: "VPC user guide, Quotas; EC2 API reference, Error codes, SecurityGroupsPerInterfaceLimitExceeded",
        answer: "SecurityGroupsPerInterfaceLimitExceeded",
        proof: Api,
    }
    DEFAULT_STAYS = "ec2.security-group.default-stays" {
        says: "The default group cannot be deleted.",
        source: "VPC user guide, Default security groups; EC2 API reference, Error codes, CannotDelete",
        answer: "CannotDelete",
        proof: Api,
    }
    USED_BY_INTERFACE = "ec2.security-group.used-by-interface" {
        says: "A group that a network interface has cannot be deleted, until the instance is terminated.",
        source: "EC2 API model, DeleteSecurityGroup",
        answer: "DependencyViolation",
        proof: Api,
    }
    USED_BY_RULE = "ec2.security-group.used-by-rule" {
        says: "A group that another group's rule names cannot be deleted; its own rules do not hold it.",
        source: "EC2 API model, DeleteSecurityGroup",
        answer: "DependencyViolation",
        proof: Api,
    }
    PROTOCOL = "ec2.security-group.protocol" {
        says: "A rule's protocol is -1, tcp, udp, icmp, icmpv6 or a number to 255.",
        source: "EC2 API model, IpPermission, IpProtocol",
        answer: "InvalidParameterValue",
        proof: Api,
    }
    PORTS_NEEDED = "ec2.security-group.ports-needed" {
        says: "A TCP or UDP rule has a first and a last port, an ICMP rule a type and a code.",
        source: "EC2 API model, AuthorizeSecurityGroupIngress",
        answer: "InvalidParameterValue",
        proof: Api,
    }
    PORT_RANGE = "ec2.security-group.port-range" {
        says: "Ports are 0 to 65535, the first not after the last.",
        source: "EC2 API model, IpPermission, FromPort and ToPort; the message is not verified",
        answer: "InvalidParameterValue",
        proof: Api,
    }
    ICMP_TYPE = "ec2.security-group.icmp-type" {
        says: "With all ICMP types (-1) all codes (-1) are meant.",
        source: "EC2 API model, IpPermission, ToPort",
        answer: "InvalidParameterValue",
        proof: Api,
    }
    CIDR = "ec2.security-group.cidr" {
        says: "A range is an address of its family, a slash and a prefix length.",
        source: "EC2 API model, IpRange, CidrIp; the message is not verified",
        answer: "InvalidParameterValue",
        proof: Api,
    }
    CIDR_CANONICAL = "ec2.security-group.cidr-canonical" {
        says: "A range is kept in its canonical form: 100.68.0.18/18 is 100.68.0.0/18.",
        source: "EC2 API model, AuthorizeSecurityGroupIngress, CidrIp",
        answer: "-",
        proof: Api,
    }
    SOURCE_NEEDED = "ec2.security-group.source-needed" {
        says: "A rule names a range or a group.",
        source: "EC2 API model, AuthorizeSecurityGroupIngress; the code is not verified",
        answer: "MissingParameter",
        proof: Api,
    }
    REFERENCE = "ec2.security-group.reference" {
        says: "A group that a rule names exists.",
        source: "EC2 API reference, Error codes, InvalidGroup.NotFound",
        answer: "InvalidGroup.NotFound",
        proof: Api,
    }
    RULE_DESCRIPTION = "ec2.security-group.rule-description" {
        says: "A rule's description is at most 255 characters of the small set.",
        source: "EC2 API model, IpRange, Description",
        answer: "InvalidParameterValue",
        proof: Api,
    }
    REPEATED = "ec2.security-group.rule-repeated" {
        says: "A request does not name the same rule twice.",
        source: "input-output-hk/bitte pull request 24",
        answer: "InvalidParameterValue",
        proof: Api,
    }
    RULE_DUPLICATE = "ec2.security-group.rule-duplicate" {
        says: "A group does not have the same rule twice; nothing of such a request is added.",
        source: "EC2 API reference, Error codes, InvalidPermission.Duplicate",
        answer: "InvalidPermission.Duplicate",
        proof: Api,
    }
    RULE_LIMIT = "ec2.security-group.rule-limit" {
        says: "A group has at most 60 inbound and 60 outbound rules.",
        source: "VPC user guide, Quotas; EC2 API reference, Error codes, RulesPerSecurityGroupLimitExceeded",
        answer: "RulesPerSecurityGroupLimitExceeded",
        proof: Api,
    }
    RULE_MALFORMED = "ec2.security-group.rule-id-form" {
        says: "A rule's id begins with sgr-.",
        source: "EC2 API reference, Error codes, InvalidSecurityGroupRuleId.Malformed",
        answer: "InvalidSecurityGroupRuleId.Malformed",
        proof: Api,
    }
    RULE_UNKNOWN = "ec2.security-group.rule-unknown" {
        says: "A rule that a call names by id exists, in the group and direction it is revoked from.",
        source: "EC2 API reference, Error codes, InvalidSecurityGroupRuleId.NotFound",
        answer: "InvalidSecurityGroupRuleId.NotFound",
        proof: Api,
    }
    REVOKE_UNMATCHED = "ec2.security-group.revoke-unmatched" {
        says: "In a default VPC revoking what matches no rule is no error; the answer tells it.",
        source: "EC2 API model, RevokeSecurityGroupIngress",
        answer: "-",
        proof: Api,
    }
}
