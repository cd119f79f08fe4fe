//! One name for a pair, alike on both of its nodes.

use crate::ClusterName;

/// `cluster/i-lower+i-higher`: both nodes make the same of what both know, and
/// so does the next life of either daemon.
#[must_use]
pub fn pair_id(cluster: &ClusterName, one: &str, other: &str) -> String {
    let (low, high) = if one <= other { (one, other) } else { (other, one) };
    format!("{cluster}/{low}+{high}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_ends_make_the_same() {
        let cluster: ClusterName = "nixl".parse().unwrap();
        assert_eq!(pair_id(&cluster, "i-2", "i-1"), "nixl/i-1+i-2");
        assert_eq!(pair_id(&cluster, "i-1", "i-2"), pair_id(&cluster, "i-2", "i-1"));
        assert_ne!(pair_id(&cluster, "i-1", "i-2"), pair_id(&cluster, "i-1", "i-3"));
    }
}
