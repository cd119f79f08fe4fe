//! What the owner of an image changes of it.

super::rules! {
    gaps: [
        "ec2": "Of an image's attributes imdsSupport, launchPermission and description can be changed; bootMode, productCodes and what is empty are shown besides, others are unknown.",
        "ec2": "There is no KMS: keys are not looked for, and an image that is encrypted is readable by whoever may launch it. Accounts and organizations that an image is shared with need not exist.",
        "ec2": "An image of another account is there once `nixl-region set image-owner` gives one away. The caller is in no organization, so what is shared with one is not seen; launching by id asks for no permission.",
        "ec2": "Other regions of the account have images, their tags and parameters, and nothing else: no machines, builds, snapshots of their own; roles may do nothing there. Whether a copy inherits imdsSupport is not documented; here it does not.",
        "ec2": "AWS does not document the codes and messages for a bad DeprecateAt, a bad imdsSupport and an encrypted image made public.",
    ]
    REGIONAL = "ec2.image.regional" {
        says: "Images, their tags and parameters are of one region: others do not know their ids and names.",
        source: "EC2 user guide, Copy an Amazon EC2 AMI",
        answer: "InvalidAMIID.NotFound",
        proof: Api,
    }
    NAME_TAKEN = "ec2.image.name-taken" {
        says: "An account has a name of an image once in a region.",
        source: "EC2 API reference, Error codes, InvalidAMIName.Duplicate",
        answer: "InvalidAMIName.Duplicate",
        proof: Api,
    }
    COPY_TOKEN = "ec2.image.copy-token" {
        says: "The same client token makes one copy, and is answered with it for ever.",
        source: "EC2 API reference, CopyImage, ClientToken",
        answer: "-",
        proof: Api,
    }
    COPY_PENDING = "ec2.image.copy-pending" {
        says: "A copy is pending at first: it cannot be launched, copied or changed.",
        source: "EC2 user guide, Copy an Amazon EC2 AMI; API reference, Error codes, InvalidAMIID.Unavailable",
        answer: "InvalidAMIID.Unavailable",
        proof: Api,
    }
    COPY_TAGS = "ec2.image.copy-tags" {
        says: "A copy has the tags of its source only with CopyImageTags, and never who may launch it and its deprecation.",
        source: "EC2 API reference, CopyImage, CopyImageTags; EC2 user guide, Copy an Amazon EC2 AMI; packer-plugin-amazon issue 137",
        answer: "-",
        proof: Api,
    }
    COPY_KEY = "ec2.image.copy-key" {
        says: "A key is named together with Encrypted.",
        source: "EC2 API reference, CopyImage, KmsKeyId; Error codes, InvalidParameterDependency",
        answer: "InvalidParameterDependency",
        proof: Api,
    }
    COPY_ENCRYPTED = "ec2.image.copy-encrypted" {
        says: "A copy of an encrypted image is encrypted, with the key that AWS manages there if none is named.",
        source: "EC2 user guide, Copy an Amazon EC2 AMI; message: tech.bedrockstreaming.com pull request 346",
        answer: "InvalidRequest",
        proof: Api,
    }
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
    SHARED = "ec2.image.shared" {
        says: "An account sees images of others that are public or shared with it, and no others.",
        source: "EC2 API reference, DescribeImages",
        answer: "-",
        proof: Api,
    }
    EXECUTABLE_BY = "ec2.image.executable-by" {
        says: "ExecutableBy keeps images with an explicit permission: shared with the caller (self) or another account, or public (all).",
        source: "EC2 API reference, DescribeImages, ExecutableBy",
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
