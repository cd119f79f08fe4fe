//! Capacity Blocks for ML.

super::rules! {
    gaps: [
        "ec2": "A Capacity Block is paid at once (AWS: payment-pending for up to 12 hours), at the On-Demand price for its hours; AWS's own fees and what it offers when are not published.",
        "ec2": "Capacity Blocks are not extended, shared or moved, know no UltraServers and segments, and are described as Capacity Reservations only; there are no EventBridge events.",
        "ec2": "The state reason of an instance that its Capacity Block ended, and the codes for an unknown offering, for a cancellation and for another market are not verified.",
    ]
    DURATION = "ec2.capacity-block.duration" {
        says: "A block lasts whole days up to 14, or whole weeks up to 182 days.",
        source: "EC2 API model, DescribeCapacityBlockOfferings, CapacityDurationHours",
        answer: "InvalidParameterValue",
        proof: Api,
    }
    SIZE = "ec2.capacity-block.size" {
        says: "A block has at most 64 instances.",
        source: "EC2 API model, DescribeCapacityBlockOfferings, InstanceCount",
        answer: "InvalidParameterValue",
        proof: Api,
    }
    SOLD = "ec2.capacity-block.sold" {
        says: "Blocks are offered of types with the usage class capacity-block only.",
        source: "EC2 API model, InstanceTypeInfo, SupportedUsageClasses",
        answer: "-",
        proof: Api,
    }
    ROOM = "ec2.capacity-block.room" {
        says: "What other blocks hold at the same time is not offered.",
        source: "EC2 user guide, Find and purchase Capacity Blocks",
        answer: "-",
        proof: Api,
    }
    ENDS = "ec2.capacity-block.ends" {
        says: "Every block ends at 11:30 UTC; those that start today are shorter or longer than asked for.",
        source: "EC2 user guide, Find and purchase Capacity Blocks",
        answer: "-",
        proof: Api,
    }
    OFFERED = "ec2.capacity-block.offered" {
        says: "What is bought is an offering that was told and is still there.",
        source: "EC2 API model, PurchaseCapacityBlock, CapacityBlockOfferingId",
        answer: "InvalidParameterValue",
        proof: Api,
    }
    SCHEDULED = "ec2.capacity-block.scheduled" {
        says: "A block is scheduled until its start and takes no launches.",
        source: "EC2 user guide, Work with Capacity Blocks",
        answer: "InvalidCapacityReservationState",
        proof: Api,
    }
    MARKET = "ec2.capacity-block.market" {
        says: "A launch into a block has the market type capacity-block, one into another reservation has not.",
        source: "EC2 user guide, Launch instances using Capacity Blocks",
        answer: "InvalidParameterValue",
        proof: Api,
    }
    TERMINATES = "ec2.capacity-block.terminates" {
        says: "From 30 minutes before its end on, the instances in a block are terminated.",
        source: "EC2 user guide, Work with Capacity Blocks",
        answer: "-",
        proof: Api,
    }
    FIXED = "ec2.capacity-block.fixed" {
        says: "A block is not cancelled.",
        source: "EC2 API reference, CancelCapacityReservation",
        answer: "UnsupportedOperation",
        proof: Api,
    }
}
