//! Reasons of the GPUs and their driver.

use super::reasons;

reasons! {
    GPU_MISSING "gpu.missing" Error Reboot ["expected" "present"]
        "Fewer GPUs answer than the instance type has."
        "See `journalctl -k` for a GPU that has fallen off the bus; reboot the node, and replace the instance if it does not come back."
}
