//! The EFA provider's own error numbers, with what an operator can do.
//! Source: libfabric `prov/efa/src/efa_errno.h`, `efa_strerror.c`.

use nixl_cluster::reason::{self, Reason};

/// One number.
struct Row {
    number: i32,
    reason: &'static Reason,
    meaning: &'static str,
    hint: &'static str,
}

const SECURITY_GROUP: &str = "check that the security group allows all traffic to and from itself \
     in both directions and that both nodes are in one subnet and zone";
const PEER_GONE: &str = "the peer's process has ended; pairing resumes when it is back";
const SOFTWARE: &str = "use one release of the EFA software on both nodes";
const PEER_HEALTH: &str = "look at the peer's health; it hangs, has ended or lost its network";

#[rustfmt::skip]
const EFA: &[Row] = &[
    Row { number: 1, reason: &reason::FABRIC_ERROR, meaning: "flushed while the queue pair was destroyed", hint: "" },
    Row { number: 2, reason: &reason::FABRIC_DEVICE_ERROR, meaning: "internal error of the queue pair", hint: "" },
    Row { number: 3, reason: &reason::FABRIC_UNSUPPORTED, meaning: "operation not supported by the device", hint: "" },
    Row { number: 4, reason: &reason::FABRIC_ERROR, meaning: "invalid address handle", hint: "" },
    Row { number: 5, reason: &reason::FABRIC_ERROR, meaning: "the local memory registration does not fit the operation", hint: "" },
    Row { number: 6, reason: &reason::FABRIC_ERROR, meaning: "message too long", hint: "" },
    Row { number: 7, reason: &reason::FABRIC_ERROR, meaning: "the peer's memory registration does not fit the operation", hint: "" },
    Row { number: 8, reason: &reason::FABRIC_PEER_GONE, meaning: "connection reset by the peer", hint: PEER_GONE },
    Row { number: 9, reason: &reason::FABRIC_PEER_GONE, meaning: "the peer's queue pair does not exist", hint: PEER_GONE },
    Row { number: 10, reason: &reason::FABRIC_PEER_OVERLOADED, meaning: "the peer had no receive buffer posted", hint: "the peer is overloaded or stopped polling" },
    Row { number: 11, reason: &reason::FABRIC_ERROR, meaning: "the peer's receive buffer is too short", hint: "" },
    Row { number: 12, reason: &reason::FABRIC_ERROR, meaning: "the peer's device answered with an unexpected status", hint: "" },
    Row { number: 13, reason: &reason::FABRIC_PEER_SILENT, meaning: "the peer, once responsive, does not answer", hint: PEER_HEALTH },
    Row { number: 14, reason: &reason::FABRIC_PEER_GONE, meaning: "the peer does not know this node's address", hint: PEER_GONE },
    Row { number: 15, reason: &reason::FABRIC_SECURITY_GROUP, meaning: "the peer cannot be reached and never answered", hint: SECURITY_GROUP },
    Row { number: 18, reason: &reason::FABRIC_FEATURE_SKEW, meaning: "the peer's device lacks a feature", hint: "use the same instance type and EFA software on both nodes" },
    Row { number: 4096, reason: &reason::FABRIC_ERROR, meaning: "error of no known kind", hint: "" },
    Row { number: 4097, reason: &reason::FABRIC_FEATURE_SKEW, meaning: "a packet of a type that is not used any more", hint: SOFTWARE },
    Row { number: 4098, reason: &reason::FABRIC_FEATURE_SKEW, meaning: "a packet of an invalid type", hint: SOFTWARE },
    Row { number: 4099, reason: &reason::FABRIC_FEATURE_SKEW, meaning: "a packet of an unknown type", hint: SOFTWARE },
    Row { number: 4100, reason: &reason::FABRIC_ERROR, meaning: "a packet could not be posted", hint: "" },
    Row { number: 4101, reason: &reason::FABRIC_ERROR, meaning: "a packet could not be sent", hint: "" },
    Row { number: 4102, reason: &reason::FABRIC_ERROR, meaning: "an untagged message could not be handled", hint: "" },
    Row { number: 4103, reason: &reason::FABRIC_ERROR, meaning: "a tagged message could not be handled", hint: "" },
    Row { number: 4104, reason: &reason::FABRIC_ERROR, meaning: "a packet came twice", hint: "" },
    Row { number: 4105, reason: &reason::FABRIC_OUT_OF_MEMORY, meaning: "out of memory", hint: "" },
    Row { number: 4106, reason: &reason::FABRIC_ERROR, meaning: "a memory registration could not be taken back", hint: "" },
    Row { number: 4107, reason: &reason::FABRIC_ERROR, meaning: "a received message could not be copied", hint: "" },
    Row { number: 4108, reason: &reason::FABRIC_OUT_OF_MEMORY, meaning: "no receive entry is left", hint: "" },
    Row { number: 4109, reason: &reason::FABRIC_OUT_OF_MEMORY, meaning: "no transmit entry is left", hint: "" },
    Row { number: 4110, reason: &reason::FABRIC_ERROR, meaning: "the address could not be inserted", hint: "" },
    Row { number: 4111, reason: &reason::FABRIC_ERROR, meaning: "the address of a remote access is not registered", hint: "" },
    Row { number: 4112, reason: &reason::FABRIC_MEMLOCK, meaning: "receive buffers could not be posted", hint: "raise the memlock limit (LimitMEMLOCK=infinity in the unit)" },
    Row { number: 4113, reason: &reason::FABRIC_ERROR, meaning: "the handshake could not be posted", hint: "" },
    Row { number: 4114, reason: &reason::FABRIC_ERROR, meaning: "a work request could not be posted", hint: "" },
    Row { number: 4115, reason: &reason::FABRIC_FEATURE_SKEW, meaning: "the size of a message does not fit its announcement", hint: SOFTWARE },
    Row { number: 4116, reason: &reason::FABRIC_ERROR, meaning: "a read could not be posted", hint: "" },
    Row { number: 4117, reason: &reason::FABRIC_ERROR, meaning: "an RDMA read could not be posted", hint: "" },
    Row { number: 4118, reason: &reason::FABRIC_ERROR, meaning: "invalid data type", hint: "" },
    Row { number: 4119, reason: &reason::FABRIC_ERROR, meaning: "a send completion could not be written", hint: "" },
    Row { number: 4120, reason: &reason::FABRIC_ERROR, meaning: "a receive completion could not be written", hint: "" },
    Row { number: 4121, reason: &reason::FABRIC_DEVICE_ERROR, meaning: "the completion queue of datagrams could not be read", hint: "" },
    Row { number: 4122, reason: &reason::FABRIC_ERROR, meaning: "shared memory failed", hint: "" },
    Row { number: 4123, reason: &reason::FABRIC_ERROR, meaning: "a completion of shared memory could not be written", hint: "" },
    Row { number: 4124, reason: &reason::FABRIC_PEER_SILENT, meaning: "the peer, once paired, does not answer", hint: PEER_HEALTH },
    Row { number: 4125, reason: &reason::FABRIC_FEATURE_SKEW, meaning: "a packet that a zero-copy receive does not take", hint: SOFTWARE },
    Row { number: 4126, reason: &reason::FABRIC_SECURITY_GROUP, meaning: "the device reaches the peer but the handshake never came", hint: SECURITY_GROUP },
    Row { number: 4127, reason: &reason::FABRIC_PEER_GONE, meaning: "the peer closed its endpoint during a transfer", hint: PEER_GONE },
];

