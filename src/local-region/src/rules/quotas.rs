//! Quotas of vCPUs, and the service that tells and raises them.

super::rules! {
    gaps: [
        "ec2": "Every vCPU quota of the local account is 768, enough for four p5.48xlarge; a new account at AWS has 0 or 5. Other quotas of EC2 are not there.",
        "ec2": "No Spot quota of P6 is known, so none holds.",
        "ec2": "A Capacity Reservation beyond the quota is refused as VcpuLimitExceeded; the code at AWS is not verified.",
        "servicequotas": "ec2 is the only service, and its vCPU quotas the only quotas; quotas of resources, templates, tags, utilization reports and automatic management are not there.",
        "servicequotas": "An increase stays PENDING until the quota is set to what it asked for; there are no support cases, and no answer of AWS's staff.",
    ]
    ON_DEMAND = "ec2.quota.on-demand" {
        says: "On-Demand instances of a family have no more vCPUs together than its quota, up to MaxCount of the launch, and after those that start again.",
        source: "EC2 user guide, On-Demand Instance quotas; EC2 API model, RunInstances, MaxCount; message: scrapoxy issue 202",
        answer: "VcpuLimitExceeded",
        proof: Api,
    }
    SPOT = "ec2.quota.spot" {
        says: "Spot instances of a family have no more vCPUs together than its Spot quota.",
        source: "EC2 user guide, Spot Instance quotas; message: nixops-aws issue 41",
        answer: "MaxSpotInstanceCountExceeded",
        proof: Api,
    }
    MARKETS = "ec2.quota.markets" {
        says: "On-Demand and Spot instances count against quotas of their own.",
        source: "EC2 user guide, Amazon EC2 service quotas",
        answer: "-",
        proof: Api,
    }
    FAMILIES = "ec2.quota.families" {
        says: "Each family counts against its own quota; it is the leading run of letters, so that inf is not i and trn is not t.",
        source: "EC2 user guide, On-Demand Instance quotas",
        answer: "-",
        proof: Api,
    }
    RUNNING = "ec2.quota.running" {
        says: "Only pending and running instances count.",
        source: "EC2 user guide, On-Demand Instance quotas: running On-Demand Instances",
        answer: "-",
        proof: Api,
    }
    RESERVED = "ec2.quota.reserved" {
        says: "Room in an active Capacity Reservation counts as if it were used.",
        source: "EC2 user guide, Capacity Reservation restrictions and quotas",
        answer: "VcpuLimitExceeded",
        proof: Api,
    }
    ONCE = "ec2.quota.reserved-once" {
        says: "A launch into a Capacity Reservation is not counted a second time.",
        source: "EC2 user guide, Capacity Reservation restrictions and quotas",
        answer: "-",
        proof: Api,
    }
    UNKNOWN = "servicequotas.unknown" {
        says: "The service, quota or request that a call names exists.",
        source: "Service Quotas API reference, GetServiceQuota, NoSuchResourceException",
        answer: "NoSuchResourceException",
        proof: Api,
    }
    MAX_RESULTS = "servicequotas.max-results" {
        says: "A page has 1 to 100 entries.",
        source: "Service Quotas API model, MaxResults",
        answer: "IllegalArgumentException",
        proof: Api,
    }
    PAGES = "servicequotas.pages" {
        says: "Lists come in pages of 100, or of MaxResults, with a NextToken.",
        source: "Service Quotas API reference, ListServiceQuotas",
        answer: "-",
        proof: Api,
    }
    TOKEN = "servicequotas.token" {
        says: "A NextToken is one that the service gave.",
        source: "Service Quotas API reference, InvalidPaginationTokenException",
        answer: "InvalidPaginationTokenException",
        proof: Api,
    }
    GREATER = "servicequotas.increase.greater" {
        says: "An increase asks for more than the quota's value.",
        source: "Message: cloud-custodian pull request 8939",
        answer: "IllegalArgumentException",
        proof: Api,
    }
    ONE_OPEN = "servicequotas.increase.one-open" {
        says: "A quota has at most one open request.",
        source: "Message: terraform-provider-aws issue 19657",
        answer: "ResourceAlreadyExistsException",
        proof: Api,
    }
    APPROVED = "servicequotas.increase.approved" {
        says: "A request is PENDING and changes nothing until it is APPROVED; then the quota has its value.",
        source: "Service Quotas user guide, Requesting a quota increase; API model, RequestStatus",
        answer: "-",
        proof: Api,
    }
}
