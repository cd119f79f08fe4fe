//! Filters of the describe operations: all filters must match, any value of
//! each suffices, values may hold `*` and `?`.

use super::plan::invalid;
use crate::api::{ApiError, Call, params::Params, tags::Tags};
use crate::rules::tags as rules;

/// Most values of all filters of a request.
const MAX_VALUES: usize = 200;

/// Filters of a request.
pub struct Filters {
    filters: Vec<(String, Vec<String>)>,
    matches: fn(&str, &str) -> bool,
}

impl Filters {
    /// Reads them; a name that the operation does not know is an error.
    pub fn read(call: &Call<'_>, p: &Params, known: &[&str]) -> Result<Self, ApiError> {
        let in_force = &call.region.rules;
        let mut filters = Vec::new();
        for entry in p.groups("Filter") {
            let name = entry.need("Name")?.to_owned();
            let tag = name.starts_with("tag:") || name == "tag-key" || name == "tag-value";
            let kept = tag || known.contains(&name.as_str());
            in_force.check(&rules::FILTER_NAME, kept, || {
                invalid(format!("The filter '{name}' is invalid"))
            })?;
            let values = entry.list("Value");
            in_force.check(&rules::FILTER_VALUE_NEEDED, !values.is_empty(), || {
                invalid("The filter 'null' is invalid: it has no values")
            })?;
            if kept {
                filters.push((name, values));
            }
        }
        let count: usize = filters.iter().map(|(_, values)| values.len()).sum();
        in_force.check(&rules::FILTER_LIMIT, count <= MAX_VALUES, || {
            let message = format!(
                "The maximum number of filter values specified on a single call is {MAX_VALUES}"
            );
            ApiError::new("FilterLimitExceeded", message)
        })?;
        let wild = in_force.on(&rules::FILTER_WILDCARD);
        let matches = if wild { wildcard } else { |want: &str, value: &str| want == value };
        Ok(Self { filters, matches })
    }

    /// Whether a resource matches; `field` gives its values for a name.
    pub fn keep(&self, tags: &Tags, field: impl Fn(&str) -> Vec<String>) -> bool {
        self.filters.iter().all(|(name, wanted)| {
            let have = match name.as_str() {
                "tag-key" => tags.keys().cloned().collect(),
                "tag-value" => tags.values().cloned().collect(),
                name => match name.strip_prefix("tag:") {
                    Some(key) => tags.get(key).cloned().into_iter().collect(),
                    None => field(name),
                },
            };
            wanted.iter().any(|want| have.iter().any(|value| (self.matches)(want, value)))
        })
    }
}

/// `*` is any text, `?` one character, `\` takes the next one as it is.
fn wildcard(pattern: &str, text: &str) -> bool {
    let mut tokens = Vec::new();
    let mut letters = pattern.chars();
    while let Some(letter) = letters.next() {
        tokens.push(match letter {
            '*' => Token::Any,
            '?' => Token::One,
            '\\' => Token::Letter(letters.next().unwrap_or('\\')),
            letter => Token::Letter(letter),
        });
    }
    // Which beginnings of the text the tokens so far match, by length.
    let text: Vec<char> = text.chars().collect();
    let mut ends = vec![false; text.len() + 1];
    ends[0] = true;
    for token in tokens {
        let mut next = vec![false; text.len() + 1];
        for at in 0..=text.len() {
            next[at] = match token {
                Token::Any => ends[at] || (at > 0 && next[at - 1]),
                Token::One => at > 0 && ends[at - 1],
                Token::Letter(letter) => at > 0 && ends[at - 1] && text[at - 1] == letter,
            };
        }
        ends = next;
    }
    ends[text.len()]
}

enum Token {
    Any,
    One,
    Letter(char),
}

#[cfg(test)]
mod tests {
    use super::wildcard;

    #[test]
    fn stars_and_question_marks_match_unless_escaped() {
        for (pattern, text) in [
            ("*", ""),
            ("g5.*", "g5.xlarge"),
            ("?-1", "i-1"),
            (r"\*amazon\?\\", r"*amazon?\"),
            ("a*b*c", "aXbbYc"),
        ] {
            assert!(wildcard(pattern, text), "{pattern} {text}");
        }
        for (pattern, text) in
            [("?", ""), (r"\*", "x"), (r"a\?c", "abc"), ("a*b", "abc"), ("A", "a")]
        {
            assert!(!wildcard(pattern, text), "{pattern} {text}");
        }
    }
}
