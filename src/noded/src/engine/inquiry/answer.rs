//! What this node says when a peer asks, and how it reads the same of a peer.

use crate::board::Board;
use jiff::Timestamp;
use nixl_cluster::PeerAnswer;
use nixl_pairing::MAX_ANSWER_BYTES;

/// This moment by the calendar clock: nanoseconds since 1970, `i64` LE.
pub(in crate::engine) fn time() -> Vec<u8> {
    let nanos = i64::try_from(Timestamp::now().as_nanosecond()).unwrap_or(i64::MAX);
    nanos.to_le_bytes().to_vec()
}

/// What a peer's clock showed.
pub(in crate::engine) fn told_time(bytes: &[u8]) -> Option<Timestamp> {
    let nanos = i64::from_le_bytes(bytes.try_into().ok()?);
    Timestamp::from_nanosecond(nanos.into()).ok()
}

/// The health document, as much of it as has room.
pub(in crate::engine) fn health(board: &Board) -> Vec<u8> {
    PeerAnswer::encode(board.document(), MAX_ANSWER_BYTES).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::board::Reading;
    use nixl_cluster::reason;
    use proptest::prelude::*;

    #[test]
    fn the_time_reads_back() {
        let before = Timestamp::now();
        let told = told_time(&time()).unwrap();
        assert!(told >= before && told <= Timestamp::now());
        assert_eq!((told_time(&[]), told_time(&[0; 9])), (None, None));
    }

    #[test]
    fn the_health_of_a_node_with_many_devices_fits() {
        let board = Board::default();
        let devices: Vec<Reading> = (0..500)
            .map(|i| Reading::good(i).about(format!("a device with a long name {i}")))
            .collect();
        board.set_all("gpu:x", devices);
        board.set("a:b", Reading::bad(&reason::FABRIC_DEVICE_ERROR, "dead"));
        let bytes = health(&board);
        assert!(bytes.len() <= MAX_ANSWER_BYTES && bytes.len() > MAX_ANSWER_BYTES / 2);
        let answer: PeerAnswer = serde_json::from_slice(&bytes).unwrap();
        assert!(answer.left_out > 0 && answer.document.checks.contains_key("a:b"));
    }

    proptest! {
        #[test]
        fn no_bytes_panic(bytes in prop::collection::vec(any::<u8>(), 0..20)) {
            let _ = told_time(&bytes);
        }
    }
}
