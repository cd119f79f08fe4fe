//! Network interfaces of a launch.

super::rules! {
    gaps: [
        "ec2": "Interfaces are attached by launches and detached by terminations only: AttachNetworkInterface and DetachNetworkInterface are refused.",
        "ec2": "The interfaces of an instance share one subnet, because each zone has one.",
        "ec2": "Codes of launches that want an existing interface changed, or for several instances, are not verified.",
        "ec2": "p6-b300.48xlarge takes device index 0 and 1 on its EFA cards: AWS's text and its example differ.",
        "ec2": "Codes of refused interfaces that AWS does not document (a card without EFA, a card that does not exist, two EFAs on a card) are not verified; callers should not tell them apart.",
        "ec2": "An address or prefix wished for an interface has no effect.",
    ]
    TOP_LEVEL = "ec2.run.interfaces-or-subnet" {
        says: "A launch with network interfaces has no subnet or security groups of its own.",
        source: "EC2 API model, RunInstances, SubnetId and SecurityGroupIds",
        answer: "InvalidParameterCombination",
        proof: Api,
    }
    DEVICE_NEEDED = "ec2.run.device-index" {
        says: "Each network interface has a device index.",
        source: "EC2 API model, InstanceNetworkInterfaceSpecification, DeviceIndex",
        answer: "MissingParameter",
        proof: Api,
    }
    PRIMARY = "ec2.run.primary-interface" {
        says: "One interface is the primary one: device index 0 on network card 0.",
        source: "EC2 API model, InstanceNetworkInterfaceSpecification, NetworkCardIndex",
        answer: "InvalidParameterValue",
        proof: Api,
    }
    UNIQUE = "ec2.run.device-unique" {
        says: "No two interfaces have the same network card and device index.",
        source: "EC2 API reference, RunInstances; message as reported by users",
        answer: "InvalidParameterValue",
        proof: Api,
    }
    KIND = "ec2.run.interface-type" {
        says: "An interface is of type interface, efa or efa-only.",
        source: "EC2 API model, InstanceNetworkInterfaceSpecification, InterfaceType",
        answer: "InvalidParameterValue",
        proof: Api,
    }
    CARD = "ec2.run.network-card" {
        says: "The instance type has the network card.",
        source: "EC2 API model, NetworkInfo, MaximumNetworkCards",
        answer: "InvalidParameterValue",
        proof: Api,
    }
    EFA_CARD = "ec2.run.efa-support" {
        says: "EFA is attached only to network cards that take it.",
        source: "EC2 API model, NetworkCardInfo, InterfaceTypes",
        answer: "InvalidParameterCombination",
        proof: Api,
    }
    EFA_ONLY_PRIMARY = "ec2.run.efa-only-primary" {
        says: "An efa-only interface cannot be the primary one: it has no address.",
        source: "EC2 user guide, Elastic Fabric Adapter",
        answer: "InvalidParameterCombination",
        proof: Api,
    }
    ONE_EFA_PER_CARD = "ec2.run.one-efa-per-card" {
        says: "A network card takes one EFA.",
        source: "EC2 user guide, Elastic Fabric Adapter",
        answer: "AttachmentLimitExceeded",
        proof: Api,
    }
    EFA_LIMIT = "ec2.run.efa-limit" {
        says: "An instance has no more EFAs than its type allows, whatever its cards take.",
        source: "EC2 API model, EfaInfo, MaximumEfaInterfaces",
        answer: "AttachmentLimitExceeded",
        proof: Api,
    }
    CARD_LIMIT = "ec2.run.interfaces-per-card" {
        says: "A network card takes no more interfaces than the type's figure, efa-only ones included.",
        source: "EC2 API model, NetworkCardInfo, MaximumNetworkInterfaces",
        answer: "AttachmentLimitExceeded",
        proof: Api,
    }
    PUBLIC_ONE = "ec2.run.public-address-one-interface" {
        says: "A public address is given only to an instance with one interface.",
        source: "EC2 API model, AssociatePublicIpAddress; message: karpenter issue 5666",
        answer: "InvalidParameterCombination",
        proof: Api,
    }
    PUBLIC_EFA_ONLY = "ec2.run.public-address-efa-only" {
        says: "An efa-only interface has no public address.",
        source: "EC2 API model, InterfaceType; code: karpenter",
        answer: "InvalidParameterValue",
        proof: Api,
    }
    EXISTING = "ec2.run.interface-unknown" {
        says: "A network interface that a launch names exists.",
        source: "EC2 API reference, Error codes, InvalidNetworkInterfaceID.NotFound",
        answer: "InvalidNetworkInterfaceID.NotFound",
        proof: Api,
    }
    GROUP_NAME = "ec2.run.group-name" {
        says: "A security group named by a launch exists in the default VPC.",
        source: "EC2 API reference, Error codes, InvalidGroup.NotFound",
        answer: "InvalidGroup.NotFound",
        proof: Api,
    }
    EXISTING_USED = "ec2.run.interface-in-use" {
        says: "A network interface that a launch names is not in use.",
        source: "terraform-provider-aws issue 27513",
        answer: "InvalidNetworkInterface.InUse",
        proof: Api,
    }
    EXISTING_AS_IT_IS = "ec2.run.interface-as-it-is" {
        says: "An existing interface is launched with as it is, and is not deleted on termination.",
        source: "EC2 API model, InstanceNetworkInterfaceSpecification; the code is not verified",
        answer: "InvalidParameterCombination",
        proof: Api,
    }
    EXISTING_ONCE = "ec2.run.interface-one-instance" {
        says: "A launch with an existing interface is of one instance.",
        source: "EC2 API model, InstanceNetworkInterfaceSpecification; the code is not verified",
        answer: "InvalidParameterCombination",
        proof: Api,
    }
    OUTLIVES = "ec2.interface.outlives" {
        says: "An interface with DeleteOnTermination=false outlives its instance: available, with its address, groups and tags.",
        source: "EC2 API model, NetworkInterfaceAttachmentChanges, DeleteOnTermination",
        answer: "-",
        proof: Api,
    }
    TOKEN = "ec2.interface.token" {
        says: "CreateNetworkInterface with the same client token gives the same interface; other parameters are refused.",
        source: "EC2 developer guide, Ensuring idempotency",
        answer: "IdempotentParameterMismatch",
        proof: Api,
    }
    UNKNOWN = "ec2.interface.unknown" {
        says: "An interface that a call names exists.",
        source: "EC2 API reference, Error codes, InvalidNetworkInterfaceID.NotFound",
        answer: "InvalidNetworkInterfaceID.NotFound",
        proof: Api,
    }
    DELETE_IN_USE = "ec2.interface.delete-in-use" {
        says: "An interface that is attached cannot be deleted.",
        source: "EC2 API model, DeleteNetworkInterface; code and message: cloud-nuke pull request 1132",
        answer: "InvalidParameterValue",
        proof: Api,
    }
    MODIFY_ONE = "ec2.interface.modify-one" {
        says: "ModifyNetworkInterfaceAttribute sets one attribute at a time.",
        source: "EC2 API model, ModifyNetworkInterfaceAttribute; the code is not verified",
        answer: "InvalidParameterCombination",
        proof: Api,
    }
    ATTACHMENT = "ec2.interface.attachment" {
        says: "What is modified of an attachment names the attachment.",
        source: "EC2 API reference, Error codes, InvalidAttachmentID.NotFound",
        answer: "InvalidAttachmentID.NotFound",
        proof: Api,
    }
}
