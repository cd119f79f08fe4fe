//! What was probably meant by a word that is none.

/// Farthest word that is still taken for a typo.
const MAX_TYPOS: usize = 3;

/// The nearest of the words that are known, if one is near.
pub fn nearest<'a>(given: &str, words: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    words
        .into_iter()
        .map(|word| (strsim::osa_distance(given, word), word))
        .filter(|(distance, word)| *distance <= MAX_TYPOS.min(word.len() / 2))
        .min()
        .map(|(_, word)| word)
}

/// "; did you mean word?", or nothing.
pub fn hint<'a>(given: &str, words: impl IntoIterator<Item = &'a str>) -> String {
    nearest(given, words).map(|word| format!("; did you mean {word}?")).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_near_is_offered() {
        assert_eq!(nearest("g6.12xlrage", ["g5.12xlarge", "g6.12xlarge"]), Some("g6.12xlarge"));
        assert_eq!(nearest("banana", ["g5.12xlarge"]), None);
        assert_eq!(hint("zones", ["zone", "ami"]), "; did you mean zone?");
    }
}
