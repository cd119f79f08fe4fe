//! Reasons of the daemon itself: start, settings, registration.

use super::reasons;

reasons! {
    INITIALIZING "node.initializing" Info Watch
        "The daemon is starting and has not reached this point yet."
        "Wait; a start that takes longer than its deadline becomes a failure of its own."
        => "When the part is ready, or has failed with a reason of its own."
    NOT_INITIALIZED "node.not_initialized" Error Watch
        "A part of the daemon has been starting for longer than its deadline."
        "The evidence says what it waits for; `journalctl -u nixl-noded` has the words of that part."
    SETTINGS_MISSING "node.settings_missing" Error FixSetting
        "The settings file that user data should have written is not there."
        "Look at `cloud-init status --long`; the launcher's user data writes /etc/nixl/node.toml."
        => "Within 2 s of the file being there."
    SETTINGS_INVALID "node.settings_invalid" Error FixSetting
        "The settings file does not parse."
        "Correct /etc/nixl/node.toml at the line named and restart nixl-noded."
        => "Within 2 s of the file being right; no restart is needed."
    IMDS_UNREACHABLE "node.imds_unreachable" Error FixSetting
        "The instance metadata service does not answer."
        "Check that the instance has metadata enabled and that nothing filters 169.254.169.254."
    REGISTER_DENIED "node.register_denied" Error FixSetting
        "EC2 refuses to let this node tag itself."
        "The node's role must allow ec2:CreateTags on its own instance for the nixl: keys; `nixl-launch up` makes such a role."
    MEMBERS_MISSING "node.members_missing" Info Watch
        "Ranks are dealt out when as many nodes as the cluster has are registered, and they are not yet."
        "Launch the nodes that are missing, or look at those that do not register: each needs the tag nixl:cluster and the same `size` in /etc/nixl/node.toml."
        => "When this node has a rank."
    RANK_MISSING "node.rank_missing" Error FixSetting
        "This node has no rank that can be used: with `membership = \"tag\"` it is in the instance's tag nixl:rank."
        "Give the instance a tag nixl:rank that no other node of the cluster has, 0 to `size` - 1; the daemon sees it by itself."
        => "Within 5 s of the tag being there."
    SURPLUS "node.surplus" Warning Watch
        "Every rank of the cluster is held by another node; this one stands by."
        "Leave it as a spare, or terminate it; it takes the rank of a node that is terminated."
        => "When a rank is free."
    EC2_UNREACHABLE "node.ec2_unreachable" Warning Watch
        "The EC2 API does not answer or throttles."
        "Check the route to the EC2 endpoint; the daemon goes on trying, an existing pair keeps working."
    PART_FAILED "node.part_failed" Error Reboot ["part"]
        "A part of the daemon has ended by itself, so what it told last may not hold any more."
        "Restart the daemon (`systemctl restart nixl-noded`) and report what `journalctl -u nixl-noded` says before that."
        => "When the daemon was restarted."
    IDLE "node.idle" Warning Watch ["ends_at" "left_secs"]
        "Nobody has used this node for long: no GPU, no fabric, no session; if that goes on, it powers off, which terminates it."
        "Use it, or open a session on it, and the time begins anew; `idle_secs` in /etc/nixl/node.toml is how long it may be idle. `nixl-launch down` ends the cluster now."
        => "With the first use of a GPU or of the fabric, or the first session."
    ENVIRONMENT_STALE "node.environment_stale" Warning FixSetting
        "The environment files of this node do not hold its MLflow variables."
        "Run `systemctl restart nixl-environment.service` and read its journal."
        => "Within 10 s of the files being written."
}
