//! Decides what a role session may do.
//!
//! Source: IAM User Guide, "Policy evaluation logic" and "IAM JSON policy
//! elements". Identity policies of one role only. A condition that is not
//! known here does not match, so an allow that depends on it allows nothing.

use super::{Caller, tags::Tags};
use crate::server::Inner;
use serde_json::Value;

/// A request as policies see it.
#[derive(Debug, Clone)]
pub struct Request<'a> {
    /// `ec2:CreateTags`
    pub action: &'a str,
    /// ARN, or `*` where the action knows no resources.
    pub resource: &'a str,
    /// Condition keys; a key may have several values.
    pub context: Vec<(String, Vec<String>)>,
}

/// Outcome of an evaluation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decision {
    /// Allowed.
    Allowed,
    /// No statement allows it.
    NotAllowed,
    /// A statement denies it.
    Denied,
}

/// Checks a caller; the error says why not.
pub fn authorize(
    region: &Inner,
    caller: &Caller,
    action: &str,
    resource: &str,
    tags: &Tags,
) -> Result<(), &'static str> {
    let Caller::Session { role_name, instance_id, .. } = caller else { return Ok(()) };
    let config = &region.config;
    let state = region.state();
    let mut context = vec![
        (
            "ec2:SourceInstanceARN".to_owned(),
            vec![format!(
                "arn:aws:ec2:{}:{}:instance/{instance_id}",
                config.region, config.account_id
            )],
        ),
        ("aws:userid".to_owned(), vec![caller.user_id()]),
        (
            "aws:PrincipalArn".to_owned(),
            vec![format!("arn:aws:iam::{}:role/{role_name}", config.account_id)],
        ),
        ("aws:RequestedRegion".to_owned(), vec![config.region.clone()]),
    ];
    if !tags.is_empty() {
        context.push(("aws:TagKeys".to_owned(), tags.keys().cloned().collect()));
    }
    for (key, value) in tags {
        context.push((format!("aws:RequestTag/{key}"), vec![value.clone()]));
    }
    if let Some(id) = resource.rsplit_once('/').map(|(_, id)| id) {
        if resource.contains(":instance/") {
            context.push(("ec2:InstanceID".to_owned(), vec![id.to_owned()]));
        }
        for (key, value) in state.ec2.tags.get(id).into_iter().flatten() {
            context.push((format!("aws:ResourceTag/{key}"), vec![value.clone()]));
            context.push((format!("ec2:ResourceTag/{key}"), vec![value.clone()]));
        }
    }
    let documents = state.iam.policies_of(role_name);
    match evaluate(&documents, &Request { action, resource, context }) {
        Decision::Allowed => Ok(()),
        Decision::NotAllowed => Err("no identity-based policy allows the action"),
        Decision::Denied => Err("of an explicit deny in an identity-based policy"),
    }
}

/// Evaluates documents: a deny wins, then an allow.
#[must_use]
pub fn evaluate(documents: &[Value], request: &Request<'_>) -> Decision {
    let mut decision = Decision::NotAllowed;
    for statement in documents.iter().flat_map(|document| many(&document["Statement"])) {
        if !matches(statement, request) {
            continue;
        }
        match statement["Effect"].as_str() {
            Some("Deny") => return Decision::Denied,
            Some("Allow") => decision = Decision::Allowed,
            _ => {}
        }
    }
    decision
}

