//! `Noise_KK_25519_ChaChaPoly_BLAKE2b` over datagrams (noiseprotocol.org,
//! revision 34): both static keys come from the tags, the prologue binds
//! everything else that the tags say, and transport messages carry their
//! counter, so loss and reordering do no harm.

use crate::LocalNode;
use crate::message::{PROTOCOL_VERSION, Payload};
use crate::replay::ReplayWindow;
use nixl_cluster::{EndpointRecord, IdentityRecord};
use snow::{Builder, HandshakeState, StatelessTransportState};

const PATTERN: &str = "Noise_KK_25519_ChaChaPoly_BLAKE2b";
const TAG_BYTES: usize = 16;
const COUNTER_BYTES: usize = 8;
/// Ephemeral key, the attempt's number and the tag.
const NOISE_1_BYTES: usize = 32 + COUNTER_BYTES + TAG_BYTES;
/// Ephemeral key and tag.
const NOISE_2_BYTES: usize = 32 + TAG_BYTES;

/// Why a handshake or sealed message is not taken.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NoiseError {
    #[error("wrong length")]
    Length,
    #[error("counter seen before or too old")]
    Replayed,
    #[error("sealed content is none of ours: {0}")]
    Payload(#[from] postcard::Error),
    #[error("noise: {0}")]
    Noise(#[from] snow::Error),
}

/// What a peer's tags say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Tags {
    pub(crate) instance_id: String,
    pub(crate) identity: IdentityRecord,
    pub(crate) endpoint: EndpointRecord,
}

/// Everything both sides must agree on, the initiator's half first.
fn prologue(local: &LocalNode, peer: &Tags, local_initiates: bool) -> Result<Vec<u8>, NoiseError> {
    let mine = (&local.instance_id, local.identity.to_string(), local.endpoint.to_string());
    let theirs = (&peer.instance_id, peer.identity.to_string(), peer.endpoint.to_string());
    let (first, second) = if local_initiates { (mine, theirs) } else { (theirs, mine) };
    // Postcard prefixes every string with its length, so no two differ only in their borders.
    Ok(postcard::to_stdvec(&(PROTOCOL_VERSION, local.cluster.as_str(), first, second))?)
}

fn handshake(local: &LocalNode, peer: &Tags, initiate: bool) -> Result<HandshakeState, NoiseError> {
    let prologue = prologue(local, peer, initiate)?;
    let builder = Builder::new(PATTERN.parse()?)
        .local_private_key(&local.secret_key)?
        .remote_public_key(&peer.identity.public_key)?
        .prologue(&prologue)?;
    Ok(if initiate { builder.build_initiator()? } else { builder.build_responder()? })
}

/// The lower rank's side between noise-1 and noise-2.
pub(crate) struct Initiation {
    state: HandshakeState,
    noise_1: Vec<u8>,
}

impl Initiation {
    /// `attempt` grows with every initiation under one identity; the responder
    /// tells replays by it.
    pub(crate) fn start(local: &LocalNode, peer: &Tags, attempt: u64) -> Result<Self, NoiseError> {
        let mut state = handshake(local, peer, true)?;
        let mut noise_1 = vec![0; NOISE_1_BYTES];
        let len = state.write_message(&attempt.to_le_bytes(), &mut noise_1)?;
        noise_1.truncate(len);
        Ok(Self { state, noise_1 })
    }

    pub(crate) fn noise_1(&self) -> &[u8] {
        &self.noise_1
    }

    /// Checks noise-2; a wrong one changes nothing and the right one may still come.
    pub(crate) fn check(&mut self, noise_2: &[u8]) -> Result<(), NoiseError> {
        if noise_2.len() != NOISE_2_BYTES {
            return Err(NoiseError::Length);
        }
        self.state.read_message(noise_2, &mut [0; NOISE_2_BYTES])?;
        Ok(())
    }

    /// The session, after `check` was good.
    pub(crate) fn finish(self) -> Result<Session, NoiseError> {
        Session::new(self.state)
    }
}

/// What the higher rank makes of a good noise-1.
pub(crate) struct Response {
    pub(crate) attempt: u64,
    pub(crate) noise_2: Vec<u8>,
    pub(crate) session: Session,
}

/// Answers noise-1, if it is from who the tags say.
pub(crate) fn respond(
    local: &LocalNode,
    peer: &Tags,
    noise_1: &[u8],
) -> Result<Response, NoiseError> {
    if noise_1.len() != NOISE_1_BYTES {
        return Err(NoiseError::Length);
    }
    let mut state = handshake(local, peer, false)?;
    let mut payload = [0; NOISE_1_BYTES];
    let len = state.read_message(noise_1, &mut payload)?;
    let attempt = payload[..len].try_into().map_err(|_| NoiseError::Length)?;
    let mut noise_2 = vec![0; NOISE_2_BYTES];
    let len = state.write_message(&[], &mut noise_2)?;
    noise_2.truncate(len);
    Ok(Response { attempt: u64::from_le_bytes(attempt), noise_2, session: Session::new(state)? })
}

/// Keys of one finished handshake.
pub(crate) struct Session {
    transport: StatelessTransportState,
    next_counter: u64,
    window: ReplayWindow,
}

impl Session {
    fn new(state: HandshakeState) -> Result<Self, NoiseError> {
        Ok(Self {
            transport: state.into_stateless_transport_mode()?,
            next_counter: 0,
            window: ReplayWindow::default(),
        })
    }

    /// Body of a sealed message: counter, then ciphertext.
    pub(crate) fn seal(&mut self, payload: &Payload) -> Result<Vec<u8>, NoiseError> {
        let plain = postcard::to_stdvec(payload)?;
        let counter = self.next_counter;
        let mut body = vec![0; COUNTER_BYTES + plain.len() + TAG_BYTES];
        body[..COUNTER_BYTES].copy_from_slice(&counter.to_le_bytes());
        self.transport.write_message(counter, &plain, &mut body[COUNTER_BYTES..])?;
        self.next_counter += 1;
        Ok(body)
    }

    /// Opens a sealed body, each once; a wrong one changes nothing.
    pub(crate) fn open(&mut self, body: &[u8]) -> Result<Payload, NoiseError> {
        let (counter, cipher) =
            body.split_first_chunk::<COUNTER_BYTES>().ok_or(NoiseError::Length)?;
        let counter = u64::from_le_bytes(*counter);
        if cipher.len() < TAG_BYTES {
            return Err(NoiseError::Length);
        }
        if !self.window.is_new(counter) {
            return Err(NoiseError::Replayed);
        }
        let mut plain = vec![0; cipher.len()];
        let len = self.transport.read_message(counter, cipher, &mut plain)?;
        self.window.mark(counter);
        Ok(postcard::from_bytes(&plain[..len])?)
    }
}
