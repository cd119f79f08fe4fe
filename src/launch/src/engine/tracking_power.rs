//! Stopping and starting the tracking server of the cluster: its hours cost
//! money, what it has stored is kept.

use super::Engine;
use super::inventory::Mlflow as Made;
use super::lifetime::Moves;
use crate::errors;
use crate::failure::{Failure, Problem};
use crate::report::TrackingReport;
use nixl_aws::ec2::Filter;
use nixl_aws::sagemaker::Mlflow;
use nixl_cluster::tag;

/// What the server is to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Power {
    /// Usable.
    On,
    /// Stopped; its URL does not answer.
    Off,
}

/// The next thing to do about a server.
#[derive(Debug, PartialEq, Eq)]
enum Step {
    /// It is as it is to be.
    Done,
    /// Something is being done to it; it ends by itself.
    Wait,
    /// Ask SageMaker for it.
    Ask,
    /// It cannot come to that.
    Never,
}

/// By SageMaker's states (API reference, DescribeMlflowTrackingServer).
fn step(server: &Mlflow, power: Power, asked: bool) -> Step {
    match (server.status.as_str(), power) {
        ("Stopped", Power::Off) => Step::Done,
        ("Created" | "Started" | "Updated" | "UpdateFailed", Power::On) if server.is_active => {
            Step::Done
        }
        ("Creating" | "Updating" | "Starting" | "Stopping", _) => Step::Wait,
        // What was asked for has failed; asking again would hide it.
        ("StopFailed", Power::Off) | ("StartFailed", Power::On) if asked => Step::Never,
        ("Created" | "Started" | "Updated" | "UpdateFailed" | "StopFailed", Power::Off)
        | ("Stopped" | "StartFailed", Power::On) => Step::Ask,
        // `Created` and not active yet.
        ("Created" | "Started" | "Updated" | "UpdateFailed", Power::On) => Step::Wait,
        _ => Step::Never,
    }
}

