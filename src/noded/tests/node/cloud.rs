//! As much of AWS as a daemon needs: the metadata service, and EC2's tags in
//! memory. The local region is the real stand-in; this one starts in no time.

use axum::Router;
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, post, put};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

/// Session token of the metadata service.
pub const TOKEN: &str = "session-token-of-metadata";
/// What is secret in a presigned URL.
pub const PRESIGNED: &str = "authToken-of-a-presigned-url";

type Tags = BTreeMap<String, String>;

/// Tags by instance id, and what the metadata says otherwise than usual.
#[derive(Clone, Default)]
pub struct Cloud(Arc<Mutex<BTreeMap<String, Tags>>>, Arc<Mutex<Tags>>);

/// Metadata and EC2 of one instance.
#[derive(Clone)]
struct Seat {
    cloud: Cloud,
    rank: u32,
    /// SageMaker has said so once.
    throttled: Arc<AtomicBool>,
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
            .route("/", post(aws))
            .with_state(Seat { cloud: self.clone(), rank, throttled: Arc::default() });
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            runtime.unwrap().block_on(async {
                let listener = tokio::net::TcpListener::from_std(listener).unwrap();
                axum::serve(listener, routes).await.unwrap();
            });
        });
        address
    }

    /// What a category of everybody's metadata says from now on; an empty text
    /// is 404.
    pub fn say(&self, category: &str, text: &str) {
        self.1.lock().unwrap().insert(category.to_owned(), text.to_owned());
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
    ([("x-aws-ec2-metadata-token-ttl-seconds", "21600")], TOKEN)
}

async fn metadata(
    State(seat): State<Seat>,
    Path(category): Path<String>,
    headers: HeaderMap,
) -> Result<String, StatusCode> {
    if !headers.contains_key("x-aws-ec2-metadata-token") {
        return Err(StatusCode::UNAUTHORIZED);
    }
    if let Some(text) = seat.cloud.1.lock().unwrap().get(&category) {
        return if text.is_empty() { Err(StatusCode::NOT_FOUND) } else { Ok(text.clone()) };
    }
    Ok(match category.as_str() {
        "instance-id" => id(seat.rank),
        "instance-type" => "g6.12xlarge".to_owned(),
        "reservation-id" => "r-1".to_owned(),
        "ami-launch-index" => seat.rank.to_string(),
        "local-ipv4" => "127.0.0.1".to_owned(),
        "placement/availability-zone" => "us-east-1a".to_owned(),
        "placement/region" => "us-east-1".to_owned(),
        "iam/security-credentials/" => "nixl-node".to_owned(),
        "iam/security-credentials/nixl-node" => {
            r#"{"Code": "Success", "Expiration": "2999-01-01T00:00:00Z"}"#.to_owned()
        }
        _ => return Err(StatusCode::NOT_FOUND),
    })
}

/// SageMaker makes a URL, EC2 has the rest.
async fn aws(State(seat): State<Seat>, headers: HeaderMap, body: String) -> Response {
    if !headers.contains_key("x-amz-target") {
        return ec2(&seat, &body).into_response();
    }
    // The first time it throttles, which is told where everything is.
    if !seat.throttled.swap(true, Ordering::Relaxed) {
        let answer = r#"{"__type":"ThrottlingException","message":"Rate exceeded"}"#;
        return (StatusCode::BAD_REQUEST, answer).into_response();
    }
    let url = format!("https://mlflow.example/auth?authToken={PRESIGNED}");
    format!("{{\"AuthorizedUrl\":\"{url}\"}}").into_response()
}

/// The two actions of a node; a form's body is a query like any other.
fn ec2(seat: &Seat, body: &str) -> Result<String, StatusCode> {
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
