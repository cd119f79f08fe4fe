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
}
