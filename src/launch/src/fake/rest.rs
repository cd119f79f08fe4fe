//! IAM, SageMaker, S3 and STS of the account in memory.

use super::{ACCOUNT, Fake, REGION, refusal};
use crate::services::{Account, Buckets};
use nixl_aws::iam::{Iam, InstanceProfile, Role};
use nixl_aws::s3::BucketSettings;
use nixl_aws::sagemaker::{CreateApp, CreateTrackingServer, Kind, Mlflow, SageMaker};
use nixl_aws::{Result, Tag};

fn no_entity<T>(operation: &'static str) -> Result<T> {
    Err(refusal(operation, "NoSuchEntity", "", 404))
}

#[async_trait::async_trait]
impl Iam for Fake {
    async fn role(&self, name: &str) -> Result<Option<Role>> {
        self.call("GetRole", |state| Ok(state.roles.get(name).cloned()))
    }

    async fn role_names(&self) -> Result<Vec<String>> {
        self.call("ListRoles", |state| Ok(state.roles.keys().cloned().collect()))
    }

    async fn create_role(&self, name: &str, _: &str, tags: &[Tag]) -> Result<String> {
        self.call("CreateRole", |state| {
            if state.roles.contains_key(name) {
                return Err(refusal("CreateRole", "EntityAlreadyExists", "", 409));
            }
            let arn = format!("arn:aws:iam::{ACCOUNT}:role/{name}");
            let role = Role { name: name.to_owned(), arn: arn.clone(), tags: tags.to_vec() };
            state.roles.insert(name.to_owned(), role);
            Ok(arn)
        })
    }

    async fn tag_role(&self, name: &str, tags: &[Tag]) -> Result<()> {
        self.call("TagRole", |state| {
            let Some(role) = state.roles.get_mut(name) else { return no_entity("TagRole") };
            role.tags.retain(|had| tags.iter().all(|tag| tag.key != had.key));
            role.tags.extend_from_slice(tags);
            Ok(())
        })
    }

    async fn delete_role(&self, name: &str) -> Result<()> {
        self.call("DeleteRole", |state| {
            let busy = state.policies.get(name).is_some_and(|it| !it.is_empty())
                || state.attached.get(name).is_some_and(|it| !it.is_empty())
                || state.profiles.values().any(|it| it.roles.iter().any(|role| role == name));
            if busy {
                return Err(refusal("DeleteRole", "DeleteConflict", "", 409));
            }
            state.roles.remove(name).map_or_else(|| no_entity("DeleteRole"), |_| Ok(()))
        })
    }

    async fn put_role_policy(&self, role: &str, policy: &str, document: &str) -> Result<()> {
        self.call("PutRolePolicy", |state| {
            if !state.roles.contains_key(role) {
                return no_entity("PutRolePolicy");
            }
            let policies = state.policies.entry(role.to_owned()).or_default();
            policies.insert(policy.to_owned(), document.to_owned());
            Ok(())
        })
    }

    async fn role_policy(&self, role: &str, policy: &str) -> Result<Option<String>> {
        self.call("GetRolePolicy", |state| {
            Ok(state.policies.get(role).and_then(|it| it.get(policy)).cloned())
        })
    }

    async fn role_policies(&self, role: &str) -> Result<Vec<String>> {
        self.call("ListRolePolicies", |state| {
            Ok(state.policies.get(role).map(|it| it.keys().cloned().collect()).unwrap_or_default())
        })
    }

    async fn delete_role_policy(&self, role: &str, policy: &str) -> Result<()> {
        self.call("DeleteRolePolicy", |state| {
            state.policies.get_mut(role).and_then(|it| it.remove(policy));
            Ok(())
        })
    }

    async fn attach_role_policy(&self, role: &str, policy_arn: &str) -> Result<()> {
        self.call("AttachRolePolicy", |state| {
            state.attached.entry(role.to_owned()).or_default().insert(policy_arn.to_owned());
            Ok(())
        })
    }

    async fn attached_role_policies(&self, role: &str) -> Result<Vec<String>> {
        self.call("ListAttachedRolePolicies", |state| {
            Ok(state.attached.get(role).map(|it| it.iter().cloned().collect()).unwrap_or_default())
        })
    }

    async fn detach_role_policy(&self, role: &str, policy_arn: &str) -> Result<()> {
        self.call("DetachRolePolicy", |state| {
            state.attached.get_mut(role).map(|it| it.remove(policy_arn));
            Ok(())
        })
    }

    async fn instance_profile(&self, name: &str) -> Result<Option<InstanceProfile>> {
        self.call("GetInstanceProfile", |state| Ok(state.profiles.get(name).cloned()))
    }

    async fn create_instance_profile(&self, name: &str, tags: &[Tag]) -> Result<String> {
        self.call("CreateInstanceProfile", |state| {
            if state.profiles.contains_key(name) {
                return Err(refusal("CreateInstanceProfile", "EntityAlreadyExists", "", 409));
            }
            let arn = format!("arn:aws:iam::{ACCOUNT}:instance-profile/{name}");
            let profile = InstanceProfile {
                name: name.to_owned(),
                arn: arn.clone(),
                roles: vec![],
                tags: tags.to_vec(),
            };
            state.profiles.insert(name.to_owned(), profile);
            Ok(arn)
        })
    }

