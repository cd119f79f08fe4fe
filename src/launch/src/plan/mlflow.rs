//! Which MLflow it will be, and what stands in its way.

use super::{
    Artifacts, Facts, IdleStop, Spec, Store, Tracking, Wanted, WantedServer, is_live, is_ours,
    tracking_arn,
};
use crate::check::Check;
use crate::keys;
use crate::lifetime::HOURS_PER_MONTH;
use nixl_aws::Tag;
use nixl_aws::ec2::Instance;
use nixl_aws::iam::Role;
use nixl_aws::pricing::ListPrice;
use nixl_aws::sagemaker::{Kind, Mlflow};

/// Status of what will be gone, which takes minutes.
pub const DELETING: &str = "Deleting";
/// Name of the check.
const MLFLOW: &str = "mlflow";
/// Where a server and an App would change places.
const OTHER: &str = "leave out what is said of MLflow to go on with it, or run `nixl-launch mlflow down` first, which keeps its bucket";

pub(crate) fn decide(spec: &Spec, facts: &Facts) -> Result<Tracking, Check> {
    let tracking = match &spec.mlflow {
        Wanted::None => Ok(Tracking::None),
        Wanted::Own => own(spec, facts),
        Wanted::Server(server) => self::server(spec, facts, server),
        Wanted::Arn(arn) => attached(spec, facts, arn),
    }?;
    match &tracking {
        Tracking::Attach { label, .. } if spec.kms_key.is_some() => {
            let found = format!("{label} is somebody else's: its bucket keeps its key");
            Err(Check::fail(MLFLOW, found, "leave out --kms-key"))
        }
        Tracking::Server { .. } => Ok(tracking),
        _ if spec.mlflow_idle_stop.is_some() => {
            let what = tracking.label().unwrap_or_else(|| "no MLflow".to_owned());
            let found = format!("{what} has no hours of this cluster to stop");
            Err(Check::fail(MLFLOW, found, "leave out the idle stop, or make a --tracking-server"))
        }
        _ => Ok(tracking),
    }
}

/// What the role says of the server made with it.
pub(crate) fn recorded_idle_stop(role: &Role) -> Option<IdleStop> {
    Tag::find(&role.tags, keys::IDLE_STOP)?.parse().ok()
}

/// What the nodes that are there were told of.
pub(crate) fn told_of(instances: &[Instance]) -> Option<&str> {
    let mut live = instances.iter().filter(|node| is_live(node));
    live.find_map(|node| Tag::find(&node.tags, keys::TRACKING_ARN))
}

/// What the cluster has made, or an App.
fn own(spec: &Spec, facts: &Facts) -> Result<Tracking, Check> {
    let tracking = &facts.tracking;
    let told = told_of(&facts.instances);
    let role = tracking.role.as_ref().filter(|role| is_ours(&spec.cluster, &role.tags));
    if let Some(name) = role.and_then(|role| Tag::find(&role.tags, keys::TRACKING_SERVER)) {
        return server(spec, facts, &WantedServer { name: name.to_owned(), ..Default::default() });
    }
    if let Some(found) = tracking.found.as_ref().filter(|found| told == Some(found.arn.as_str())) {
        return Ok(attach(found));
    }
    let store = store(spec, facts)?;
    let name = spec.cluster.mlflow_app();
    let recorded = role.and_then(|role| Tag::find(&role.tags, keys::TOLD_APP));
    match chosen(&tracking.apps, told, recorded) {
        Some(app) if app.status.ends_with("Failed") && !app.is_active => Err(Check::fail(
            MLFLOW,
            format!("{} of this cluster is {}", app.label(), app.status),
            "`nixl-launch mlflow down` removes it and keeps its bucket; then run this again",
        )),
        Some(app) => Ok(Tracking::App { name, arn: app.arn.clone(), store, is_made: true }),
        None => Ok(Tracking::app(&spec.region, &facts.account, &name, &store)),
    }
}

/// Of several Apps the one that nodes were told of, those that are there or those
/// that were, else the oldest: every run that sees them all takes the same. One that is
/// being deleted is none any more.
pub(crate) fn chosen<'a>(
    apps: &'a [Mlflow],
    told: Option<&str>,
    recorded: Option<&str>,
) -> Option<&'a Mlflow> {
    let there = apps.iter().filter(|app| app.status != DELETING);
    there.min_by_key(|app| {
        let is = |arn: Option<&str>| arn == Some(app.arn.as_str());
        let failed = !app.is_active && app.status.ends_with("Failed");
        // No run was ever in one that has not come to be.
        let recorded = is(recorded) && app.status != "CreateFailed";
        (!is(told), !recorded, failed, app.created_secs, &app.arn)
    })
}

