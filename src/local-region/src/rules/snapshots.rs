//! What is left of images.

super::rules! {
    gaps: [
        "ec2": "A snapshot is its image's: none is made or copied by itself, and no image is registered from one.",
    ]
    IN_USE = "ec2.snapshot.in-use" {
        says: "The snapshot of an image is not deleted before the image is deregistered.",
        source: "EC2 API reference, DeleteSnapshot; Error codes, InvalidSnapshot.InUse",
        answer: "InvalidSnapshot.InUse",
        proof: Api,
    }
    KEPT = "ec2.snapshot.kept" {
        says: "DeregisterImage leaves an image's snapshots, with their tags, unless it is told to delete them.",
        source: "EC2 API reference, DeregisterImage, DeleteAssociatedSnapshots",
        answer: "-",
        proof: Api,
    }
}
