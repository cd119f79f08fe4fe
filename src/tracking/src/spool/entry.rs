//! A record as a file: a line with the sum of the rest, then JSON.

use crate::record::Record;
use sha2::{Digest as _, Sha256};
use std::io;

/// Another form than this is not read.
const MAGIC: &str = "nixl-spool 1 ";
/// Files of other names are not the spool's.
const SUFFIX: &str = ".run";
/// So that names sort as numbers do.
const DIGITS: usize = 20;

/// Name of the file of the record with this number.
pub(super) fn name(number: u64) -> String {
    format!("{number:0DIGITS$}{SUFFIX}")
}

/// The number in such a name.
pub(super) fn number(name: &str) -> Option<u64> {
    let digits = name.strip_suffix(SUFFIX)?;
    (digits.len() == DIGITS && digits.bytes().all(|byte| byte.is_ascii_digit()))
        .then(|| digits.parse().ok())
        .flatten()
}

/// The file's bytes.
pub(super) fn encode(record: &Record) -> io::Result<Vec<u8>> {
    let json = serde_json::to_vec(record)?;
    let mut bytes = format!("{MAGIC}{}\n", hex::encode(Sha256::digest(&json))).into_bytes();
    bytes.extend_from_slice(&json);
    Ok(bytes)
}

/// The record, unless a byte of the file is missing or another.
pub(super) fn decode(bytes: &[u8]) -> Option<Record> {
    let rest = bytes.strip_prefix(MAGIC.as_bytes())?;
    let end = rest.iter().position(|byte| *byte == b'\n')?;
    let (sum, json) = (&rest[..end], &rest[end + 1..]);
    let whole = hex::encode(Sha256::digest(json)).as_bytes() == sum;
    whole.then(|| serde_json::from_slice(json).ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn record() -> Record {
        let mut record = Record::new("i-1>i-2", "nixl-efa-link", "a run", (1, 2));
        record.param("provider", "efa");
        record.metric("gbps", 97.25, 1 << 20);
        record
    }

    #[test]
    fn a_file_that_is_cut_off_anywhere_is_no_record() {
        let bytes = encode(&record()).unwrap();
        assert_eq!(decode(&bytes), Some(record()));
        for end in 0..bytes.len() {
            assert_eq!(decode(&bytes[..end]), None, "cut off at {end}");
        }
    }

    proptest! {
        #[test]
        fn a_changed_byte_is_seen(at in any::<prop::sample::Index>(), change in 1u8..) {
            let mut bytes = encode(&record()).unwrap();
            let at = at.index(bytes.len());
            bytes[at] ^= change;
            prop_assert_eq!(decode(&bytes), None);
        }

        #[test]
        fn anything_can_be_read(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            prop_assert_eq!(decode(&bytes), None);
        }

        #[test]
        fn names_sort_as_numbers(one: u64, other: u64) {
            prop_assert_eq!(name(one).cmp(&name(other)), one.cmp(&other));
            prop_assert_eq!(number(&name(one)), Some(one));
        }
    }

    #[test]
    fn other_names_are_not_ours() {
        for name in
            ["1.run", "state.json", "00000000000000000001.run.bad", "+0000000000000000001.run"]
        {
            assert_eq!(number(name), None, "{name}");
        }
    }
}
