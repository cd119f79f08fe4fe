//! System calls a worker has no use for, by what is done about them.

use libc::c_long;

/// A system call by number and name.
pub(super) type Call = (c_long, &'static str);

macro_rules! calls {
    ($($name:ident)*) => { &[$((libc::$name, stringify!($name))),*] };
}

/// Whoever calls one of these has taken the worker over: it ends the process.
pub(super) const HOSTILE: &[Call] = calls! {
    // other processes
    SYS_ptrace SYS_pidfd_getfd
    // other namespaces, roots and mounts
    SYS_unshare SYS_setns SYS_chroot SYS_pivot_root SYS_mount SYS_umount2 SYS_move_mount
    SYS_open_tree SYS_fsopen SYS_fsmount SYS_fsconfig SYS_fspick SYS_mount_setattr
    SYS_open_by_handle_at
    // the kernel itself
    SYS_bpf SYS_kexec_load SYS_kexec_file_load SYS_init_module SYS_finit_module SYS_delete_module
    SYS_reboot SYS_swapon SYS_swapoff SYS_acct
    // keys
    SYS_add_key SYS_request_key SYS_keyctl
};

/// Other programs; they end the process, too, unless its library tries them.
pub(super) const PROGRAMS: &[Call] = calls! { SYS_execve SYS_execveat };

/// Where there is a call for it alone; elsewhere it is a flag of `clone`.
#[cfg(target_arch = "x86_64")]
pub(super) const FORKS: &[Call] = calls! { SYS_fork SYS_vfork };
/// Where there is a call for it alone; elsewhere it is a flag of `clone`.
#[cfg(not(target_arch = "x86_64"))]
pub(super) const FORKS: &[Call] = &[];

/// A library may try these and do without; they fail with EPERM.
pub(super) const REFUSED: &[Call] = calls! {
    // memory and descriptors of other processes; shm's large messages go another way
    SYS_process_vm_readv SYS_process_vm_writev SYS_process_madvise SYS_kcmp SYS_pidfd_open
    SYS_pidfd_send_signal SYS_migrate_pages
    // large parts of the kernel that no provider needs
    SYS_perf_event_open SYS_userfaultfd SYS_io_uring_setup SYS_io_uring_enter
    SYS_io_uring_register SYS_personality SYS_fanotify_init SYS_name_to_handle_at
    // kill of one thread without its process
    SYS_tkill
    // a file without a path, which could be written first and mapped to run then
    SYS_memfd_create
    // owners, modes and attributes of files, which Landlock does not know
    SYS_fchmod SYS_fchmodat SYS_fchown SYS_fchownat SYS_utimensat SYS_setxattr SYS_lsetxattr
    SYS_fsetxattr SYS_removexattr SYS_lremovexattr SYS_fremovexattr
};

/// Newer ways to [`REFUSED`], which the libc crate does not know everywhere;
/// since Linux 5.1 a call has one number on all architectures.
pub(super) const REFUSED_NEW: &[Call] =
    &[(452, "SYS_fchmodat2"), (463, "SYS_setxattrat"), (466, "SYS_removexattrat")];

/// Older ways to [`REFUSED`].
#[cfg(target_arch = "x86_64")]
pub(super) const REFUSED_OLD: &[Call] =
    calls! { SYS_chmod SYS_chown SYS_lchown SYS_utime SYS_utimes SYS_futimesat };
/// Older ways to [`REFUSED`].
#[cfg(not(target_arch = "x86_64"))]
pub(super) const REFUSED_OLD: &[Call] = &[];

/// Name of a call that ends the process.
pub(super) fn name(number: c_long) -> &'static str {
    let known = HOSTILE.iter().chain(PROGRAMS).chain(FORKS).find(|(known, _)| *known == number);
    // All of a fork that has no call of its own.
    known.map_or("SYS_clone", |(_, name)| name).trim_start_matches("SYS_")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_is_in_one_list() {
        let lists = [HOSTILE, PROGRAMS, FORKS, REFUSED, REFUSED_NEW, REFUSED_OLD].concat();
        let mut all: Vec<c_long> = lists.iter().map(|(number, _)| *number).collect();
        let count = all.len();
        all.sort_unstable();
        all.dedup();
        assert_eq!(all.len(), count);
        assert_eq!((name(libc::SYS_execve), name(libc::SYS_clone)), ("execve", "clone"));
    }
}
