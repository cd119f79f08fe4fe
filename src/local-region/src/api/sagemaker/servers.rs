//! Tracking servers: create, describe, update, delete.

use super::{checks, invalid, key, secs, tags, url_of};
use crate::api::{Answer, ApiError, Call};
use crate::rules::tracking_servers as rules;
use crate::served::{Step, change};
use crate::state::sagemaker::{Served, Status, TrackingServer};
use serde_json::{Value, json};

/// `Maximum number of MLflow Tracking Servers` (L-6BC1B1A9).
const MAX_SERVERS: usize = 10;

/// The name in the request and its ARN, once the caller may use it.
pub fn named(call: &Call<'_>, input: &Value) -> Result<(String, String), ApiError> {
    checks::shape(call, input, &["TrackingServerName"])?;
    let name = input["TrackingServerName"].as_str().unwrap_or_default().to_owned();
    let arn = call.arn(&format!("mlflow-tracking-server/{name}"));
    call.authorize(&arn)?;
    Ok((name, arn))
}

/// There is none of this name.
pub fn not_found(name: &str) -> ApiError {
    ApiError::new("ResourceNotFound", format!("Tracking Server with name {name} does not exist."))
}

/// CreateMlflowTrackingServer.
pub fn create(call: &Call<'_>, input: &Value) -> Answer {
    let (name, arn) = named(call, input)?;
    checks::shape(call, input, &["ArtifactStoreUri", "RoleArn"])?;
    checks::version(input)?;
    checks::bucket(call, input)?;
    let text = |field: &str| input[field].as_str().map(str::to_owned);
    let role_arn = text("RoleArn").unwrap_or_default();
    checks::role(call, &role_arn)?;
    let now = call.region.clock.now();
    let server = TrackingServer {
        served: Served {
            name: name.clone(),
            arn: arn.clone(),
            key: key(),
            process: name.clone(),
            status: Status::Creating,
            port: None,
            failure: None,
            role_arn,
            artifact_store_uri: text("ArtifactStoreUri").unwrap_or_default(),
            created: now,
            modified: now,
            maintenance: text("WeeklyMaintenanceWindowStart"),
            tags: tags::read(input)?,
        },
        size: text("TrackingServerSize").unwrap_or_else(|| "Small".to_owned()),
        automatic_registration: input["AutomaticModelRegistration"].as_bool().unwrap_or(false),
        bucket_owner: text("S3BucketOwnerAccountId"),
        verifies_bucket_owner: input["S3BucketOwnerVerification"].as_bool().unwrap_or(true),
    };
    let mut state = call.state();
    let (rule, count) = (&call.region.rules, state.sagemaker.servers.len());
    rule.check(&rules::EXISTS, !state.sagemaker.servers.contains_key(&name), || {
        ApiError::new(
            "ConflictException",
            format!("Tracking Server with ARN {arn} already exists."),
        )
    })?;
    rule.check(&rules::LIMIT, count < MAX_SERVERS, || {
        ApiError::new(
            "ResourceLimitExceeded",
            format!("The account-level service limit 'Maximum number of MLflow Tracking Servers' is {MAX_SERVERS} Tracking Servers, with current utilization of {count} Tracking Servers and a request delta of 1 Tracking Servers. Please use AWS Service Quotas to request an increase for this quota."),
        )
    })?;
    let key = server.served.key.clone();
    state.sagemaker.servers.insert(name, server);
    drop(state);
    change(call.region, &key, Step::Start, Status::Created, Status::CreateFailed);
    Ok(json!({ "TrackingServerArn": arn }))
}

