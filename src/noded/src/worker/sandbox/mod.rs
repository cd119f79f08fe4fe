//! What a worker may do besides its library's own work: nothing.
//!
//! libfabric parses what peers send, and NVML is a large closed library; so a
//! worker gives up every right that its library does not need, before there is
//! a second thread and before any call of it: it has no privileges and gets
//! none, sees only the files that the loader and the library read, and cannot
//! start programs, reach into other processes or open other sockets. Part of it
//! depends on the kernel; what is missing is told, see [`enter`].

mod calls;
mod files;
mod filter;
mod own;

use nixl_cluster::{Provider, ProviderChoice};
use std::io;
use std::path::{Path, PathBuf};

/// What the sandbox is cut for.
#[derive(Debug, Clone)]
pub enum Cut {
    /// libfabric.
    Fabric {
        /// The provider that will be opened; each needs other devices and sockets,
        /// and where it is open which, the sandbox is as wide as all of them need.
        provider: ProviderChoice,
        /// The libfabric that will be opened, if it is not in the usual places.
        library: Option<PathBuf>,
    },
    /// NVML.
    Gpu {
        /// The library that will be opened, if it is not the loader's.
        library: Option<PathBuf>,
    },
}

impl Cut {
    /// Providers that may be opened.
    fn providers(&self) -> Vec<Provider> {
        match self {
            Self::Fabric { provider, .. } => provider.providers(),
            Self::Gpu { .. } => Vec::new(),
        }
    }

    /// The library that will be opened, if it is not in the usual places.
    fn library(&self) -> Option<&Path> {
        let (Self::Fabric { library, .. } | Self::Gpu { library }) = self;
        library.as_deref()
    }
}

/// Why a sandbox could not be set up; the worker must not go on.
#[derive(Debug, thiserror::Error)]
pub enum SandboxError {
    /// The kernel refused a step that every kernel knows.
    #[error("{step}: {source}")]
    Step {
        /// What was tried.
        step: &'static str,
        /// Why it failed.
        source: io::Error,
    },
    /// The rules about files or ports are not consistent.
    #[error("Landlock: {0}")]
    Files(#[from] landlock::RulesetError),
    /// The filter of system calls cannot be made.
    #[error("seccomp: {0}")]
    Filter(#[from] seccompiler::Error),
}

fn step(step: &'static str) -> impl FnOnce(io::Error) -> SandboxError {
    move |source| SandboxError::Step { step, source }
}

/// Gives up this process's rights, for ever. The answer is what this kernel or
/// the surroundings cannot enforce, in words; nothing when all of it holds.
///
/// # Errors
/// [`SandboxError`]; some of the rights may be gone already.
pub fn enter(cut: &Cut) -> Result<Vec<String>, SandboxError> {
    rustix::thread::set_no_new_privs(true).map_err(|e| step("no_new_privs")(e.into()))?;
    let mut missing = Vec::new();
    missing.extend(own::limit()?);
    own::drop_capabilities()?;
    own::tell_blocked_calls()?;
    missing.extend(files::limit(cut)?);
    own::close_to_others()?;
    missing.extend(filter::install(cut)?);
    Ok(missing)
}
