//! The whole of it against a metadata service in memory and files in a folder.

use super::{Folders, Pace, System, off_the_runtime, patient};
use crate::board::{self, Board, name as board_name};
use crate::system::{Instance, State, name};
use nixl_aws::imds::{Imds, RoleCredentials, ScheduledEvent, SpotAction};
use nixl_aws::{AwsError, ErrorKind, Result};
use nixl_cluster::health::Check;
use std::net::Ipv4Addr;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// What the service says now.
#[derive(Default)]
struct Said {
    silent: bool,
    odd: bool,
    spot: Option<SpotAction>,
    rebalance: Option<String>,
    events: Vec<ScheduledEvent>,
    expires_at: Option<String>,
    role: Option<RoleCredentials>,
    open: bool,
}

#[derive(Clone, Default)]
struct Scripted(Arc<Mutex<Said>>);

impl Scripted {
    fn say(&self, change: impl FnOnce(&mut Said)) {
        change(&mut self.0.lock().unwrap());
    }

    fn ask<T>(&self, answer: impl FnOnce(&Said) -> T) -> Result<T> {
        let said = self.0.lock().unwrap();
        if said.silent {
            return Err(AwsError {
                service: "imds",
                operation: "test",
                kind: ErrorKind::Unreachable,
                message: "no answer".to_owned(),
            });
        }
        Ok(answer(&said))
    }
}

#[async_trait::async_trait]
impl Imds for Scripted {
    async fn instance_id(&self) -> Result<String> {
        self.ask(|_| "i-1".to_owned())
    }
    async fn image_id(&self) -> Result<String> {
        self.ask(|_| "ami-1".to_owned())
    }
    async fn instance_type(&self) -> Result<String> {
        self.ask(|_| "g6.12xlarge".to_owned())
    }
    async fn reservation_id(&self) -> Result<String> {
        self.ask(|_| "r-1".to_owned())
    }
    async fn launch_index(&self) -> Result<u32> {
        self.ask(|_| 0)
    }
    async fn local_ipv4(&self) -> Result<Option<Ipv4Addr>> {
        self.ask(|_| None)
    }
    async fn zone(&self) -> Result<String> {
        self.ask(|_| "us-east-1a".to_owned())
    }
    async fn region(&self) -> Result<String> {
        self.ask(|_| "us-east-1".to_owned())
    }
    async fn role(&self) -> Result<Option<RoleCredentials>> {
        self.ask(|said| said.role.clone())
    }
    async fn spot_action(&self) -> Result<Option<SpotAction>> {
        self.ask(|said| {
            let kind = ErrorKind::Ambiguous;
            let error = |message: &str| AwsError {
                service: "imds",
                operation: "spot/instance-action",
                kind,
                message: message.to_owned(),
            };
            if said.odd { Err(error("not the document")) } else { Ok(said.spot.clone()) }
        })?
    }
    async fn rebalance(&self) -> Result<Option<String>> {
        self.ask(|said| said.rebalance.clone())
    }
    async fn scheduled_events(&self) -> Result<Vec<ScheduledEvent>> {
        self.ask(|said| said.events.clone())
    }
    async fn tag(&self, key: &str) -> Result<Option<String>> {
        assert_eq!(key, "nixl:expires-at");
        self.ask(|said| said.expires_at.clone())
    }
    async fn tokens_required(&self) -> Result<bool> {
        self.ask(|said| !said.open)
    }
}

struct Node {
    imds: Scripted,
    board: Board,
    state: State,
    stop: CancellationToken,
    folder: tempfile::TempDir,
}

impl Node {
    fn start(said: Said) -> Self {
        Self::start_on(said, Path::new("/"))
    }

