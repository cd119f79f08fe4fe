//! libfabric's error numbers, with the reason each stands for.
//! Source: `rdma/fi_errno.h` of libfabric 2.6, fi_errno(3); the numbers from 256 on are
//! libfabric's own.

use nixl_cluster::reason::{self, Reason};

#[rustfmt::skip]
const TABLE: &[(i32, &Reason)] = &[
    (libc::EPERM, &reason::FABRIC_PERMISSION_DENIED),
    (libc::ENOENT, &reason::FABRIC_ERROR),
    (libc::EINTR, &reason::FABRIC_ERROR),
    (libc::EIO, &reason::FABRIC_DEVICE_ERROR),
    (libc::E2BIG, &reason::FABRIC_ERROR),
    (libc::EBADF, &reason::FABRIC_ERROR),
    (libc::EAGAIN, &reason::FABRIC_ERROR),
    (libc::ENOMEM, &reason::FABRIC_OUT_OF_MEMORY),
    (libc::EACCES, &reason::FABRIC_PERMISSION_DENIED),
    (libc::EFAULT, &reason::FABRIC_ERROR),
    (libc::EBUSY, &reason::FABRIC_ERROR),
    (libc::ENODEV, &reason::FABRIC_PROVIDER_MISSING),
    (libc::EINVAL, &reason::FABRIC_ERROR),
    (libc::EMFILE, &reason::FABRIC_ERROR),
    (libc::ENOSPC, &reason::FABRIC_OUT_OF_MEMORY),
    (libc::ENOSYS, &reason::FABRIC_UNSUPPORTED),
    (libc::ENOMSG, &reason::FABRIC_ERROR),
    (libc::ENODATA, &reason::FABRIC_PROVIDER_MISSING),
    (libc::EPROTO, &reason::FABRIC_ERROR),
    (libc::EOVERFLOW, &reason::FABRIC_ERROR),
    (libc::EMSGSIZE, &reason::FABRIC_ERROR),
    (libc::ENOPROTOOPT, &reason::FABRIC_UNSUPPORTED),
    (libc::EOPNOTSUPP, &reason::FABRIC_UNSUPPORTED),
    (libc::EADDRINUSE, &reason::FABRIC_ERROR),
    (libc::EADDRNOTAVAIL, &reason::FABRIC_ERROR),
    (libc::ENETDOWN, &reason::PEER_UNREACHABLE),
    (libc::ENETUNREACH, &reason::PEER_UNREACHABLE),
    (libc::ECONNABORTED, &reason::FABRIC_PEER_GONE),
    (libc::ECONNRESET, &reason::FABRIC_PEER_GONE),
    (libc::ENOBUFS, &reason::FABRIC_OUT_OF_MEMORY),
    (libc::EISCONN, &reason::FABRIC_ERROR),
    (libc::ENOTCONN, &reason::FABRIC_PEER_GONE),
    (libc::ESHUTDOWN, &reason::FABRIC_PEER_GONE),
    (libc::ETIMEDOUT, &reason::FABRIC_PEER_SILENT),
    (libc::ECONNREFUSED, &reason::FABRIC_PEER_GONE),
    (libc::EHOSTDOWN, &reason::FABRIC_PEER_SILENT),
    (libc::EHOSTUNREACH, &reason::PEER_UNREACHABLE),
    (libc::EALREADY, &reason::FABRIC_ERROR),
    (libc::EINPROGRESS, &reason::FABRIC_ERROR),
    (libc::EREMOTEIO, &reason::FABRIC_DEVICE_ERROR),
    (libc::ECANCELED, &reason::FABRIC_ERROR),
    (libc::EKEYREJECTED, &reason::FABRIC_PERMISSION_DENIED),
    (256, &reason::FABRIC_ERROR), // FI_EOTHER
    (257, &reason::FABRIC_ERROR), // FI_ETOOSMALL
    (258, &reason::FABRIC_ERROR), // FI_EOPBADSTATE
    (259, &reason::FABRIC_ERROR), // FI_EAVAIL
    (260, &reason::FABRIC_UNSUPPORTED), // FI_EBADFLAGS
    (261, &reason::FABRIC_ERROR), // FI_ENOEQ
    (262, &reason::FABRIC_ERROR), // FI_EDOMAIN
    (263, &reason::FABRIC_ERROR), // FI_ENOCQ
    (264, &reason::FABRIC_DEVICE_ERROR), // FI_ECRC
    (265, &reason::FABRIC_ERROR), // FI_ETRUNC
    (266, &reason::FABRIC_ERROR), // FI_ENOKEY
    (267, &reason::FABRIC_ERROR), // FI_ENOAV
    (268, &reason::FABRIC_OUT_OF_MEMORY), // FI_EOVERRUN
    (269, &reason::FABRIC_PEER_OVERLOADED), // FI_ENORX
    (270, &reason::FABRIC_ERROR), // FI_ENOMR
    (271, &reason::FABRIC_SECURITY_GROUP), // FI_EFIREWALLADDR
];

/// The reason of a (positive) number; `fabric.error` for one that no header has.
pub(crate) fn reason(errno: i32) -> &'static Reason {
    let row = TABLE.iter().find(|(number, _)| *number == errno);
    row.map_or(&reason::FABRIC_ERROR, |(_, reason)| reason)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Names of the header, one a line, with what the C library calls them.
    const HEADER: &str = include_str!("errno.txt");

    #[test]
    fn every_number_of_the_header_has_its_row() {
        let mut numbers: Vec<i32> = HEADER
            .lines()
            .map(|line| line.split_once(' ').expect("two columns").1.parse().expect("a number"))
            .collect();
        numbers.sort_unstable();
        numbers.dedup();
        assert!(numbers.len() > 50, "the list is whole");
        assert_eq!(numbers, TABLE.iter().map(|(number, _)| *number).collect::<Vec<_>>());
    }

    #[test]
    fn numbers_lead_to_what_can_be_done() {
        assert_eq!(reason(libc::EACCES).code, "fabric.permission_denied");
        assert_eq!(reason(libc::ECONNRESET).code, "fabric.peer_gone");
        assert_eq!(reason(libc::EHOSTUNREACH).code, "pair.peer_unreachable");
        assert_eq!(reason(271).code, "fabric.security_group");
        assert_eq!(reason(100_000).code, "fabric.error");
    }
}
