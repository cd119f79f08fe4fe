//! Keys that encrypt what is in buckets, and who needs them.

use super::buckets::AllSettings;
use std::sync::{Arc, PoisonError};

/// Which KMS keys encrypt what is in buckets.
#[derive(Clone)]
pub struct Keys(Arc<AllSettings>);

impl Keys {
    /// Of these buckets.
    pub(super) fn new(settings: Arc<AllSettings>) -> Self {
        Self(settings)
    }

    /// ARN of the bucket's key, if it has one.
    pub fn of(&self, bucket: &str) -> Option<String> {
        let settings = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let rules = &settings.get(bucket)?.encryption.as_ref()?.rules;
        let mut by_default =
            rules.iter().filter_map(|rule| rule.apply_server_side_encryption_by_default.as_ref());
        by_default.find_map(|it| it.kms_master_key_id.clone())
    }
}

/// What an operation does with the key of a bucket (S3 user guide, "Using server-side
/// encryption with AWS KMS keys").
pub(super) fn actions(operation: &str) -> &'static [&'static str] {
    match operation {
        "GetObject" | "CompleteMultipartUpload" => &["kms:Decrypt"],
        "PutObject" | "CopyObject" => &["kms:GenerateDataKey"],
        "CreateMultipartUpload" | "UploadPart" => &["kms:GenerateDataKey", "kms:Decrypt"],
        _ => &[],
    }
}
