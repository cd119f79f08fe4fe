//! Reasons of the node around the daemon: clock, disk, credentials, agents, notices.

use super::reasons;

reasons! {
    CLOCK_SKEW "system.clock_skew" Warning FixSetting ["skew_secs" "peer"]
        "The clocks of this node and its peer differ."
        "Check that chrony runs on both and uses 169.254.169.123; logs of the two nodes cannot be compared until then, and signed requests may be refused."
}
