//! MLflow Apps: serverless, so there is nothing to size, start or stop.

use super::servers::settle;
use super::{checks, invalid, key, secs, tags};
use crate::api::{Answer, ApiError, Call};
use crate::rules::mlflow_apps as rules;
use crate::served::{Step, change};
use crate::state::ids;
use crate::state::sagemaker::{App, Served, Status};
use serde_json::{Value, json};

/// The ARN in the request, once the caller may use it.
pub fn named(call: &Call<'_>, input: &Value) -> Result<String, ApiError> {
    let arn = input["Arn"].as_str().unwrap_or_default();
    let prefix = call.arn("mlflow-app/");
    let fits = arn.len() <= 128 && arn.starts_with(&prefix) && arn.len() > prefix.len();
    call.region.rules.check(&rules::ARN, fits, || {
        invalid(format!("1 validation error detected: Value '{arn}' at 'arn' failed to satisfy constraint: Member must satisfy regular expression pattern: arn:aws[a-z\\-]*:sagemaker:[a-z0-9\\-]*:[0-9]{{12}}:mlflow-app/.*"))
    })?;
    call.authorize(arn)?;
    checks::shape(call, input, &[])?;
    Ok(arn.to_owned())
}

/// There is none of this ARN.
pub fn not_found(arn: &str) -> ApiError {
    ApiError::new("ResourceNotFound", format!("MLflow App with ARN {arn} does not exist."))
}

/// CreateMlflowApp: the id in the ARN is made here, so the same name makes another app.
pub fn create(call: &Call<'_>, input: &Value) -> Answer {
    checks::shape(call, input, &["Name", "ArtifactStoreUri", "RoleArn"])?;
    let tail = ids::unique("").to_ascii_uppercase();
    let id = format!("app-{}", &tail[..12]);
    let arn = call.arn(&format!("mlflow-app/{id}"));
    call.authorize(&arn)?;
    checks::bucket(call, input)?;
    let text = |field: &str| input[field].as_str().map(str::to_owned);
    let role_arn = text("RoleArn").unwrap_or_default();
    checks::role(call, &role_arn)?;
    let now = call.region.clock.now();
    let domains = &input["DefaultDomainIdList"];
    let app = App {
        served: Served {
            name: text("Name").unwrap_or_default(),
            arn: arn.clone(),
            key: key(),
            // A server's name holds no dot.
            process: format!("app.{id}"),
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
        registration_mode: text("ModelRegistrationMode")
            .unwrap_or_else(|| "AutoModelRegistrationDisabled".to_owned()),
        account_default: text("AccountDefaultStatus").unwrap_or_else(|| "DISABLED".to_owned()),
        default_domains: if domains.is_array() { domains.clone() } else { json!([]) },
    };
    let key = app.served.key.clone();
    call.state().sagemaker.apps.insert(arn.clone(), app);
    change(call.region, &key, Step::Start, Status::Created, Status::CreateFailed);
    Ok(json!({ "Arn": arn }))
}

/// DescribeMlflowApp; unlike a server's, it tells no address.
pub fn describe(call: &Call<'_>, input: &Value) -> Answer {
    let arn = named(call, input)?;
    let state = call.state();
    let app = state.sagemaker.apps.get(&arn).ok_or_else(|| not_found(&arn))?;
    let served = &app.served;
    let mut shown = json!({
        "Arn": served.arn,
        "Name": served.name,
        "ArtifactStoreUri": served.artifact_store_uri,
        "RoleArn": served.role_arn,
        "Status": served.status.told(),
        "ModelRegistrationMode": app.registration_mode,
        "AccountDefaultStatus": app.account_default,
        "DefaultDomainIdList": app.default_domains,
        "CreationTime": secs(served.created),
        "LastModifiedTime": secs(served.modified),
    });
    if let Some(window) = &served.maintenance {
        shown["WeeklyMaintenanceWindowStart"] = json!(window);
    }
    Ok(shown)
}

/// UpdateMlflowApp.
pub fn update(call: &Call<'_>, input: &Value) -> Answer {
    let arn = named(call, input)?;
    checks::bucket(call, input)?;
    let now = call.region.clock.now();
    let mut state = call.state();
    let app = state.sagemaker.apps.get_mut(&arn).ok_or_else(|| not_found(&arn))?;
    let status = app.served.status;
    call.region.rules.check(&rules::UPDATE_STATE, app.served.is_active(), || {
        let status = status.told().to_uppercase();
        let why =
            format!("MLflow App with ARN {arn} is currently in status {status}, can't be updated.");
        ApiError::new("ConflictException", why)
    })?;
    if let Some(name) = input["Name"].as_str() {
        name.clone_into(&mut app.served.name);
    }
    if let Some(mode) = input["ModelRegistrationMode"].as_str() {
        mode.clone_into(&mut app.registration_mode);
    }
    if let Some(default) = input["AccountDefaultStatus"].as_str() {
        default.clone_into(&mut app.account_default);
    }
    if input["DefaultDomainIdList"].is_array() {
        app.default_domains = input["DefaultDomainIdList"].clone();
    }
    let step = settle(&mut app.served, input);
    app.served.status = Status::Updating;
    app.served.modified = now;
    let key = app.served.key.clone();
    drop(state);
    change(call.region, &key, step, Status::Updated, Status::UpdateFailed);
    Ok(json!({ "Arn": arn }))
}

/// DeleteMlflowApp.
pub fn delete(call: &Call<'_>, input: &Value) -> Answer {
    let arn = named(call, input)?;
    let now = call.region.clock.now();
    let mut state = call.state();
    let served = &mut state.sagemaker.apps.get_mut(&arn).ok_or_else(|| not_found(&arn))?.served;
    let status = served.status;
    call.region.rules.check(&rules::DELETE_STATE, !status.is_busy(), || {
        invalid(format!(
            "MLflow App is in un-deletable state ({}), so it cannot be deleted.",
            status.told().to_uppercase()
        ))
    })?;
    served.status = Status::Deleting;
    served.modified = now;
    let key = served.key.clone();
    drop(state);
    change(call.region, &key, Step::Delete, Status::Deleting, Status::DeleteFailed);
    Ok(json!({ "Arn": arn }))
}
