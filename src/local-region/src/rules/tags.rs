//! Tags and filters of EC2.

super::rules! {
    gaps: [
        "ec2": "Each describe operation knows the filters that the region can answer; AWS's other filters are refused as invalid.",
        "ec2": "Instances, groups and what a launch makes can be tagged; so can subnets, the VPC, images and snapshots. Key pairs and the like do not exist.",
    ]
    LIMIT = "ec2.tags.limit" {
        says: "A resource has at most 50 tags.",
        source: "EC2 user guide, Tag restrictions; EC2 API reference, Error codes, TagLimitExceeded",
        answer: "TagLimitExceeded",
        proof: Api,
    }
    KEY_LENGTH = "ec2.tags.key-length" {
        says: "A key is at most 128 Unicode characters.",
        source: "EC2 user guide, Tag restrictions",
        answer: "InvalidParameterValue",
        proof: Api,
    }
    VALUE_LENGTH = "ec2.tags.value-length" {
        says: "A value is at most 256 Unicode characters.",
        source: "EC2 user guide, Tag restrictions",
        answer: "InvalidParameterValue",
        proof: Api,
    }
    RESERVED = "ec2.tags.reserved" {
        says: "Keys that begin with aws: are AWS's own.",
        source: "EC2 user guide, Tag restrictions",
        answer: "InvalidParameterValue",
        proof: Api,
    }
    DUPLICATE = "ec2.tags.duplicate" {
        says: "A request names a key once.",
        source: "EC2 API model, CreateTags, Tags",
        answer: "InvalidParameterValue",
        proof: Api,
    }
    NEEDED = "ec2.tags.needed" {
        says: "CreateTags names a tag.",
        source: "EC2 API model, CreateTags, required members",
        answer: "MissingParameter",
        proof: Api,
    }
    RESOURCE_FORM = "ec2.tags.resource-form" {
        says: "What is tagged has an id of a known kind.",
        source: "EC2 API reference, Error codes, InvalidID",
        answer: "InvalidID",
        proof: Api,
    }
    RESOURCE = "ec2.tags.resource" {
        says: "If one of the resources does not exist, none is tagged.",
        source: "EC2 API reference, Error codes, InvalidInstanceID.NotFound",
        answer: "InvalidInstanceID.NotFound",
        proof: Api,
    }
    DELETE_BY_VALUE = "ec2.tags.delete-by-value" {
        says: "DeleteTags with a value, an empty one too, deletes only a tag of this value.",
        source: "EC2 API model, DeleteTags, Tags",
        answer: "-",
        proof: Api,
    }
    SPECIFICATION_TYPE = "ec2.tags.specification-type" {
        says: "A tag specification names a resource type that the operation makes.",
        source: "EC2 API model, TagSpecification, ResourceType; the message is not verified",
        answer: "InvalidParameterValue",
        proof: Api,
    }
    SPECIFICATION_ONCE = "ec2.tags.specification-once" {
        says: "A request has one tag specification per resource type.",
        source: "EC2 API model, TagSpecification; the message is not verified",
        answer: "InvalidParameterValue",
        proof: Api,
    }
    FILTER_NAME = "ec2.filters.name" {
        says: "A filter has a name that the operation knows.",
        source: "EC2 API reference, Error codes, InvalidParameterValue; the message is not verified",
        answer: "InvalidParameterValue",
        proof: Api,
    }
    FILTER_VALUE_NEEDED = "ec2.filters.value-needed" {
        says: "A filter has a value.",
        source: "EC2 API model, Filter, Values; the message is not verified",
        answer: "InvalidParameterValue",
        proof: Api,
    }
    FILTER_LIMIT = "ec2.filters.limit" {
        says: "A request has at most 200 filter values.",
        source: "EC2 user guide, List and filter your resources; message: gossm issue 47",
        answer: "FilterLimitExceeded",
        proof: Api,
    }
    FILTER_WILDCARD = "ec2.filters.wildcard" {
        says: "In a filter value * is any text, ? one character and \\ takes the next character as it is; case counts.",
        source: "EC2 user guide, List and filter your resources; jclouds, TagFilterBuilder",
        answer: "-",
        proof: Api,
    }
}
