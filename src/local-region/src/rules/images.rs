//! What the owner of an image changes of it.

super::rules! {
    gaps: [
        "ec2": "Of an image's attributes imdsSupport, launchPermission and description can be changed; bootMode, productCodes and what is empty are shown besides, others are unknown.",
        "ec2": "There is no KMS: keys are not looked for, and an image that is encrypted is readable by whoever may launch it. Accounts and organizations that an image is shared with need not exist.",
        "ec2": "AWS does not document the codes and messages for a bad DeprecateAt, a bad imdsSupport and an encrypted image made public.",
    ]
    OWNER = "ec2.image.owner" {
        says: "Attributes and deprecation of an image are its owner's to read and change.",
        source: "EC2 API reference, Error codes, AuthFailure",
        answer: "AuthFailure",
        proof: Api,
    }
    ONE_ATTRIBUTE = "ec2.image.one-attribute" {
        says: "ModifyImageAttribute changes one attribute.",
        source: "EC2 API reference, ModifyImageAttribute",
        answer: "InvalidParameterCombination",
        proof: Api,
    }
    PARTY = "ec2.image.party" {
        says: "An image is shared with accounts by their 12 digits, with ARNs of organizations and their units, and with all.",
        source: "EC2 API reference, Error codes, InvalidAMIAttributeItemValue",
        answer: "InvalidAMIAttributeItemValue",
        proof: Api,
    }
    DEFAULT_KEY_SHARED = "ec2.image.default-key-shared" {
        says: "An image that the AWS managed key encrypts cannot be shared.",
        source: "Message: hashicorp/packer issue 7410; EC2 user guide, Share an AMI with specific AWS accounts",
        answer: "InvalidParameter",
        proof: Api,
    }
    ENCRYPTED_PUBLIC = "ec2.image.encrypted-public" {
        says: "An encrypted image cannot be made public.",
        source: "EC2 user guide, Make your AMI publicly available for use in Amazon EC2",
        answer: "InvalidParameter",
        proof: Api,
    }
    IMDS_ONE_WAY = "ec2.image.imds-one-way" {
        says: "imdsSupport can be set to v2.0 and never back.",
        source: "EC2 API reference, ModifyImageAttribute, ImdsSupport",
        answer: "InvalidParameterValue",
        proof: Api,
    }
    IMDS_DEFAULT = "ec2.image.imds-default" {
        says: "Instances of an image with imdsSupport v2.0 need tokens and have a hop limit of 2, unless their launch says otherwise.",
        source: "EC2 API reference, Image, ImdsSupport",
        answer: "-",
        proof: Api,
    }
    DEPRECATE_AT = "ec2.image.deprecate-at" {
        says: "An image is deprecated in the future, at most 10 years from now.",
        source: "EC2 API reference, EnableImageDeprecation, DeprecateAt",
        answer: "InvalidParameterValue",
        proof: Api,
    }
    DEPRECATED_HIDDEN = "ec2.image.deprecated-hidden" {
        says: "DescribeImages shows a deprecated image of another account only with IncludeDeprecated or by its id; its owner always sees it.",
        source: "EC2 user guide, Deprecate an Amazon EC2 AMI",
        answer: "-",
        proof: Api,
    }
    TAGS_PRIVATE = "ec2.image.tags-private" {
        says: "Tags of an image are its owner's: other accounts neither see them nor find it by them.",
        source: "EC2 user guide, Tag your Amazon EC2 resources, Tag restrictions",
        answer: "-",
        proof: Api,
    }
}
