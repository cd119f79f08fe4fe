//! What is left of images.

super::rules! {
    gaps: [
        "ec2": "A snapshot is its image's: none is made or copied by itself, and no image is registered from one. Nobody of another account ever copies an image, so that this needs the permission of its snapshots is not shown.",
        "ec2": "AWS does not document the codes and messages for permissions of a snapshot in both directions at once, for a bad account and for an encrypted snapshot made public.",
    ]
    IN_USE = "ec2.snapshot.in-use" {
        says: "The snapshot of an image is not deleted before the image is deregistered.",
        source: "EC2 API reference, DeleteSnapshot; Error codes, InvalidSnapshot.InUse",
        answer: "InvalidSnapshot.InUse",
        proof: Api,
    }
    ONE_WAY = "ec2.snapshot.one-way" {
        says: "ModifySnapshotAttribute adds permissions or removes them, and does not do both at once.",
        source: "EC2 API reference, ModifySnapshotAttribute",
        answer: "InvalidParameterCombination",
        proof: Api,
    }
    PARTY = "ec2.snapshot.party" {
        says: "A snapshot is shared with accounts, by their 12 digits, and with all; organizations cannot be named.",
        source: "EC2 API model, CreateVolumePermission; EBS user guide, Share an Amazon EBS snapshot",
        answer: "InvalidParameterValue",
        proof: Api,
    }
    DEFAULT_KEY_SHARED = "ec2.snapshot.default-key-shared" {
        says: "A snapshot that the AWS managed key encrypts cannot be shared.",
        source: "EC2 API reference, ModifySnapshotAttribute; message: hashicorp/packer issue 7499",
        answer: "OperationNotPermitted",
        proof: Api,
    }
    ENCRYPTED_PUBLIC = "ec2.snapshot.encrypted-public" {
        says: "An encrypted snapshot cannot be made public.",
        source: "EC2 API reference, ModifySnapshotAttribute",
        answer: "OperationNotPermitted",
        proof: Api,
    }
    KEPT = "ec2.snapshot.kept" {
        says: "DeregisterImage leaves an image's snapshots, with their tags, unless it is told to delete them.",
        source: "EC2 API reference, DeregisterImage, DeleteAssociatedSnapshots",
        answer: "-",
        proof: Api,
    }
}
