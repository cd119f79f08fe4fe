//! Objects.

super::rules! {
    gaps: [
        "s3": "There is no KMS: a bucket's key is not looked for, and an object counts as encrypted with the key that its bucket has now. Policies of buckets and keys are kept and not evaluated.",
    ]
    KMS = "s3.kms-key" {
        says: "Who writes into a bucket that a KMS key encrypts may use kms:GenerateDataKey on the key, who reads kms:Decrypt, and who uploads in parts both.",
        source: "S3 user guide, Using server-side encryption with AWS KMS keys (permissions); re:Post, multipart upload with KMS encryption",
        answer: "AccessDenied",
        proof: Api,
    }
    PREFIX = "s3.list-prefix" {
        says: "A policy may let a caller list only what begins with a prefix (s3:prefix).",
        source: "S3 user guide, Bucket policy examples using condition keys, s3:prefix",
        answer: "AccessDenied",
        proof: Api,
    }
}
