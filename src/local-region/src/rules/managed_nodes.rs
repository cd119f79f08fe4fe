//! Managed nodes of Systems Manager: the agents of instances.

super::rules! {
    gaps: [
        "ssm": "The region itself is the agent of every machine; it is there from multi-user.target on, whatever the image holds. That an agent is gone is noticed at once (AWS: after some minutes). PingStatus is never Inactive; there are no hybrid nodes and no associations.",
        "ssm": "IsLatestVersion is always false, as the version told is one without multiplexed port sessions.",
        "ssm": "A role that may not register is retried after the sleep or the next boot; restarting an agent inside the machine changes nothing.",
    ]
    REGISTERS = "ssm.node.registers" {
        says: "An instance is a managed node only if its role lets the agent call ssm:UpdateInstanceInformation.",
        source: "Systems Manager user guide, Configure instance permissions required for Systems Manager; policy AmazonSSMManagedInstanceCore",
        answer: "-",
        proof: Api,
    }
    SLEEPS = "ssm.node.sleeps" {
        says: "An agent whose role did not let it register at boot tries again 25 to 30 minutes later, or after a reboot.",
        source: "amazon-ssm-agent issues 202 and 491, packer-plugin-amazon issue 503",
        answer: "-",
        proof: Api,
    }
    CHANNELS = "ssm.node.channels" {
        says: "Commands and sessions reach a node only if its role may open ssmmessages channels.",
        source: "Systems Manager user guide, Reference: ec2messages, ssmmessages, and other API operations",
        answer: "TargetNotConnected",
        proof: Api,
    }
    CONNECTION_LOST = "ssm.node.connection-lost" {
        says: "A node whose machine is stopped is ConnectionLost.",
        source: "SSM API reference, InstanceInformation, PingStatus",
        answer: "-",
        proof: Api,
    }
    FILTERS = "ssm.node.filters" {
        says: "Filters have keys that SSM knows; PingStatus has three values.",
        source: "SSM API reference, DescribeInstanceInformation, errors",
        answer: "InvalidFilterKey",
        proof: Api,
    }
    ONE_FILTER_FORM = "ssm.node.one-filter-form" {
        says: "InstanceInformationFilterList and Filters are not used together.",
        source: "SSM API reference, DescribeInstanceInformation",
        answer: "ValidationException",
        proof: Api,
    }
    PAGES = "ssm.node.pages" {
        says: "A page has 5 to 50 nodes.",
        source: "SSM API model, MaxResultsEC2Compatible",
        answer: "ValidationException",
        proof: Api,
    }
}
