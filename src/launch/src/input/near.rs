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

/// "; did you mean word?" where a single word is the nearest, or nothing.
pub fn only_near<'a>(given: &str, words: impl Iterator<Item = &'a str> + Clone) -> String {
    let Some(near) = nearest(given, words.clone()) else { return String::new() };
    let distance = |word: &str| strsim::osa_distance(given, word);
    let as_near = words.filter(|word| distance(word) == distance(near)).count();
    if as_near == 1 { format!("; did you mean {near}?") } else { String::new() }
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
        let zones = ["us-east-1a", "us-east-1b"];
        assert_eq!(only_near("us-esat-1b", zones.into_iter()), "; did you mean us-east-1b?");
        assert_eq!(only_near("us-east-1x", zones.into_iter()), "", "one is as near as the other");
    }
}
