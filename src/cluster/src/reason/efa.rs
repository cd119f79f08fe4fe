//! Reasons of the EFA devices and what they need of the node.

use super::reasons;

reasons! {
    EFA_MISSING "efa.missing" Error Reboot ["expected" "present"]
        "Fewer EFA devices are there than the instance type has."
        "Check that every network interface was launched as an EFA one; then reboot the node, and replace the instance if a device does not come back."
}
