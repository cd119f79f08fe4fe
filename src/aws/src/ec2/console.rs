//! The console of an instance: what it says before anything can log in.

use super::{Client, SERVICE, named};
use crate::{AwsError, Result};

/// The call.
#[async_trait::async_trait]
pub trait Console: Send + Sync {
    /// The last 64 KiB that the instance has written to its console; none where
    /// EC2 has nothing yet. Of Nitro instances it is the newest.
    async fn get_console_output(&self, instance_id: &str) -> Result<Option<String>>;
}

#[async_trait::async_trait]
impl Console for Client {
    async fn get_console_output(&self, instance_id: &str) -> Result<Option<String>> {
        let answer = named!(
            "GetConsoleOutput",
            self.sdk.get_console_output().instance_id(instance_id).latest(true).send().await
        )?;
        let Some(encoded) = answer.output else { return Ok(None) };
        // A console holds whatever the machine wrote, so it need not be UTF-8.
        let bytes = aws_smithy_types::base64::decode(encoded.trim()).unwrap_or_default();
        let text = String::from_utf8_lossy(&bytes).into_owned();
        Ok((!text.is_empty()).then_some(text))
    }
}
