//! The filter of system calls, seccomp(2). The daemon's unit already lets
//! through only what services need; this takes away what a provider does not.

use super::calls::{self, Call};
use super::{Cut, SandboxError};
use nixl_cluster::Provider;
use rustix::io::Errno;
use seccompiler::SeccompCmpArgLen::Dword;
use seccompiler::SeccompCmpOp::{Eq, MaskedEq, Ne};
use seccompiler::{
    BackendError, BpfProgram, Error, SeccompAction, SeccompCmpOp, SeccompCondition, SeccompFilter,
    SeccompRule, TargetArch,
};
use std::collections::BTreeMap;

/// Rules by the number of the call; a call without rules matches always.
type Rules = BTreeMap<i64, Vec<SeccompRule>>;

/// Installs the filters for this thread and those it starts. The answer is
/// what could not be had.
pub(super) fn install(cut: &Cut) -> Result<Option<String>, SandboxError> {
    let filters = [
        (hostile(cut)?, SeccompAction::Trap),
        (refused(cut)?, SeccompAction::Errno(Errno::PERM.raw_os_error().unsigned_abs())),
        (unknown(), SeccompAction::Errno(Errno::NOSYS.raw_os_error().unsigned_abs())),
    ];
    let mut programs = Vec::new();
    for (rules, action) in filters {
        programs.push(program(rules, action)?);
    }
    #[cfg(target_arch = "x86_64")]
    programs.push(without_x32());
    for program in &programs {
        match seccompiler::apply_filter(program) {
            Err(Error::Seccomp(error)) => return Ok(Some(format!("seccomp filters ({error})"))),
            other => other?,
        }
    }
    Ok(None)
}

fn program(rules: Rules, action: SeccompAction) -> Result<BpfProgram, SandboxError> {
    let architecture: TargetArch =
        std::env::consts::ARCH.try_into().map_err(|error: BackendError| Error::from(error))?;
    let filter = SeccompFilter::new(rules, SeccompAction::Allow, action, architecture);
    let program = filter.and_then(BpfProgram::try_from).map_err(Error::from)?;
    Ok(program)
}

/// Matches when all of these arguments are so.
fn when(arguments: &[(u8, SeccompCmpOp, u64)]) -> Result<SeccompRule, SandboxError> {
    let conditions: Result<Vec<_>, _> = arguments
        .iter()
        .map(|(index, operator, value)| {
            SeccompCondition::new(*index, Dword, operator.clone(), *value)
        })
        .collect();
    Ok(conditions.and_then(SeccompRule::new).map_err(Error::from)?)
}

fn always<'a>(calls: impl IntoIterator<Item = &'a Call>) -> Rules {
    calls.into_iter().map(|(number, _)| (*number, Vec::new())).collect()
}

fn hostile(cut: &Cut) -> Result<Rules, SandboxError> {
    let mut rules = always(calls::HOSTILE);
    if !starts_programs(cut) {
        rules.extend(programs()?);
    }
    Ok(rules)
}

/// NVML tries to start nvidia-modprobe where a device is missing, and can do
/// without: that is no sign of a worker that was taken over.
fn starts_programs(cut: &Cut) -> bool {
    matches!(cut, Cut::Gpu { .. })
}

/// Other programs and processes; threads are welcome.
fn programs() -> Result<Rules, SandboxError> {
    let mut rules = always(calls::PROGRAMS.iter().chain(calls::FORKS));
    let thread = libc::CLONE_THREAD.unsigned_abs().into();
    rules.insert(libc::SYS_clone, vec![when(&[(0, MaskedEq(thread), 0)])?]);
    Ok(rules)
}

/// Its flags are out of a filter's sight, so the C library must take `clone`.
fn unknown() -> Rules {
    always(&[(libc::SYS_clone3, "clone3")])
}

