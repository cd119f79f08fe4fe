//! Windows of time in which AWS has not caught up with itself: what was made is
//! not seen yet, what is gone is still shown. Each has a name, a length by
//! default and, in a running region, the length it was given. They are counted
//! by the region's clock.

use jiff::SignedDuration;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

/// One window.
#[derive(Debug, PartialEq, Eq)]
pub struct Window {
    /// Name, `service.what`.
    pub name: &'static str,
    /// What it does, in one sentence.
    pub says: &'static str,
    /// Length when nothing was set.
    pub default: SignedDuration,
}

/// AWS makes placement groups asynchronously; this is long enough that using
/// one at once fails, as it does there.
pub static PLACEMENT_GROUP_PENDING: Window = Window {
    name: "ec2.placement_group_pending",
    says: "A new placement group is pending this long.",
    default: SignedDuration::from_millis(700),
};

/// AWS shows a terminated instance for about an hour; here a person looks right
/// after `down`, and then nothing should be left, while a poller at the usual
/// 1 to 2 s still sees the state.
pub static TERMINATED_VISIBLE: Window = Window {
    name: "ec2.terminated_visible",
    says: "A terminated instance is still described this long (AWS: about an hour).",
    default: SignedDuration::from_secs(5),
};

/// AWS takes seconds to tens of seconds; none by default, so that a quick start is quick.
pub static PROFILE_VISIBLE: Window = Window {
    name: "iam.profile_visible",
    says: "A new instance profile, or a role added to one, is not seen by launches this long.",
    default: SignedDuration::ZERO,
};

/// The same for what a role may do.
pub static POLICY_VISIBLE: Window = Window {
    name: "iam.policy_visible",
    says: "A change of a role's policies takes effect after this long.",
    default: SignedDuration::ZERO,
};

/// What an agent meets that boots before IAM has caught up; none by default.
pub static ROLE_IN_METADATA: Window = Window {
    name: "imds.role_visible",
    says: "The role of an instance and its credentials are not in its metadata this long after a start.",
    default: SignedDuration::ZERO,
};

/// AWS users report 2 to 5 minutes; here a machine's boot is the wait.
pub static AGENT_REGISTRATION: Window = Window {
    name: "ssm.agent_registration",
    says: "An SSM agent needs this long from its machine's boot to its first ping.",
    default: SignedDuration::ZERO,
};

/// As long as on AWS (amazon-ssm-agent issue 202: 25 to 30 minutes): a role
/// that is right at boot, as every launch here has it, never meets it.
pub static AGENT_SLEEP: Window = Window {
    name: "ssm.agent_sleep",
    says: "An SSM agent whose role did not allow it to register tries again after this long.",
    default: SignedDuration::from_mins(27),
};

/// Long enough that who asks at once is told InvocationDoesNotExist, as on AWS.
pub static INVOCATION_UNSEEN: Window = Window {
    name: "ssm.invocation_unseen",
    says: "GetCommandInvocation does not know a new command's invocations this long.",
    default: SignedDuration::from_millis(300),
};

/// Long enough that a poller sees the instance on its way.
pub static DEAD_ON_ARRIVAL: Window = Window {
    name: "ec2.dead_on_arrival",
    says: "An instance that a fault kills on arrival is pending this long, and as long shutting-down.",
    default: SignedDuration::from_secs(1),
};

/// AWS takes up to 25 minutes; here the process itself is the wait, and this is
/// long enough that an update is seen on its way.
pub static MLFLOW_CHANGE: Window = Window {
    name: "sagemaker.mlflow_change",
    says: "A change of a tracking server or an MLflow App takes at least this long.",
    default: SignedDuration::from_millis(300),
};

/// AWS users report up to some seconds; none by default, as of the next two.
pub static INSTANCE_VISIBLE: Window = Window {
    name: "ec2.instance_visible",
    says: "A new instance is unknown to other calls this long.",
    default: SignedDuration::ZERO,
};

/// The same for security groups.
pub static GROUP_VISIBLE: Window = Window {
    name: "ec2.security_group_visible",
    says: "A new security group is unknown to other calls this long.",
    default: SignedDuration::ZERO,
};

/// The same for tags.
pub static TAGS_VISIBLE: Window = Window {
    name: "ec2.tags_visible",
    says: "Changed tags of EC2 are neither shown nor found by filters this long.",
    default: SignedDuration::ZERO,
};

/// AWS takes minutes, and longer between regions; long enough that a copy is seen on its way.
pub static IMAGE_COPIED: Window = Window {
    name: "ec2.image_copied",
    says: "A copy of an image is pending this long.",
    default: SignedDuration::from_secs(1),
};

/// AWS's default; an account may set 1 to 60 minutes.
pub static SESSION_IDLE: Window = Window {
    name: "ssm.session_idle",
    says: "A session of Session Manager through which nothing passes ends after this long.",
    default: SignedDuration::from_mins(20),
};

/// All windows.
pub static ALL: &[&Window] = &[
    &PLACEMENT_GROUP_PENDING,
    &TERMINATED_VISIBLE,
    &PROFILE_VISIBLE,
    &POLICY_VISIBLE,
    &ROLE_IN_METADATA,
    &AGENT_REGISTRATION,
    &AGENT_SLEEP,
    &INVOCATION_UNSEEN,
    &DEAD_ON_ARRIVAL,
    &MLFLOW_CHANGE,
    &SESSION_IDLE,
    &INSTANCE_VISIBLE,
    &GROUP_VISIBLE,
    &TAGS_VISIBLE,
    &IMAGE_COPIED,
];

/// Lengths that were set; clones share them.
#[derive(Debug, Clone, Default)]
pub struct Windows(Arc<Mutex<BTreeMap<&'static str, SignedDuration>>>);

impl Windows {
    /// Length of a window.
    #[must_use]
    pub fn of(&self, window: &Window) -> SignedDuration {
        let set = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        set.get(window.name).copied().unwrap_or(window.default)
    }

    /// Sets a length, or the default again; false if no window has the name.
    pub fn set(&self, name: &str, length: Option<SignedDuration>) -> bool {
        let Some(window) = ALL.iter().find(|window| window.name == name) else { return false };
        let mut set = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match length {
            Some(length) => set.insert(window.name, length),
            None => set.remove(window.name),
        };
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique_and_a_set_length_can_be_taken_back() {
        let names: std::collections::BTreeSet<_> = ALL.iter().map(|window| window.name).collect();
        assert_eq!(names.len(), ALL.len());
        let windows = Windows::default();
        let hour = SignedDuration::from_hours(1);
        assert!(windows.clone().set(TERMINATED_VISIBLE.name, Some(hour)));
        assert_eq!(windows.of(&TERMINATED_VISIBLE), hour);
        assert!(windows.set(TERMINATED_VISIBLE.name, None));
        assert_eq!(windows.of(&TERMINATED_VISIBLE), TERMINATED_VISIBLE.default);
        assert!(!windows.set("ec2.nothing", None));
    }
}