fn attach(found: &Mlflow) -> Tracking {
    let artifacts = Artifacts::of_uri(&found.artifact_store_uri);
    Tracking::Attach { label: found.label(), arn: found.arn.clone(), artifacts }
}

/// Something that is there, by its ARN.
fn attached(spec: &Spec, facts: &Facts, arn: &str) -> Result<Tracking, Check> {
    let fail = |found: String, fix: &str| Err(Check::fail(MLFLOW, found, fix));
    let part = |n: usize| arn.split(':').nth(n).unwrap_or_default();
    let (region, account) = (part(3), part(4));
    if region != spec.region {
        let found = format!("{arn} is in {region}, the nodes are in {}", spec.region);
        return fail(found, "name one of this region: there the nodes log, and artifacts stay");
    }
    let Some(found) = &facts.tracking.found else {
        let fix = match Kind::of(arn) {
            Some((Kind::Server, _)) if account != facts.account => {
                "a tracking server is used from its own account; an App can be shared through AWS RAM"
            }
            _ => {
                "`aws sagemaker list-mlflow-apps` and `list-mlflow-tracking-servers` show what is there"
            }
        };
        return fail(format!("{arn} is not there, or not shown to account {}", facts.account), fix);
    };
    match unusable(found) {
        Some(fix) => fail(format!("{arn} is {}", found.status), fix),
        None => Ok(attach(found)),
    }
}

/// What its owner can do about one that is off.
const START: &str = "start it with `aws sagemaker start-mlflow-tracking-server`";

/// Whether it is stopped, or on its way there.
pub(crate) fn is_off(server: &Mlflow) -> bool {
    matches!(server.status.as_str(), "Stopping" | "Stopped" | "StopFailed")
}

/// What to do about one that will not come into use by itself.
fn unusable(found: &Mlflow) -> Option<&'static str> {
    match found.status.as_str() {
        "CreateFailed" | "DeleteFailed" => {
            Some("delete it with `aws sagemaker` or choose another one")
        }
        DELETING => Some("wait until it is gone or choose another one"),
        _ if is_off(found) => Some(START),
        _ => None,
    }
}

/// A tracking server by its name.
fn server(spec: &Spec, facts: &Facts, wanted: &WantedServer) -> Result<Tracking, Check> {
    let name = &wanted.name;
    let tracking = &facts.tracking;
    let own_role = tracking.role.as_ref().filter(|role| is_ours(&spec.cluster, &role.tags));
    let idle_stop = spec.mlflow_idle_stop.or_else(|| own_role.and_then(recorded_idle_stop));
    if let Some(server) = &tracking.found {
        let ours = made_by_us(spec, server, tracking.role.as_ref(), name);
        // One that a `down` left on its way is waited for and made anew; one that stops by
        // itself is started.
        let starts = matches!(idle_stop, Some(IdleStop::AfterSecs(_))) && is_off(server);
        let awaited = ours && (server.status == DELETING || starts);
        if let Some(advice) = unusable(server).filter(|_| !awaited) {
            let ours_is_off = ours && advice == START;
            let advice = if ours_is_off { "`nixl-launch mlflow start` starts it" } else { advice };
            let found = format!("{} is {}", server.label(), server.status);
            return Err(Check::fail(MLFLOW, found, advice));
        }
        if !ours {
            return Ok(attach(server));
        }
    }
    let store = store(spec, facts)?;
    if let Some(role) = &tracking.role {
        let app = Tag::find(&role.tags, keys::MLFLOW_APP);
        let other = Tag::find(&role.tags, keys::TRACKING_SERVER).filter(|made| made != name);
        let made = match (app, other) {
            (Some(app), _) => Some(format!("MLflow {} {app}", Kind::App)),
            (None, Some(other)) => Some(format!("MLflow {} {other}", Kind::Server)),
            (None, None) => None,
        };
        if let Some(made) = made {
            return Err(Check::fail(MLFLOW, format!("the cluster has made the {made}"), OTHER));
        }
    }
    Ok(Tracking::Server {
        name: name.clone(),
        arn: tracking_arn(&spec.region, &facts.account, name),
        store,
        size: wanted.size,
        mlflow_version: wanted.mlflow_version.clone(),
        idle_stop,
    })
}

