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
const PEER_HEALTH: &str = "look at the peer's health; it hangs, has ended or lost its network";

#[rustfmt::skip]
const EFA: &[Row] = &[
    Row { number: 1, reason: &reason::FABRIC_ERROR, meaning: "flushed while the queue pair was destroyed", hint: "" },
    Row { number: 4, reason: &reason::FABRIC_ERROR, meaning: "invalid address handle", hint: "" },
    Row { number: 6, reason: &reason::FABRIC_ERROR, meaning: "message too long", hint: "" },
    Row { number: 8, reason: &reason::FABRIC_PEER_GONE, meaning: "connection reset by the peer", hint: PEER_GONE },
    Row { number: 9, reason: &reason::FABRIC_PEER_GONE, meaning: "the peer's queue pair does not exist", hint: PEER_GONE },
    Row { number: 10, reason: &reason::FABRIC_PEER_OVERLOADED, meaning: "the peer had no receive buffer posted", hint: "the peer is overloaded or stopped polling" },
    Row { number: 13, reason: &reason::FABRIC_PEER_SILENT, meaning: "the peer, once responsive, does not answer", hint: PEER_HEALTH },
    Row { number: 14, reason: &reason::FABRIC_PEER_GONE, meaning: "the peer does not know this node's address", hint: PEER_GONE },
    Row { number: 15, reason: &reason::FABRIC_SECURITY_GROUP, meaning: "the peer cannot be reached and never answered", hint: SECURITY_GROUP },
    Row { number: 18, reason: &reason::FABRIC_FEATURE_SKEW, meaning: "the peer's device lacks a feature", hint: "use the same instance type and EFA software on both nodes" },
    Row { number: 4105, reason: &reason::FABRIC_OUT_OF_MEMORY, meaning: "out of memory", hint: "" },
    Row { number: 4110, reason: &reason::FABRIC_ERROR, meaning: "the address could not be inserted", hint: "" },
    Row { number: 4112, reason: &reason::FABRIC_MEMLOCK, meaning: "receive buffers could not be posted", hint: "raise the memlock limit (LimitMEMLOCK=infinity in the unit)" },
    Row { number: 4113, reason: &reason::FABRIC_ERROR, meaning: "the handshake could not be posted", hint: "" },
    Row { number: 4124, reason: &reason::FABRIC_PEER_SILENT, meaning: "the peer, once paired, does not answer", hint: PEER_HEALTH },
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

/// The reason a provider's number stands for; `fabric.error` if it has none of its own.
pub(crate) fn reason(provider_name: &str, number: i32) -> &'static Reason {
    row(provider_name, number).map_or(&reason::FABRIC_ERROR, |row| row.reason)
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
            (999_999, "fabric.error"),
        ] {
            assert_eq!(reason("efa", number).code, code, "{number}");
            assert_eq!(reason("tcp;ofi_rxm", number).code, "fabric.error", "{number}");
        }
    }
}
