//! Instance types, zones, markets and how much of them there is.

super::rules! {
    gaps: [
        "ec2": "There is no limit to capacity until one is set for a zone, a type and a market.",
        "ec2": "Spot has no prices: a MaxPrice is never too low (SpotMaxPriceTooLow), and nobody is interrupted by price.",
        "ec2": "Spot instances are bought by RunInstances only (no RequestSpotInstances, no fleets); persistent requests are refused.",
        "ec2": "The catalogue of instance types holds those with EFA and some common others, as offered in us-east-1 at its date.",
        "ec2": "A zone that is out of capacity refuses at once; instances never die in `pending` for want of it.",
    ]
    TYPE_UNKNOWN = "ec2.run.type-unknown" {
        says: "A launch names an instance type that exists.",
        source: "EC2 API reference, Error codes, InvalidParameterValue",
        answer: "InvalidParameterValue",
        proof: Api,
    }
    TYPE_DESCRIBED = "ec2.types.unknown" {
        says: "DescribeInstanceTypes refuses a list with a name that is no type of the region.",
        source: "EC2 API reference, Error codes, InvalidInstanceType",
        answer: "InvalidInstanceType",
        proof: Api,
    }
    TYPES_PAGE = "ec2.types.page" {
        says: "DescribeInstanceTypes sends at most 100 types at once, also when no MaxResults is asked for.",
        source: "EC2 API model, DescribeInstanceTypes, MaxResults; the default is not documented",
        answer: "-",
        proof: Api,
    }
    SPOT_REQUEST = "ec2.run.spot-request" {
        says: "A launch on the Spot market makes an active one-time request for each instance, with the tags given for it; the request closes with the instance.",
        source: "EC2 user guide, Spot request status; EC2 API model, TagSpecifications of RunInstances",
        answer: "-",
        proof: Api,
    }
    SPOT_UNKNOWN = "ec2.spot.unknown" {
        says: "Spot requests that a call names exist.",
        source: "EC2 API reference, Error codes, InvalidSpotInstanceRequestID.NotFound",
        answer: "InvalidSpotInstanceRequestID.NotFound",
        proof: Api,
    }
    LOCATION_TYPE = "ec2.types.location-type" {
        says: "Offerings are listed by region, availability-zone or availability-zone-id.",
        source: "EC2 API model, LocationType",
        answer: "InvalidParameterValue",
        proof: Api,
    }
    REGION = "ec2.run.type-not-in-region" {
        says: "A type that no zone of the region offers cannot be launched.",
        source: "EC2 API reference, Error codes, Unsupported",
        answer: "Unsupported",
        proof: Api,
    }
    ZONE = "ec2.run.type-not-in-zone" {
        says: "A type is launched only in zones that offer it; the refusal names them.",
        source: "EC2 user guide, Troubleshoot instance launch issues",
        answer: "Unsupported",
        proof: Api,
    }
    ARCHITECTURE = "ec2.run.architecture" {
        says: "The image has an architecture of the instance type.",
        source: "EC2 user guide, Find an AMI that meets the requirements; message as reported by users",
        answer: "InvalidParameterValue",
        proof: Api,
    }
    INSUFFICIENT = "ec2.capacity.insufficient" {
        says: "A zone out of capacity refuses with status 500, and launches nothing below MinCount.",
        source: "EC2 API reference, Error codes, InsufficientInstanceCapacity; status: nib-health-funds/hammertime issue 29",
        answer: "InsufficientInstanceCapacity",
        proof: Api,
    }
    HINT = "ec2.capacity.hint" {
        says: "The refusal names the zones that have capacity now.",
        source: "Message: aws-parallelcluster issue 2716, commonwarexyz/monorepo issue 2859",
        answer: "InsufficientInstanceCapacity",
        proof: Api,
    }
    AT_LEAST = "ec2.capacity.min-to-max" {
        says: "As many instances as there is capacity for are launched, from MinCount up to MaxCount.",
        source: "EC2 API reference, RunInstances, MaxCount",
        answer: "-",
        proof: Api,
    }
    OTHER_ZONE = "ec2.capacity.zone-chosen" {
        says: "Without a zone or subnet, EC2 chooses a zone that offers the type and has capacity.",
        source: "EC2 API reference, Placement, AvailabilityZone",
        answer: "-",
        proof: Api,
    }
    ADDRESSES = "ec2.run.free-addresses" {
        says: "The subnet has an address for each interface that has one; efa-only has none.",
        source: "EC2 API reference, Error codes, InsufficientFreeAddressesInSubnet",
        answer: "InsufficientFreeAddressesInSubnet",
        proof: Api,
    }
    MARKET_TYPE = "ec2.run.market-type" {
        says: "The market is on-demand, spot or capacity-block.",
        source: "EC2 API model, MarketType",
        answer: "InvalidParameterValue",
        proof: Api,
    }
    USAGE_CLASS = "ec2.run.usage-class" {
        says: "A type is launched only on a market among its usage classes.",
        source: "EC2 API model, InstanceTypeInfo, SupportedUsageClasses; the code is not verified",
        answer: "Unsupported",
        proof: Api,
    }
    SPOT_OPTIONS = "ec2.run.spot-options" {
        says: "Spot options come only with the market spot.",
        source: "EC2 API model, InstanceMarketOptionsRequest; the code is not verified",
        answer: "InvalidParameterCombination",
        proof: Api,
    }
    SPOT_PERSISTENT = "ec2.run.spot-persistent" {
        says: "A persistent Spot request needs the interruption behaviour stop or hibernate.",
        source: "EC2 API model, SpotMarketOptions, SpotInstanceType",
        answer: "InvalidParameterCombination",
        proof: Api,
    }
    SPOT_BEHAVIOUR = "ec2.run.spot-behaviour" {
        says: "A one-time Spot request knows only the interruption behaviour terminate.",
        source: "EC2 user guide, Behavior of Spot Instance interruptions",
        answer: "InvalidParameterCombination",
        proof: Api,
    }
    SPOT_PRICE = "ec2.run.spot-price" {
        says: "A maximum price is more than USD 0.001.",
        source: "EC2 API model, SpotMarketOptions, MaxPrice",
        answer: "InvalidParameterValue",
        proof: Api,
    }
    BLOCK_TARGET = "ec2.run.capacity-block-target" {
        says: "A launch into a Capacity Block names its reservation.",
        source: "EC2 user guide, Launch instances using Capacity Blocks; the code is not verified",
        answer: "InvalidParameterCombination",
        proof: Api,
    }
    RESERVATION = "ec2.run.reservation-unknown" {
        says: "A reservation that a launch names exists.",
        source: "EC2 API reference, Error codes, InvalidCapacityReservationId.NotFound",
        answer: "InvalidCapacityReservationId.NotFound",
        proof: Api,
    }
}
