//! RunInstances.

super::rules! {
    gaps: [
        "ec2": "A terminated instance is visible for seconds, not for about an hour.",
        "ec2": "Client tokens are kept for the life of the region; AWS keeps them at least 24 hours after termination.",
        "ec2": "With too few addresses for MaxCount a launch is refused, though there may be enough for MinCount; what AWS does is not verified.",
        "ec2": "Launch templates, key pairs, block device mappings, CPU options and hibernation have no effect.",
        "ec2": "IMDS cannot be switched off (MetadataOptions.HttpEndpoint=disabled is refused).",
    ]
    TOKEN_MISMATCH = "ec2.run.token-mismatch" {
        says: "The same client token with other parameters is refused.",
        source: "EC2 developer guide, Ensuring idempotency",
        answer: "IdempotentParameterMismatch",
        proof: Api,
    }
    TOKEN_REPLAY = "ec2.run.token-replay" {
        says: "The same client token with the same parameters gives the same instances and launches none.",
        source: "EC2 developer guide, Ensuring idempotency",
        answer: "-",
        proof: Api,
    }
    TOKEN_TERMINATED = "ec2.run.token-terminated" {
        says: "A client token whose instances were terminated is refused.",
        source: "EC2 developer guide, Ensuring idempotency; boto3 issue 4406",
        answer: "IdempotentInstanceTerminated",
        proof: Api,
    }
    TOKEN_ZONAL = "ec2.run.token-zonal" {
        says: "With a subnet or zone in the request a client token is unique per zone: in another zone it launches again.",
        source: "EC2 developer guide, Ensuring idempotency, zonal",
        answer: "-",
        proof: Api,
    }
    TOKEN_REGIONAL = "ec2.run.token-regional" {
        says: "Without a subnet or zone in the request a client token is unique in the region, wherever EC2 placed the instances.",
        source: "EC2 developer guide, Ensuring idempotency, regional",
        answer: "-",
        proof: Api,
    }
    TOKEN_LENGTH = "ec2.run.token-length" {
        says: "A client token is at most 64 ASCII characters.",
        source: "EC2 developer guide, Ensuring idempotency",
        answer: "InvalidParameterValue",
        proof: Api,
    }
    DRY_RUN_LAST = "ec2.run.dry-run" {
        says: "A dry run is told DryRunOperation only when everything else is right.",
        source: "EC2 API model, RunInstances, DryRun",
        answer: "DryRunOperation",
        proof: Api,
    }
    IMAGE = "ec2.run.image" {
        says: "A launch names an image that exists.",
        source: "EC2 API reference, Error codes, InvalidAMIID.NotFound",
        answer: "InvalidAMIID.NotFound",
        proof: Api,
    }
    COUNTS_NEEDED = "ec2.run.counts-needed" {
        says: "A launch gives MinCount and MaxCount.",
        source: "EC2 API model, RunInstances, required members",
        answer: "MissingParameter",
        proof: Api,
    }
    COUNTS = "ec2.run.counts" {
        says: "MinCount is 1 to MaxCount.",
        source: "EC2 API model, RunInstances, MinCount",
        answer: "InvalidParameterValue",
        proof: Api,
    }
    SUBNET = "ec2.run.subnet" {
        says: "A launch names a subnet that exists.",
        source: "EC2 API reference, Error codes, InvalidSubnetID.NotFound",
        answer: "InvalidSubnetID.NotFound",
        proof: Api,
    }
    ZONE_NAME = "ec2.run.zone-name" {
        says: "A launch names a zone that exists.",
        source: "EC2 API reference, Placement, AvailabilityZone",
        answer: "InvalidParameterValue",
        proof: Api,
    }
    ZONE_OF_SUBNET = "ec2.run.zone-of-subnet" {
        says: "A zone and a subnet of the same launch agree.",
        source: "EC2 API reference, Placement, AvailabilityZone",
        answer: "InvalidParameterValue",
        proof: Api,
    }
    USER_DATA_BASE64 = "ec2.run.user-data-base64" {
        says: "User data is base64.",
        source: "EC2 API model, RunInstances, UserData",
        answer: "InvalidParameterValue",
        proof: Api,
    }
    USER_DATA_SIZE = "ec2.run.user-data-size" {
        says: "User data is at most 16 KB before it is encoded.",
        source: "EC2 API model, RunInstances, UserData; code: runs-on issue 9, kubermatic issue 144",
        answer: "InvalidParameterValue",
        proof: Api,
    }
    SHUTDOWN = "ec2.run.shutdown-behaviour" {
        says: "The shutdown behaviour is stop or terminate.",
        source: "EC2 API model, ShutdownBehavior",
        answer: "InvalidParameterValue",
        proof: Api,
    }
    HTTP_TOKENS = "ec2.run.http-tokens" {
        says: "HttpTokens is optional or required.",
        source: "EC2 API model, HttpTokensState",
        answer: "InvalidParameterValue",
        proof: Api,
    }
    HOP_LIMIT = "ec2.run.hop-limit" {
        says: "The hop limit of IMDS answers is 1 to 64.",
        source: "EC2 API model, InstanceMetadataOptionsRequest",
        answer: "InvalidParameterValue",
        proof: Api,
    }
    METADATA_TAGS = "ec2.run.metadata-tags" {
        says: "InstanceMetadataTags is enabled or disabled.",
        source: "EC2 API model, InstanceMetadataTagsState",
        answer: "InvalidParameterValue",
        proof: Api,
    }
    METADATA_TAG_KEYS = "ec2.run.metadata-tag-keys" {
        says: "Tags that IMDS shows have keys without spaces and slashes.",
        source: "EC2 user guide, View tags for your EC2 instances using instance metadata",
        answer: "InvalidParameterValue",
        proof: Api,
    }
}
