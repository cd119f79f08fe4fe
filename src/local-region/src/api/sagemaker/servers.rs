//! Tracking servers: create, describe, list, delete.

use super::{arn_of, invalid, name_of, not_found, tags, url_of};
use crate::api::{Answer, ApiError, Call, epoch_secs, trust};
use crate::server::Inner;
use crate::state::sagemaker::TrackingServer;
use serde_json::{Value, json};
use std::sync::Arc;

/// CreateMlflowTrackingServer.
pub fn create(call: &Call<'_>, input: &Value) -> Answer {
    let name = name_of(input)?;
    let arn = arn_of(call, &name);
    call.authorize(&arn)?;
    let uri = input["ArtifactStoreUri"].as_str().unwrap_or_default().to_owned();
    let bucket = uri.strip_prefix("s3://").map(|rest| rest.split('/').next().unwrap_or_default());
    let Some(bucket) = bucket.filter(|bucket| !bucket.is_empty() && uri.len() <= 1024) else {
        return Err(invalid(format!(
            "1 validation error detected: Value '{uri}' at 'artifactStoreUri' failed to satisfy constraint: Member must satisfy regular expression pattern: (https|s3)://([^/]+)/?(.*)"
        )));
    };
    if !call.region.s3.bucket_exists(bucket) {
        return Err(invalid(format!(
            "The S3 bucket {bucket} of the artifact store does not exist or is in another region."
        )));
    }
    let role_arn = input["RoleArn"].as_str().unwrap_or_default().to_owned();
    call.pass_role(&role_arn, "sagemaker.amazonaws.com")?;
    check_role(call, &role_arn)?;
    let size = input["TrackingServerSize"].as_str().unwrap_or("Small").to_owned();
    if !matches!(size.as_str(), "Small" | "Medium" | "Large") {
        return Err(invalid(format!(
            "1 validation error detected: Value '{size}' at 'trackingServerSize' failed to satisfy constraint: Member must satisfy enum value set: [Small, Medium, Large]"
        )));
    }
    // There is one version here, the one the region installed; a wish for a
    // certain one cannot be met, and AWS too refuses those it does not have.
    if let Some(version) = input["MlflowVersion"].as_str() {
        return Err(invalid(format!(
            "The provided MLflow version is not supported: {version}. Leave it out in the local region."
        )));
    }
    let now = epoch_secs();
    let server = TrackingServer {
        name: name.clone(),
        arn: arn.clone(),
        key: format!("t-{}", hex::encode(rand::random::<[u8; 6]>())),
        status: "Creating",
        port: None,
        failure: None,
        size,
        role_arn,
        artifact_store_uri: uri.clone(),
        created: now,
        modified: now,
        maintenance: input["WeeklyMaintenanceWindowStart"].as_str().map(str::to_owned),
        automatic_registration: input["AutomaticModelRegistration"].as_bool().unwrap_or(false),
        tags: tags::read(input)?,
    };
    let mut state = call.state();
    if state.sagemaker.servers.contains_key(&name) {
        return Err(ApiError::new(
            "ConflictException",
            format!("Tracking Server with ARN {arn} already exists."),
        ));
    }
    state.sagemaker.servers.insert(name.clone(), server);
    drop(state);
    start(call.region, name, uri);
    Ok(json!({ "TrackingServerArn": arn }))
}

fn check_role(call: &Call<'_>, arn: &str) -> Result<(), ApiError> {
    let state = call.state();
    let role = state.iam.roles.values().find(|role| role.arn == arn).ok_or_else(|| {
        invalid(format!("Could not assume role {arn}. Please ensure that the role exists and allows principal 'sagemaker.amazonaws.com' to assume the role."))
    })?;
    if trust::service(&role.trust, "sagemaker.amazonaws.com") {
        Ok(())
    } else {
        Err(invalid(format!(
            "Could not assume role {arn}: its trust policy does not allow 'sagemaker.amazonaws.com'."
        )))
    }
}

fn start(region: &Arc<Inner>, name: String, uri: String) {
    let region = region.clone();
    let runtime = region.runtime.clone();
    runtime.spawn(async move {
        let started = region.config.tracking.start(&name, &uri).await;
        let mut state = region.state();
        let Some(server) = state.sagemaker.servers.get_mut(&name) else { return };
        server.modified = epoch_secs();
        match started {
            Ok(port) => {
                server.port = Some(port);
                server.status = "Created";
            }
            Err(error) => {
                tracing::error!(name, %error, "tracking server did not start");
                server.failure = Some(error.to_string());
                server.status = "CreateFailed";
            }
        }
    });
}

