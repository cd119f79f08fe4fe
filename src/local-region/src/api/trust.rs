//! Who may assume a role, by its trust policy.
//!
//! Source: IAM User Guide, "AWS JSON policy elements: Principal" and
//! "Cross-account policy evaluation logic".

use super::condition;
use super::policy::{Request, acts, many, texts};
use crate::state::iam::Iam;
use serde_json::Value;

/// Who wants to assume a role.
pub enum Principal<'a> {
    /// A service, e.g. `ec2.amazonaws.com`.
    Service(&'a str),
    /// A user or session of the account, by any of its ARNs.
    Caller {
        /// Twelve digits.
        account: &'a str,
        /// ARNs of the user, or of the session and its role.
        arns: &'a [String],
    },
}

/// How far a trust policy lets someone in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Trust {
    /// Not at all.
    No,
    /// As one of the account: an identity policy must allow it too.
    Account,
    /// By name.
    Named,
}

/// What a trust policy says of a principal; a deny wins.
#[must_use]
pub fn of(policy: &Value, who: &Principal<'_>, context: Vec<(String, Vec<String>)>) -> Trust {
    let request = Request { action: "sts:AssumeRole", resource: "*", context };
    let mut found = Trust::No;
    for statement in many(&policy["Statement"]) {
        let named = names(&statement["Principal"], who);
        let counts = acts(statement, request.action)
            && condition::all_hold(&statement["Condition"], &request);
        if named == Trust::No || !counts {
            continue;
        }
        if statement["Effect"] == "Deny" {
            return Trust::No;
        }
        found = found.max(named);
    }
    found
}

/// The same for a service, which brings no conditions.
#[must_use]
pub fn service(policy: &Value, name: &str) -> bool {
    of(policy, &Principal::Service(name), Vec::new()) != Trust::No
}

fn names(principal: &Value, who: &Principal<'_>) -> Trust {
    match who {
        Principal::Service(name) => {
            let named = texts(&principal["Service"]).iter().any(|service| service == name);
            if named { Trust::Named } else { Trust::No }
        }
        Principal::Caller { account, arns } => {
            let listed =
                if principal == "*" { vec!["*".to_owned()] } else { texts(&principal["AWS"]) };
            let root = format!("arn:aws:iam::{account}:root");
            let one = |name: &String| match name.as_str() {
                "*" => Trust::Named,
                name if name == *account || name == root => Trust::Account,
                _ if arns.contains(name) => Trust::Named,
                _ => Trust::No,
            };
            listed.iter().map(one).max().unwrap_or(Trust::No)
        }
    }
}

/// A principal of a trust policy that cannot be: a service that is none of
/// AWS's, a user or role that the account has not. Other accounts' are taken.
#[must_use]
pub fn unknown_principal(policy: &Value, iam: &Iam, account: &str) -> Option<String> {
    let own = format!("arn:aws:iam::{account}:");
    let known = |arn: &String| match arn.strip_prefix(&own) {
        Some("root" | "user/administrator") => true,
        Some(_) => iam.role_of(arn).is_some(),
        None => true,
    };
    let principals = many(&policy["Statement"]).iter().map(|statement| &statement["Principal"]);
    for principal in principals {
        let services = texts(&principal["Service"]);
        if let Some(service) = services.iter().find(|name| !name.ends_with(".amazonaws.com")) {
            return Some(format!("\"SERVICE\":\"{service}\""));
        }
        if let Some(arn) = texts(&principal["AWS"]).iter().find(|arn| !known(arn)) {
            return Some(format!("\"AWS\":\"{arn}\""));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_principal_is_let_in_by_name_or_by_account_and_a_deny_wins() {
        let arns = ["arn:aws:iam::111122223333:role/a".to_owned()];
        let caller = Principal::Caller { account: "111122223333", arns: &arns };
        let with = |principal: Value| json!({"Effect": "Allow", "Principal": principal, "Action": "sts:AssumeRole"});
        for (principal, trust) in [
            (json!("*"), Trust::Named),
            (json!({"AWS": "111122223333"}), Trust::Account),
            (json!({"AWS": ["arn:aws:iam::111122223333:root"]}), Trust::Account),
            (json!({"AWS": arns[0]}), Trust::Named),
            (json!({"AWS": "arn:aws:iam::111122223333:role/b"}), Trust::No),
            (json!({"Service": "ec2.amazonaws.com"}), Trust::No),
        ] {
            let policy = json!({"Statement": with(principal.clone())});
            assert_eq!(of(&policy, &caller, Vec::new()), trust, "{principal}");
        }
        let mut deny = with(json!({"AWS": arns[0]}));
        deny["Effect"] = json!("Deny");
        let policy = json!({"Statement": [with(json!("*")), deny]});
        assert_eq!(of(&policy, &caller, Vec::new()), Trust::No);
        let policy = json!({"Statement": [with(json!({"Service": ["ec2.amazonaws.com"]}))]});
        assert!(service(&policy, "ec2.amazonaws.com") && !service(&policy, "ssm.amazonaws.com"));
    }
}
