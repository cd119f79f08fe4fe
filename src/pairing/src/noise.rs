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
/// What sealing adds to a payload.
#[cfg(test)]
pub(crate) const SEAL_BYTES: usize = COUNTER_BYTES + TAG_BYTES;
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
    pub(crate) rank: u32,
    pub(crate) identity: IdentityRecord,
    pub(crate) endpoint: EndpointRecord,
}

/// Everything both sides must agree on, the initiator's half first. Rank and
/// identity say the role of each and by which layout.
fn prologue(local: &LocalNode, peer: &Tags, local_initiates: bool) -> Result<Vec<u8>, NoiseError> {
    let half = |id: &str, rank: u32, identity: &IdentityRecord, endpoint: &EndpointRecord| {
        (id.to_owned(), rank, identity.to_string(), endpoint.to_string())
    };
    let mine = half(&local.instance_id, local.rank, &local.identity, &local.endpoint);
    let theirs = half(&peer.instance_id, peer.rank, &peer.identity, &peer.endpoint);
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

#[cfg(test)]
mod tests {
    use super::*;
    use nixl_cluster::Provider;

    fn node(rank: u32) -> LocalNode {
        let keys = Builder::new(PATTERN.parse().unwrap()).generate_keypair().unwrap();
        LocalNode {
            cluster: "unit".parse().unwrap(),
            instance_id: format!("i-{rank}"),
            rank,
            size: 2,
            identity: IdentityRecord {
                public_key: keys.public.try_into().unwrap(),
                boot: "01234567".to_owned(),
                epoch: 5,
                prefill: Some(1),
            },
            secret_key: keys.private.try_into().unwrap(),
            endpoint: EndpointRecord { provider: Provider::Efa, address: vec![1; 32] },
            release: "1.0.0".to_owned(),
            rails: Vec::new(),
        }
    }

    fn tags(node: &LocalNode) -> Tags {
        Tags {
            instance_id: node.instance_id.clone(),
            rank: node.rank,
            identity: node.identity.clone(),
            endpoint: node.endpoint.clone(),
        }
    }

    fn sessions() -> (Session, Session) {
        let (a, b) = (node(0), node(1));
        let mut initiation = Initiation::start(&a, &tags(&b), 7).unwrap();
        let response = respond(&b, &tags(&a), initiation.noise_1()).unwrap();
        assert_eq!(response.attempt, 7);
        // A forged noise-2 does not spoil the true one.
        assert!(initiation.check(&[9; NOISE_2_BYTES]).is_err());
        initiation.check(&response.noise_2).unwrap();
        (initiation.finish().unwrap(), response.session)
    }

    /// A change to what the responder believes of itself or of the initiator.
    type Change = fn(&mut LocalNode, &mut Tags);

    #[test]
    fn the_prologue_binds_everything_the_tags_say() {
        let changes: [(&str, Change); 13] = [
            ("cluster", |own, _| own.cluster = "other".parse().unwrap()),
            ("own instance", |own, _| own.instance_id.push('x')),
            ("own boot", |own, _| own.identity.boot = "76543210".to_owned()),
            ("own epoch", |own, _| own.identity.epoch += 1),
            ("own layout", |own, _| own.identity.prefill = None),
            ("own rank", |own, _| own.rank += 1),
            ("own address", |own, _| own.endpoint.address[0] ^= 1),
            ("peer's instance", |_, peer| peer.instance_id.push('x')),
            ("peer's epoch", |_, peer| peer.identity.epoch += 1),
            ("peer's layout", |_, peer| peer.identity.prefill = Some(2)),
            ("peer's rank", |_, peer| peer.rank += 1),
            ("peer's provider", |_, peer| peer.endpoint.provider = Provider::Tcp),
            ("peer's key", |_, peer| peer.identity.public_key[3] ^= 1),
        ];
        let (a, b) = (node(0), node(1));
        let initiation = Initiation::start(&a, &tags(&b), 1).unwrap();
        assert!(respond(&b, &tags(&a), initiation.noise_1()).is_ok());
        for (what, change) in changes {
            let (mut own, mut peer) = (b.clone(), tags(&a));
            change(&mut own, &mut peer);
            assert!(respond(&own, &peer, initiation.noise_1()).is_err(), "{what} is not bound");
        }
    }

    #[test]
    fn sealed_messages_open_once_in_any_order() {
        let (mut a, mut b) = sessions();
        let bodies: Vec<_> =
            (0..5).map(|i| a.seal(&Payload::ProbeToken([i; 16])).unwrap()).collect();
        for i in [3_u8, 0, 4, 1, 2] {
            let opened = b.open(&bodies[usize::from(i)]).unwrap();
            assert!(opened == Payload::ProbeToken([i; 16]));
        }
        assert!(matches!(b.open(&bodies[2]), Err(NoiseError::Replayed)));
        assert!(a.open(&bodies[2]).is_err(), "not by the one who sealed it");
    }

    #[test]
    fn a_forged_counter_does_not_move_the_window() {
        let (mut a, mut b) = sessions();
        let mut forged = a.seal(&Payload::Bye).unwrap();
        forged[..COUNTER_BYTES].copy_from_slice(&1_000_000_u64.to_le_bytes());
        assert!(b.open(&forged).is_err());
        assert!(b.open(&a.seal(&Payload::Bye).unwrap()).is_ok());
        assert!(b.open(&[0; COUNTER_BYTES]).is_err());
    }
}
