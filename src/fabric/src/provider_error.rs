//! The EFA provider's own error numbers, with what an operator can do.
//! Source: libfabric `prov/efa/src/efa_errno.h`, `efa_strerror.c`.

/// One number.
struct Row {
    number: i32,
    meaning: &'static str,
    hint: &'static str,
}

const SECURITY_GROUP: &str = "check that the security group allows all traffic to and from itself \
     in both directions and that both nodes are in one subnet and zone";
const PEER_GONE: &str = "the peer's process has ended; pairing resumes when it is back";
const PEER_HEALTH: &str = "look at the peer's health; it hangs, has ended or lost its network";

#[rustfmt::skip]
const EFA: &[Row] = &[
    Row { number: 1, meaning: "flushed while the queue pair was destroyed", hint: "" },
    Row { number: 4, meaning: "invalid address handle", hint: "" },
    Row { number: 6, meaning: "message too long", hint: "" },
    Row { number: 8, meaning: "connection reset by the peer", hint: PEER_GONE },
    Row { number: 9, meaning: "the peer's queue pair does not exist", hint: PEER_GONE },
    Row { number: 10, meaning: "the peer had no receive buffer posted", hint: "the peer is overloaded or stopped polling" },
    Row { number: 13, meaning: "the peer, once responsive, does not answer", hint: PEER_HEALTH },
    Row { number: 14, meaning: "the peer does not know this node's address", hint: PEER_GONE },
    Row { number: 15, meaning: "the peer cannot be reached and never answered", hint: SECURITY_GROUP },
    Row { number: 18, meaning: "the peer's device lacks a feature", hint: "use the same instance type and EFA software on both nodes" },
    Row { number: 4105, meaning: "out of memory", hint: "" },
    Row { number: 4110, meaning: "the address could not be inserted", hint: "" },
    Row { number: 4112, meaning: "receive buffers could not be posted", hint: "raise the memlock limit (LimitMEMLOCK=infinity in the unit)" },
    Row { number: 4113, meaning: "the handshake could not be posted", hint: "" },
    Row { number: 4124, meaning: "the peer, once paired, does not answer", hint: PEER_HEALTH },
    Row { number: 4126, meaning: "the device reaches the peer but the handshake never came", hint: SECURITY_GROUP },
    Row { number: 4127, meaning: "the peer closed its endpoint during a transfer", hint: PEER_GONE },
];

/// `meaning; hint` for a provider's number, if it is known.
pub(crate) fn explain(provider_name: &str, number: i32) -> Option<String> {
    // Other providers put an errno there, which says nothing more.
    if !provider_name.starts_with("efa") {
        return None;
    }
    let row = EFA.iter().find(|row| row.number == number)?;
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
}
