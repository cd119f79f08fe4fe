//! What peers ask this node and it asks them.

use super::*;
use crate::engine::name;
use crate::peers::NoHealth;
use jiff::{SignedDuration, Timestamp};
use nixl_cluster::{PeerAnswer, Versions};
use nixl_pairing::{Question, Unanswered};

/// What the scripted peer says of itself: by the message `c` and a number its
/// clock is so many ms ahead, by `h` it hushes about its health, and by `q` it
/// asks for this node's, which comes back to it as it is.
pub(super) struct Told {
    ahead: SignedDuration,
    silent: bool,
}

impl Default for Told {
    fn default() -> Self {
        Self { ahead: SignedDuration::ZERO, silent: false }
    }
}

impl Told {
    pub fn handle(&mut self, input: Input) -> Vec<Output> {
        match input {
            Input::Received(bytes) if bytes == b"h" => self.silent = true,
            Input::Received(bytes) if bytes == b"q" => {
                return vec![Output::Asked { rank: 1, id: 7, what: Question::Health }];
            }
            Input::Received(bytes) if bytes.starts_with(b"c") => {
                let millis = std::str::from_utf8(&bytes[1..]).unwrap().parse().unwrap();
                self.ahead = SignedDuration::from_millis(millis);
            }
            Input::Answer { rank, id: 7, bytes } => return vec![Output::Send { rank, bytes }],
            Input::Ask { rank, what } => {
                return vec![Output::Answered { rank, what, answer: self.answer(what) }];
            }
            _ => {}
        }
        Vec::new()
    }

    fn answer(&self, what: Question) -> Result<Vec<u8>, Unanswered> {
        Ok(match what {
            Question::Time => {
                let nanos = (Timestamp::now() + self.ahead).as_nanosecond();
                i64::try_from(nanos).unwrap().to_le_bytes().to_vec()
            }
            Question::Versions => {
                let libfabric = Some("2.5.1".to_owned());
                serde_json::to_vec(&Versions { libfabric, ..Versions::default() }).unwrap()
            }
            Question::Health if self.silent => return Err(Unanswered::TimedOut),
            Question::Health => PeerAnswer::encode(Board::default().document(), 4096).unwrap(),
        })
    }
}

fn code(board: &Board, check: &str) -> Option<String> {
    let checks = board.document().checks;
    checks.get(check).and_then(|checks| checks[0].reason.clone()).map(|reason| reason.code)
}

fn clock_secs(board: &Board) -> Option<f64> {
    let checks = board.document().checks;
    checks.get(name::CLOCK).and_then(|checks| checks[0].observed_value.as_ref()?.as_f64())
}

async fn paired() -> (Stage, Hands) {
    paired_with(quick()).await
}

async fn paired_with(timings: Timings) -> (Stage, Hands) {
    let mut stage = stage(timings);
    let mut worker = stage.opened().await;
    worker.commanded(|c| matches!(c, Command::AddPeer { .. })).await;
    worker.hear(b"p").await;
    stage.until(Board::ready).await;
    (stage, worker)
}

#[tokio::test]
async fn a_clock_that_jumps_is_told_after_a_second_look_and_so_is_its_end() {
    let (stage, worker) = paired().await;
    stage.until(|board| clock_secs(board).is_some_and(|secs| secs.abs() < 0.1)).await;
    assert_eq!(code(&stage.board, name::CLOCK), None);
    worker.hear(b"c5000").await;
    stage.until(|board| code(board, name::CLOCK).as_deref() == Some("system.clock_skew")).await;
    let told = stage.board.document().checks[name::CLOCK][0].reason.clone().unwrap();
    assert!(told.evidence.contains("i-2 is 5.0"), "{}", told.evidence);
    assert_eq!(told.fields["peer"], "i-2");
    worker.hear(b"c0").await;
    stage.until(|board| code(board, name::CLOCK).is_none()).await;

    worker.hear(b"l").await;
    stage.until(|board| clock_secs(board).is_none()).await;
    let checks = stage.board.document().checks;
    assert!(name::ALL.iter().all(|name| !checks.contains_key(*name)), "{:?}", checks.keys());
}

#[tokio::test]
async fn what_was_known_of_a_peer_that_is_replaced_is_forgotten() {
    let once = Timings { clock_interval: Duration::from_secs(3600), ..quick() };
    let (stage, worker) = paired_with(once).await;
    let about = |board: &Board| {
        let checks = board.document().checks;
        checks.get(name::CLOCK).and_then(|checks| checks[0].component_id.clone())
    };
    stage.until(|board| about(board).as_deref() == Some("i-2")).await;
    worker.hear(b"r").await;
    stage.until(|board| !board.ready()).await;
    assert_eq!(about(&stage.board), None);
}

#[tokio::test]
async fn another_library_of_the_peer_is_told() {
    let (stage, _worker) = paired().await;
    stage
        .until(|board| code(board, name::LIBFABRIC).as_deref() == Some("pair.libfabric_skew"))
        .await;
    let told = stage.board.document().checks[name::LIBFABRIC][0].clone();
    assert_eq!(told.observed_value, Some("2.5.1".into()));
    assert_eq!(told.reason.unwrap().evidence, "i-2: its libfabric is 2.5.1, this node's 1.17");
}

#[tokio::test]
async fn a_peer_that_asks_is_told_this_nodes_health() {
    let (stage, mut worker) = paired().await;
    worker.hear(b"q").await;
    let sent = worker.commanded(|c| matches!(c, Command::Send { .. })).await;
    let Command::Send { peer: 1, bytes } = sent else { panic!("{sent:?}") };
    let answer: PeerAnswer = serde_json::from_slice(&bytes).unwrap();
    assert_eq!(answer.document.node.peers, ["i-2"]);
    assert_eq!((answer.left_out, answer.document.node.phase.as_str()), (0, "paired"));
    drop(stage);
}

#[tokio::test]
async fn the_peers_health_is_asked_once_for_all_who_wait() {
    let (stage, worker) = paired().await;
    let first = soon(stage.peers.health(None)).await.unwrap();
    assert_eq!((first.instance_id.as_str(), first.rank), ("i-2", 1));
    worker.hear(b"h").await;
    // What it said is told again, older, until it is to be asked anew.
    soon(async {
        let mut last = first;
        loop {
            match stage.peers.health(Some("1".to_owned())).await {
                Ok(known) => {
                    // It may be asked once more before it hushes.
                    assert!(known.age_secs < last.age_secs || known.answer == last.answer);
                    last = known;
                }
                Err(why) => break assert_eq!(why.code(), "peer.silent"),
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    })
    .await;
    let unknown = soon(stage.peers.health(Some("i-9".to_owned()))).await;
    assert!(matches!(unknown, Err(NoHealth::Unknown { .. })));
    worker.hear(b"l").await;
    stage.until(|board| !board.ready()).await;
    let lost = soon(stage.peers.health(None)).await.unwrap_err();
    assert!(lost.to_string().contains("it is lost (pair.peer_lost"), "{lost}");
}
