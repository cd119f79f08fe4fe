//! The body of a signed call, held against the hash under its signature.

use crate::sigv4::payload_hash;
use axum::body::{Body, Bytes, HttpBody, to_bytes};
use futures_util::{StreamExt, stream};
use http::{HeaderMap, header};
use sha2::{Digest, Sha256};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Bodies up to this size are read before anything is done; MLflow's own limit
/// of a request that is no artifact.
const WHOLE_BYTES: usize = 1 << 20;

/// A body, and what its signature says of it.
pub enum Payload {
    /// All of it, and its hash.
    Whole(Bytes, String),
    /// More than is read at once; it is hashed on the way.
    Streamed(Body),
}

/// A body that cannot be had: too large without a hash of it, or cut off.
#[derive(Debug)]
pub struct NotRead;

/// Reads a body, unless it is large and there is a hash to hold it against.
pub async fn read(headers: &HeaderMap, body: Body, hashed: bool) -> Result<Payload, NotRead> {
    let told =
        headers.get(header::CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse().ok());
    let small = told.or(body.size_hint().upper()).is_some_and(|most| most <= WHOLE_BYTES as u64);
    if hashed && !small {
        return Ok(Payload::Streamed(body));
    }
    let bytes = to_bytes(body, WHOLE_BYTES).await.map_err(|_| NotRead)?;
    let hash = payload_hash(&bytes);
    Ok(Payload::Whole(bytes, hash))
}

/// Whether a streamed body turned out to be another one than was signed.
#[derive(Clone, Default)]
pub struct Forged(Arc<AtomicBool>);

impl Forged {
    /// So far.
    pub fn is(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }
}

/// A body that ends only if it is the one that was signed: its last piece is
/// kept back until then, so nobody can act on another.
pub fn held_against(body: Body, signed: String, forged: Forged) -> Body {
    let begun = (body.into_data_stream(), Sha256::new(), None::<Bytes>);
    let pieces = stream::try_unfold(Some(begun), move |state| {
        let (signed, forged) = (signed.clone(), forged.clone());
        async move {
            let Some((mut pieces, mut hash, mut kept)) = state else { return Ok(None) };
            loop {
                match pieces.next().await {
                    Some(piece) => {
                        let piece = piece?;
                        hash.update(&piece);
                        if let Some(before) = kept.replace(piece) {
                            return Ok(Some((before, Some((pieces, hash, kept)))));
                        }
                    }
                    None if hex::encode(hash.finalize()) == signed => {
                        return Ok(kept.map(|last| (last, None)));
                    }
                    None => {
                        forged.0.store(true, Ordering::Release);
                        return Err(axum::Error::new("the body is not the one that was signed"));
                    }
                }
            }
        }
    });
    Body::from_stream(pieces)
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn through(pieces: &[&'static str], signed: &str) -> (Vec<String>, bool, bool) {
        let pieces = pieces.iter().map(|piece| Ok::<_, axum::Error>(Bytes::from(*piece)));
        let body = Body::from_stream(stream::iter(pieces.collect::<Vec<_>>()));
        let forged = Forged::default();
        let mut out =
            held_against(body, payload_hash(signed.as_bytes()), forged.clone()).into_data_stream();
        let (mut passed, mut failed) = (Vec::new(), false);
        while let Some(piece) = out.next().await {
            match piece {
                Ok(piece) => passed.push(String::from_utf8(piece.to_vec()).unwrap()),
                Err(_) => failed = true,
            }
        }
        (passed, failed, forged.is())
    }

    #[tokio::test]
    async fn the_last_piece_passes_only_if_the_whole_was_signed() {
        let whole = ["ab", "cd", "ef"];
        let texts = |list: &[&str]| list.iter().map(ToString::to_string).collect::<Vec<_>>();
        assert_eq!(through(&whole, "abcdef").await, (texts(&whole), false, false));
        assert_eq!(through(&whole, "abcdeg").await, (texts(&["ab", "cd"]), true, true));
        assert_eq!(through(&[], "").await, (vec![], false, false));
    }
}