    async fn add_role_to_instance_profile(&self, profile: &str, role: &str) -> Result<()> {
        self.call("AddRoleToInstanceProfile", |state| {
            let profile = state.profiles.get_mut(profile).unwrap();
            if !profile.roles.is_empty() {
                return Err(refusal("AddRoleToInstanceProfile", "LimitExceeded", "", 409));
            }
            profile.roles.push(role.to_owned());
            Ok(())
        })
    }

    async fn remove_role_from_instance_profile(&self, profile: &str, role: &str) -> Result<()> {
        self.call("RemoveRoleFromInstanceProfile", |state| {
            let Some(profile) = state.profiles.get_mut(profile) else {
                return no_entity("RemoveRoleFromInstanceProfile");
            };
            profile.roles.retain(|it| it != role);
            Ok(())
        })
    }

    async fn delete_instance_profile(&self, name: &str) -> Result<()> {
        self.call("DeleteInstanceProfile", |state| {
            if state.profiles.get(name).is_some_and(|it| !it.roles.is_empty()) {
                return Err(refusal("DeleteInstanceProfile", "DeleteConflict", "", 409));
            }
            state
                .profiles
                .remove(name)
                .map_or_else(|| no_entity("DeleteInstanceProfile"), |_| Ok(()))
        })
    }
}

#[async_trait::async_trait]
impl SageMaker for Fake {
    async fn create_tracking_server(&self, request: &CreateTrackingServer) -> Result<String> {
        self.call("CreateMlflowTrackingServer", |state| {
            if state.server.is_some() {
                return Err(refusal("CreateMlflowTrackingServer", "ConflictException", "", 409));
            }
            // Of the caller's region, which its role's name ends with.
            let region = request.role_arn.rsplit_once("-mlflow-").map_or(REGION, |it| it.1);
            let arn = crate::plan::tracking_arn(region, ACCOUNT, &request.name);
            let server = Mlflow {
                arn: arn.clone(),
                name: request.name.clone(),
                status: "Creating".to_owned(),
                artifact_store_uri: request.artifact_store_uri.clone(),
                role_arn: request.role_arn.clone(),
                size: Some(request.size.clone()),
                ..Default::default()
            };
            state.server = Some((server, request.tags.clone()));
            Ok(arn)
        })
    }

    async fn describe_tracking_server(&self, name: &str) -> Result<Option<Mlflow>> {
        self.call("DescribeMlflowTrackingServer", |state| {
            let Some((server, _)) = state.server.as_mut().filter(|(it, _)| it.name == name) else {
                return Ok(None);
            };
            let shown = server.clone();
            match shown.status.as_str() {
                "Deleting" => state.server = None,
                "Stopping" => server.status = "Stopped".to_owned(),
                "Starting" => {
                    server.status = "Started".to_owned();
                    server.is_active = true;
                }
                "Creating" => {
                    server.status = "Created".to_owned();
                    server.is_active = true;
                    server.url = Some("https://mlflow.example".to_owned());
                }
                _ => {}
            }
            Ok(Some(shown))
        })
    }

    async fn list_tracking_servers(&self) -> Result<Vec<String>> {
        self.call("ListMlflowTrackingServers", |state| {
            Ok(state.server.iter().map(|(server, _)| server.arn.clone()).collect())
        })
    }

    async fn stop_tracking_server(&self, _: &str) -> Result<()> {
        self.call("StopMlflowTrackingServer", |state| {
            if let Some((server, _)) = &mut state.server {
                server.status = "Stopping".to_owned();
                server.is_active = false;
            }
            Ok(())
        })
    }

    async fn start_tracking_server(&self, _: &str) -> Result<()> {
        self.call("StartMlflowTrackingServer", |state| {
            if let Some((server, _)) = &mut state.server {
                server.status = "Starting".to_owned();
            }
            Ok(())
        })
    }

    async fn create_app(&self, request: &CreateApp) -> Result<String> {
        self.call("CreateMlflowApp", |state| {
            let region = request.role_arn.rsplit_once("-mlflow-").map_or(REGION, |it| it.1);
            let id = state.id("app");
            let arn = format!("arn:aws:sagemaker:{region}:{ACCOUNT}:mlflow-app/{id}");
            let app = Mlflow {
                kind: Kind::App,
                arn: arn.clone(),
                name: request.name.clone(),
                status: "Creating".to_owned(),
                artifact_store_uri: request.artifact_store_uri.clone(),
                role_arn: request.role_arn.clone(),
                created_secs: crate::engine::now_secs() + u64::from(state.ids),
                ..Default::default()
            };
            state.apps.push((app, request.tags.clone()));
            Ok(arn)
        })
    }

