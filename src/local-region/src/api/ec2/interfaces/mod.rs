//! Network interfaces.

mod create;
mod delete;
mod describe;
mod modify;

pub use create::create;
pub use delete::delete;
pub use describe::{describe, groups_of, show, show_inside};
pub use modify::modify;

use crate::api::ApiError;
use crate::rules::{Rules, interfaces as rules};
use crate::state::State;

/// Whether the interface exists.
fn check_id(state: &State, id: &str) -> Result<(), ApiError> {
    state.rules.check(&rules::UNKNOWN, state.ec2.interface(id).is_some(), || unknown(id))
}

/// The refusal of an interface that does not exist.
pub fn unknown(id: &str) -> ApiError {
    let message = format!("The networkInterface ID '{id}' does not exist");
    ApiError::new("InvalidNetworkInterfaceID.NotFound", message)
}

/// The type of a new interface.
pub fn kind(in_force: &Rules, text: Option<&str>) -> Result<String, ApiError> {
    let kind = text.unwrap_or("interface");
    let known = matches!(kind, "interface" | "efa" | "efa-only");
    in_force.check(&rules::KIND, known, || {
        super::plan::invalid(format!("Value ({kind}) for parameter InterfaceType is invalid."))
    })?;
    Ok(if known { kind } else { "interface" }.to_owned())
}
