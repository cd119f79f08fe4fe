//! Placement groups.

super::rules! {
    gaps: [
        "ec2": "A new placement group is pending for 0.7 s by default (`ec2.placement_group_pending`), by the region's clock.",
        "ec2": "Spread groups do not count instances per rack, and partitions are not assigned.",
        "ec2": "The code at the 501st placement group and those of a bad PartitionCount are not verified.",
    ]
    NAME = "ec2.placement-group.name" {
        says: "A group's name is 1 to 255 ASCII characters.",
        source: "EC2 API model, CreatePlacementGroup, GroupName",
        answer: "InvalidParameterValue",
        proof: Api,
    }
    STRATEGY = "ec2.placement-group.strategy" {
        says: "The strategy is cluster, partition or spread.",
        source: "EC2 API model, PlacementStrategy",
        answer: "InvalidParameterValue",
        proof: Api,
    }
    PARTITIONS = "ec2.placement-group.partitions" {
        says: "Only partition groups have a PartitionCount, and it is 1 to 7.",
        source: "EC2 user guide, Placement groups, partition rules",
        answer: "InvalidParameterCombination",
        proof: Api,
    }
    DUPLICATE = "ec2.placement-group.duplicate" {
        says: "A name is taken once per account and region.",
        source: "EC2 API reference, Error codes, InvalidPlacementGroup.Duplicate",
        answer: "InvalidPlacementGroup.Duplicate",
        proof: Api,
    }
    LIMIT = "ec2.placement-group.limit" {
        says: "An account has 500 placement groups per region.",
        source: "EC2 user guide, Placement groups, general rules",
        answer: "PlacementGroupLimitExceeded",
        proof: Api,
    }
    PENDING = "ec2.placement-group.pending" {
        says: "A new group is pending for a moment; until it is available a launch finds it unknown.",
        source: "spore-host/spawn issue 317",
        answer: "InvalidPlacementGroup.Unknown",
        proof: Api,
    }
    UNKNOWN = "ec2.placement-group.unknown" {
        says: "A launch names a placement group that exists.",
        source: "EC2 API reference, Error codes, InvalidPlacementGroup.Unknown",
        answer: "InvalidPlacementGroup.Unknown",
        proof: Api,
    }
    ONE_ZONE = "ec2.placement-group.one-zone" {
        says: "A cluster group stays in the zone of its first instance while it is used.",
        source: "EC2 user guide, Placement groups, cluster; code and message: bcbio-nextgen-vm issue 45, terraform issue 16183",
        answer: "InvalidPlacementGroup.InUse",
        proof: Api,
    }
    TYPE = "ec2.placement-group.type" {
        says: "Types that do not support the strategy (burstable ones in a cluster) are refused.",
        source: "EC2 user guide, Placement groups, cluster; dstack issue 2872",
        answer: "InvalidParameterCombination",
        proof: Api,
    }
    SPOT = "ec2.placement-group.spot" {
        says: "Spot instances in a cluster group are terminated when interrupted, never stopped.",
        source: "karpenter, design of placement groups; the code is not verified",
        answer: "InvalidParameterCombination",
        proof: Api,
    }
    CAPACITY_BLOCK = "ec2.placement-group.capacity-block" {
        says: "An instance of a Capacity Block is in no placement group.",
        source: "EC2 user guide, Capacity Blocks for ML, considerations; the code is not verified",
        answer: "InvalidParameterCombination",
        proof: Api,
    }
    IN_USE = "ec2.placement-group.in-use" {
        says: "A group is deleted only when no instance is in it, shutting-down ones included.",
        source: "EC2 API reference, Error codes, InvalidPlacementGroup.InUse",
        answer: "InvalidPlacementGroup.InUse",
        proof: Api,
    }
    DELETE_UNKNOWN = "ec2.placement-group.delete-unknown" {
        says: "Only a group that exists is deleted.",
        source: "EC2 API reference, Error codes, InvalidPlacementGroup.Unknown",
        answer: "InvalidPlacementGroup.Unknown",
        proof: Api,
    }
    DESCRIBE_UNKNOWN = "ec2.placement-group.describe-unknown" {
        says: "Describing a group by a name nobody has is an error, not an empty list.",
        source: "EC2 API reference, Error codes, InvalidPlacementGroup.Unknown",
        answer: "InvalidPlacementGroup.Unknown",
        proof: Api,
    }
}