    /// With the kernel's files below `root`.
    fn start_on(said: Said, root: &Path) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let imds = Scripted(Arc::new(Mutex::new(said)));
        let (board, state, stop) = (Board::default(), State::default(), CancellationToken::new());
        let soon = Duration::from_millis(20);
        let quick =
            Pace { spot: soon, unanswered_most: soon, notices: soon, role: soon, no_role: soon };
        let system = System {
            root: root.to_owned(),
            folders: Folders {
                state: Some(folder.path().to_owned()),
                runtime: Some(folder.path().to_owned()),
            },
            imds: Arc::new(imds.clone()),
            board: board.clone(),
            state: state.clone(),
            pace: quick,
            stop: stop.clone(),
        };
        tokio::spawn(system.run());
        Self { imds, board, state, stop, folder }
    }

    async fn until(&self, name: &str, code: Option<&str>) -> Check {
        let told = |check: &Check| check.reason.as_ref().map(|reason| reason.code.clone());
        let look = async {
            loop {
                let document = self.board.document();
                let checks = document.checks.get(name).into_iter().flatten();
                if let Some(check) = checks.into_iter().find(|c| told(c).as_deref() == code) {
                    return check.clone();
                }
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        let seen = tokio::time::timeout(Duration::from_secs(30), look).await;
        seen.unwrap_or_else(|_| {
            panic!("{name} never {code:?}: {:#?}", self.board.document().checks)
        })
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

#[tokio::test]
async fn what_aws_announces_is_told() {
    let node = Node::start(Said {
        spot: Some(SpotAction {
            action: "terminate".to_owned(),
            time: (jiff::Timestamp::now() + jiff::SignedDuration::from_secs(90)).to_string(),
        }),
        rebalance: Some("2026-11-28T10:00:00Z".to_owned()),
        events: vec![ScheduledEvent {
            event_id: "instance-event-1".to_owned(),
            code: "instance-retirement".to_owned(),
            description: "retires".to_owned(),
            state: "active".to_owned(),
            not_before: Some("21 Jan 2030 09:00:43 GMT".to_owned()),
            not_after: None,
        }],
        expires_at: Some("2026-11-28T10:00:00Z".to_owned()),
        open: true,
        ..Said::default()
    });
    let spot = node.until(name::SPOT, Some("system.spot_interruption")).await;
    assert!(spot.reason.unwrap().evidence.contains("terminated in 1 min"));
    node.until(name::REBALANCE, Some("system.rebalance")).await;
    let event = node.until(name::MAINTENANCE, Some("system.maintenance")).await;
    assert_eq!(event.component_id.as_deref(), Some("instance-event-1"));
    node.until(name::LIFETIME, Some("system.expired")).await;
    node.until(name::IMDS_TOKENS, Some("system.imds_tokens_optional")).await;
    node.until(name::CREDENTIALS, Some("node.initializing")).await;
    let facts = node.state.facts();
    assert_eq!(facts.notices.spot.unwrap().action, "terminate");
    assert_eq!(facts.notices.maintenance[0].code, "instance-retirement");
    assert_eq!((facts.tokens_required, facts.expires_at.is_some()), (Some(false), true));
}

/// An end that is moved counts before it comes; one that is over ends the node.
#[tokio::test]
async fn a_node_whose_time_is_over_asks_for_its_power_off() {
    let in_an_hour = jiff::Timestamp::now() + jiff::SignedDuration::from_hours(1);
    let node = Node::start(Said { expires_at: Some(in_an_hour.to_string()), ..Said::default() });
    node.until(name::LIFETIME, None).await;
    let request = node.folder.path().join("power-off");
    assert!(!request.exists());
    node.imds.say(|said| said.expires_at = Some("2026-11-28T10:00:00Z".to_owned()));
    node.until(name::LIFETIME, Some("system.expired")).await;
    while !request.exists() {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    assert!(std::fs::read_to_string(&request).unwrap().contains("time to live"));
}

#[tokio::test]
async fn a_quiet_node_is_good_and_its_facts_are_kept() {
    let node = Node::start(Said::default());
    node.until(name::CREDENTIALS, Some("node.initializing")).await;
    node.imds.say(|said| {
        said.role = Some(RoleCredentials {
            role: "nixl-node".to_owned(),
            code: "Success".to_owned(),
            message: None,
            last_updated: None,
            expiration: Some("2999-01-01T00:00:00Z".to_owned()),
        });
    });
    for name in [name::SPOT, name::REBALANCE, name::MAINTENANCE, name::LIFETIME] {
        node.until(name, None).await;
    }
    let role = node.until(name::CREDENTIALS, None).await;
    assert_eq!(role.component_id.as_deref(), Some("nixl-node"));
    node.until(name::STATE_FOLDER, None).await;
    node.until(name::OOM_KILLS, None).await;
    node.until(name::IMDS_TOKENS, None).await;
    let facts = loop {
        let facts = node.state.facts();
        if facts.host.is_some() && facts.memory.is_some() && !facts.disks.is_empty() {
            break facts;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    };
    assert!(facts.host.unwrap().uptime_secs() > 0);
    // Who boots the node tells of IMDS until then.
    assert!(!node.board.document().checks.contains_key(board_name::IMDS));
}

#[tokio::test]
async fn a_spot_notice_that_is_not_understood_is_told_until_it_is() {
    let node = Node::start(Said { odd: true, ..Said::default() });
    let odd = node.until(name::SPOT, Some("system.spot_interruption")).await;
    assert!(odd.reason.unwrap().evidence.contains("not understood"));
    node.imds.say(|said| said.odd = false);
    node.until(name::SPOT, None).await;
}

#[tokio::test]
async fn credentials_are_watched_though_the_boot_is_known_late() {
    let root = tempfile::tempdir().unwrap();
    let node = Node::start_on(Said::default(), root.path());
    node.until(name::SPOT, None).await;
    assert!(!node.board.document().checks.contains_key(name::CREDENTIALS));
    std::os::unix::fs::symlink("/proc", root.path().join("proc")).unwrap();
    node.until(name::CREDENTIALS, Some("node.initializing")).await;
}

#[tokio::test]
async fn a_look_that_hangs_is_told_and_waited_for() {
    let (answer, wait) = std::sync::mpsc::channel();
    let (told, mut hangs) = tokio::sync::mpsc::unbounded_channel();
    let looking = tokio::spawn(async move {
        let look = off_the_runtime(move || wait.recv().map_err(std::io::Error::other));
        patient(Duration::from_millis(1), look, |reading| told.send(reading).unwrap()).await
    });
    assert_eq!(hangs.recv().await.unwrap().code(), Some("system.disk_hangs"));
    answer.send(7).unwrap();
    assert_eq!(looking.await.unwrap().unwrap(), 7);
}

#[tokio::test]
async fn a_metadata_service_that_falls_silent_is_told_and_forgiven() {
    let node = Node::start(Said::default());
    node.board.set(board_name::IMDS, board::Reading::good("g6.12xlarge"));
    node.state.change(|facts| {
        facts.instance = Some(Instance {
            id: "i-1".to_owned(),
            instance_type: "g6.12xlarge".to_owned(),
            zone: "us-east-1a".to_owned(),
        });
    });
    node.until(name::SPOT, None).await;
    node.until(board_name::IMDS, None).await;
    node.imds.say(|said| said.silent = true);
    node.until(board_name::IMDS, Some("node.imds_unreachable")).await;
    node.imds.say(|said| said.silent = false);
    let good = node.until(board_name::IMDS, None).await;
    assert_eq!(good.observed_value, Some("g6.12xlarge".into()));
}
