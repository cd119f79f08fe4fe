//! As much of AWS as a daemon needs: the metadata service, and EC2's tags in
//! memory. The local region is the real stand-in; this one starts in no time.

use axum::Router;
use axum::extract::{Path, Query, State};
use axum::http::{StatusCode, Uri};
use axum::routing::{get, post, put};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

type Tags = BTreeMap<String, String>;

/// Tags by instance id.
#[derive(Clone, Default)]
pub struct Cloud(Arc<Mutex<BTreeMap<String, Tags>>>);

/// Metadata and EC2 of one instance.
#[derive(Clone)]
struct Seat {
    cloud: Cloud,
    rank: u32,
}

fn id(rank: u32) -> String {
    format!("i-{rank}")
}

impl Cloud {
    /// Serves the instance of this rank, from a thread of its own, for as long
    /// as the test lives.
    pub fn serve(&self, rank: u32) -> SocketAddr {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        listener.set_nonblocking(true).unwrap();
        let routes = Router::new()
            .route("/latest/api/token", put(token))
            .route("/latest/meta-data/{*category}", get(metadata))
            .route("/", post(ec2))
            .with_state(Seat { cloud: self.clone(), rank });
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            runtime.unwrap().block_on(async {
                let listener = tokio::net::TcpListener::from_std(listener).unwrap();
                axum::serve(listener, routes).await.unwrap();
            });
        });
        address
    }

    fn reservation(&self) -> String {
        let mut xml = String::new();
        for (id, tags) in self.0.lock().unwrap().iter() {
            let rank = id.trim_start_matches("i-");
            let mut set = String::new();
            for (key, value) in tags {
                write!(set, "<item><key>{key}</key><value>{value}</value></item>").unwrap();
            }
            write!(
                xml,
                "<item><instanceId>{id}</instanceId><amiLaunchIndex>{rank}</amiLaunchIndex>\
                 <tagSet>{set}</tagSet></item>"
            )
            .unwrap();
        }
        format!(
            "<reservationSet><item><reservationId>r-1</reservationId>\
             <instancesSet>{xml}</instancesSet></item></reservationSet>"
        )
    }
}

async fn token() -> ([(&'static str, &'static str); 1], &'static str) {
    ([("x-aws-ec2-metadata-token-ttl-seconds", "21600")], "token")
}

async fn metadata(
    State(seat): State<Seat>,
    Path(category): Path<String>,
) -> Result<String, StatusCode> {
    Ok(match category.as_str() {
        "instance-id" => id(seat.rank),
        "instance-type" => "g6.12xlarge".to_owned(),
        "reservation-id" => "r-1".to_owned(),
        "ami-launch-index" => seat.rank.to_string(),
        "local-ipv4" => "127.0.0.1".to_owned(),
        "placement/availability-zone" => "us-east-1a".to_owned(),
        "placement/region" => "us-east-1".to_owned(),
        _ => return Err(StatusCode::NOT_FOUND),
    })
}

/// The two actions of a node; a form's body is a query like any other.
async fn ec2(State(seat): State<Seat>, body: String) -> Result<String, StatusCode> {
    let uri: Uri = format!("/?{body}").parse().map_err(|_| StatusCode::BAD_REQUEST)?;
    let Query(form) = Query::<Tags>::try_from_uri(&uri).map_err(|_| StatusCode::BAD_REQUEST)?;
    let action = form.get("Action").map(String::as_str).unwrap_or_default();
    let answer = match action {
        "DescribeInstances" => seat.cloud.reservation(),
        "CreateTags" => {
            let mut instances = seat.cloud.0.lock().unwrap();
            let tags = instances.entry(id(seat.rank)).or_default();
            for number in 1.. {
                let part = |part| form.get(&format!("Tag.{number}.{part}")).cloned();
                let Some((key, value)) = part("Key").zip(part("Value")) else { break };
                tags.insert(key, value);
            }
            "<return>true</return>".to_owned()
        }
        _ => return Err(StatusCode::NOT_IMPLEMENTED),
    };
    let namespace = "http://ec2.amazonaws.com/doc/2016-11-15/";
    Ok(format!("<{action}Response xmlns=\"{namespace}\">{answer}</{action}Response>"))
}
