//! The idle stop follows the end of the nodes, whatever moves that.

use crate::engine::{Consent, Patience, Power, Removal};
use crate::failure::{Failure, Problem};
use crate::fake::{Fake, Fault, REGION};
use crate::keys;
use crate::lifetime::Change;
use crate::plan::{IdleStop, Spec, Wanted, WantedServer};
use crate::report::Report;
use jiff::{SignedDuration, Timestamp};
use nixl_aws::Tag;
use std::time::Duration;

const IDLE_SECS: u64 = 7200;
const ROLE: &str = "nixl-mlflow-stop-us-east-1";
const PATIENCE: Patience = Patience { ready: Duration::from_millis(500), capacity: Duration::ZERO };

fn spec(idle_stop: Option<IdleStop>) -> Spec {
    Spec {
        mlflow: Wanted::Server(WantedServer::default()),
        mlflow_idle_stop: idle_stop,
        ..Spec::new(Default::default(), REGION)
    }
}

async fn up(fake: &Fake, idle_stop: Option<IdleStop>) -> Result<Report, Failure> {
    let services = fake.services();
    fake.engine(&services).up(&spec(idle_stop), PATIENCE).await
}

fn stops_at(fake: &Fake) -> Option<String> {
    fake.state().scheduler.schedules.get("stop").map(|it| it.at_utc.clone())
}

/// Whether the server stops so long from now on, give or take what a test lasts.
fn stops_in(fake: &Fake, secs: u64) -> bool {
    let Some(at) = stops_at(fake) else { return false };
    let at: Timestamp = format!("{at}Z").parse().unwrap();
    let secs = i64::try_from(secs).unwrap();
    let off = at.duration_since(Timestamp::now()) - SignedDuration::from_secs(secs);
    off.abs() < SignedDuration::from_secs(60)
}

#[tokio::test]
async fn a_server_stops_so_long_after_its_last_node() {
    let fake = Fake::new();
    up(&fake, Some(IdleStop::AfterSecs(IDLE_SECS))).await.unwrap();
    assert_eq!(stops_at(&fake).unwrap(), "2100-01-01T10:00:00", "nodes end at 8");
    {
        let state = fake.state();
        let schedule = &state.scheduler.schedules["stop"];
        assert!(schedule.target_arn.ends_with(":aws-sdk:sagemaker:stopMlflowTrackingServer"));
        assert_eq!(schedule.input, "{\"TrackingServerName\":\"nixl-efa-mlflow\"}");
        assert!(schedule.role_arn.ends_with(ROLE));
        let policy = &state.policies[ROLE]["nixl-stop-mlflow"];
        assert!(policy.contains("mlflow-tracking-server/nixl-efa-mlflow"), "{policy}");
    }
    let services = fake.services();
    let engine = fake.engine(&services);
    let hour = Change::By(Duration::from_secs(3600));
    engine.extend(hour, Consent::default()).await.unwrap();
    assert_eq!(stops_at(&fake).unwrap(), "2100-01-01T11:00:00");
    // What was said once holds.
    up(&fake, None).await.unwrap();
    assert_eq!(stops_at(&fake).unwrap(), "2100-01-01T11:00:00");
    let status = engine.mlflow_status().await.unwrap();
    assert_eq!(status.idle_stop, Some(IdleStop::AfterSecs(IDLE_SECS)));
    assert_eq!(status.stops_at.as_deref(), Some("2100-01-01T11:00:00Z"));
    engine.down(Removal::NODES).await.unwrap();
    assert!(stops_in(&fake, IDLE_SECS), "{:?}", stops_at(&fake));
    assert_eq!(engine.mlflow_status().await.unwrap().advice, [""; 0]);
    engine.down(Removal::ALL).await.unwrap();
    assert!(fake.residue().is_empty(), "{:?}", fake.residue());
}

