//! Entries about checks of `/health`.

use super::kind::{ACKNOWLEDGED, CHECK_GOOD, TAKEN_BACK};
use super::{Stage, at, reason_id};
use nixl_cluster::Reason;

/// A check, and where its node is.
#[derive(Debug)]
pub struct Check<'a> {
    /// Name in `/health`.
    pub name: &'a str,
    /// Its componentId.
    pub about: Option<&'a str>,
    /// Where the node is.
    pub stage: Stage,
    /// The pair, if that is a peer.
    pub pair_id: Option<&'a str>,
}

impl Check<'_> {
    fn told(&self) -> String {
        self.about.map_or_else(|| self.name.to_owned(), |about| format!("{} {about}", self.name))
    }

    fn peer_id(&self) -> Option<&str> {
        self.about.filter(|_| self.pair_id.is_some())
    }
}

/// It has this reason from now on.
pub fn check_bad(check: &Check<'_>, reason: &Reason, evidence: &str) {
    let (id, code, told) = (reason_id(reason.code), reason.code, check.told());
    at!(
        reason.severity,
        message_id = id,
        stage = check.stage.as_str(),
        reason = code,
        check = check.name,
        about = check.about,
        peer_id = check.peer_id(),
        pair_id = check.pair_id,
        "{told}: {code}: {evidence}"
    );
}

/// See [`CHECK_GOOD`].
pub fn check_good(check: &Check<'_>, was: &Reason) {
    tracing::info!(
        message_id = CHECK_GOOD.id,
        stage = check.stage.as_str(),
        reason = was.code,
        check = check.name,
        about = check.about,
        peer_id = check.peer_id(),
        pair_id = check.pair_id,
        "{}: good again, {} is over",
        check.told(),
        was.code
    );
}

/// See [`ACKNOWLEDGED`]: of these checks.
pub fn acknowledged(stage: Stage, code: &str, checks: &[String], note: Option<&str>) {
    let told = checks.join(", ");
    let words = note.map(|note| format!(": {note}")).unwrap_or_default();
    tracing::info!(
        message_id = ACKNOWLEDGED.id,
        stage = stage.as_str(),
        reason = code,
        checks = told,
        note,
        "{code} is acknowledged for {told}, by somebody on this node{words}"
    );
}

/// See [`TAKEN_BACK`]: of these checks.
pub fn taken_back(stage: Stage, code: &str, checks: &[String]) {
    let told = checks.join(", ");
    tracing::info!(
        message_id = TAKEN_BACK.id,
        stage = stage.as_str(),
        reason = code,
        checks = told,
        "the acknowledgement of {code} for {told} was taken back, by somebody on this node"
    );
}
