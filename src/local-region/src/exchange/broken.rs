//! Answers that do not arrive, or not whole. hyper closes the connection when
//! a body fails, and sends nothing before the body's first piece.

use axum::body::{Body, Bytes, HttpBody};
use axum::response::Response;
use futures_util::stream::{self, StreamExt};
use http::header::CONTENT_LENGTH;

fn broken() -> std::io::Error {
    std::io::Error::from(std::io::ErrorKind::ConnectionReset)
}

/// No answer: the connection closes.
pub fn closed() -> Response {
    Response::new(Body::from_stream(stream::iter([Err::<Bytes, _>(broken())])))
}

/// Half of an answer's body, of which the header tells the whole length; then
/// the connection closes.
pub fn truncated(response: Response) -> Response {
    let (mut parts, body) = response.into_parts();
    let told =
        parts.headers.get(CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse().ok());
    let whole: Option<u64> = told.or_else(|| body.size_hint().exact());
    if let Some(whole) = whole {
        parts.headers.insert(CONTENT_LENGTH, whole.into());
    }
    let half = usize::try_from(whole.unwrap_or(0) / 2).unwrap_or(usize::MAX);
    let kept = body.into_data_stream().scan(half, |left, piece| {
        let piece =
            piece.ok().filter(|_| *left > 0).map(|piece| piece.slice(..piece.len().min(*left)));
        *left -= piece.as_ref().map_or(0, Bytes::len);
        std::future::ready(piece.map(Ok))
    });
    // What was kept is sent only when the body has nothing more for a moment.
    let end = stream::once(async {
        tokio::task::yield_now().await;
        Err(broken())
    });
    Response::from_parts(parts, Body::from_stream(kept.chain(end)))
}
