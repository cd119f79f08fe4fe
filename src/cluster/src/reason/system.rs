//! Reasons of the node around the daemon: clock, disk, credentials, agents, notices.

use super::reasons;

reasons! {
    CLOCK_SKEW "system.clock_skew" Warning FixSetting ["skew_secs" "peer"]
        "The clocks of this node and its peer differ."
        "Check that chrony runs on both and uses 169.254.169.123; logs of the two nodes cannot be compared until then, and signed requests may be refused."
    CLOCK_UNSYNCHRONISED "system.clock_unsynchronised" Warning FixSetting ["max_error_secs"]
        "Nothing keeps the clock of this node right."
        "See `systemctl status chrony` (chronyd on Amazon Linux) and `chronyc tracking`; Amazon's time server is 169.254.169.123."
    DISK_LOW "system.disk_low" Warning FixSetting ["available_bytes" "size_bytes" "available_inodes"]
        "A filesystem of this node is nearly full."
        "Remove what is not needed (`du -xh / | sort -h | tail`, `journalctl --vacuum-size=500M`), or enlarge the volume and its filesystem."
    DISK_FULL "system.disk_full" Error FixSetting ["available_bytes" "size_bytes" "available_inodes"]
        "A filesystem of this node is full, or almost."
        "Remove what is not needed (`du -xh / | sort -h | tail`, `journalctl --vacuum-size=500M`), or enlarge the volume and its filesystem; what needs to write fails until then."
    DISK_READ_ONLY "system.disk_read_only" Error Reboot
        "A filesystem of this node takes no writes any more."
        "The kernel does that after an error of the disk: see `journalctl -k`; reboot the node, and replace the instance if it comes again."
    DISK_HANGS "system.disk_hangs" Error Reboot
        "A disk of this node does not answer."
        "Read `journalctl -k` for the disk's words and look at the volume's status in EC2; then reboot the node, and replace the instance if it comes again."
        => "When what waits for the disk comes back."
    STATE_UNWRITABLE "system.state_unwritable" Warning FixSetting
        "The daemon cannot write its state folder, so it will not remember anything over a restart."
        "Look at the room on its filesystem, and at the folder itself: it belongs to the user nixl-noded."
    MEMORY_LOW "system.memory_low" Warning Watch ["available_bytes" "total_bytes"]
        "This node has almost no memory left."
        "See `ps aux --sort=-rss | head` for who has it; the kernel kills processes when nothing is left."
    OOM_KILL "system.oom_kill" Warning Watch ["kills"]
        "The kernel has killed processes of this node because it ran out of memory."
        "See `journalctl -k -g 'Out of memory'` for which; give them less to do, or the unit a limit (MemoryMax=) of its own."
        => "By itself, 30 minutes after the last kill."
    IMDS_TOKENS_OPTIONAL "system.imds_tokens_optional" Warning FixSetting
        "The metadata service also answers requests without a session token (IMDSv1)."
        "Whatever on the node can be made to fetch a URL can read the role's credentials: `aws ec2 modify-instance-metadata-options --http-tokens required --instance-id ID`."
    CREDENTIALS_MISSING "system.credentials_missing" Error FixSetting
        "This instance has no role, or EC2 does not give its credentials."
        "`aws ec2 associate-iam-instance-profile --iam-instance-profile Name=nixl-node-REGION --instance-id ID` gives it the role that `nixl-launch up` makes; the credentials come within a minute."
    CREDENTIALS_REFUSED "system.credentials_refused" Error FixSetting ["code"]
        "EC2 could not get credentials for the role of this instance."
        "The role's trust policy must allow ec2.amazonaws.com to assume it; a role that was made anew under the same name must be added to its instance profile again."
    CREDENTIALS_EXPIRING "system.credentials_expiring" Warning Watch ["expires_at" "left_secs"]
        "The credentials of this instance's role end within minutes, and EC2 has not renewed them."
        "EC2 renews them by itself; see whether the role, its instance profile or its trust policy was changed."
    CREDENTIALS_EXPIRED "system.credentials_expired" Error FixSetting ["expires_at" "left_secs"]
        "The credentials of this instance's role have ended, and EC2 has not renewed them."
        "See whether the role, its instance profile or its trust policy was changed; if nothing was, stop and start the instance."
    SSM_AGENT_DOWN "system.ssm_agent_down" Warning FixSetting ["unit" "state"]
        "The SSM agent does not run, so Session Manager and Run Command cannot reach this node."
        "See `systemctl status` and `journalctl -u` of the unit named, then restart it."
    SSM_AGENT_ASLEEP "system.ssm_agent_asleep" Warning FixSetting ["unit"]
        "The SSM agent started before the role's credentials were there; it then sleeps for about 25 minutes."
        "The daemon asks for one restart by itself (nixl-restart-ssm-agent.service); if that failed, restart the unit named as root."
        => "When the agent was restarted, or 30 minutes after the credentials came."
    CLOUD_INIT_FAILED "system.cloud_init_failed" Warning FixSetting ["errors" "line"]
        "A part of this node's user data, or cloud-init itself, failed at boot."
        "See `cloud-init status --long` and /var/log/cloud-init-output.log; what failed is done again by `cloud-init clean --logs --reboot`."
        => "With the next boot whose cloud-init succeeds."
    CLOUD_INIT_DEGRADED "system.cloud_init_degraded" Warning Watch ["errors"]
        "cloud-init met with errors at boot that it could get over."
        "See `cloud-init status --long`."
        => "With the next boot without them."
    CLOUD_INIT_RUNNING "system.cloud_init_running" Info Watch ["stage" "secs"]
        "cloud-init has been busy with one stage for long."
        "It may be a long script in the user data: see /var/log/cloud-init-output.log; pairing does not wait for it."
    SPOT_INTERRUPTION "system.spot_interruption" Error Replace ["action" "at" "left_secs"]
        "EC2 is about to take this Spot instance back."
        "Save what must not be lost at once; then launch another pair (`nixl-launch down`, `nixl-launch up`)."
    REBALANCE "system.rebalance" Warning Replace ["at"]
        "EC2 recommends to leave this Spot instance: it is likely to be taken back."
        "Launch another pair while there is time; an interruption may follow with two minutes' notice, or none."
    MAINTENANCE "system.maintenance" Warning Replace ["code" "not_before" "not_after"]
        "AWS has scheduled an event that will interrupt this instance."
        "Stop and start the instance, or launch another pair, before the window begins; `aws ec2 modify-instance-event-start-time` moves some events."
    EXPIRES_SOON "system.expires_soon" Warning FixSetting ["expires_at" "left_secs"]
        "The time to live of this cluster ends soon; then the node powers off, which terminates it."
        "To keep it, `nixl-launch extend 2h` moves its end; `nixl-launch down` ends it now."
    EXPIRED "system.expired" Warning FixSetting ["expires_at" "left_secs"]
        "The time to live of this cluster is over: the node powers off, which terminates it."
        "To keep it, `nixl-launch extend 2h` moves its end; `nixl-launch down` ends it now."
    EXPIRY_UNREADABLE "system.expiry_unreadable" Warning FixSetting
        "The tag nixl:expires-at of this instance is no time."
        "Give it one as RFC 3339 writes them, e.g. 2026-12-01T18:00:00Z, or remove it."
}
