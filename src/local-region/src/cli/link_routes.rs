//! Control routes of links: `GET /_region/links`, `POST /_region/links/heal`,
//! and `partition` and `slow` below `/_region/machines/<instance id>/`.

use std::time::Duration;

use axum::extract::{Path, State};
use axum::routing::{get, post};
use axum::{Json, Router};
use http::StatusCode;
use jiff::SignedDuration;
use serde::{Deserialize, Serialize};

use super::client::MACHINES;
use super::machine_routes::Control;
use crate::net::shaper::Shape;
use crate::net::{self, LinkError, Links, SlowLink};

/// Where links are listed and healed.
pub(super) const LINKS: &str = "/_region/links";

/// `partition`.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Partition {
    /// Id of the other machine; all if there is none.
    pub(super) peer: Option<String>,
    /// Only what the machine sends is lost.
    pub(super) one_way: bool,
}

/// `slow`.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Slow {
    /// Id of the other machine; all if there is none.
    pub(super) peer: Option<String>,
    /// Added to every frame.
    pub(super) latency_micros: u64,
    /// Up to this much more.
    pub(super) jitter_micros: u64,
    /// No limit if there is none.
    pub(super) bits_per_sec: Option<u64>,
    /// Part of the frames that are lost, 0 to 1.
    pub(super) loss: f64,
}

/// `heal`.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Heal {
    /// Id of a machine; everything is healed if there is none.
    pub(super) machine: Option<String>,
    /// Only what is between the two.
    pub(super) peer: Option<String>,
}

/// Answer of `heal`.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Healed {
    /// Partitions and slow links that are gone.
    pub(super) healed: usize,
}

/// A link that is not as it should be.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct LinkRow {
    /// Id.
    pub(super) machine: String,
    /// Id of the other machine; all if there is none.
    pub(super) peer: Option<String>,
    /// What is done to it.
    #[serde(flatten)]
    pub(super) fate: Fate,
}

/// What is done to a link.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub(super) enum Fate {
    /// Nothing passes.
    Partition {
        /// Only what the machine sends is lost.
        one_way: bool,
    },
    /// It is slow.
    Slow {
        /// Added to every frame.
        latency_micros: u64,
        /// Up to this much more.
        jitter_micros: u64,
        /// No limit if there is none.
        bits_per_sec: Option<u64>,
        /// Part of the frames that are lost, 0 to 1.
        loss: f64,
    },
}

impl LinkRow {
    /// In words, with machines called as `name` calls them.
    pub(super) fn told(&self, name: impl Fn(&str) -> String) -> String {
        let peer = self.peer.as_deref().map_or("all others".into(), &name);
        let (between, how) = match &self.fate {
            Fate::Partition { one_way: true } => ("does not reach", String::new()),
            Fate::Partition { one_way: false } => ("is cut off from", String::new()),
            Fate::Slow { latency_micros, jitter_micros, bits_per_sec, loss } => {
                let micros = |micros: &u64| {
                    format!(
                        "{:#}",
                        SignedDuration::from_micros(i64::try_from(*micros).unwrap_or(i64::MAX))
                    )
                };
                let mut how = format!(": {}", micros(latency_micros));
                if *jitter_micros > 0 {
                    how += &format!(" up to {} more", micros(jitter_micros));
                }
                if let Some(rate) = bits_per_sec {
                    how += &format!(", {} Mbit/s", *rate as f64 / 1e6);
                }
                if *loss > 0.0 {
                    how += &format!(", {} % lost", loss * 100.0);
                }
                ("has a slow link with", how)
            }
        };
        format!("{} {between} {peer}{how}", name(&self.machine))
    }
}

impl From<&net::Partition> for LinkRow {
    fn from(net::Partition { machine, peer, one_way }: &net::Partition) -> Self {
        let fate = Fate::Partition { one_way: *one_way };
        Self { machine: machine.clone(), peer: peer.clone(), fate }
    }
}

impl From<&SlowLink> for LinkRow {
    fn from(SlowLink { machine, peer, shape }: &SlowLink) -> Self {
        let micros = |time: Duration| u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
        let fate = Fate::Slow {
            latency_micros: micros(shape.latency),
            jitter_micros: micros(shape.jitter),
            bits_per_sec: shape.bits_per_sec,
            loss: shape.loss,
        };
        Self { machine: machine.clone(), peer: peer.clone(), fate }
    }
}

type Answer<T> = Result<Json<T>, (StatusCode, String)>;