    async fn delete_app(&self, arn: &str) -> Result<()> {
        self.call("DeleteMlflowApp", |state| {
            match state.apps.iter_mut().find(|(app, _)| app.arn == arn) {
                Some((app, _)) if app.status == "Creating" => {
                    let message =
                        "MLflow App is in un-deletable state (CREATING), so it cannot be deleted.";
                    app.status = "Created".to_owned();
                    return Err(refusal("Delete", "ValidationException", message, 400));
                }
                Some((app, _)) => app.status = "Deleting".to_owned(),
                None => {}
            }
            Ok(())
        })
    }

    async fn describe_app(&self, arn: &str) -> Result<Option<Mlflow>> {
        self.call("DescribeMlflowApp", |state| {
            let found = state.apps.iter_mut().find(|(app, _)| app.arn == arn);
            let Some((app, _)) = found else { return Ok(None) };
            let shown = app.clone();
            match shown.status.as_str() {
                "Creating" => {
                    app.status = "Created".to_owned();
                    app.is_active = true;
                }
                "Deleting" => state.apps.retain(|(app, _)| app.arn != arn),
                _ => {}
            }
            Ok(Some(shown))
        })
    }

    async fn list_apps(&self) -> Result<Vec<Mlflow>> {
        self.call("ListMlflowApps", |state| {
            Ok(state.apps.iter().map(|(app, _)| app.clone()).collect())
        })
    }

    async fn list_tags(&self, arn: &str) -> Result<Vec<Tag>> {
        self.call("ListTags", |state| {
            let all = state.server.iter().chain(&state.apps);
            let tags = all.filter(|(it, _)| it.arn == arn).map(|(_, tags)| tags.clone());
            Ok(tags.flatten().collect())
        })
    }

    async fn delete_tracking_server(&self, _: &str) -> Result<()> {
        self.call("DeleteMlflowTrackingServer", |state| {
            match &mut state.server {
                Some((server, _)) if server.status == "Creating" => {
                    let message = "Tracking Server is in un-deletable state (CREATING), so it cannot be deleted.";
                    server.status = "Created".to_owned();
                    return Err(refusal("Delete", "ValidationException", message, 400));
                }
                Some((server, _)) => server.status = "Deleting".to_owned(),
                None => {}
            }
            Ok(())
        })
    }

    async fn create_presigned_tracking_server_url(
        &self,
        name: &str,
        _: u32,
        _: u32,
    ) -> Result<String> {
        self.call("CreatePresignedMlflowTrackingServerUrl", |_| Ok(format!("https://{name}/auth")))
    }

    async fn create_presigned_app_url(&self, arn: &str, _: u32, _: u32) -> Result<String> {
        self.call("CreatePresignedMlflowAppUrl", |_| Ok(format!("https://{arn}/auth")))
    }
}

#[async_trait::async_trait]
impl Buckets for Fake {
    async fn tags(&self, bucket: &str, _: &str) -> Result<Option<Vec<Tag>>> {
        self.call("GetBucketTagging", |state| Ok(state.buckets.get(bucket).cloned()))
    }

    async fn own(&self, prefix: &str) -> Result<Vec<String>> {
        self.call("ListBuckets", |state| {
            Ok(state.buckets.keys().filter(|it| it.starts_with(prefix)).cloned().collect())
        })
    }

    async fn create(&self, bucket: &str) -> Result<()> {
        self.call("CreateBucket", |state| {
            state.buckets.entry(bucket.to_owned()).or_default();
            Ok(())
        })
    }

    async fn secure(&self, bucket: &str, policy: &str, kms_key: Option<&str>) -> Result<()> {
        self.call("PutBucketPolicy", |state| {
            assert!(state.buckets.contains_key(bucket));
            let settings = BucketSettings {
                kms_key: kms_key.map(str::to_owned),
                is_encrypted: true,
                is_closed: true,
                policy: Some(policy.to_owned()),
            };
            state.bucket_settings.insert(bucket.to_owned(), settings);
            Ok(())
        })
    }

    async fn settings(&self, bucket: &str, _: &str) -> Result<BucketSettings> {
        self.call("GetBucketPolicy", |state| {
            Ok(state.bucket_settings.get(bucket).cloned().unwrap_or_default())
        })
    }

    async fn tag(&self, bucket: &str, tags: &[Tag]) -> Result<()> {
        self.call("PutBucketTagging", |state| {
            state.buckets.insert(bucket.to_owned(), tags.to_vec());
            Ok(())
        })
    }

    async fn empty(&self, _: &str) -> Result<()> {
        self.call("DeleteObjects", |_| Ok(()))
    }

    async fn delete(&self, bucket: &str) -> Result<()> {
        self.call("DeleteBucket", |state| {
            state.buckets.remove(bucket);
            state.bucket_settings.remove(bucket);
            Ok(())
        })
    }
}

#[async_trait::async_trait]
impl Account for Fake {
    async fn account_id(&self) -> Result<String> {
        self.call("GetCallerIdentity", |_| Ok(ACCOUNT.to_owned()))
    }
}
