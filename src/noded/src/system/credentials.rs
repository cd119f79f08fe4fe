//! Whether the instance's role has credentials, and for how long. The
//! credentials themselves are never read.

use super::facts::Credentials;
use super::time::{left, rfc3339};
use crate::board::Reading;
use jiff::Timestamp;
use nixl_aws::imds::RoleCredentials;
use nixl_cluster::reason;
use std::time::Duration;

/// IAM lags: a role that was made at the launch may be seen this much later.
const GRACE: Duration = Duration::from_secs(60);
/// EC2 has new ones ready at least five minutes before the old ones end (EC2 User
/// Guide, "IAM roles for Amazon EC2").
const RENEWED_BEFORE_SECS: i64 = 240;
const SUCCESS: &str = "Success";

impl Credentials {
    /// Of what the metadata service says.
    pub(super) fn of(told: Option<RoleCredentials>) -> Self {
        let Some(told) = told else {
            return Self { role: None, code: None, updated_at: None, expires_at: None };
        };
        Self {
            role: Some(told.role),
            code: Some(told.code),
            updated_at: told.last_updated.as_deref().and_then(rfc3339),
            expires_at: told.expiration.as_deref().and_then(rfc3339),
        }
    }

    /// Whether a program that asks now gets some.
    pub(super) fn there(&self) -> bool {
        self.code.as_deref() == Some(SUCCESS)
    }
}

/// What that means to a node that has been `up` this long.
pub fn judge(known: &Credentials, now: Timestamp, up: Duration) -> Reading {
    let Some(role) = known.role.as_deref() else {
        let evidence = "the metadata service knows of no role of this instance";
        return early(up, evidence)
            .unwrap_or_else(|| Reading::bad(&reason::CREDENTIALS_MISSING, evidence));
    };
    let code = known.code.as_deref().unwrap_or_default();
    if code != SUCCESS {
        let evidence = format!("the metadata service says {code} of the role {role}");
        return early(up, &evidence).unwrap_or_else(|| {
            Reading::bad(&reason::CREDENTIALS_REFUSED, evidence).field("code", code).about(role)
        });
    }
    let Some(expires_at) = known.expires_at else {
        return Reading::good("without end").about(role);
    };
    let left_secs = expires_at.duration_since(now).as_secs();
    let renewed =
        known.updated_at.map(|at| format!(", last renewed at {at:.0}")).unwrap_or_default();
    let bad = |reason, evidence: String| {
        Reading::bad(reason, format!("{evidence}{renewed}"))
            .field("expires_at", expires_at.to_string())
            .field("left_secs", left_secs)
            .value(left_secs)
            .unit("s")
            .about(role)
    };
    if left_secs <= 0 {
        let evidence = format!("those of the role {role} ended {} ago", left(-left_secs));
        bad(&reason::CREDENTIALS_EXPIRED, evidence)
    } else if left_secs < RENEWED_BEFORE_SECS {
        let evidence = format!("those of the role {role} end in {}", left(left_secs));
        bad(&reason::CREDENTIALS_EXPIRING, evidence)
    } else {
        Reading::good(left_secs).unit("s").about(role)
    }
}

fn early(up: Duration, evidence: &str) -> Option<Reading> {
    (up < GRACE).then(|| Reading::bad(&reason::INITIALIZING, evidence))
}

#[cfg(test)]
mod tests {
    use super::*;

    const LATE: Duration = Duration::from_secs(61);

    fn told(code: &str, expiration: Option<&str>) -> Credentials {
        Credentials::of(Some(RoleCredentials {
            role: "nixl-node".to_owned(),
            code: code.to_owned(),
            message: None,
            last_updated: Some("2026-11-28T10:00:00Z".to_owned()),
            expiration: expiration.map(str::to_owned),
        }))
    }

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn credentials_must_be_renewed_before_they_end() {
        let known = told("Success", Some("2026-11-28T16:00:00Z"));
        let code = |now| judge(&known, at(now), LATE).code();
        assert_eq!(code("2026-11-28T15:55:00Z"), None);
        assert_eq!(code("2026-11-28T15:57:00Z"), Some("system.credentials_expiring"));
        assert_eq!(code("2026-11-28T16:00:00Z"), Some("system.credentials_expired"));
        let told = judge(&known, at("2026-11-28T16:02:03Z"), LATE).reason.unwrap();
        let expected =
            "those of the role nixl-node ended 2 min 3 s ago, last renewed at 2026-11-28T10:00:00Z";
        assert_eq!(told.1, expected);
    }

    #[test]
    fn a_role_may_be_late_but_not_for_long() {
        let none = Credentials::of(None);
        let now = at("2026-11-28T16:00:00Z");
        assert_eq!(judge(&none, now, Duration::ZERO).code(), Some("node.initializing"));
        assert_eq!(judge(&none, now, LATE).code(), Some("system.credentials_missing"));
        let refused = told("AssumeRoleUnauthorizedAccess", None);
        let reading = judge(&refused, now, LATE);
        assert_eq!(reading.code(), Some("system.credentials_refused"));
        assert_eq!(reading.fields["code"], "AssumeRoleUnauthorizedAccess");
        assert!(!refused.there() && !none.there() && told("Success", None).there());
    }
}