/// The routes, to be put behind the token.
pub(super) fn routes() -> Router<Control> {
    Router::new()
        .route(LINKS, get(list))
        .route(&format!("{LINKS}/heal"), post(heal))
        .route(&format!("{MACHINES}/{{id}}/partition"), post(partition))
        .route(&format!("{MACHINES}/{{id}}/slow"), post(slow))
}

async fn list(State(control): State<Control>) -> Answer<Vec<LinkRow>> {
    change(&control, |links| Ok(rows(links))).await
}

async fn partition(
    State(control): State<Control>,
    Path(machine): Path<String>,
    Json(Partition { peer, one_way }): Json<Partition>,
) -> Answer<LinkRow> {
    let partition = net::Partition { machine, peer, one_way };
    let row = LinkRow::from(&partition);
    running(&control, [Some(&partition.machine), partition.peer.as_ref()])?;
    change(&control, move |links| links.partition(partition).map(|()| row)).await
}

async fn slow(
    State(control): State<Control>,
    Path(machine): Path<String>,
    Json(slow): Json<Slow>,
) -> Answer<LinkRow> {
    if !(0.0..=1.0).contains(&slow.loss) {
        return Err((StatusCode::BAD_REQUEST, format!("loss {} is not from 0 to 1", slow.loss)));
    }
    let shape = Shape {
        latency: Duration::from_micros(slow.latency_micros),
        jitter: Duration::from_micros(slow.jitter_micros),
        bits_per_sec: slow.bits_per_sec,
        loss: slow.loss,
    };
    let link = SlowLink { machine, peer: slow.peer, shape };
    let row = LinkRow::from(&link);
    running(&control, [Some(&link.machine), link.peer.as_ref()])?;
    change(&control, move |links| links.slow(link).map(|()| row)).await
}

async fn heal(State(control): State<Control>, Json(heal): Json<Heal>) -> Answer<Healed> {
    let Heal { machine, peer } = heal;
    change(&control, move |links| {
        links.heal(machine.as_deref(), peer.as_deref()).map(|healed| Healed { healed })
    })
    .await
}

/// A machine that is off has a link, but nobody is there.
fn running(control: &Control, ids: [Option<&String>; 2]) -> Result<(), (StatusCode, String)> {
    let states = control.machines.states();
    for id in ids.into_iter().flatten() {
        match states.iter().find(|(known, _)| known == id) {
            Some((_, "running")) => {}
            Some((_, state)) => {
                return Err((
                    StatusCode::CONFLICT,
                    format!("machine {id} is {state}, not running"),
                ));
            }
            None => return Err((StatusCode::NOT_FOUND, format!("no machine {id}"))),
        }
    }
    Ok(())
}

async fn change<T: Send + 'static>(
    control: &Control,
    act: impl FnOnce(&Links) -> Result<T, LinkError> + Send + 'static,
) -> Answer<T> {
    let links = control.machines.links().clone();
    // It waits for `nft` and `ip`.
    let done = tokio::task::spawn_blocking(move || act(&links)).await;
    let done = done.map_err(|error| (StatusCode::INTERNAL_SERVER_ERROR, error.to_string()))?;
    done.map(Json).map_err(|error| {
        let status = match error {
            LinkError::NoLink(_) | LinkError::NothingToHeal(_) => StatusCode::CONFLICT,
            LinkError::Same(_) => StatusCode::BAD_REQUEST,
            LinkError::Command(_) | LinkError::Shaper { .. } => StatusCode::INTERNAL_SERVER_ERROR,
        };
        (status, error.to_string())
    })
}

fn rows(links: &Links) -> Vec<LinkRow> {
    let (partitions, slow) = links.list();
    partitions.iter().map(LinkRow::from).chain(slow.iter().map(LinkRow::from)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_is_told_in_words_and_comes_back_from_json() {
        let shape = Shape {
            latency: Duration::from_millis(5),
            jitter: Duration::from_micros(500),
            bits_per_sec: Some(1_500_000),
            loss: 0.01,
        };
        let link = SlowLink { machine: "i-1".into(), peer: Some("i-2".into()), shape };
        let row: LinkRow =
            serde_json::from_value(serde_json::to_value(LinkRow::from(&link)).unwrap()).unwrap();
        let name = |id: &str| id.replace("i-", "node");
        assert_eq!(
            row.told(name),
            "node1 has a slow link with node2: 5ms up to 500µs more, 1.5 Mbit/s, 1 % lost"
        );
        let cut = net::Partition { machine: "i-1".into(), peer: None, one_way: false };
        assert_eq!(LinkRow::from(&cut).told(name), "node1 is cut off from all others");
    }
}
