//! The kinds of entries, each with a message id that never changes.

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
/// The metadata service has said who this node is.
pub const KNOWN: Kind = Kind {
    id: "0d4a1b5e2c8f4c6f9b3e7a61d2f0c854",
    subject: "This node is @INSTANCE_ID@",
    text: "The instance metadata service answered. What follows happens to this instance.",
};
/// The node has a rank.
pub const RANKED: Kind = Kind {
    id: "69cf90bab5f64951a3cc4d2697501042",
    subject: "This node has rank @RANK@",
    text: "Ranks say who shakes hands first and, where roles differ, which role a node has. It is the launch index, or what membership in /etc/nixl/node.toml says.",
};
/// The fabric worker has given up its rights.
pub const CONFINED: Kind = Kind {
    id: "7b1f0c9e5d3a4e27a8c6f2149be05d13",
    subject: "The sandbox of the fabric worker: @SANDBOX@",
    text: "The process that owns the fabric has given up what its provider does not need. What is named as missing this kernel or its surroundings cannot enforce.",
};
/// A rail is open.
pub const RAIL_OPEN: Kind = Kind {
    id: "e2c5a90d7f1b4b0c8d64317f5ab9e06c",
    subject: "Rail @RAIL@ is open over @PROVIDER@",
    text: "libfabric has opened an endpoint there. Rail 0 also carries the messages of the pairing.",
};
/// Identity and endpoint are in the tags.
pub const REGISTERED: Kind = Kind {
    id: "5100d92457a44aa59e132cddd89d1010",
    subject: "This node is registered",
    text: "Its identity and its fabric endpoint are in the tags nixl:identity and nixl:endpoint of its own instance. Peers find them there.",
};
/// The node as a whole has come to another phase.
pub const PHASE: Kind = Kind {
    id: "3f9d7c41b2e64a58900e1d6c8a75b2f4",
    subject: "This node is @PHASE@",
    text: "booting: it does not know yet who it is. registered: its tags are written, not every peer is paired. paired: every peer is. degraded: it was paired and is not. failed: it cannot go on without a person; /health says why.",
};
/// A peer has come to another state.
pub const PEER_STATE: Kind = Kind {
    id: "91c0e6a7d45b4f3e8d2a70b94f6c1e35",
    subject: "Peer of rank @PEER_RANK@ is @PAIR_STATE@",
    text: "unknown: its tags are not there yet. handshaking: they are, and it is asked to prove over the fabric that they are its own. The states and all ways between them are in docs/pairing.md.",
};
/// A peer's tag is there and cannot be read.
pub const TAG_UNUSABLE: Kind = Kind {
    id: "b83a6d20c4f14e95971f0e8b2d5c7a46",
    subject: "The tag @TAG@ of @PEER_ID@ cannot be used",
    text: "It counts as not there. The other node may run a newer release of nixl-noded, or somebody has written the tag by hand.",
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
/// A loop of the daemon does not go round.
pub const STUCK: Kind = Kind {
    id: "c64b8e02fa9d47d1b35f90a1e7d8264b",
    subject: "Parts of the node daemon make no progress: @TASKS@",
    text: "The watchdog is not fed meanwhile; if it lasts, the service manager restarts the daemon within ten seconds.",
};
/// A file of the daemon's state is of no use.
pub const STATE_FILE: Kind = Kind {
    id: "58a2d3c7e90f4c1db6e40f7b1a93c82e",
    subject: "@PATH@ cannot be used",
    text: "What it held is forgotten or was not written: acknowledgements, or the past of a link. Pairing and measuring go on. Look at the free space and the owner of /var/lib/nixl.",
};
/// A link is as expected again.
pub const LINK_GOOD: Kind = Kind {
    id: "a7e1905cb3d2461f8c7f64d0925be3a8",
    subject: "The link to @PEER_ID@ is as expected again",
    text: "The reason named does not hold any more: five measurements in a row were good, or one could be made again.",
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
    text: "The node's role must allow the action that the entry names on the ARN in /etc/nixl/node.toml. Pairing is not affected.",
};
/// Environment files were written.
pub const ENVIRONMENT_WRITTEN: Kind = Kind {
    id: "6e4b9f07a1c84d2fb5308c9e7f12d6a3",
    subject: "@PATH@ names the MLflow tracking ARN of this node",
    text: "nixl-environment.service has written what belongs to it; what others have written there is as it was. Shells that are open keep what they had.",
};
/// The SSM agent is to start anew.
pub const SSM_RESTART: Kind = Kind {
    id: "2b7c51e8f03d4a96813fd0a4c6e95b78",
    subject: "The SSM agent is restarted",
    text: "The role's credentials came after the agent had started, and it would sleep for about 25 minutes before it looks again. nixl-restart-ssm-agent.service does it, once in a boot.",
};
/// The node will end itself.
pub const ENDING: Kind = Kind {
    id: "c0f2b7d4a5e84b1f9d36e7a8120c5b94",
    subject: "This node powers off at @ENDS_AT@",
    text: "EC2 terminates an instance of ours that powers itself off. The entry says why: the time to live of the cluster is over then \
           (`nixl-launch extend` moves it), or nobody has used the node for long (any use of its GPUs or the fabric, and any session, postpones it).",
};
/// The node ends itself now.
pub const POWER_OFF: Kind = Kind {
    id: "8e1d5a60b39c47f2a7d4c91f0e6b2835",
    subject: "This node powers off",
    text: "Its time is over; the entry says why. nixl-power-off.service does it, and EC2 terminates the instance.",
};
/// The daemon does not stop in time.
pub const SLOW_STOP: Kind = Kind {
    id: "d15a8c3e6b9f47208e74b1f0c23a9d65",
    subject: "The nixl node daemon does not stop in time",
    text: "The entry says what it does not wait for any more. A fabric worker that hangs in the driver is the usual cause: look at `journalctl -k`.",
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
    subject: "@CHECK@ is good again",
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
    KNOWN,
    RANKED,
    CONFINED,
    RAIL_OPEN,
    REGISTERED,
    PHASE,
    PEER_STATE,
    TAG_UNUSABLE,
    PAIRED,
    PEER_LOST,
    LINK_GOOD,
    WORKER_DIED,
    PORT_TAKEN,
    STUCK,
    STATE_FILE,
    MLFLOW_DENIED,
    CHECK_GOOD,
    ENVIRONMENT_WRITTEN,
    SSM_RESTART,
    ACKNOWLEDGED,
    TAKEN_BACK,
    STOPPING,
    SLOW_STOP,
    ENDING,
    POWER_OFF,
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
