//! What leads from one list of named values to another: of two locks, or of two
//! images.

use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};

/// A line of the difference.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Change {
    /// Name.
    pub what: String,
    /// As it was; nothing if it is new.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub was: Option<String>,
    /// As it is now; nothing if it is gone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub is: Option<String>,
}

/// What differs, in the order of the lists.
#[must_use]
pub fn compare(old: &[(String, String)], new: &[(String, String)]) -> Vec<Change> {
    let find = |list: &[(String, String)]| list.iter().cloned().collect::<BTreeMap<_, _>>();
    let (was, is) = (find(old), find(new));
    let mut seen = BTreeSet::new();
    old.iter()
        .chain(new)
        .map(|(name, _)| name)
        .filter(|name| seen.insert(*name) && was.get(*name) != is.get(*name))
        .map(|name| Change {
            what: name.clone(),
            was: was.get(name).cloned(),
            is: is.get(name).cloned(),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn list(words: &[(&str, &str)]) -> Vec<(String, String)> {
        words.iter().map(|(a, b)| ((*a).to_owned(), (*b).to_owned())).collect()
    }

    #[test]
    fn new_gone_and_other_are_told_apart() {
        let changes = compare(
            &list(&[("a", "1"), ("b", "1"), ("c", "1")]),
            &list(&[("c", "2"), ("b", "1"), ("d", "1")]),
        );
        let told: Vec<_> = changes
            .iter()
            .map(|one| (one.what.as_str(), one.was.as_deref(), one.is.as_deref()))
            .collect();
        assert_eq!(
            told,
            [("a", Some("1"), None), ("c", Some("1"), Some("2")), ("d", None, Some("1"))]
        );
    }

    proptest! {
        #[test]
        fn a_list_does_not_differ_from_itself(words in prop::collection::vec(("[a-c]", "[0-9]"), 0..6)) {
            let one: BTreeMap<String, String> = words.into_iter().collect();
            let one: Vec<(String, String)> = one.into_iter().collect();
            prop_assert!(compare(&one, &one).is_empty());
            prop_assert_eq!(compare(&one, &[]).len(), one.len());
        }
    }
}
