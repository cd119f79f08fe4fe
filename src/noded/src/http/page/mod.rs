//! The page for people at `/`: made here, readable without JavaScript, and with
//! it fetched anew every few seconds. It asks nobody else for anything.

mod facts;
mod gpus;
mod link;
mod nodes;
mod plot;
mod rails;
mod reasons;
mod table;
mod view;
mod words;

use super::{NO_STORE, Shared, error};
use axum::http::header::{CONTENT_SECURITY_POLICY, CONTENT_TYPE};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use minijinja::syntax::SyntaxConfig;
use minijinja::value::Serde;
use minijinja::{Environment, UndefinedBehavior, Value, context};
use nixl_cluster::PeerHealth;
use std::sync::LazyLock;
use std::time::Duration;
use tokio::task::JoinSet;
use view::View;

const SHELL: &str = include_str!("shell.html");
const MAIN: &str = include_str!("main.html");
const STYLE: &str = include_str!("style.css");
const SCRIPT: &str = include_str!("script.js");

/// Peers that are asked, and how long the page waits for them.
const MOST_PEERS: usize = 8;
const PATIENCE: Duration = Duration::from_millis(500);

/// Names that end with `.html` have every value escaped.
static TEMPLATES: LazyLock<Result<Environment<'static>, minijinja::Error>> = LazyLock::new(|| {
    let mut templates = Environment::new();
    templates.set_undefined_behavior(UndefinedBehavior::Strict);
    templates.set_syntax(SyntaxConfig::builder().trim_blocks(true).lstrip_blocks(true).build()?);
    templates.add_template("shell.html", SHELL)?;
    templates.add_template("main.html", MAIN)?;
    Ok(templates)
});

/// The whole page, or what the page's own script asks for: what stands in it.
pub(super) async fn page(shared: &Shared, only_main: bool) -> Response {
    let view = View::of(shared, &peers(shared).await);
    let nonce = format!("{:032x}", rand::random::<u128>());
    match text(&view, &nonce, only_main) {
        Ok(text) => {
            let policy = format!(
                "default-src 'none'; style-src 'nonce-{nonce}'; script-src 'nonce-{nonce}'; \
                 connect-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; \
                 frame-ancestors 'none'"
            );
            let Ok(policy) = HeaderValue::from_str(&policy) else {
                return error(StatusCode::INTERNAL_SERVER_ERROR, "internal", "no policy");
            };
            let html = HeaderValue::from_static("text/html; charset=utf-8");
            let headers = [(CONTENT_TYPE, html), (CONTENT_SECURITY_POLICY, policy), NO_STORE];
            (headers, text).into_response()
        }
        Err(fault) => error(StatusCode::INTERNAL_SERVER_ERROR, "internal", &fault.to_string()),
    }
}

/// What the peers say of themselves, of those that answer at once.
async fn peers(shared: &Shared) -> Vec<PeerHealth> {
    let paired = shared.board.paired_with().into_iter().take(MOST_PEERS);
    let mut asked: JoinSet<_> = paired
        .map(|peer| {
            let peers = shared.peers.clone();
            async move { tokio::time::timeout(PATIENCE, peers.health(Some(peer))).await }
        })
        .collect();
    let mut told = Vec::new();
    while let Some(answer) = asked.join_next().await {
        if let Ok(Ok(Ok(health))) = answer {
            told.push(health);
        }
    }
    told
}

fn text(view: &View, nonce: &str, only_main: bool) -> Result<String, minijinja::Error> {
    let templates = match &*TEMPLATES {
        Ok(templates) => templates,
        Err(fault) => {
            return Err(minijinja::Error::new(fault.kind(), fault.to_string()));
        }
    };
    let main = templates.get_template("main.html")?.render(Serde(view))?;
    if only_main {
        return Ok(main);
    }
    templates.get_template("shell.html")?.render(context! {
        title => view.title.as_str(),
        main => Value::from_safe_string(main),
        style => Value::from_safe_string(STYLE.to_owned()),
        script => Value::from_safe_string(SCRIPT.to_owned()),
        nonce,
    })
}
