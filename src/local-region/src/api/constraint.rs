//! Constraints of the JSON services' models, refused in their words, and pages.

use super::ApiError;
use serde_json::Value;
use std::ops::RangeInclusive;

/// A value that breaks its constraint; `must` goes on after "Member must".
#[must_use]
pub fn violated(value: &str, field: &str, must: &str) -> ApiError {
    ApiError::new(
        "ValidationException",
        format!(
            "1 validation error detected: Value '{value}' at '{field}' failed to satisfy constraint: Member must {must}"
        ),
    )
}

/// A number in its range, if it is given.
///
/// # Errors
/// If it is no number or out of its range.
pub fn number(
    input: &Value,
    name: &str,
    range: RangeInclusive<u64>,
) -> Result<Option<u64>, ApiError> {
    let value = &input[name];
    if value.is_null() {
        return Ok(None);
    }
    let found = value.as_u64().filter(|number| range.contains(number));
    found.map(Some).ok_or_else(|| {
        let must = format!("have value between {} and {}", range.start(), range.end());
        violated(&value.to_string(), &camel(name), &must)
    })
}

/// A text that is given and not too long.
///
/// # Errors
/// If it is longer than `most` characters.
pub fn text<'a>(input: &'a Value, name: &str, most: usize) -> Result<Option<&'a str>, ApiError> {
    let text = input[name].as_str();
    if text.is_some_and(|text| text.chars().count() > most) {
        let must = format!("have length less than or equal to {most}");
        return Err(violated(text.unwrap_or_default(), &camel(name), &must));
    }
    Ok(text)
}

/// One of an enumeration, if it is given.
///
/// # Errors
/// If it is none of them.
pub fn one_of<'a>(
    input: &'a Value,
    name: &str,
    known: &[&str],
) -> Result<Option<&'a str>, ApiError> {
    let text = input[name].as_str();
    if text.is_some_and(|text| !known.contains(&text)) {
        let must = format!("satisfy enum value set: [{}]", known.join(", "));
        return Err(violated(text.unwrap_or_default(), &camel(name), &must));
    }
    Ok(text)
}

/// Texts of a list.
#[must_use]
pub fn texts(list: &Value) -> Vec<&str> {
    list.as_array().into_iter().flatten().filter_map(Value::as_str).collect()
}

/// The field as Java has it, which is how AWS names it in messages.
fn camel(name: &str) -> String {
    let mut letters = name.chars();
    letters.next().map(|first| first.to_ascii_lowercase()).into_iter().chain(letters).collect()
}

/// One page, and the token of the next.
pub struct Page {
    /// What is on it.
    pub items: Vec<Value>,
    /// `NextToken`, if there is more.
    pub next: Option<String>,
}

impl Page {
    /// Cuts the page out that `MaxResults` and `NextToken` ask for; without a
    /// size it is as long as one may be. `bad_token` is the code for a token
    /// that was never given out.
    ///
    /// # Errors
    /// If size or token are not good.
    pub fn cut(
        mut items: Vec<Value>,
        input: &Value,
        sizes: RangeInclusive<u64>,
        bad_token: &str,
    ) -> Result<Self, ApiError> {
        let most = sizes.end().to_owned();
        let size = number(input, "MaxResults", sizes)?.unwrap_or(most);
        let size = usize::try_from(size).unwrap_or(usize::MAX);
        let skip = match input["NextToken"].as_str() {
            None => 0,
            Some(token) => token
                .strip_prefix("after-")
                .and_then(|skip| skip.parse().ok())
                .filter(|skip| *skip <= items.len())
                .ok_or_else(|| ApiError::new(bad_token, "The specified token is not valid."))?,
        };
        let mut items = items.split_off(skip);
        let next = (items.len() > size).then(|| format!("after-{}", skip + size));
        items.truncate(size);
        Ok(Self { items, next })
    }

    /// The answer with the page as `field`.
    #[must_use]
    pub fn answer(self, field: &str) -> Value {
        let mut answer = serde_json::json!({ field: self.items });
        if let Some(next) = self.next {
            answer["NextToken"] = Value::String(next);
        }
        answer
    }
}