fn refused(cut: &Cut) -> Result<Rules, SandboxError> {
    let calls = [calls::REFUSED, calls::REFUSED_NEW, calls::REFUSED_OLD];
    let mut rules = always(calls.into_iter().flatten());
    rules.insert(libc::SYS_socket, sockets(&cut.providers())?);
    if starts_programs(cut) {
        rules.extend(programs()?);
    }

    let own = std::process::id().into();
    // Signal 0 asks whether a process lives.
    rules.insert(libc::SYS_kill, vec![when(&[(0, Ne, own), (1, Ne, 0)])?]);
    for call in [libc::SYS_tgkill, libc::SYS_rt_sigqueueinfo, libc::SYS_rt_tgsigqueueinfo] {
        rules.insert(call, vec![when(&[(0, Ne, own)])?]);
    }
    rules.insert(libc::SYS_prlimit64, vec![when(&[(0, Ne, own), (0, Ne, 0)])?]);

    // What this sandbox has set stays.
    let set = [libc::PR_SET_DUMPABLE, libc::PR_SET_PTRACER, libc::PR_SET_MM];
    let set = set.into_iter().map(|option| when(&[(0, Eq, option.unsigned_abs().into())]));
    rules.insert(libc::SYS_prctl, set.collect::<Result<_, _>>()?);
    let handler = vec![when(&[(0, Eq, libc::SIGSYS.unsigned_abs().into())])?];
    rules.insert(libc::SYS_rt_sigaction, handler);

    // No page is written first and run then, unless in a file that Landlock lets it write.
    let (write, exec) = (libc::PROT_WRITE.unsigned_abs(), libc::PROT_EXEC.unsigned_abs());
    let (both, exec) = (u64::from(write | exec), u64::from(exec));
    rules.insert(libc::SYS_mmap, vec![when(&[(2, MaskedEq(both), both)])?]);
    for call in [libc::SYS_mprotect, libc::SYS_pkey_mprotect] {
        rules.insert(call, vec![when(&[(2, MaskedEq(exec), exec)])?]);
    }
    let shared = libc::SHM_EXEC.unsigned_abs().into();
    rules.insert(libc::SYS_shmat, vec![when(&[(2, MaskedEq(shared), shared)])?]);
    Ok(rules)
}

/// Refuses every family but these. UNIX sockets lead to other services of the
/// node; a pair of them, which libfabric wakes its threads by, is another call.
fn sockets(providers: &[Provider]) -> Result<Vec<SeccompRule>, SandboxError> {
    // Interfaces and RDMA devices are asked for over netlink.
    let families: &[i32] = match providers {
        // NVML speaks to nobody.
        [] => return Ok(Vec::new()),
        [Provider::Shm] => &[libc::AF_NETLINK],
        _ => &[libc::AF_INET, libc::AF_INET6, libc::AF_NETLINK],
    };
    let others: Vec<_> =
        families.iter().map(|family| (0, Ne, u64::from(family.unsigned_abs()))).collect();
    let mut rules = vec![when(&others)?];
    if providers == [Provider::Efa] {
        // Not left to Landlock, which has no TCP before Linux 6.7: the metadata
        // service, with the node's credentials, is a connection away.
        const KIND: u64 = 0xf;
        let stream = libc::SOCK_STREAM.unsigned_abs().into();
        for family in [libc::AF_INET, libc::AF_INET6] {
            let family = family.unsigned_abs().into();
            rules.push(when(&[(0, Eq, family), (1, MaskedEq(KIND), stream)])?);
        }
    }
    Ok(rules)
}

/// The 32-bit calls in 64-bit mode have numbers that the other filters do not
/// know; the few kernels that have them act as all others do.
#[cfg(target_arch = "x86_64")]
fn without_x32() -> BpfProgram {
    use libc::{BPF_ABS, BPF_JGE, BPF_JMP, BPF_K, BPF_LD, BPF_RET, BPF_W};
    const X32: u32 = 0x4000_0000;
    let step = |code: u32, jt, jf, k| seccompiler::sock_filter {
        code: u16::try_from(code).unwrap_or_default(),
        jt,
        jf,
        k,
    };
    vec![
        step(BPF_LD | BPF_W | BPF_ABS, 0, 0, 0),
        step(BPF_JMP | BPF_JGE | BPF_K, 0, 1, X32),
        step(BPF_RET | BPF_K, 0, 0, libc::SECCOMP_RET_ERRNO | libc::ENOSYS.unsigned_abs()),
        step(BPF_RET | BPF_K, 0, 0, libc::SECCOMP_RET_ALLOW),
    ]
}
