//! What an operator should know, as journal entries with stable message ids.
//!
//! `journalctl -x` explains them from `systemd/usr/lib/systemd/catalog`,
//! which `nixl-noded explain --catalog` prints. Every reason of the table has
//! an id of its own too, made from its code.

use nixl_cluster::reason::{Reason, Severity};
use nixl_pairing::PeerState;

/// One kind of entry.
#[derive(Debug, Clone, Copy)]
pub struct Kind {
    /// `MESSAGE_ID`, 128 bit in hex.
    pub id: &'static str,
    /// Subject in the catalog; `@FIELD@` is replaced by the journal.
    pub subject: &'static str,
    /// Explanation in the catalog.
    pub text: &'static str,
}

/// The daemon serves HTTP and starts to boot the node.
pub const STARTED: Kind = Kind {
    id: "a896ef6c1c824754bcf3e4c9e2faf418",
    subject: "The nixl node daemon has started",
    text: "It answers on 127.0.0.1:9100 from now on and goes on to read its settings, register this instance and pair it.",
};
/// Identity and endpoint are in the tags.
pub const REGISTERED: Kind = Kind {
    id: "5100d92457a44aa59e132cddd89d1010",
    subject: "This node is registered",
    text: "Its identity and its fabric endpoint are in the tags nixl:identity and nixl:endpoint of its own instance. Peers find them there.",
};
/// A peer is paired.
pub const PAIRED: Kind = Kind {
    id: "b6c1fc1f60db4cd080e4c416aeb354d7",
    subject: "Paired with @PEER_ID@",
    text: "The peer's handshake over the fabric matches its tags, and sealed heartbeats arrive.",
};
/// A peer is lost.
pub const PEER_LOST: Kind = Kind {
    id: "c885bd8c317746eb92536f7d45135b63",
    subject: "Lost @PEER_ID@",
    text: "The peer was paired and its heartbeats stopped. Look at the peer's own /health; pairing resumes by itself when it is back.",
};
/// The fabric worker died.
pub const WORKER_DIED: Kind = Kind {
    id: "5630debacc77418d9735f4c05c861a7c",
    subject: "The process that owns the fabric ended (restart @RESTARTS@)",
    text: "It is started again with a new identity. Repeated deaths mean a fault of libfabric or its driver; the entry holds the last line the process wrote.",
};
/// The HTTP port is taken.
pub const PORT_TAKEN: Kind = Kind {
    id: "afbae5e022014160a6ebbfdc5e65bba5",
    subject: "The port of the node daemon is taken",
    text: "Another process listens there; the entry names it. Stop it, or give nixl-noded.socket another ListenStream= by a drop-in.",
};
/// No presigned URL may be made.
pub const MLFLOW_DENIED: Kind = Kind {
    id: "e6b8acbaef2e4c69a4719443f536cbcb",
    subject: "The node may not create presigned MLflow URLs",
    text: "The node's role must allow sagemaker:CreatePresignedMlflowTrackingServerUrl (or CreatePresignedMlflowAppUrl) on the ARN in /etc/nixl/node.toml. Pairing is not affected.",
};
/// The daemon stops.
pub const STOPPING: Kind = Kind {
    id: "1fa81202c7be4e4988fa8eb0b677d2fd",
    subject: "The nixl node daemon is stopping",
    text: "It says bye to its peers, ends its worker and exits within two seconds.",
};

/// A check is good again.
pub const CHECK_GOOD: Kind = Kind {
    id: "1d1c1f5be0f54f5fb8a34e4e5f2b5a05",
    subject: "@CHECK@ @ABOUT@ is good again",
    text: "The reason named does not hold any more; since when it did is in an earlier entry with the same check.",
};

/// A person has seen a reason.
pub const ACKNOWLEDGED: Kind = Kind {
    id: "4a4f8d5c0a5b4d54a4b4ce0ea0fb2f4e",
    subject: "The reason @REASON@ is acknowledged",
    text: "Somebody on this node has seen it; the entry holds their note. It stays on /health and no longer counts for its status, until it is over or \
           happens again. Whoever reaches the loopback interface of the node may do so: nobody is authenticated there, so the journal cannot name them. \
           `nixl-noded ack CODE --undo` takes it back.",
};
/// An acknowledgement was taken back.
pub const TAKEN_BACK: Kind = Kind {
    id: "d9d3f2c1f3c84a3f8f2f0a8c5a9be6d7",
    subject: "The acknowledgement of @REASON@ was taken back",
    text: "The reason counts again for the status on /health.",
};

/// Every kind but those of the reasons.
pub const KINDS: &[Kind] = &[
    STARTED,
    REGISTERED,
    PAIRED,
    PEER_LOST,
    WORKER_DIED,
    PORT_TAKEN,
    MLFLOW_DENIED,
    STOPPING,
    CHECK_GOOD,
    ACKNOWLEDGED,
    TAKEN_BACK,
];

