//! What can go wrong with the fabric, each with a reason code.

use nixl_cluster::reason;
use nixl_fabric_sys::{LoadError, Version};
use std::net::IpAddr;
use std::path::PathBuf;

/// Fault of the fabric.
#[derive(Debug, thiserror::Error)]
pub enum FabricError {
    /// There is no libfabric to use.
    #[error(transparent)]
    Library(#[from] LoadError),
    /// `tcp` was asked for without an address to listen on; libfabric would
    /// take the first interface, e.g. a bridge.
    #[error("provider tcp needs this node's private address as its source")]
    SourceMissing,
    /// The provider has no device here.
    #[error(
        "libfabric {version} ({}) offers no {provider} endpoint{}",
        library.display(),
        source_address.map(|address| format!(" on {address}")).unwrap_or_default()
    )]
    ProviderMissing {
        /// Provider asked for.
        provider: &'static str,
        /// Source address asked for.
        source_address: Option<IpAddr>,
        /// Library asked.
        library: PathBuf,
        /// Its version.
        version: Version,
    },
    /// A call failed.
    #[error("{call}: {text} ({errno})")]
    Call {
        /// libfabric's name of it.
        call: &'static str,
        /// libfabric error, positive.
        errno: i32,
        /// `fi_strerror` of it.
        text: String,
    },
    /// An operation was accepted and failed later, or the event queue told of
    /// an error.
    #[error("{text}")]
    Operation {
        /// Reason code of `nixl_cluster::reason`.
        code: &'static str,
        /// libfabric error, positive.
        errno: i32,
        /// Provider's own error, 0 if none.
        prov_errno: i32,
        /// Both as text, with a hint.
        text: String,
    },
    /// An address that cannot be one of this provider.
    #[error("address of {bytes} bytes is not one of provider {provider} ({expected})")]
    Address {
        /// Its length.
        bytes: usize,
        /// Provider in use.
        provider: String,
        /// What one looks like.
        expected: String,
    },
    /// A message that does not fit.
    #[error("message of {bytes} bytes, at most {} can be sent", crate::protocol::MAX_MESSAGE_BYTES)]
    TooLong {
        /// Its length.
        bytes: usize,
    },
    /// Every send buffer has been under way for long: the provider does not
    /// complete sends any more.
    #[error("no send has completed for {secs} s; the endpoint is stuck")]
    Stuck {
        /// How long.
        secs: u64,
    },
}

impl FabricError {
    /// Reason code of `nixl_cluster::reason`.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Library(_) => reason::FABRIC_LIBRARY_MISSING.code,
            Self::ProviderMissing { .. } => reason::FABRIC_PROVIDER_MISSING.code,
            Self::Operation { code, .. } => code,
            Self::Call { errno, .. } => crate::errno::reason(*errno).code,
            _ => reason::FABRIC_ERROR.code,
        }
    }

    /// libfabric's error number, and the provider's.
    #[must_use]
    pub fn numbers(&self) -> (i32, i32) {
        match self {
            Self::Call { errno, .. } => (*errno, 0),
            Self::Operation { errno, prov_errno, .. } => (*errno, *prov_errno),
            Self::ProviderMissing { .. } => (nixl_fabric_sys::abi::FI_ENODATA, 0),
            Self::TooLong { .. } => (nixl_fabric_sys::abi::FI_EMSGSIZE, 0),
            Self::Stuck { .. } => (libc::ETIMEDOUT, 0),
            Self::Library(_) => (libc::ELIBACC, 0),
            Self::SourceMissing | Self::Address { .. } => (nixl_fabric_sys::abi::FI_EINVAL, 0),
        }
    }
}