/// The bucket, if nothing with our names belongs to others. It is ours by its tags;
/// before it has any, the role is its record.
fn store(spec: &Spec, facts: &Facts) -> Result<Store, Check> {
    let bucket = spec.cluster.artifact_bucket(&facts.account, &spec.region);
    let tracking = &facts.tracking;
    if let Some(role) = tracking.role.as_ref().filter(|role| !is_ours(&spec.cluster, &role.tags)) {
        return Err(super::foreign("IAM role", &role.name, &spec.cluster));
    }
    let is_ours = match &tracking.bucket {
        Some(tags) if tags.is_empty() => tracking.role.is_some(),
        Some(tags) => is_ours(&spec.cluster, tags),
        None => true,
    };
    if !is_ours {
        return Err(super::foreign("S3 bucket", &bucket, &spec.cluster));
    }
    let tags = tracking.bucket.as_deref().unwrap_or_default();
    let kms_key = kms_key(spec, Tag::find(tags, keys::KMS_KEY))?;
    Ok(Store { bucket, kms_key })
}

/// The key that was asked for, else the one that the bucket has.
fn kms_key(spec: &Spec, has: Option<&str>) -> Result<Option<String>, Check> {
    let Some(wanted) = spec.kms_key.as_deref() else { return Ok(has.map(str::to_owned)) };
    let fail = |found: String, fix: &str| Err(Check::fail(MLFLOW, found, fix));
    // "The KMS key must be in the same Region as the bucket" (S3 user guide).
    let region = wanted.split(':').nth(3).unwrap_or_default();
    if region != spec.region {
        let found = format!("KMS key {wanted} is in {region}, the bucket in {}", spec.region);
        return fail(found, "name a key of the bucket's region");
    }
    match has {
        Some(has) if has != wanted => fail(
            format!("what is in the bucket is encrypted with {has}, which stays its key"),
            "leave out --kms-key to go on with it; after `nixl-launch mlflow down --delete-bucket` another can be chosen",
        ),
        _ => Ok(Some(wanted.to_owned())),
    }
}

/// The role's tags say which server it was made for, and only a server made with
/// that role is ours: so one read of each suffices, side by side.
fn made_by_us(spec: &Spec, server: &Mlflow, role: Option<&Role>, name: &str) -> bool {
    role.is_some_and(|role| {
        is_ours(&spec.cluster, &role.tags)
            && Tag::find(&role.tags, keys::TRACKING_SERVER) == Some(name)
            && server.role_arn == role.arn
    })
}

/// What happens about MLflow, told.
pub(crate) fn check(tracking: &Tracking, facts: &Facts) -> Check {
    match tracking {
        Tracking::None => Check::skip(MLFLOW, "not asked for"),
        Tracking::Attach { label, .. } => {
            Check::pass(MLFLOW, format!("{label} is somebody else's: attached, never changed"))
        }
        Tracking::Server { name, store, size, idle_stop, .. } => match &facts.tracking.found {
            Some(server) if server.status == DELETING => Check::warn(
                MLFLOW,
                format!(
                    "tracking server {name} is being deleted, and is made anew once it is gone"
                ),
                "choose another --tracking-server if you cannot wait for minutes",
            ),
            Some(server) => {
                let what = if is_off(server) { "is started again" } else { "is there already" };
                let found = format!("tracking server {name} {what}{}", idle(*idle_stop));
                Check::pass(MLFLOW, found)
            }
            None => Check::pass(
                MLFLOW,
                format!(
                    "tracking server {name} is made, with {store}: up to 25 minutes, and {}{}",
                    price(facts.tracking.price.value().and_then(Option::as_ref), size.as_str()),
                    idle(*idle_stop),
                ),
            ),
        },
        Tracking::App { name, store, is_made, arn } => {
            if let Some(gone) = told_of(&facts.instances).filter(|told| told != arn) {
                return Check::warn(
                    MLFLOW,
                    format!("the nodes were told of {gone}, which is gone"),
                    "they are told of another only at launch: `nixl-launch down`, then `nixl-launch up`",
                );
            }
            let found = match is_made {
                true => format!("App {name} is there already"),
                false => format!("App {name} is made, with {store}: no price of its own"),
            };
            Check::pass(MLFLOW, found)
        }
    }
}

fn idle(stop: Option<IdleStop>) -> String {
    stop.map(|stop| format!("; it {}", stop.told())).unwrap_or_default()
}

/// What a server of this size costs while it is not stopped.
fn price(told: Option<&ListPrice>, size: &str) -> String {
    match told {
        Some(price) => format!(
            "${:.2} an hour (${:.0} a month), {size}, without what it stores ({})",
            price.usd_per_hour,
            price.usd_per_hour * HOURS_PER_MONTH,
            price.source()
        ),
        None => format!("AWS told no price of size {size}, and none is made up"),
    }
}
