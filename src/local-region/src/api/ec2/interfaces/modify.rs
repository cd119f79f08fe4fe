//! ModifyNetworkInterfaceAttribute.

use super::super::plan::combination;
use super::super::{done, dry_run, security_groups};
use super::check_id;
use crate::api::{Answer, ApiError, Call, params::Params};
use crate::rules::interfaces as rules;

/// Sets one attribute of an interface.
pub fn modify(call: &Call<'_>, p: &Params) -> Answer {
    let in_force = &call.region.rules;
    let id = p.need("NetworkInterfaceId")?;
    let mut state = call.state();
    check_id(&state, id)?;
    let groups = p.list("SecurityGroupId");
    let groups =
        (!groups.is_empty()).then(|| security_groups::of_interface(&state, groups)).transpose()?;
    let description = p.sub("Description").get("Value").map(str::to_owned);
    let check = p.sub("SourceDestCheck");
    let check = check.get("Value").is_some().then(|| check.flag("Value")).transpose()?;
    let attachment = p.sub("Attachment");
    let kept = !attachment.is_empty();
    let asked = [groups.is_some(), description.is_some(), check.is_some(), kept]
        .iter()
        .filter(|x| **x)
        .count();
    in_force.check(&rules::MODIFY_ONE, asked == 1, || {
        combination("Exactly one attribute can be modified at a time.")
    })?;
    let Some(interface) = state.ec2.interface_mut(id) else { return done() };
    if kept {
        let named = attachment.get("AttachmentId").unwrap_or_default();
        let known = interface.attachment.as_ref().is_some_and(|a| a.id == named);
        in_force.check(&rules::ATTACHMENT, known, || {
            let message = format!("The attachment ID '{named}' does not exist");
            ApiError::new("InvalidAttachmentID.NotFound", message)
        })?;
    }
    let goes = attachment.flag("DeleteOnTermination")?;
    dry_run(p)?;
    if let Some(attachment) = interface.attachment.as_mut().filter(|_| kept) {
        attachment.delete_on_termination = goes;
    }
    interface.group_ids = groups.unwrap_or(std::mem::take(&mut interface.group_ids));
    interface.description = description.unwrap_or(std::mem::take(&mut interface.description));
    interface.source_dest_check = check.unwrap_or(interface.source_dest_check);
    done()
}
