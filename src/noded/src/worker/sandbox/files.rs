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

/// What the loader and the C library read. Paths that are not there are no matter.
const READABLE: &[&str] = &[
    "/usr",
    "/lib",
    "/lib64",
    "/etc/ld.so.cache",
    "/etc/ld.so.conf",
    "/etc/ld.so.conf.d",
    "/sys",
    "/proc/self",
    "/proc/sys",
    "/proc/cpuinfo",
    "/proc/meminfo",
    "/proc/stat",
    "/dev/urandom",
    "/dev/random",
];

/// What providers and libibverbs read besides.
const FABRIC_READABLE: &[&str] = &[
    "/opt/amazon/efa",
    "/etc/libibverbs.d",
    "/etc/libnl",
    "/etc/nsswitch.conf",
    "/etc/host.conf",
    "/etc/hosts",
];

/// What NVML reads besides.
const GPU_READABLE: &[&str] = &["/proc/driver/nvidia", "/proc/devices", "/proc/modules"];

/// Names in /dev that are NVML's, but for the one for unified memory, which is CUDA's.
const GPU_DEVICES: &str = "nvidia";
const GPU_MEMORY: &str = "nvidia-uvm";

/// Folders that a setting of the person who runs the daemon adds.
const FOLDER_VARIABLES: &[&str] = &["LD_LIBRARY_PATH", "FI_PROVIDER_PATH"];

/// Limits this thread and those it starts. The answer is what the kernel
/// cannot enforce.
pub(super) fn limit(cut: &Cut) -> Result<Option<String>, SandboxError> {
    let mut rules = ruleset(cut)?
        .add_rules(path_beneath_rules(readable(cut), AccessFs::ReadFile | AccessFs::ReadDir))?;
    for (path, access) in writable(cut) {
        rules = rules.add_rules(path_beneath_rules([path], access))?;
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
    if !cut.providers().contains(&Provider::Tcp) {
        // All others speak over a device or memory.
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
    let own = match cut {
        Cut::Fabric { .. } => FABRIC_READABLE,
        Cut::Gpu { .. } => GPU_READABLE,
    };
    let mut paths: Vec<PathBuf> = READABLE.iter().chain(own).map(PathBuf::from).collect();
    // With what lies beside it: it may bring libraries of its own.
    paths.extend(cut.library().and_then(Path::parent).map(Path::to_owned));
    for variable in FOLDER_VARIABLES {
        let folders = std::env::var_os(variable).unwrap_or_default();
        paths.extend(std::env::split_paths(&folders).filter(|folder| folder.is_absolute()));
    }
    paths
}

/// What may be written to, and what may be done there.
fn writable(cut: &Cut) -> Vec<(PathBuf, BitFlags<AccessFs>)> {
    let mut paths = vec![("/dev/null".into(), AccessFs::ReadFile | AccessFs::WriteFile)];
    match cut {
        Cut::Fabric { provider, .. } => {
            let of = |provider| {
                let (path, access) = of_provider(provider);
                (path.into(), access)
            };
            paths.extend(provider.providers().into_iter().map(of));
        }
        Cut::Gpu { .. } => paths.extend(gpu_devices()),
    }
    paths
}

/// Those that are there: whoever wants later ones starts another worker.
fn gpu_devices() -> impl Iterator<Item = (PathBuf, BitFlags<AccessFs>)> {
    let access = AccessFs::ReadFile | AccessFs::WriteFile | AccessFs::ReadDir | AccessFs::IoctlDev;
    let entries = std::fs::read_dir("/dev").into_iter().flatten().flatten();
    let own = entries.filter(|entry| {
        let name = entry.file_name();
        let name = name.to_string_lossy();
        name.starts_with(GPU_DEVICES) && !name.starts_with(GPU_MEMORY)
    });
    own.map(move |entry| (entry.path(), access))
}

fn of_provider(provider: Provider) -> (&'static str, BitFlags<AccessFs>) {
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