fn row(provider_name: &str, number: i32) -> Option<&'static Row> {
    // Other providers put an errno there, which says nothing more.
    if !provider_name.starts_with("efa") {
        return None;
    }
    EFA.iter().find(|row| row.number == number)
}

/// The reason a provider's number stands for, if it is known.
pub(crate) fn reason(provider_name: &str, number: i32) -> Option<&'static Reason> {
    row(provider_name, number).map(|row| row.reason)
}

/// `meaning; hint` for a provider's number, if it is known.
pub(crate) fn explain(provider_name: &str, number: i32) -> Option<String> {
    let row = row(provider_name, number)?;
    Some(if row.hint.is_empty() {
        row.meaning.to_owned()
    } else {
        format!("{}; {}", row.meaning, row.hint)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `efa_errno.h` of libfabric 2.6; 0 is success, 16 and 17 are not given out.
    #[test]
    fn every_number_of_the_header_is_there() {
        for number in (1..=15).chain([18]).chain(4096..=4127) {
            assert!(reason("efa", number).is_some(), "{number}");
        }
    }

    #[test]
    fn numbers_are_unique_and_sorted() {
        assert!(EFA.windows(2).all(|pair| pair[0].number < pair[1].number));
    }

    #[test]
    fn what_an_operator_can_fix_has_a_hint() {
        for (number, word) in [(15, "security group"), (4126, "security group"), (4112, "memlock")]
        {
            let text = explain("efa", number).expect("known");
            assert!(text.contains(word), "{text}");
        }
        assert_eq!(explain("tcp;ofi_rxm", 9), None);
        assert_eq!(explain("efa", 999_999), None);
    }

    #[test]
    fn a_number_has_its_reason_only_from_its_provider() {
        for (number, code) in [
            (15, "fabric.security_group"),
            (4126, "fabric.security_group"),
            (4112, "fabric.memlock"),
            (9, "fabric.peer_gone"),
            (4124, "fabric.peer_silent"),
            (10, "fabric.peer_overloaded"),
            (18, "fabric.feature_skew"),
            (4105, "fabric.out_of_memory"),
            (6, "fabric.error"),
        ] {
            assert_eq!(reason("efa", number).map(|reason| reason.code), Some(code), "{number}");
            assert_eq!(reason("tcp;ofi_rxm", number), None, "{number}");
        }
        assert_eq!(reason("efa", 999_999), None);
    }
}
