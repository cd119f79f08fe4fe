//! Elastic IP addresses.

super::rules! {
    gaps: [
        "ec2": "Public addresses are of TEST-NET-3 (RFC 5737): they show where AWS shows them and lead nowhere.",
        "ec2": "Address pools, recovery of released addresses and addresses by PublicIp (deprecated) do not exist.",
    ]
    LIMIT = "ec2.address.limit" {
        says: "An account has 5 Elastic IP addresses per region.",
        source: "EC2 user guide, Elastic IP address quota; EC2 API reference, Error codes, AddressLimitExceeded",
        answer: "AddressLimitExceeded",
        proof: Api,
    }
    UNKNOWN = "ec2.address.unknown" {
        says: "An address that a call names is allocated.",
        source: "EC2 API reference, Error codes, InvalidAllocationID.NotFound",
        answer: "InvalidAllocationID.NotFound",
        proof: Api,
    }
    ASSOCIATION_UNKNOWN = "ec2.address.association-unknown" {
        says: "An association that is ended exists.",
        source: "EC2 API reference, Error codes, InvalidAssociationID.NotFound",
        answer: "InvalidAssociationID.NotFound",
        proof: Api,
    }
    TARGET = "ec2.address.target" {
        says: "An address is associated with an instance or with an interface.",
        source: "EC2 API model, AssociateAddress, InstanceId; the code is not verified",
        answer: "InvalidParameterCombination",
        proof: Api,
    }
    STATE = "ec2.address.state" {
        says: "An address is associated with an instance that is running or stopped, not pending.",
        source: "terraform-provider-aws pull request 3072",
        answer: "InvalidInstanceID",
        proof: Api,
    }
    ONE_INTERFACE = "ec2.address.one-interface" {
        says: "An instance with several interfaces is associated by an interface's id.",
        source: "EC2 API model, AssociateAddress, InstanceId; message: ansible issue 27917",
        answer: "InvalidInstanceID",
        proof: Api,
    }
    REASSOCIATION = "ec2.address.reassociation" {
        says: "An associated address moves to the new place, unless the caller forbids it.",
        source: "EC2 API model, AssociateAddress, AllowReassociation; EC2 API reference, Error codes, Resource.AlreadyAssociated",
        answer: "Resource.AlreadyAssociated",
        proof: Api,
    }
    SHOWN = "ec2.address.shown" {
        says: "The address takes the place of the instance's public address, in answers and in IMDS.",
        source: "EC2 user guide, Elastic IP addresses",
        answer: "-",
        proof: Api,
    }
    FREED = "ec2.address.freed" {
        says: "When its interface is deleted, an address stays allocated and leads nowhere.",
        source: "EC2 user guide, Elastic IP addresses",
        answer: "-",
        proof: Api,
    }
    RELEASED_DISASSOCIATED = "ec2.address.release" {
        says: "In the default VPC releasing an address ends its association.",
        source: "EC2 API model, ReleaseAddress",
        answer: "-",
        proof: Api,
    }
}