fn matches(statement: &Value, request: &Request<'_>) -> bool {
    let action = request.action.to_ascii_lowercase();
    let acts = |list: &Value| {
        texts(list).iter().any(|pattern| wildcard(&pattern.to_ascii_lowercase(), &action))
    };
    let covers = |list: &Value| {
        texts(list).iter().any(|pattern| {
            substitute(pattern, request).is_some_and(|pattern| wildcard(&pattern, request.resource))
        })
    };
    let action_fits = match statement.get("NotAction") {
        Some(list) => !acts(list),
        None => acts(&statement["Action"]),
    };
    let resource_fits = match statement.get("NotResource") {
        Some(list) => !covers(list),
        None => covers(&statement["Resource"]),
    };
    let conditions = statement["Condition"].as_object();
    action_fits
        && resource_fits
        && conditions.into_iter().flatten().all(|(operator, keys)| {
            keys.as_object().is_some_and(|keys| {
                keys.iter().all(|(key, want)| holds(operator, key, want, request))
            })
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
    let one = |value: &str| -> Option<bool> {
        let any = |test: fn(&str, &str) -> bool| wanted.iter().any(|want| test(want, value));
        Some(match plain {
            "StringEquals" => any(|want, value| want == value),
            "StringNotEquals" => !any(|want, value| want == value),
            "StringEqualsIgnoreCase" => any(|want, value| want.eq_ignore_ascii_case(value)),
            "StringLike" => any(wildcard),
            "StringNotLike" => !any(wildcard),
            "ArnEquals" | "ArnLike" => any(arn_like),
            "ArnNotEquals" | "ArnNotLike" => !any(arn_like),
            "Bool" => any(|want, value| want.eq_ignore_ascii_case(value)),
            _ => {
                tracing::warn!(operator, "condition operator is not known here: does not match");
                return None;
            }
        })
    };
    let negated = plain.contains("Not");
    match (have, quantifier) {
        (None, Some("ForAllValues")) => true,
        (None, _) => if_exists || (negated && quantifier.is_none()),
        (Some(values), Some("ForAllValues")) => values.iter().all(|value| one(value) == Some(true)),
        (Some(values), Some("ForAnyValue") | None) => {
            values.iter().any(|value| one(value) == Some(true))
        }
        (Some(_), Some(_)) => false,
    }
}

/// Fills in `${key}`; `None` if the request has no single value for it, which
/// makes the pattern match nothing.
fn substitute(pattern: &str, request: &Request<'_>) -> Option<String> {
    let mut out = String::new();
    let mut rest = pattern;
    while let Some((before, after)) = rest.split_once("${") {
        let (name, after) = after.split_once('}')?;
        out.push_str(before);
        match name {
            "*" | "?" | "$" => out.push_str(name),
            _ => {
                let (_, values) =
                    request.context.iter().find(|(key, _)| key.eq_ignore_ascii_case(name))?;
                let [value] = values.as_slice() else { return None };
                out.push_str(value);
            }
        }
        rest = after;
    }
    out.push_str(rest);
    Some(out)
}

/// `*` is any text, `?` one character.
#[must_use]
pub fn wildcard(pattern: &str, text: &str) -> bool {
    let (pattern, text): (Vec<char>, Vec<char>) =
        (pattern.chars().collect(), text.chars().collect());
    let (mut p, mut t) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    while t < text.len() {
        if p < pattern.len() && pattern[p] == '*' {
            star = Some((p, t));
            p += 1;
        } else if p < pattern.len() && (pattern[p] == '?' || pattern[p] == text[t]) {
            p += 1;
            t += 1;
        } else if let Some((at, from)) = star {
            star = Some((at, from + 1));
            p = at + 1;
            t = from + 1;
        } else {
            return false;
        }
    }
    pattern[p..].iter().all(|letter| *letter == '*')
}

/// The six parts of an ARN are compared each for itself.
fn arn_like(pattern: &str, arn: &str) -> bool {
    let (pattern, arn): (Vec<&str>, Vec<&str>) =
        (pattern.splitn(6, ':').collect(), arn.splitn(6, ':').collect());
    pattern.len() == 6
        && arn.len() == 6
        && pattern.iter().zip(&arn).all(|(pattern, part)| wildcard(pattern, part))
}

pub(super) fn many(value: &Value) -> &[Value] {
    match value {
        Value::Array(items) => items,
        Value::Null => &[],
        single => std::slice::from_ref(single),
    }
}

pub(super) fn texts(value: &Value) -> Vec<String> {
    many(value)
        .iter()
        .map(|item| item.as_str().map_or_else(|| item.to_string(), str::to_owned))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    /// The self-tagging form of the launcher (node.md 3.2).
    fn self_tagging() -> Value {
        json!({"Version": "2012-10-17", "Statement": [{
        "Effect": "Allow", "Action": "ec2:CreateTags", "Resource": "arn:aws:ec2:*:*:instance/*",
        "Condition": {
            "ArnEquals": {"ec2:SourceInstanceARN": "arn:aws:ec2:*:*:instance/${ec2:InstanceID}"},
            "ForAllValues:StringLike": {"aws:TagKeys": ["nixl:*"]},
            "Null": {"aws:TagKeys": "false"}
        }}]})
    }

    fn tagging(own: &str, target: &str, keys: &[&str]) -> Decision {
        let resource = format!("arn:aws:ec2:us-east-1:1:instance/{target}");
        let mut context = vec![
            (
                "ec2:SourceInstanceARN".to_owned(),
                vec![format!("arn:aws:ec2:us-east-1:1:instance/{own}")],
            ),
            ("ec2:InstanceID".to_owned(), vec![target.to_owned()]),
        ];
        if !keys.is_empty() {
            context
                .push(("aws:TagKeys".to_owned(), keys.iter().map(ToString::to_string).collect()));
        }
        evaluate(
            &[self_tagging()],
            &Request { action: "ec2:CreateTags", resource: &resource, context },
        )
    }

    #[test]
    fn a_node_may_tag_only_itself() {
        assert_eq!(tagging("i-1", "i-1", &["nixl:state"]), Decision::Allowed);
        assert_eq!(tagging("i-1", "i-2", &["nixl:state"]), Decision::NotAllowed);
        assert_eq!(tagging("i-1", "i-1", &["nixl:state", "Name"]), Decision::NotAllowed);
        assert_eq!(tagging("i-1", "i-1", &[]), Decision::NotAllowed);
    }

    #[test]
    fn denies_win_and_unknown_conditions_do_not_match() {
        let request =
            Request { action: "s3:GetObject", resource: "arn:aws:s3:::b/k", context: vec![] };
        let allow = json!({"Statement": {"Effect": "Allow", "Action": "s3:Get*", "Resource": "arn:aws:s3:::b/*"}});
        let deny = json!({"Statement": [{"Effect": "Deny", "Action": "*", "Resource": "*"}]});
        let odd = json!({"Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*",
            "Condition": {"IpAddress": {"aws:SourceIp": "0.0.0.0/0"}}}]});
        assert_eq!(evaluate(std::slice::from_ref(&allow), &request), Decision::Allowed);
        assert_eq!(evaluate(&[allow, deny], &request), Decision::Denied);
        assert_eq!(evaluate(&[odd], &request), Decision::NotAllowed);
    }

    proptest::proptest! {
        #[test]
        fn a_text_matches_itself_and_star(text in "[a-z/:-]{0,30}") {
            proptest::prop_assert!(wildcard(&text, &text));
            proptest::prop_assert!(wildcard("*", &text));
            let (around, inside) = (format!("*{text}*"), format!("x{text}y"));
            proptest::prop_assert!(wildcard(&around, &inside));
        }
    }
}
