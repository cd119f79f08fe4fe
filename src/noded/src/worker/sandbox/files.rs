//! Files and ports within reach, landlock(7). Sockets of UNIX are the
//! filter's matter.

use super::{Cut, SandboxError};
use landlock::{
    ABI, Access as _, AccessFs, AccessNet, BitFlags, LandlockStatus, NetPort, Ruleset,
    RulesetAttr as _, RulesetCreated, RulesetCreatedAttr as _, RulesetStatus, Scope,
    path_beneath_rules,
};
use nixl_cluster::Provider;
use std::path::{Path, PathBuf};

/// What is asked of the kernel; an older one enforces what it knows. Its rules
/// cover files (1), device calls (5), TCP (4) and signals (6).
const ABI_WANTED: ABI = ABI::V6;

/// What the loader, providers and libibverbs read. Paths that are not there
/// are no matter.
const READABLE: &[&str] = &[
    "/usr",
    "/lib",
    "/lib64",
    "/opt/amazon/efa",
    "/etc/ld.so.cache",
    "/etc/ld.so.conf",
    "/etc/ld.so.conf.d",
    "/etc/libibverbs.d",
    "/etc/libnl",
    "/etc/nsswitch.conf",
    "/etc/host.conf",
    "/etc/hosts",
    "/sys",
    "/proc/self",
    "/proc/sys",
    "/proc/cpuinfo",
    "/proc/meminfo",
    "/proc/stat",
    "/dev/urandom",
    "/dev/random",
];

/// Folders that a setting of the person who runs the daemon adds.
const FOLDER_VARIABLES: &[&str] = &["LD_LIBRARY_PATH", "FI_PROVIDER_PATH"];

/// Limits this thread and those it starts. The answer is what the kernel
/// cannot enforce.
pub(super) fn limit(cut: &Cut) -> Result<Option<String>, SandboxError> {
    let mut rules = ruleset(cut)?
        .add_rules(path_beneath_rules(readable(cut), AccessFs::ReadFile | AccessFs::ReadDir))?;
    for provider in cut.provider.providers() {
        let (path, access) = writable(provider);
        rules = rules.add_rules(path_beneath_rules(["/dev/null", path], access))?;
    }
    let status = rules.restrict_self()?;
    Ok(match (status.ruleset, status.landlock) {
        (RulesetStatus::FullyEnforced, _) => None,
        (RulesetStatus::NotEnforced, _) | (_, LandlockStatus::NotImplemented) => {
            Some("Landlock (not in this kernel or not allowed)".to_owned())
        }
        (_, LandlockStatus::Available { effective_abi, .. }) => {
            let (has, wanted) = (effective_abi as i32, ABI_WANTED as i32);
            Some(format!("Landlock ABI {wanted} (this kernel has {has})"))
        }
        (_, LandlockStatus::NotEnabled) => Some("Landlock (not enabled)".to_owned()),
    })
}

fn ruleset(cut: &Cut) -> Result<RulesetCreated, SandboxError> {
    let all = Ruleset::default()
        .handle_access(AccessFs::from_all(ABI_WANTED))?
        .scope(BitFlags::<Scope>::all())?;
    if !cut.provider.providers().contains(&Provider::Tcp) {
        // The others speak over a device or memory.
        return Ok(all.handle_access(AccessNet::from_all(ABI_WANTED))?.create()?);
    }
    // Peers listen on any port; the kernel chooses ours, unless a person does.
    if std::env::var_os("FI_TCP_PORT_LOW_RANGE").is_some() {
        return Ok(all.create()?);
    }
    let bind = all.handle_access(AccessNet::BindTcp)?.create()?;
    Ok(bind.add_rule(NetPort::new(0, AccessNet::BindTcp))?)
}

fn readable(cut: &Cut) -> Vec<PathBuf> {
    let mut paths: Vec<PathBuf> = READABLE.iter().map(PathBuf::from).collect();
    // With what lies beside it: it may bring libraries of its own.
    paths.extend(cut.library.iter().filter_map(|library| library.parent()).map(Path::to_owned));
    for variable in FOLDER_VARIABLES {
        let folders = std::env::var_os(variable).unwrap_or_default();
        paths.extend(std::env::split_paths(&folders).filter(|folder| folder.is_absolute()));
    }
    paths
}

/// What a provider writes to, and what it may do there.
fn writable(provider: Provider) -> (&'static str, BitFlags<AccessFs>) {
    let file = AccessFs::ReadFile | AccessFs::WriteFile;
    match provider {
        Provider::Efa => ("/dev/infiniband", file | AccessFs::ReadDir | AccessFs::IoctlDev),
        Provider::Shm => (
            "/dev/shm",
            file | AccessFs::ReadDir
                | AccessFs::MakeReg
                | AccessFs::RemoveFile
                | AccessFs::Truncate,
        ),
        Provider::Tcp => ("/dev/null", file),
    }
}
