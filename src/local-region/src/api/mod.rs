//! The AWS services, one folder or file each, over three protocols.
//!
//! Every operation is a plain function from a [`Call`] and its parameters to a
//! JSON tree: the JSON protocols send it as it is, the query protocol writes it
//! as XML. None of them waits; what takes time is handed to a task.

mod condition;
pub mod constraint;
pub mod denial;
pub mod ec2;
pub mod error;
pub mod iam;
pub mod imagebuilder;
pub mod logs;
pub mod params;
pub mod policy;
pub mod policy_document;
pub mod pricing;
pub mod protocol;
pub mod sagemaker;
pub mod scheduler;
pub mod service_quotas;
pub mod sessions;
pub mod ssm;
pub mod sts;
pub mod tags;
pub mod trust;
pub mod xml;

use crate::rules::iam as rules;
use crate::server::Inner;
use crate::state::State;
use std::sync::{Arc, MutexGuard};

pub use error::ApiError;

/// Answer of an operation.
pub type Answer = Result<serde_json::Value, ApiError>;

/// Who calls.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Caller {
    /// The laptop: an administrator of the account.
    Administrator,
    /// A role session: of a machine, or assumed.
    Session {
        /// Role name.
        role_name: String,
        /// `AROA…`
        role_id: String,
        /// Session name; a machine's is its instance id.
        session_name: String,
        /// The session is a machine's.
        of_instance: bool,
    },
}

impl Caller {
    /// ARN as GetCallerIdentity tells it.
    #[must_use]
    pub fn arn(&self, account: &str) -> String {
        match self {
            Self::Administrator => format!("arn:aws:iam::{account}:user/administrator"),
            Self::Session { role_name, session_name, .. } => {
                format!("arn:aws:sts::{account}:assumed-role/{role_name}/{session_name}")
            }
        }
    }

    /// `aws:userid`.
    #[must_use]
    pub fn user_id(&self) -> String {
        match self {
            Self::Administrator => "AIDANIXLADMINISTRATOR".to_owned(),
            Self::Session { role_id, session_name, .. } => format!("{role_id}:{session_name}"),
        }
    }
}

/// One call of one operation.
pub struct Call<'a> {
    /// The region.
    pub region: &'a Arc<Inner>,
    /// Who calls.
    pub caller: &'a Caller,
    /// IAM prefix of the service, e.g. `ec2`.
    pub service: &'static str,
    /// Operation name.
    pub operation: &'a str,
}

impl Call<'_> {
    /// The region's state; not to be held longer than the operation.
    pub fn state(&self) -> MutexGuard<'_, State> {
        self.region.state()
    }

    /// ARN of a resource in this account and region.
    #[must_use]
    pub fn arn(&self, resource: &str) -> String {
        let config = &self.region.config;
        format!("arn:aws:{}:{}:{}:{resource}", self.service, config.region, config.account_id)
    }

    /// The same for a resource of another service.
    #[must_use]
    pub fn arn_of(&self, service: &str, resource: &str) -> String {
        let config = &self.region.config;
        format!("arn:aws:{service}:{}:{}:{resource}", config.region, config.account_id)
    }

    /// Refuses the call unless the caller may do this on the resource.
    pub fn authorize(&self, resource: &str) -> Result<(), ApiError> {
        self.authorize_with(self.operation, resource, &tags::Tags::new())
    }

    /// The same for another action, with the tags of the request.
    pub fn authorize_with(
        &self,
        action: &str,
        resource: &str,
        tags: &tags::Tags,
    ) -> Result<(), ApiError> {
        let action = format!("{}:{action}", self.service);
        self.permit(&policy::Asked { tags: Some(tags), ..policy::Asked::new(&action, resource) })
    }

    /// Refuses the call unless the caller may hand the role to the service.
    pub fn pass_role(&self, role_arn: &str, to: &str) -> Result<(), ApiError> {
        let to = ("iam:PassedToService", to);
        let asked =
            policy::Asked { more: Some(to), ..policy::Asked::new("iam:PassRole", role_arn) };
        if self.region.rules.on(&rules::PASS_ROLE) { self.permit(&asked) } else { Ok(()) }
    }

    fn permit(&self, asked: &policy::Asked<'_>) -> Result<(), ApiError> {
        policy::authorize(self.region, self.caller, asked)
            .map_err(|denial| denial.refusal(self.service, &self.region.rules))
    }
}

/// Now, as AWS writes it in XML: `2026-11-23T13:21:02.000Z`.
#[must_use]
pub fn timestamp() -> String {
    timestamp_of(jiff::Timestamp::now())
}

/// A time, as AWS writes it in XML.
#[must_use]
pub fn timestamp_of(time: jiff::Timestamp) -> String {
    time.strftime("%Y-%m-%dT%H:%M:%S.000Z").to_string()
}

/// Now in seconds since 1970, as the JSON protocols write it.
#[must_use]
pub fn epoch_secs() -> f64 {
    jiff::Timestamp::now().as_millisecond() as f64 / 1000.0
}