fn active(server: &TrackingServer) -> &'static str {
    if server.status == "Created" { "Active" } else { "Inactive" }
}

/// DescribeMlflowTrackingServer.
pub fn describe(call: &Call<'_>, input: &Value) -> Answer {
    let name = name_of(input)?;
    call.authorize(&arn_of(call, &name))?;
    let state = call.state();
    let server = state.sagemaker.servers.get(&name).ok_or_else(|| not_found(&name))?;
    let mut shown = json!({
        "TrackingServerArn": server.arn,
        "TrackingServerName": server.name,
        "ArtifactStoreUri": server.artifact_store_uri,
        "TrackingServerSize": server.size,
        "RoleArn": server.role_arn,
        "TrackingServerStatus": server.status,
        "IsActive": active(server),
        "AutomaticModelRegistration": server.automatic_registration,
        "CreationTime": server.created,
        "LastModifiedTime": server.modified,
    });
    if server.status == "Created" {
        shown["TrackingServerUrl"] = json!(url_of(call, server));
    }
    if let Some(window) = &server.maintenance {
        shown["WeeklyMaintenanceWindowStart"] = json!(window);
    }
    Ok(shown)
}

/// ListMlflowTrackingServers.
pub fn list(call: &Call<'_>, input: &Value) -> Answer {
    call.authorize("*")?;
    let wanted = input["TrackingServerStatus"].as_str();
    let most = input["MaxResults"].as_u64().unwrap_or(100);
    if !(1..=100).contains(&most) {
        return Err(invalid("MaxResults must be 1 to 100."));
    }
    let after = input["NextToken"].as_str().unwrap_or_default();
    let state = call.state();
    let mut found: Vec<&TrackingServer> = state
        .sagemaker
        .servers
        .values()
        .filter(|server| wanted.is_none_or(|wanted| wanted == server.status))
        .filter(|server| server.name.as_str() > after)
        .collect();
    let more = found.len() > usize::try_from(most).unwrap_or(usize::MAX);
    found.truncate(usize::try_from(most).unwrap_or(usize::MAX));
    let next = if more { found.last().map(|server| server.name.clone()) } else { None };
    let shown: Vec<Value> = found
        .iter()
        .map(|server| {
            json!({
                "TrackingServerArn": server.arn,
                "TrackingServerName": server.name,
                "CreationTime": server.created,
                "LastModifiedTime": server.modified,
                "TrackingServerStatus": server.status,
                "IsActive": active(server),
            })
        })
        .collect();
    let mut answer = json!({ "TrackingServerSummaries": shown });
    if let Some(next) = next {
        answer["NextToken"] = json!(next);
    }
    Ok(answer)
}

/// DeleteMlflowTrackingServer.
pub fn delete(call: &Call<'_>, input: &Value) -> Answer {
    let name = name_of(input)?;
    call.authorize(&arn_of(call, &name))?;
    let mut state = call.state();
    let server = state.sagemaker.servers.get_mut(&name).ok_or_else(|| not_found(&name))?;
    if matches!(server.status, "Creating" | "Deleting") {
        return Err(invalid(format!(
            "Tracking Server is in un-deletable state ({}), so it cannot be deleted.",
            server.status.to_uppercase()
        )));
    }
    server.status = "Deleting";
    server.modified = epoch_secs();
    let arn = server.arn.clone();
    drop(state);
    let region = call.region.clone();
    call.region.runtime.spawn(async move {
        let deleted = region.config.tracking.delete(&name).await;
        let mut state = region.state();
        match deleted {
            Ok(()) => {
                state.sagemaker.servers.remove(&name);
            }
            Err(error) => {
                tracing::error!(name, %error, "tracking server was not deleted");
                if let Some(server) = state.sagemaker.servers.get_mut(&name) {
                    server.status = "DeleteFailed";
                }
            }
        }
    });
    Ok(json!({ "TrackingServerArn": arn }))
}

/// StartMlflowTrackingServer and StopMlflowTrackingServer.
pub fn no_stop(call: &Call<'_>, input: &Value) -> Answer {
    let name = name_of(input)?;
    let state = call.state();
    let server = state.sagemaker.servers.get(&name).ok_or_else(|| not_found(&name))?;
    Err(ApiError::new(
        "ConflictException",
        format!(
            "Tracking Server with ARN {} runs as long as it exists in the local region.",
            server.arn
        ),
    ))
}
