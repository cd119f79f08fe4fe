//! Consoles of the account in memory.

use super::Fake;
use nixl_aws::Result;
use nixl_aws::ec2::Console;

#[async_trait::async_trait]
impl Console for Fake {
    async fn get_console_output(&self, instance_id: &str) -> Result<Option<String>> {
        self.call("GetConsoleOutput", |state| Ok(state.consoles.get(instance_id).cloned()))
    }
}