/// DescribeMlflowTrackingServer.
pub fn describe(call: &Call<'_>, input: &Value) -> Answer {
    let (name, _) = named(call, input)?;
    let state = call.state();
    let server = state.sagemaker.servers.get(&name).ok_or_else(|| not_found(&name))?;
    let served = &server.served;
    let mut shown = json!({
        "TrackingServerArn": served.arn,
        "TrackingServerName": served.name,
        "ArtifactStoreUri": served.artifact_store_uri,
        "TrackingServerSize": server.size,
        "RoleArn": served.role_arn,
        "TrackingServerStatus": served.status.told(),
        "IsActive": if served.is_active() { "Active" } else { "Inactive" },
        "AutomaticModelRegistration": server.automatic_registration,
        "CreationTime": secs(served.created),
        "LastModifiedTime": secs(served.modified),
        "S3BucketOwnerVerification": server.verifies_bucket_owner,
    });
    // It keeps its address while it is stopped.
    if !matches!(served.status, Status::Creating | Status::CreateFailed) {
        shown["TrackingServerUrl"] = json!(url_of(call, served));
    }
    if let Some(window) = &served.maintenance {
        shown["WeeklyMaintenanceWindowStart"] = json!(window);
    }
    if let Some(owner) = &server.bucket_owner {
        shown["S3BucketOwnerAccountId"] = json!(owner);
    }
    Ok(shown)
}

/// UpdateMlflowTrackingServer; another artifact store makes it start anew.
pub fn update(call: &Call<'_>, input: &Value) -> Answer {
    let (name, arn) = named(call, input)?;
    checks::bucket(call, input)?;
    let now = call.region.clock.now();
    let mut state = call.state();
    let server = state.sagemaker.servers.get_mut(&name).ok_or_else(|| not_found(&name))?;
    let status = server.served.status;
    call.region.rules.check(&rules::UPDATE_STATE, server.served.is_active(), || {
        wrong_state(&arn, status, "can't be updated")
    })?;
    if let Some(size) = input["TrackingServerSize"].as_str() {
        server.size = size.to_owned();
    }
    if let Some(flag) = input["AutomaticModelRegistration"].as_bool() {
        server.automatic_registration = flag;
    }
    if let Some(flag) = input["S3BucketOwnerVerification"].as_bool() {
        server.verifies_bucket_owner = flag;
    }
    if let Some(owner) = input["S3BucketOwnerAccountId"].as_str() {
        server.bucket_owner = Some(owner.to_owned());
    }
    let step = settle(&mut server.served, input);
    server.served.status = Status::Updating;
    server.served.modified = now;
    let key = server.served.key.clone();
    drop(state);
    change(call.region, &key, step, Status::Updated, Status::UpdateFailed);
    Ok(json!({ "TrackingServerArn": arn }))
}

/// Takes over what servers and apps let change; what that means for the process.
pub fn settle(served: &mut Served, input: &Value) -> Step {
    if let Some(window) = input["WeeklyMaintenanceWindowStart"].as_str() {
        served.maintenance = Some(window.to_owned());
    }
    match input["ArtifactStoreUri"].as_str() {
        Some(uri) if uri != served.artifact_store_uri => {
            uri.clone_into(&mut served.artifact_store_uri);
            Step::Restart
        }
        _ => Step::Keep,
    }
}

/// The change does not fit the state.
pub fn wrong_state(arn: &str, status: Status, cannot: &str) -> ApiError {
    let status = status.told().to_uppercase();
    invalid(format!("Tracking Server with ARN {arn} is currently in status {status}, {cannot}."))
}

/// DeleteMlflowTrackingServer.
pub fn delete(call: &Call<'_>, input: &Value) -> Answer {
    let (name, arn) = named(call, input)?;
    let now = call.region.clock.now();
    let mut state = call.state();
    let served =
        &mut state.sagemaker.servers.get_mut(&name).ok_or_else(|| not_found(&name))?.served;
    let status = served.status;
    call.region.rules.check(&rules::DELETE_STATE, !status.is_busy(), || {
        invalid(format!(
            "Tracking Server is in un-deletable state ({}), so it cannot be deleted.",
            status.told().to_uppercase()
        ))
    })?;
    served.status = Status::Deleting;
    served.modified = now;
    let key = served.key.clone();
    drop(state);
    change(call.region, &key, Step::Delete, Status::Deleting, Status::DeleteFailed);
    Ok(json!({ "TrackingServerArn": arn }))
}
