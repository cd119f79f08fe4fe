//! Decides what a role session may do.
//!
//! Source: IAM User Guide, "Policy evaluation logic" and "IAM JSON policy
//! elements". Identity policies of one role only.

use super::{Caller, condition, denial::Denial, tags::Tags};
use crate::rules::{Rules, iam as rules};
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

/// What a caller wants to do.
#[derive(Clone, Copy)]
pub struct Asked<'a> {
    /// `ec2:CreateTags`
    pub action: &'a str,
    /// ARN or `*`.
    pub resource: &'a str,
    /// Tags in the request.
    pub tags: Option<&'a Tags>,
    /// A condition key of this action.
    pub more: Option<(&'a str, &'a str)>,
}

impl<'a> Asked<'a> {
    /// An action on a resource, without tags.
    #[must_use]
    pub fn new(action: &'a str, resource: &'a str) -> Self {
        Self { action, resource, tags: None, more: None }
    }
}

/// Refuses what the caller may not do.
pub fn authorize(region: &Inner, caller: &Caller, asked: &Asked<'_>) -> Result<(), Denial> {
    let explicit = match decide(region, caller, asked) {
        Decision::Allowed => return Ok(()),
        Decision::NotAllowed => false,
        Decision::Denied => true,
    };
    Err(Denial {
        arn: caller.arn(&region.config.account_id),
        user_id: caller.user_id(),
        action: asked.action.to_owned(),
        resource: asked.resource.to_owned(),
        explicit,
    })
}

/// Whether the caller may do it; an administrator may do everything.
pub fn decide(region: &Inner, caller: &Caller, asked: &Asked<'_>) -> Decision {
    let Caller::Session { role_name, .. } = caller else { return Decision::Allowed };
    let state = region.state();
    let now = region.clock.now();
    let Asked { action, resource, tags, more } = *asked;
    let mut context = context(region, caller);
    context.extend(more.map(|(key, value)| (key.to_owned(), vec![value.to_owned()])));
    if let Some(role) = state.iam.roles.get(role_name) {
        context.push(("aws:PrincipalArn".to_owned(), vec![role.arn.clone()]));
    }
    if let Some(tags) = tags.filter(|tags| !tags.is_empty()) {
        context.push(("aws:TagKeys".to_owned(), tags.keys().cloned().collect()));
    }
    for (key, value) in tags.into_iter().flatten() {
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
    let documents = state.iam.policies_of(role_name, now);
    match evaluate(&documents, &Request { action, resource, context }, &region.rules) {
        Decision::NotAllowed if !region.rules.on(&rules::DEFAULT_DENY) => Decision::Allowed,
        decision => decision,
    }
}

/// Condition keys that every request of the caller has.
pub fn context(region: &Inner, caller: &Caller) -> Vec<(String, Vec<String>)> {
    let config = &region.config;
    let now = region.clock.now();
    let mut context = vec![
        ("aws:userid".to_owned(), caller.user_id()),
        ("aws:PrincipalAccount".to_owned(), config.account_id.clone()),
        ("aws:RequestedRegion".to_owned(), config.region.clone()),
        ("aws:CurrentTime".to_owned(), now.to_string()),
        ("aws:EpochTime".to_owned(), now.as_second().to_string()),
    ];
    if let Caller::Session { session_name, of_instance: true, .. } = caller {
        let instance = format!("instance/{session_name}");
        let arn = format!("arn:aws:ec2:{}:{}:{instance}", config.region, config.account_id);
        context.push(("ec2:SourceInstanceARN".to_owned(), arn));
    }
    context.into_iter().map(|(key, value)| (key, vec![value])).collect()
}

/// Evaluates documents: a deny wins, then an allow.
#[must_use]
pub fn evaluate(documents: &[Value], request: &Request<'_>, in_force: &Rules) -> Decision {
    let mut decision = Decision::NotAllowed;
    for statement in documents.iter().flat_map(|document| many(&document["Statement"])) {
        let conditions = condition::all_hold(&statement["Condition"], request);
        if !matches(statement, request) || (!conditions && in_force.on(&rules::CONDITIONS)) {
            continue;
        }
        match statement["Effect"].as_str() {
            Some("Deny") if in_force.on(&rules::DENY_WINS) => return Decision::Denied,
            Some("Allow") => decision = Decision::Allowed,
            _ => {}
        }
    }
    decision
}

fn matches(statement: &Value, request: &Request<'_>) -> bool {
    let covers = |list: &Value| {
        texts(list).iter().any(|pattern| {
            substitute(pattern, request).is_some_and(|pattern| wildcard(&pattern, request.resource))
        })
    };
    let resource_fits = match statement.get("NotResource") {
        Some(list) => !covers(list),
        None => covers(&statement["Resource"]),
    };
    resource_fits && acts(statement, request.action)
}

/// Whether a statement is about an action.
pub(super) fn acts(statement: &Value, action: &str) -> bool {
    let action = action.to_ascii_lowercase();
    let lists = |list: &Value| {
        texts(list).iter().any(|pattern| wildcard(&pattern.to_ascii_lowercase(), &action))
    };
    match statement.get("NotAction") {
        Some(list) => !lists(list),
        None => lists(&statement["Action"]),
    }
}

/// Fills in `${key}`; `None` if the request has no single value for it, which
/// makes the pattern match nothing.
pub(super) fn substitute(pattern: &str, request: &Request<'_>) -> Option<String> {
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
            &Rules::default(),
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
        let decide = |documents: &[Value]| evaluate(documents, &request, &Rules::default());
        assert_eq!(decide(std::slice::from_ref(&allow)), Decision::Allowed);
        assert_eq!(decide(&[allow, deny]), Decision::Denied);
        assert_eq!(decide(&[odd]), Decision::NotAllowed);
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
