//! The vocabulary of the project: what one program writes, another reads.
//!
//! No SDK and no I/O live here. Tag keys and values, names, the settings file
//! a launcher hands to a node, the health document, the reasons it may name
//! and what to expect of an instance type are data that `nixl-bake`,
//! `nixl-launch`, `nixl-noded` and their tests share.

pub mod check;
mod claim;
pub mod health;
pub mod image_name;
pub mod instance_type;
pub mod link;
mod link_runs;
mod membership;
pub mod mlflow;
pub mod name;
pub mod note;
pub mod pair;
pub mod peer;
pub mod provider;
pub mod reading;
pub mod reason;
pub mod record;
pub mod role;
mod roles;
pub mod settings;
pub mod tag;
pub mod versions;

pub use claim::ClaimRecord;
pub use health::{Check, HealthDocument, Status};
pub use link_runs::LinkRuns;
pub use membership::Membership;
pub use mlflow::MlflowSettings;
pub use name::ClusterName;
pub use note::{Note, NoteError};
pub use pair::pair_id;
pub use peer::{PeerAnswer, PeerHealth};
pub use provider::{Provider, ProviderChoice};
pub use reading::Reading;
pub use reason::{Action, Reason, Severity};
pub use record::{EndpointRecord, IdentityRecord, Phase, RecordError, StateRecord};
pub use role::{Layout, LayoutError, Role};
pub use roles::{Roles, RolesParseError};
pub use settings::NodeSettings;
pub use versions::Versions;
