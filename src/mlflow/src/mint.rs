//! Making presigned URLs, and the URL itself, which is a credential.

use std::fmt;

/// Longest `AuthorizedUrl` (SageMaker API reference).
const MAX_URL_CHARS: usize = 2048;

/// A failed mint.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{message}")]
pub struct MintError {
    /// Access was denied (retrying soon is pointless).
    pub denied: bool,
    /// Text without any secret.
    pub message: String,
}

/// Makes presigned URLs.
#[async_trait::async_trait]
pub trait Minter: Send + Sync {
    /// One single-use URL living `expires_secs`, opening a session of `session_secs`.
    async fn mint(&self, expires_secs: u32, session_secs: u32) -> Result<String, MintError>;
}

/// A presigned URL. It is a credential: `Debug` does not show it.
pub struct PresignedUrl(String);

impl PresignedUrl {
    /// Takes what the API answered, if it can go into a `Location` header.
    pub(crate) fn new(url: String) -> Result<Self, MintError> {
        let scheme = url.starts_with("https://") || url.starts_with("http://");
        let plain = url.bytes().all(|b| b.is_ascii_graphic());
        if scheme && plain && url.len() <= MAX_URL_CHARS {
            Ok(Self(url))
        } else {
            Err(MintError {
                denied: false,
                message: "SageMaker's answer has no usable URL in it".to_owned(),
            })
        }
    }

    /// The URL, to hand out once.
    #[must_use]
    pub fn reveal(self) -> String {
        self.0
    }
}

impl fmt::Debug for PresignedUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("PresignedUrl").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_a_header_can_carry_is_a_url() {
        let url = "https://t-x.us-east-1.experiments.sagemaker.aws/auth?authToken=a%20b";
        assert_eq!(PresignedUrl::new(url.to_owned()).unwrap().reveal(), url);
        for bad in ["", "ftp://x", "https://x/\r\nSet-Cookie: a", "https://x/ y", "javascript:x"] {
            assert!(PresignedUrl::new(bad.to_owned()).is_err(), "{bad:?}");
        }
        assert!(PresignedUrl::new(format!("https://{}", "x".repeat(MAX_URL_CHARS))).is_err());
    }

    #[test]
    fn debug_does_not_show_it() {
        let url = PresignedUrl::new("https://x/auth?authToken=secret".to_owned()).unwrap();
        assert_eq!(format!("{url:?}"), "PresignedUrl(..)");
        let error = PresignedUrl::new("secret".to_owned()).unwrap_err();
        assert!(!format!("{error:?} {error}").contains("secret"));
    }
}
