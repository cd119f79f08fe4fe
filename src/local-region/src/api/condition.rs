//! Conditions of policy statements.
//!
//! Source: IAM User Guide, "IAM JSON policy elements: Condition operators" and
//! "Single-valued vs. multivalued context keys". An operator that is not known
//! here does not match, so an allow that depends on it allows nothing.

use super::policy::{Request, substitute, texts, wildcard};
use serde_json::Value;
use std::cmp::Ordering;

/// Whether every condition of a `Condition` element holds.
pub fn all_hold(conditions: &Value, request: &Request<'_>) -> bool {
    conditions.as_object().into_iter().flatten().all(|(operator, keys)| {
        keys.as_object()
            .is_some_and(|keys| keys.iter().all(|(key, want)| holds(operator, key, want, request)))
    })
}

fn holds(operator: &str, key: &str, want: &Value, request: &Request<'_>) -> bool {
    let have = request
        .context
        .iter()
        .find(|(name, _)| name.eq_ignore_ascii_case(key))
        .map(|(_, values)| values.as_slice());
    let (quantifier, plain) = match operator.split_once(':') {
        Some((quantifier, plain)) => (Some(quantifier), plain),
        None => (None, operator),
    };
    let wanted: Vec<String> =
        texts(want).iter().filter_map(|text| substitute(text, request)).collect();
    if plain == "Null" {
        return wanted.iter().any(|text| (text == "true") == have.is_none());
    }
    let (plain, if_exists) = match plain.strip_suffix("IfExists") {
        Some(plain) => (plain, true),
        None => (plain, false),
    };
    let one = |value: &str| fits(plain, &wanted, value).unwrap_or(false);
    match (have, quantifier) {
        (None, Some("ForAllValues")) => true,
        (None, _) => if_exists || (plain.contains("Not") && quantifier.is_none()),
        (Some(values), Some("ForAllValues")) => values.iter().all(|value| one(value)),
        (Some(values), Some("ForAnyValue") | None) => values.iter().any(|value| one(value)),
        (Some(_), Some(_)) => false,
    }
}

/// Whether a value fits one of those wanted; `None` if the operator is unknown.
fn fits(operator: &str, wanted: &[String], value: &str) -> Option<bool> {
    if let Some(order) = operator.strip_prefix("Numeric") {
        return ordered(order, wanted, value, |text| text.parse::<f64>().ok());
    }
    if let Some(order) = operator.strip_prefix("Date") {
        return ordered(order, wanted, value, date);
    }
    let any = |test: fn(&str, &str) -> bool| wanted.iter().any(|want| test(want, value));
    Some(match operator {
        "StringEquals" => any(|want, value| want == value),
        "StringNotEquals" => !any(|want, value| want == value),
        "StringEqualsIgnoreCase" | "Bool" => any(|want, value| want.eq_ignore_ascii_case(value)),
        "StringNotEqualsIgnoreCase" => !any(|want, value| want.eq_ignore_ascii_case(value)),
        "StringLike" => any(wildcard),
        "StringNotLike" => !any(wildcard),
        "ArnEquals" | "ArnLike" => any(arn_like),
        "ArnNotEquals" | "ArnNotLike" => !any(arn_like),
        _ => {
            tracing::warn!(operator, "condition operator is not known here: does not match");
            return None;
        }
    })
}

/// The operators of numbers and dates, by what comes behind `Numeric` or `Date`.
fn ordered<T: PartialOrd>(
    order: &str,
    wanted: &[String],
    value: &str,
    read: fn(&str) -> Option<T>,
) -> Option<bool> {
    let test: fn(Ordering) -> bool = match order {
        "Equals" | "NotEquals" => Ordering::is_eq,
        "LessThan" => Ordering::is_lt,
        "LessThanEquals" => Ordering::is_le,
        "GreaterThan" => Ordering::is_gt,
        "GreaterThanEquals" => Ordering::is_ge,
        _ => return None,
    };
    let value = read(value)?;
    let fits = wanted.iter().filter_map(|want| value.partial_cmp(&read(want)?)).any(test);
    Some(fits != (order == "NotEquals"))
}

/// ISO 8601, or seconds since 1970.
fn date(text: &str) -> Option<jiff::Timestamp> {
    match text.parse() {
        Ok(secs) => jiff::Timestamp::from_second(secs).ok(),
        Err(_) => text.parse().ok(),
    }
}

/// The six parts of an ARN are compared each for itself.
fn arn_like(pattern: &str, arn: &str) -> bool {
    let (pattern, arn): (Vec<&str>, Vec<&str>) =
        (pattern.splitn(6, ':').collect(), arn.splitn(6, ':').collect());
    pattern.len() == 6
        && arn.len() == 6
        && pattern.iter().zip(&arn).all(|(pattern, part)| wildcard(pattern, part))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn holds_for(condition: Value) -> bool {
        let context = [
            ("aws:CurrentTime", "2026-11-23T13:00:00Z"),
            ("aws:EpochTime", "1795438800"),
            ("s3:max-keys", "10"),
        ];
        let context = context.map(|(key, value)| (key.to_owned(), vec![value.to_owned()])).to_vec();
        all_hold(&condition, &Request { action: "s3:ListBucket", resource: "*", context })
    }

    #[test]
    fn numbers_and_dates_are_compared_by_their_value() {
        for (condition, holds) in [
            (json!({"NumericLessThanEquals": {"s3:max-keys": "10"}}), true),
            (json!({"NumericLessThan": {"s3:max-keys": 10}}), false),
            (json!({"NumericEquals": {"s3:max-keys": ["9", "10.0"]}}), true),
            (json!({"NumericNotEquals": {"s3:max-keys": ["9", "10"]}}), false),
            (json!({"NumericGreaterThan": {"s3:max-keys": "nine"}}), false),
            (json!({"NumericLessThan": {"s3:other": "1"}}), false),
            (json!({"NumericLessThanIfExists": {"s3:other": "1"}}), true),
            (json!({"DateGreaterThan": {"aws:CurrentTime": "2026-11-23T12:59:59Z"}}), true),
            (json!({"DateLessThan": {"aws:CurrentTime": "2026-11-23T14:00:00+01:00"}}), false),
            (json!({"DateLessThan": {"aws:EpochTime": "1795438801"}}), true),
            (json!({"DateBetween": {"aws:CurrentTime": "2026-11-23T12:00:00Z"}}), false),
        ] {
            assert_eq!(holds_for(condition.clone()), holds, "{condition}");
        }
    }
}