/// Message id of a reason: FNV-1a over its code, so that a new row of the
/// table has one by itself and an old one never changes.
#[must_use]
pub fn reason_id(code: &str) -> String {
    const OFFSET: u128 = 0x6c62_272e_07bb_0142_62b8_2175_6295_c58d;
    const PRIME: u128 = 0x0000_0000_0100_0000_0000_0000_0000_013b;
    let hash =
        code.bytes().fold(OFFSET, |hash, byte| (hash ^ u128::from(byte)).wrapping_mul(PRIME));
    format!("{hash:032x}")
}

/// See [`STARTED`].
pub fn started(address: std::net::SocketAddr) {
    let version = env!("CARGO_PKG_VERSION");
    tracing::info!(message_id = STARTED.id, %address, version, "nixl-noded {version} on {address}");
}

/// See [`REGISTERED`].
pub fn registered() {
    tracing::info!(message_id = REGISTERED.id, "identity and endpoint are in this node's tags");
}

/// See [`WORKER_DIED`].
pub fn worker_died(restarts: u64, reason: &Reason, how: &str) {
    tracing::warn!(
        message_id = WORKER_DIED.id,
        restarts,
        reason = reason.code,
        "the fabric worker died: {how}"
    );
}

/// See [`PORT_TAKEN`].
pub fn port_taken(told: &str) {
    tracing::error!(message_id = PORT_TAKEN.id, "{told}");
}

/// See [`MLFLOW_DENIED`].
pub fn mlflow_denied(evidence: &str) {
    tracing::warn!(message_id = MLFLOW_DENIED.id, reason = "mlflow.denied", "{evidence}");
}

/// See [`STOPPING`].
pub fn stopping(signal: &str) {
    tracing::info!(message_id = STOPPING.id, signal, "stopping on {signal}");
}

/// A reason holds.
pub fn reason(reason: &Reason, evidence: &str) {
    let id = reason_id(reason.code);
    tracing::warn!(message_id = %id, reason = reason.code, "{}: {evidence}", reason.code);
}

/// A check has this reason from now on.
pub fn check_bad(check: &str, about: Option<&str>, reason: &Reason, evidence: &str) {
    let (id, about) = (reason_id(reason.code), about.unwrap_or_default());
    let code = reason.code;
    match reason.severity {
        Severity::Info => tracing::info!(
            message_id = %id, reason = code, check, about, "{check} {about}: {code}: {evidence}"
        ),
        Severity::Warning => tracing::warn!(
            message_id = %id, reason = code, check, about, "{check} {about}: {code}: {evidence}"
        ),
        Severity::Error => tracing::error!(
            message_id = %id, reason = code, check, about, "{check} {about}: {code}: {evidence}"
        ),
    }
}

/// See [`CHECK_GOOD`].
pub fn check_good(check: &str, about: Option<&str>, was: &Reason) {
    let about = about.unwrap_or_default();
    tracing::info!(
        message_id = CHECK_GOOD.id,
        reason = was.code,
        check,
        about,
        "{check} {about}: good again, {} is over",
        was.code
    );
}

/// See [`ACKNOWLEDGED`]: of these checks.
pub fn acknowledged(code: &str, checks: &[String], note: Option<&str>) {
    let told = checks.join(", ");
    let words = note.map(|note| format!(": {note}")).unwrap_or_default();
    tracing::info!(
        message_id = ACKNOWLEDGED.id,
        reason = code,
        checks = told,
        note,
        "{code} is acknowledged for {told}, by somebody on this node{words}"
    );
}

/// See [`TAKEN_BACK`]: of these checks.
pub fn taken_back(code: &str, checks: &[String]) {
    let told = checks.join(", ");
    tracing::info!(
        message_id = TAKEN_BACK.id,
        reason = code,
        checks = told,
        "the acknowledgement of {code} for {told} was taken back, by somebody on this node"
    );
}

/// A peer's state changed.
pub fn peer_changed(
    rank: u32,
    instance_id: Option<&str>,
    from: PeerState,
    to: PeerState,
    reason: Option<&'static str>,
) {
    let peer = instance_id.map_or_else(|| format!("rank {rank}"), str::to_owned);
    let (before, now) = (state(from), state(to));
    let code = reason.unwrap_or("-");
    let id = match (to, reason) {
        (PeerState::Paired, _) => PAIRED.id.to_owned(),
        (PeerState::Lost, _) => PEER_LOST.id.to_owned(),
        (_, Some(code)) => reason_id(code),
        (_, None) => String::new(),
    };
    if matches!(to, PeerState::Lost | PeerState::Refused) {
        tracing::warn!(
            message_id = %id, peer_id = %peer, peer_rank = rank, pair_state = now, reason = code,
            "peer {peer}: {before} -> {now} ({code})"
        );
    } else if id.is_empty() {
        tracing::info!(
            peer_id = %peer, peer_rank = rank, pair_state = now, "peer {peer}: {before} -> {now}"
        );
    } else {
        tracing::info!(
            message_id = %id, peer_id = %peer, peer_rank = rank, pair_state = now, reason = code,
            "peer {peer}: {before} -> {now}"
        );
    }
}

fn state(state: PeerState) -> &'static str {
    match state {
        PeerState::Unknown => "unknown",
        PeerState::Handshaking => "handshaking",
        PeerState::Paired => "paired",
        PeerState::Lost => "lost",
        PeerState::Refused => "refused",
    }
}
