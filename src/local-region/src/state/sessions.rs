//! Credentials of role sessions: as IMDS hands them out, and as AssumeRole does.

use super::ids;
use crate::backend::SessionCredentials;
use jiff::{SignedDuration, Timestamp};
use std::collections::HashMap;

/// What EC2 gives; IMDS changes to new ones before the old ones end.
const LIFE_HOURS: i64 = 6;
/// New credentials appear this long before the old ones end.
const RENEWED_BEFORE_SECS: i64 = 300;

/// One session.
#[derive(Clone)]
pub struct Session {
    /// Name; an instance's is its id.
    pub name: String,
    /// It belongs to an instance, and ends with it. Such credentials expire by
    /// the computer's clock, as their machine's SDK reckons; others by the region's.
    pub of_instance: bool,
    /// Role.
    pub role_name: String,
    /// Credentials.
    pub credentials: SessionCredentials,
    /// When it ends.
    pub expires: Timestamp,
}

/// All sessions, by access key id.
#[derive(Default)]
pub struct Sessions {
    by_key: HashMap<String, Session>,
}

impl Sessions {
    /// The session of an access key.
    #[must_use]
    pub fn find(&self, access_key_id: &str) -> Option<&Session> {
        self.by_key.get(access_key_id)
    }

    /// Credentials for an instance: the same until shortly before they expire.
    pub fn of_instance(
        &mut self,
        instance_id: &str,
        role_name: &str,
        now: Timestamp,
    ) -> SessionCredentials {
        let fresh = |session: &&Session| {
            session.of_instance
                && session.name == instance_id
                && session.role_name == role_name
                && session.expires.as_second() - now.as_second() > RENEWED_BEFORE_SECS
        };
        if let Some(session) = self.by_key.values().find(fresh) {
            return session.credentials.clone();
        }
        let expires = now + SignedDuration::from_hours(LIFE_HOURS);
        self.begin(instance_id, role_name, true, expires)
    }

    /// Credentials of an assumed role. Those that have ended are forgotten.
    pub fn assume(
        &mut self,
        name: &str,
        role_name: &str,
        now: Timestamp,
        expires: Timestamp,
    ) -> SessionCredentials {
        self.by_key.retain(|_, session| session.of_instance || session.expires > now);
        self.begin(name, role_name, false, expires)
    }

    fn begin(
        &mut self,
        name: &str,
        role_name: &str,
        of_instance: bool,
        expires: Timestamp,
    ) -> SessionCredentials {
        let credentials = SessionCredentials {
            access_key_id: ids::unique("ASIA"),
            secret_access_key: ids::secret(30),
            session_token: ids::secret(96),
            expiration: expires.strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
        };
        let session = Session {
            name: name.to_owned(),
            of_instance,
            role_name: role_name.to_owned(),
            credentials: credentials.clone(),
            expires,
        };
        self.by_key.insert(credentials.access_key_id.clone(), session);
        credentials
    }

    /// Ends the sessions of an instance that is gone.
    pub fn forget_instance(&mut self, instance_id: &str) {
        self.by_key.retain(|_, session| !session.of_instance || session.name != instance_id);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stay_the_same_until_five_minutes_before_expiry() {
        let mut sessions = Sessions::default();
        let start = Timestamp::now();
        let first = sessions.of_instance("i-1", "role", start);
        let later = start + SignedDuration::from_secs(6 * 3600 - 301);
        assert_eq!(sessions.of_instance("i-1", "role", later).access_key_id, first.access_key_id);
        let last = start + SignedDuration::from_secs(6 * 3600 - 300);
        assert_ne!(sessions.of_instance("i-1", "role", last).access_key_id, first.access_key_id);
        sessions.forget_instance("i-1");
        assert!(sessions.find(&first.access_key_id).is_none());
    }
}
