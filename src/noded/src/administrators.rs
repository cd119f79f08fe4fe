//! Who administers this node: root, and who may become root by sudo.

use std::fs;
use std::path::{Path, PathBuf};

/// Groups that the sudoers file of a distribution names: Debian and Ubuntu, Amazon
/// Linux and Red Hat, older Ubuntu.
const GROUPS: [&str; 3] = ["sudo", "wheel", "admin"];
/// Users of Session Manager; the agent lets them use sudo (`sudoers.d/ssm-agent-users`).
const SSM_USER: &str = "ssm-user";

/// Users and groups below a root folder.
#[derive(Debug, Clone)]
pub struct Administrators {
    root: PathBuf,
}

impl Administrators {
    /// Below `root`, `/` on a node.
    #[must_use]
    pub fn below(root: &Path) -> Self {
        Self { root: root.to_owned() }
    }

    /// Whether this user is one. The daemon's own user may ask itself.
    #[must_use]
    pub fn include(&self, uid: u32) -> bool {
        if uid == 0 || uid == rustix::process::geteuid().as_raw() {
            return true;
        }
        // Read anew: users come with the first session, groups by usermod.
        let read = |name| fs::read_to_string(self.root.join("etc").join(name)).unwrap_or_default();
        is_one(&read("passwd"), &read("group"), uid)
    }
}

/// By `name:x:uid:gid:…` and `name:x:gid:member,member` (passwd(5), group(5)).
fn is_one(passwd: &str, groups: &str, uid: u32) -> bool {
    let fields = |line| -> Vec<&str> { str::split(line, ':').collect() };
    let uid = uid.to_string();
    let users: Vec<(&str, &str)> = passwd
        .lines()
        .map(fields)
        .filter(|user| user.get(2) == Some(&uid.as_str()))
        .filter_map(|user| Some((*user.first()?, *user.get(3)?)))
        .collect();
    let in_a_group = groups.lines().map(fields).any(|group| {
        let [name, _, gid, members] = group[..] else { return false };
        GROUPS.contains(&name)
            && users.iter().any(|(user, primary)| {
                *primary == gid || members.split(',').any(|member| member == *user)
            })
    });
    in_a_group || users.iter().any(|(user, _)| *user == SSM_USER)
}

#[cfg(test)]
mod tests {
    use super::*;

    const PASSWD: &str = "root:x:0:0::/root:/bin/sh\nadmin:x:1000:1000::/:/bin/sh\n\
        ssm-user:x:1001:1001::/:/bin/sh\nann:x:1002:1002::/:/bin/sh\nbob:x:1003:27::/:/bin/sh\n";
    const GROUP: &str = "root:x:0:\nsudo:x:27:admin\nann:x:1002:\nvideo:x:44:ann\nbroken\n";

    #[test]
    fn who_may_use_sudo_is_one() {
        let ones = [1000, 1001, 1003, 1002, 1004].map(|uid| is_one(PASSWD, GROUP, uid));
        assert_eq!(ones, [true, true, true, false, false]);
        let wheel = GROUP.replace("video", "wheel");
        assert!(is_one(PASSWD, &wheel, 1002));
        assert!(!is_one("", "", 1002));
    }

    #[test]
    fn root_and_the_daemon_need_no_files() {
        let nowhere = Administrators::below(Path::new("/nonexistent"));
        assert!(nowhere.include(0) && nowhere.include(rustix::process::geteuid().as_raw()));
        assert!(!nowhere.include(54_321));
    }
}