#[tokio::test]
async fn a_stopped_one_has_no_schedule_and_up_starts_it_again() {
    let fake = Fake::new();
    let services = fake.services();
    let engine = fake.engine(&services);
    engine.mlflow_up(&spec(Some(IdleStop::AfterSecs(IDLE_SECS)))).await.unwrap();
    assert!(stops_in(&fake, IDLE_SECS));
    engine.power_tracking(Power::Off).await.unwrap();
    assert_eq!(stops_at(&fake), None);
    engine.down(Removal::NODES).await.unwrap();
    assert_eq!(stops_at(&fake), None, "it is stopped already");
    engine.power_tracking(Power::On).await.unwrap();
    assert!(stops_in(&fake, IDLE_SECS));
    // As the schedule does it.
    fake.state().scheduler.schedules.clear();
    fake.state().server.as_mut().unwrap().0.status = "Stopped".to_owned();
    fake.state().server.as_mut().unwrap().0.is_active = false;
    let report = up(&fake, None).await.unwrap();
    assert!(report.tracking.unwrap().active);
    assert_eq!(fake.count("StartMlflowTrackingServer"), 2);
    assert_eq!(stops_at(&fake).unwrap(), "2100-01-01T10:00:00");
    let stop = Removal { stop_mlflow: true, ..Removal::NODES };
    engine.down(stop).await.unwrap();
    assert_eq!(stops_at(&fake), None);
}

#[tokio::test]
async fn it_is_taken_back_and_a_node_without_end_keeps_its_server() {
    let fake = Fake::new();
    up(&fake, Some(IdleStop::AfterSecs(IDLE_SECS))).await.unwrap();
    up(&fake, Some(IdleStop::Never)).await.unwrap();
    assert_eq!(stops_at(&fake), None);
    let tags = fake.state().roles["nixl-mlflow-us-east-1"].tags.clone();
    assert_eq!(Tag::find(&tags, keys::IDLE_STOP), Some("never"));
    // Sooner, too, if a person says so.
    up(&fake, Some(IdleStop::AfterSecs(3 * IDLE_SECS))).await.unwrap();
    up(&fake, Some(IdleStop::AfterSecs(IDLE_SECS))).await.unwrap();
    assert_eq!(stops_at(&fake).unwrap(), "2100-01-01T10:00:00");
    let services = fake.services();
    let engine = fake.engine(&services);
    engine.down(Removal::NODES).await.unwrap();
    assert!(stops_in(&fake, IDLE_SECS));
    engine.up(&Spec { ttl_secs: None, ..spec(None) }, PATIENCE).await.unwrap();
    assert_eq!(stops_at(&fake), None, "its nodes have no end");
    engine.down(Removal::ALL).await.unwrap();
    assert!(fake.residue().is_empty(), "{:?}", fake.residue());
}

/// A node that is still there keeps its server.
#[tokio::test]
async fn a_removal_that_fails_stops_nothing_sooner() {
    let fake = Fake::new();
    up(&fake, Some(IdleStop::AfterSecs(IDLE_SECS))).await.unwrap();
    let denied = Fault::Refuse("UnauthorizedOperation", "not you", 403);
    fake.script("TerminateInstances", &vec![denied; 99]);
    let services = fake.services();
    fake.engine(&services).down(Removal::NODES).await.unwrap_err();
    assert_eq!(stops_at(&fake).unwrap(), "2100-01-01T10:00:00");
}

#[tokio::test]
async fn what_has_no_hours_cannot_be_stopped() {
    let fake = Fake::new();
    let idle = Spec { mlflow: Wanted::Own, ..spec(Some(IdleStop::AfterSecs(IDLE_SECS))) };
    let services = fake.services();
    let refused = fake.engine(&services).up(&idle, PATIENCE).await.unwrap_err();
    assert!(matches!(&refused.problem, Problem::Plan(_)), "{refused}");
    assert!(refused.to_string().contains("no hours"), "{refused}");
    assert_eq!(fake.state().changes, 0);
}

/// Wherever a run ends, the next one finds all of it, and `down` leaves nothing.
#[tokio::test]
async fn a_run_that_ends_anywhere_is_gone_on_with() {
    let idle = Some(IdleStop::AfterSecs(IDLE_SECS));
    for carried_out in [false, true] {
        for at in 0.. {
            let fake = Fake::new();
            let services = fake.services();
            fake.state().dies_at = Some((at, carried_out));
            if !fake.dead(fake.engine(&services).mlflow_up(&spec(idle))).await {
                break;
            }
            match at % 3 {
                0 => drop(fake.engine(&services).mlflow_up(&spec(idle)).await.unwrap()),
                1 => drop(up(&fake, idle).await.unwrap()),
                _ => {}
            }
            assert!(at % 3 == 2 || stops_at(&fake).is_some(), "{at} {carried_out}");
            fake.engine(&services).down(Removal::ALL).await.unwrap();
            assert!(fake.residue().is_empty(), "{at} {carried_out}: {:?}", fake.residue());
        }
    }
}
