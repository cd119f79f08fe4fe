//! AWS Systems Manager (API reference 2014-11-06), by hand-signed AwsJson 1.1:
//! Parameter Store ([`Ssm`]), and commands and sessions on managed nodes
//! ([`ManagedNodes`]).

mod nodes;
mod parameters;
mod shapes;

pub use nodes::ManagedNodes;
pub use parameters::{ParameterStore, Ssm};
pub use shapes::{Invocation, ManagedNode, SendCommand, Session, StartSession};

use crate::json::{Service, client};

/// How SSM is addressed.
const SERVICE: Service = Service {
    name: "ssm",
    endpoint_prefix: "ssm",
    signing_name: "ssm",
    target_prefix: "AmazonSSM",
    endpoint_variable: "SSM",
    nearest: None,
};

client!(SERVICE);

impl Client {
    /// URL that is called, for programs that call SSM themselves.
    #[must_use]
    pub fn endpoint(&self) -> Option<&str> {
        self.json.endpoint()
    }
}
