//! Who may ask, and what. Host and Origin are looked at by whoever serves the
//! endpoint.

use super::allow::{self, Allow};
use super::refusal::Refusal;
use http::header::AUTHORIZATION;
use http::request::Parts;

/// Who asks.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Peer {
    /// The user at the other end; of nobody known, `None`.
    pub uid: Option<u32>,
    /// Needs no token. One that is given has to be right all the same.
    pub trusted: bool,
}

/// # Errors
/// With the answer to whoever may not.
pub(super) fn check(head: &Parts, peer: Peer, token: &str, allow: &Allow) -> Result<(), Refusal> {
    let mut given = head.headers.get_all(AUTHORIZATION).iter();
    let bearer = match (given.next(), given.next()) {
        (Some(one), None) => one.as_bytes().split_at_checked("bearer ".len()),
        _ => None,
    };
    let needless = peer.trusted && !head.headers.contains_key(AUTHORIZATION);
    let good = needless
        || bearer.is_some_and(|(scheme, value)| {
            scheme.eq_ignore_ascii_case(b"bearer ") && same(value, token.as_bytes())
        });
    if !good {
        return Err(Refusal::no_token());
    }
    let parts = allow::parts(head.uri.path()).map_err(Refusal::bad_path)?;
    if allow.allows(&head.method, &parts) {
        Ok(())
    } else {
        Err(Refusal::not_allowed(&format!("{} /{}", head.method, parts.join("/"))))
    }
}

/// In a time that does not tell where they differ.
fn same(given: &[u8], wanted: &[u8]) -> bool {
    given.len() == wanted.len()
        && given.iter().zip(wanted).fold(0, |differ, (a, b)| differ | (a ^ b)) == 0
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::{Request, StatusCode};

    #[test]
    fn one_right_token_is_needed() {
        let status_of = |trusted, tokens: &[&str]| {
            let peer = Peer { uid: Some(1000), trusted };
            let mut request = Request::get("/version");
            for token in tokens {
                request = request.header(AUTHORIZATION, *token);
            }
            let (head, ()) = request.body(()).unwrap().into_parts();
            check(&head, peer, "s3cret", &Allow::default()).err().map(|refusal| refusal.status)
        };
        let status = |tokens: &[&str]| status_of(false, tokens);
        assert_eq!(status(&["Bearer s3cret"]), None);
        assert_eq!(status(&["bearer s3cret"]), None);
        for bad in [&[][..], &["Bearer s3creT"], &["Basic s3cret"], &["Bearer "], &["s3cret"]] {
            assert_eq!(status(bad), Some(StatusCode::UNAUTHORIZED), "{bad:?}");
        }
        assert_eq!(status(&["Bearer s3cret", "Bearer x"]), Some(StatusCode::UNAUTHORIZED));
        assert_eq!(status_of(true, &[]), None);
        assert_eq!(status_of(true, &["Bearer x"]), Some(StatusCode::UNAUTHORIZED));
    }
}