impl Engine<'_> {
    /// Stops or starts the server that this cluster has made, and waits for it.
    ///
    /// # Errors
    /// If the cluster has made none, or it does not come to that.
    pub async fn power_tracking(&self, power: Power) -> Result<TrackingReport, Failure> {
        let mut asked = false;
        let outcome = self.powered(power, &mut asked).await;
        self.progress.done();
        outcome.map_err(
            |problem| {
                if asked { Failure::unknown(problem) } else { Failure::unchanged(problem) }
            },
        )
    }

    async fn powered(&self, power: Power, asked: &mut bool) -> Result<TrackingReport, Problem> {
        let (mlflow, _) = self.mlflow().await?;
        let Some(name) = &mlflow.server else {
            if let Some(app) = mlflow.apps.first() {
                return Err(Problem::NoHours { what: app.label() });
            }
            return Err(Problem::NoTrackingServer { cluster: self.cluster.to_string() });
        };
        if power == Power::Off {
            let report = self.turn(name, power, asked).await?;
            self.stopped(&mlflow).await?;
            return Ok(report);
        }
        let ours = [Filter::tag(tag::CLUSTER, self.cluster.as_str())];
        let nodes = self.services.ec2.describe_instances(&ours).await?;
        // Before it runs, so that none runs without.
        self.recorded_idle_stop(&mlflow, &nodes, Moves::Later).await?;
        self.turn(name, power, asked).await
    }

    /// Stops the server that this cluster has made, if it has made one.
    pub(super) async fn stop_mlflow(&self, mlflow: &Made) -> Result<(), Problem> {
        let Some(name) = &mlflow.server else { return Ok(()) };
        self.turn(name, Power::Off, &mut false).await?;
        self.stopped(mlflow).await
    }

    /// Nothing has to stop it any more.
    async fn stopped(&self, mlflow: &Made) -> Result<(), Problem> {
        if mlflow.stop_group.is_some() { self.no_idle_stop().await } else { Ok(()) }
    }

    /// Asks for it once, and waits until it is so.
    pub(super) async fn turn(
        &self,
        name: &str,
        power: Power,
        asked: &mut bool,
    ) -> Result<TrackingReport, Problem> {
        let sagemaker = &self.services.sagemaker;
        let subject = format!("MLflow {name}");
        let clock = &self.pace.clock;
        let start = clock.now();
        loop {
            let call = async || sagemaker.describe_tracking_server(name).await;
            let found = self.pace.patiently(self.pace.consistency, errors::passes, call).await?;
            let Some(server) = found else {
                return Err(Problem::NoTrackingServer { cluster: self.cluster.to_string() });
            };
            match step(&server, power, *asked) {
                Step::Done => {
                    return Ok(self.priced(TrackingReport::of(server, true)).await);
                }
                Step::Never => {
                    return Err(Problem::Tracking { what: server.label(), status: server.status });
                }
                Step::Ask if !*asked => {
                    // Also if the answer is lost.
                    *asked = true;
                    let call = async || match power {
                        Power::On => sagemaker.start_tracking_server(name).await,
                        Power::Off => sagemaker.stop_tracking_server(name).await,
                    };
                    // Repeated after a lost answer, it finds it under way.
                    let budget = self.pace.consistency;
                    let answer = self.pace.patiently(budget, errors::passes, call).await;
                    if let Err(error) = answer
                        && !errors::is(&error, errors::IN_USE)
                    {
                        return Err(error.into());
                    }
                }
                Step::Ask | Step::Wait => {}
            }
            if clock.since(start) >= self.pace.tracking {
                let secs = clock.since(start).as_secs();
                let missing = vec![format!("MLflow tracking server {name} is {}", server.status)];
                return Err(Problem::Timeout { secs, missing });
            }
            self.progress.doing(&subject, &server.status);
            self.rest(self.pace.poll_tracking.min(self.pace.poll_ssm)).await?;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::Patience;
    use crate::failure::Left;
    use crate::fake::{Fake, Fault, REGION};
    use crate::plan::{Spec, Wanted, WantedServer};
    use std::time::Duration;

    const PATIENCE: Patience =
        Patience { ready: Duration::from_millis(500), capacity: Duration::ZERO };

    fn spec() -> Spec {
        Spec {
            mlflow: Wanted::Server(WantedServer::default()),
            ..Spec::new(Default::default(), REGION)
        }
    }

    fn server(status: &str, is_active: bool) -> Mlflow {
        Mlflow { status: status.to_owned(), is_active, ..Default::default() }
    }

    #[test]
    fn each_state_has_its_step() {
        let off = |status, asked| step(&server(status, false), Power::Off, asked);
        let on = |status, active, asked| step(&server(status, active), Power::On, asked);
        assert_eq!(off("Stopped", false), Step::Done);
        assert_eq!(off("StopFailed", false), Step::Ask);
        assert_eq!(off("StopFailed", true), Step::Never);
        assert_eq!(off("Stopping", true), Step::Wait);
        assert_eq!(off("CreateFailed", false), Step::Never);
        assert_eq!(on("Stopped", false, false), Step::Ask);
        assert_eq!(on("Created", false, false), Step::Wait);
        assert_eq!(on("Started", true, true), Step::Done);
        assert_eq!(on("StartFailed", false, true), Step::Never);
        assert_eq!(on("Deleting", false, false), Step::Never);
    }

    #[tokio::test]
    async fn ours_is_stopped_and_started_again_and_each_once() {
        let fake = Fake::new();
        let services = fake.services();
        let engine = fake.engine(&services);
        let none = engine.power_tracking(Power::Off).await.unwrap_err();
        assert!(matches!(none.problem, Problem::NoTrackingServer { .. }));
        let spec = self::spec();
        engine.up(&spec, PATIENCE).await.unwrap();
        for _ in 0..2 {
            let report = engine.power_tracking(Power::Off).await.unwrap();
            assert_eq!((report.status.as_str(), report.active), ("Stopped", false));
        }
        let report = engine.power_tracking(Power::On).await.unwrap();
        assert!(report.active, "{report:?}");
        assert_eq!(fake.count("StopMlflowTrackingServer"), 1);
        assert_eq!(fake.count("StartMlflowTrackingServer"), 1);
    }

    #[tokio::test]
    async fn after_it_was_asked_for_nobody_says_that_nothing_was_changed() {
        let fake = Fake::new();
        let services = fake.services();
        let engine = fake.engine(&services);
        engine.up(&spec(), PATIENCE).await.unwrap();
        let denied = Fault::Refuse("AccessDeniedException", "not you", 403);
        fake.script("StopMlflowTrackingServer", &[denied]);
        let failure = engine.power_tracking(Power::Off).await.unwrap_err();
        assert_eq!(failure.left, Left::Unknown);
    }

    #[tokio::test]
    async fn one_that_is_only_attached_is_left_alone() {
        let fake = Fake::new();
        let spec = self::spec();
        let name = WantedServer::default().name;
        let arn = crate::plan::tracking_arn(REGION, crate::fake::ACCOUNT, &name);
        fake.state().server = Some((
            Mlflow { name, arn, ..server("Created", true) },
            vec![nixl_aws::Tag::new("owner", "somebody")],
        ));
        let services = fake.services();
        let engine = fake.engine(&services);
        engine.up(&spec, PATIENCE).await.unwrap();
        let refused = engine.power_tracking(Power::Off).await.unwrap_err();
        assert!(matches!(refused.problem, Problem::NoTrackingServer { .. }), "{refused}");
        assert_eq!(fake.count("StopMlflowTrackingServer"), 0);
    }
}
